//! How long a run takes, by each executor, and what its trace costs.
//!
//! `cargo run --release --example speed [PACKAGE ..]` in `cli/`; without packages, of the digits models. Inputs are zeros.
//! Each time is the shortest of several runs, by one thread; traced and not traced runs take turns. With `--json`, milliseconds
//! as JSON.

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use assay_cli::commands::package_model;
use assay_cli::executors::ExecutorKind;
use assay_cli::options::Options;
use assay_cli::package::Package;
use assay_engine::{Machine, Program};

const DIGITS: [&str; 3] = ["mlp", "cnn", "cnn-int8"];
/// Runs take at least so long together, but there are not more than [`RUNS`] and not fewer than 2.
const LONG: Duration = Duration::from_secs(3);
const RUNS: usize = 40;

/// Times of a package.
struct Times {
    name: String,
    steps: u64,
    /// By each executor: milliseconds without and with the hash of the state after every step.
    executors: Vec<(ExecutorKind, [f64; 2])>,
}

fn measure(name: &str, package: &Package) -> Result<Times, Box<dyn Error>> {
    let program = Program::new(package.program.clone())?;
    let len =
        |spec: &assay_cli::package::TensorSpec| spec.shape.iter().product::<u64>() * spec.dtype.size() as u64;
    let input = vec![0; package.manifest.inputs.iter().map(len).sum::<u64>() as usize];
    let mut start = Machine::new(&package.params, &input);
    start.state_hash();
    let mut executors = Vec::new();
    for kind in ExecutorKind::ALL {
        let stepper = kind
            .load(&program)
            .map_err(|error| format!("{kind}: {error:?}"))?;
        let mut best = [f64::MAX; 2];
        let clock = Instant::now();
        for run in 0..RUNS {
            if run >= 2 && clock.elapsed() > LONG {
                break;
            }
            for (traced, best) in [false, true].into_iter().zip(&mut best) {
                let mut machine = start.clone();
                let clock = Instant::now();
                while stepper
                    .step(&mut machine)
                    .map_err(|error| format!("{kind}: {error:?}"))?
                    .is_some()
                {
                    if traced {
                        std::hint::black_box(machine.state_hash());
                    }
                }
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
        .partition(|argument| argument == "--json");
    let json = !options.is_empty();
    let mut rows = Vec::new();
    if !json {
        println!("| model | steps | executor | ms | with the trace, ms | with / without |\n| --- | --- | --- | --- | --- | --- |");
    }
    for (name, package) in packages(&paths)? {
        let times = measure(&name, &package)?;
        for (kind, [plain, traced]) in &times.executors {
            if !json {
                let (name, steps, ratio) = (&times.name, times.steps, traced / plain);
                println!("| {name} | {steps} | {kind} | {plain:.2} | {traced:.2} | {ratio:.2} |");
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
