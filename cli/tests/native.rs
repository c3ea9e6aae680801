//! The native twin comes to the interpreter's states, on any plan, and runs what the packer makes by itself.

mod onnx;
mod program;

use assay_cli::native::NativeExecutor;
use assay_cli::package::Package;
use assay_engine::executor::{StepEnd, StepRun};
use assay_engine::{Executor, Machine, Program, WasmiExecutor};
use assay_network_plan::{Field, Header, Op, Step};
use onnx::Model;
use program::package_model;
use proptest::prelude::*;

/// Both executors on one run.
struct Pair {
    wasmi: (WasmiExecutor, <WasmiExecutor as Executor>::Module),
    native: (NativeExecutor, <NativeExecutor as Executor>::Module),
}

impl Pair {
    fn new(threads: usize) -> Self {
        let program = Program::new(assay_cli::NETWORK_PROGRAM.to_vec()).unwrap();
        let (wasmi, native) = (WasmiExecutor::new(), NativeExecutor::new(threads));
        let modules = (wasmi.load(&program).unwrap(), native.load(&program).unwrap());
        Self {
            wasmi: (wasmi, modules.0),
            native: (native, modules.1),
        }
    }

    /// Runs up to `most` steps and compares each. Returns how many there were, and how many of them the twin ran.
    fn run(&self, params: &[u8], input: &[u8], most: usize) -> (usize, usize) {
        let mut machines = [Machine::new(params, input), Machine::new(params, input)];
        let (mut steps, mut own) = (0, 0);
        while steps < most {
            let [a, b] = &mut machines;
            let expected = a.step(&self.wasmi.0, &self.wasmi.1).unwrap();
            let found = b.step(&self.native.0, &self.native.1).unwrap();
            let (Some(expected), Some(found)) = (expected, found) else {
                assert_eq!(a.status(), b.status());
                break;
            };
            compare(&expected, &found);
            assert_eq!(a.state_hash(), b.state_hash(), "step {steps}");
            steps += 1;
            own += usize::from(found.fuel.is_none());
        }
        (steps, own)
    }
}

fn compare(expected: &StepRun, found: &StepRun) {
    assert!(expected.end == found.end, "the ends differ");
    assert_eq!(expected.touched, found.touched);
}

fn zeros(package: &Package) -> Vec<u8> {
    let len = |spec: &assay_cli::package::TensorSpec| {
        spec.dtype.size() * spec.shape.iter().map(|len| *len as usize).product::<usize>()
    };
    vec![0; package.manifest.inputs.iter().map(len).sum()]
}

#[test]
fn the_twin_runs_every_step_of_the_tests_models() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models");
    let pairs = [1, 4].map(Pair::new);
    let (mut models, mut steps, mut own) = (0, 0, 0);
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "in") {
            continue;
        }
        let onnx = std::fs::read(path.with_extension("onnx")).unwrap();
        let package = package_model(&onnx, "model").unwrap();
        let input = std::fs::read(&path).unwrap();
        for pair in &pairs {
            let (all, natively) = pair.run(&package.params, &input, usize::MAX);
            steps += all;
            own += natively;
        }
        models += 1;
    }
    assert!(
        models >= 100 && own == steps,
        "{own} of {steps} steps of {models} models"
    );
}

#[test]
fn a_step_that_stores_a_nan_is_the_interpreters() {
    let onnx = Model::of(&[4]).node("Sqrt", &["x"], "y").bytes();
    let package = package_model(&onnx, "nan").unwrap();
    let pair = Pair::new(1);
    let (steps, own) = pair.run(&package.params, &zeros(&package), usize::MAX);
    assert_eq!(own, steps);
    let negative: Vec<u8> = [-1.0_f32; 4]
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    assert_eq!(
        pair.run(&package.params, &negative, usize::MAX),
        (steps, steps - 1)
    );
}

#[test]
fn a_step_that_takes_too_much_is_the_interpreters() {
    // A model whose steps the packer cuts small, in one step.
    let onnx = Model::of(&[16_000])
        .floats("p", &[], &[0.7])
        .node("Pow", &["x", "p"], "a")
        .node("ReduceMax", &["a"], "y")
        .bytes();
    let package = package_model(&onnx, "long").unwrap();
    let mut params = package.params.clone();
    let header = Header::decode(&params).unwrap();
    let end_of_first_box = header.steps_offset as usize + 8 + 24 + 20;
    params[end_of_first_box..end_of_first_box + 4].copy_from_slice(&16_000_u32.to_le_bytes());
    let pair = Pair::new(1);
    assert_eq!(pair.run(&params, &zeros(&package), 1), (1, 0));
    let mut machine = Machine::new(&params, &zeros(&package));
    let run = machine.step(&pair.native.0, &pair.native.1).unwrap().unwrap();
    assert!(matches!(run.end, StepEnd::Trapped(_)), "{:?}", run.end);
}

#[test]
fn a_tile_that_reads_what_the_one_before_it_wrote_runs_when_its_turn_comes() {
    let onnx = Model::of(&[125, 128])
        .floats("c", &[4, 1, 1], &[0.1, 0.2, 0.3, 0.4])
        .node("Add", &["x", "c"], "a")
        .node("Softmax", &["a"], "b")
        .node("Exp", &["b"], "d")
        .node("ReduceMax", &["d"], "y")
        .bytes();
    let package = package_model(&onnx, "independent").unwrap();
    let mut params = package.params.clone();
    let header = Header::decode(&params).unwrap();
    let steps = (0..header.steps as usize).map(|step| header.steps_offset as usize + step * Step::LEN);
    let exp = 2;
    let of_exp = steps.filter(|at| Step::get(&params[*at..]).unwrap().op == exp);
    assert!(of_exp.count() > 2);
    // It writes a hundred elements behind where it reads.
    let at = header.ops_offset as usize + exp as usize * Op::LEN;
    let Op::Elementwise(mut op) = Op::decode(&params[at..at + Op::LEN]).unwrap() else {
        panic!("another operator");
    };
    op.out.address = op.inputs[0].address + 400;
    params[at..at + Op::LEN].copy_from_slice(&Op::Elementwise(op).encode());
    for threads in [1, 2, 4] {
        let (steps, own) = Pair::new(threads).run(&params, &zeros(&package), usize::MAX);
        assert_eq!((steps, own), (header.steps as usize, header.steps as usize));
    }
}

/// Plans of several operators.
fn plans() -> Vec<Package> {
    let x = || Model::of(&[2, 3, 6, 6]);
    let models = [
        x().floats("w", &[4, 3, 3, 3], &[0.1; 108])
            .node("Conv", &["x", "w"], "y"),
        x().node_with(
            "MaxPool",
            &["x"],
            "y",
            &[("kernel_shape", onnx::Attribute::Ints(vec![2, 2]))],
        ),
        x().floats("w", &[6, 5], &[0.1; 30])
            .node("MatMul", &["x", "w"], "y"),
        x().node("Softmax", &["x"], "y"),
        x().node("Transpose", &["x"], "t").node("Exp", &["t"], "y"),
        x().integers("i", &[1, 0, 1]).node("Gather", &["x", "i"], "y"),
        x().integers("k", &[2]).node("TopK", &["x", "k"], "y"),
    ];
    let packed = models.map(|model| package_model(&model.bytes(), "plan").unwrap());
    packed.into()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(2000), failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever a plan says, the twin does as the interpreter, or leaves it to it.
    #[test]
    fn a_malformed_plan_runs_alike(
        plan in 0_usize..7,
        changes in prop::collection::vec((0_usize..160, prop_oneof![
            Just(0_u32), 1_u32..9, Just(255), Just(4096), Just(1 << 16), Just(1 << 24), Just(1 << 31), Just(u32::MAX), any::<u32>()
        ]), 1..4),
        float in -3.0_f32..3.0,
    ) {
        thread_local! {
            static PLANS: ([Pair; 2], Vec<Package>) = ([1, 3].map(Pair::new), plans());
        }
        PLANS.with(|(pairs, packages)| {
            let package = &packages[plan];
            let mut params = package.params.clone();
            let header = Header::decode(&params).unwrap();
            for (word, value) in changes {
                // Words of the first operators' records and of the first steps'.
                let at = match word {
                    ..128 => header.ops_offset as usize + 4 * (word % (header.ops as usize * Op::LEN / 4)),
                    _ => header.steps_offset as usize + 4 * ((word - 128) % (header.steps as usize * Step::LEN / 4)),
                };
                params[at..at + 4].copy_from_slice(&value.to_le_bytes());
            }
            let input: Vec<u8> = (0..zeros(package).len() / 4)
                .flat_map(|i| (float * i as f32).to_le_bytes())
                .collect();
            for pair in pairs {
                pair.run(&params, &input, 8);
            }
        });
    }
}
