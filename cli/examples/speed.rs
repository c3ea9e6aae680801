//! How long a run takes, by each executor, and what its trace costs.
//!
//! `cargo run --release --example speed [PACKAGE ..]` in `cli/`; without packages, of the digits models. Inputs are zeros.
//! Each time is the shortest of several runs, by turns: without the trace and with it by one thread, and with it on all cores.
//! With `--json`, milliseconds as JSON. With `--native`, by the native twin alone.

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use assay_cli::commands::package_model;
use assay_cli::executors::{ExecutorKind, Stepper};
use assay_cli::options::Options;
use assay_cli::package::Package;
use assay_cli::trace::Tracer;
use assay_engine::executor::ExecutorError;
use assay_engine::{Machine, Program};

/// As in the tool itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const DIGITS: [&str; 3] = ["mlp", "cnn", "cnn-int8"];
/// Runs take at least so long together, but there are not more than [`RUNS`] and not fewer than 2.
const LONG: Duration = Duration::from_secs(3);
const RUNS: usize = 40;

/// Times of a package.
struct Times {
    name: String,
    steps: u64,
    /// By each executor: milliseconds for each [`Way`].
    executors: Vec<(ExecutorKind, [f64; 3])>,
}

/// What is done about the states' hashes.
#[derive(Clone, Copy)]
enum Way {
    Plain,
    Traced,
    OnAllCores,
}

fn run(stepper: &dyn Stepper, mut machine: Machine, way: Way) -> Result<(), ExecutorError> {
    let tracer = Tracer::start(matches!(way, Way::OnAllCores));
    while stepper.step(&mut machine)?.is_some() {
        if let Way::Traced = way {
            std::hint::black_box(machine.state_hash());
        }
        tracer.add(&machine);
    }
    std::hint::black_box(tracer.finish());
    Ok(())
}

fn measure(name: &str, package: &Package, kinds: &[ExecutorKind]) -> Result<Times, Box<dyn Error>> {
    let program = Program::new(package.program.clone())?;
    let len =
        |spec: &assay_cli::package::TensorSpec| spec.shape.iter().product::<u64>() * spec.dtype.size() as u64;
    let input = vec![0; package.manifest.inputs.iter().map(len).sum::<u64>() as usize];
    let mut start = Machine::new(&package.params, &input);
    start.state_hash();
    let mut executors = Vec::new();
    for kind in kinds.iter().copied() {
        let load = |threads| {
            kind.load_for(&program, threads)
                .map_err(|error| format!("{kind}: {error:?}"))
        };
        let (one, all) = (load(1)?, load(std::thread::available_parallelism()?.get())?);
        let mut best = [f64::MAX; 3];
        let clock = Instant::now();
        for round in 0..RUNS {
            if round >= 2 && clock.elapsed() > LONG {
                break;
            }
            for (way, best) in [Way::Plain, Way::Traced, Way::OnAllCores]
                .into_iter()
                .zip(&mut best)
            {
                let stepper = match way {
                    Way::OnAllCores => &all,
                    _ => &one,
                };
                let clock = Instant::now();
                run(&**stepper, start.clone(), way).map_err(|error| format!("{kind}: {error:?}"))?;
                *best = best.min(clock.elapsed().as_secs_f64() * 1e3);
            }
        }
        executors.push((kind, best));
    }
    Ok(Times {
        name: name.to_string(),
        steps: package.manifest.steps,
        executors,
    })
}

fn packages(paths: &[String]) -> Result<Vec<(String, Package)>, Box<dyn Error>> {
    let given = paths.iter().map(|path| -> Result<_, Box<dyn Error>> {
        Ok((path.clone(), Package::decode(&std::fs::read(path)?)?))
    });
    if !paths.is_empty() {
        return given.collect();
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/digits");
    let digits = DIGITS.map(|name| -> Result<_, Box<dyn Error>> {
        let onnx = std::fs::read(folder.join(name).with_extension("onnx"))?;
        Ok((name.to_string(), package_model(&onnx, name, &Options::default())?))
    });
    digits.into_iter().collect()
}

fn main() -> Result<(), Box<dyn Error>> {
    let (options, paths): (Vec<_>, Vec<_>) = std::env::args()
        .skip(1)
        .partition(|argument| argument.starts_with("--"));
    let has = |option: &str| options.iter().any(|given| given == option);
    let json = has("--json");
    let kinds = match has("--native") {
        true => &[ExecutorKind::Native][..],
        false => &ExecutorKind::ALL,
    };
    let mut rows = Vec::new();
    if !json {
        println!("| model | steps | executor | ms | with the trace, ms | with / without | on all cores, ms |\n| --- | --- | --- | --- | --- | --- | --- |");
    }
    for (name, package) in packages(&paths)? {
        let times = measure(&name, &package, kinds)?;
        for (kind, [plain, traced, beside]) in &times.executors {
            if !json {
                let (name, steps, ratio) = (&times.name, times.steps, traced / plain);
                println!(
                    "| {name} | {steps} | {kind} | {plain:.2} | {traced:.2} | {ratio:.2} | {beside:.2} |"
                );
            }
        }
        let executors: serde_json::Map<_, _> = times
            .executors
            .iter()
            .map(|(kind, times)| (kind.to_string(), serde_json::json!(times)))
            .collect();
        rows.push(
            serde_json::json!({"package": times.name, "steps": times.steps, "milliseconds": executors}),
        );
    }
    if json {
        println!("{}", serde_json::Value::from(rows));
    }
    Ok(())
}
