//! What the trace costs, and how fast the interpreter computes: native runs of the digits models.
//!
//! `cargo run --release --example speed` in `cli/`. Each row is the fastest of many runs, plain and traced by turns.

use assay_cli::{commands::package_model, options::Options, package::Package};
use assay_engine::{Executor, Machine, Program, WasmiExecutor};
use std::path::Path;
use std::time::{Duration, Instant};

/// A model of this repository and its multiply-accumulate operations.
const MODELS: [(&str, u64); 3] = [
    ("models/digits/mlp.onnx", MLP_MACS),
    ("models/digits/cnn.onnx", CNN_MACS),
    ("models/digits/cnn-int8.onnx", CNN_MACS),
];
const MLP_MACS: u64 = 64 * 64 + 64 * 32 + 32 * 10;
const CNN_MACS: u64 = 532_992;
const RUNS: usize = 40;

/// A run to the end. With `traced`, the state hash after every step is asked for.
fn run<E: Executor>(executor: &E, module: &E::Module, start: &Machine, traced: bool) -> Duration {
    let mut machine = start.clone();
    let clock = Instant::now();
    while machine.step(executor, module).expect("memory is whole").is_some() {
        if traced {
            std::hint::black_box(machine.state_hash());
        }
    }
    clock.elapsed()
}

fn measure(package: &Package) -> (Duration, Duration, u64) {
    let executor = WasmiExecutor::new();
    let program = Program::new(package.program.clone()).expect("a package's program passes the check");
    let module = executor.load(&program).expect("it loads");
    let input_len = package
        .manifest
        .inputs
        .iter()
        .map(|spec| spec.shape.iter().product::<u64>() * 4)
        .sum::<u64>();
    let mut start = Machine::new(&package.params, &vec![0; input_len as usize]);
    start.state_hash();
    let (mut plain, mut traced) = (Duration::MAX, Duration::MAX);
    for _ in 0..RUNS {
        plain = plain.min(run(&executor, &module, &start, false));
        traced = traced.min(run(&executor, &module, &start, true));
    }
    (plain, traced, package.manifest.steps)
}

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    println!("| model | steps | M MAC | plain, ms | traced, ms | traced / plain | M MAC/s, plain |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    for (model, macs) in MODELS {
        let onnx = std::fs::read(root.join(model)).expect("the repository has its models");
        let package = package_model(&onnx, model, &Options::default()).expect("they can be packed");
        let (plain, traced, steps) = measure(&package);
        let [plain, traced] = [plain, traced].map(|time| time.as_secs_f64());
        println!(
            "| {model} | {steps} | {:.3} | {:.2} | {:.2} | {:.2} | {:.0} |",
            macs as f64 / 1e6,
            plain * 1e3,
            traced * 1e3,
            traced / plain,
            macs as f64 / plain / 1e6,
        );
    }
}
