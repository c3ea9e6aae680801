//! The digits models, packed and run on the whole test split, give onnxruntime's answers.

mod program;

use std::path::Path;

use assay_cli::commands::{execute, Arguments};
use assay_cli::package::{Dtype, Hash, Package};
use assay_cli::run::{Answer, Runner};
use assay_engine::{Executor, Machine, Program, WasmiExecutor};
use clap::Parser;
use program::package_model;

const SAMPLES: usize = 360;
const CLASSES: usize = 10;
/// The committed references are within 1e-6 of onnxruntime: together, 1e-5.
const CLOSE: f32 = 9e-6;

fn file(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../models/digits")
        .join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes
        .chunks_exact(4)
        .map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()))
        .collect()
}

fn class(probabilities: &[f32]) -> usize {
    (0..probabilities.len())
        .max_by(|a, b| probabilities[*a].total_cmp(&probabilities[*b]))
        .unwrap()
}

fn packed(model: &str) -> Package {
    let package = package_model(&file(&format!("{model}.onnx")), model).unwrap();
    assert_eq!(Package::decode(&package.encode().unwrap()).unwrap(), package);
    package
}

/// Runs every sample and returns the largest difference from the reference's probabilities.
fn largest_difference(model: &str) -> f32 {
    let package = packed(model);
    let runner = Runner::new(&package).unwrap();
    let inputs = file("test_inputs.f32");
    let reference = floats(&file(&format!("{model}.reference.f32")));
    assert_eq!(
        (inputs.len(), reference.len()),
        (SAMPLES * 64 * 4, SAMPLES * CLASSES)
    );
    let mut largest = 0.0_f32;
    for (i, (input, expected)) in inputs.chunks(64 * 4).zip(reference.chunks(CLASSES)).enumerate() {
        let answer: Answer = runner.run(input).unwrap();
        assert_eq!(answer.steps, package.manifest.steps);
        let actual = floats(&answer.output);
        assert_eq!(actual.len(), CLASSES);
        assert_eq!(
            class(&actual),
            class(expected),
            "{model}, sample {i}: {actual:?}, {expected:?}"
        );
        let differences = actual.iter().zip(expected).map(|(a, b)| (a - b).abs());
        largest = differences.fold(largest, f32::max);
    }
    largest
}

#[test]
fn the_readme_tells_the_length_and_the_steps_to_type() {
    let manifest = packed("cnn").manifest;
    let readme = include_str!("../../README.md");
    let length = format!("`models.beginParams(len)` with `{}`", manifest.params_len);
    assert!(readme.contains(&length), "{length}");
    let steps = format!("| `maxSteps` | `{}`,", manifest.steps);
    assert!(readme.contains(&steps), "{steps}");
}

#[test]
fn the_perceptron_agrees_with_onnxruntime_on_every_sample() {
    let difference = largest_difference("mlp");
    assert!(difference <= CLOSE, "{difference}");
}

#[test]
fn the_convolutional_network_agrees_with_onnxruntime_on_every_sample() {
    let difference = largest_difference("cnn");
    assert!(difference <= CLOSE, "{difference}");
}

/// Every layer up to the last product is exact, so only softmax rounds differently.
#[test]
fn the_quantized_network_agrees_with_onnxruntime_on_every_sample() {
    let difference = largest_difference("cnn-int8");
    assert!(difference <= CLOSE, "{difference}");
}

#[test]
fn a_package_names_the_models_tensors() {
    let manifest = packed("cnn").manifest;
    let [input] = &manifest.inputs[..] else {
        panic!("{manifest:?}")
    };
    let [output] = &manifest.outputs[..] else {
        panic!("{manifest:?}")
    };
    assert_eq!(
        (input.name.as_str(), input.dtype, &input.shape[..]),
        ("image", Dtype::F32, &[1, 1, 8, 8][..])
    );
    assert_eq!(
        (output.name.as_str(), output.dtype, &output.shape[..]),
        ("probabilities", Dtype::F32, &[1, 10][..])
    );
}

#[test]
fn no_step_uses_more_than_half_of_its_fuel() {
    for model in ["mlp", "cnn", "cnn-int8"] {
        let package = packed(model);
        let answer = Runner::new(&package)
            .unwrap()
            .run(&file("test_inputs.f32")[..256])
            .unwrap();
        println!("{model}: {answer:?}");
        assert!(
            answer.greatest_fuel <= assay_engine::limits::STEP_FUEL * 7 / 10,
            "{model}: {answer:?}"
        );
    }
}

#[test]
fn an_input_of_another_length_traps_the_first_step() {
    let package = packed("mlp");
    let error = Runner::new(&package).unwrap().run(&[0; 255]).unwrap_err();
    assert!(
        matches!(error, assay_cli::run::RunError::Trapped { step: 0, .. }),
        "{error}"
    );
}

/// What `assay run` prints as JSON.
fn run_report(folder: &Path, package: &Package, input: &[u8], states: bool) -> serde_json::Value {
    let (package_file, input_file) = (folder.join("model.assay"), folder.join("input"));
    std::fs::write(&package_file, package.encode().unwrap()).unwrap();
    std::fs::write(&input_file, input).unwrap();
    let [package, input] = [package_file, input_file].map(|path| path.to_str().unwrap().to_string());
    let mut line = vec!["assay", "run", &package, "--input", &input, "--json"];
    line.extend(states.then_some("--states"));
    let arguments = Arguments::parse_from(line);
    serde_json::from_str(&execute(&arguments.command).unwrap()).unwrap()
}

#[test]
fn states_are_printed_where_they_are_asked_for() {
    let folder = std::env::temp_dir().join(format!("assay-states-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (package, inputs) = (packed("mlp"), file("test_inputs.f32"));
    let input = &inputs[..256];
    let executor = WasmiExecutor::new();
    let program = Program::new(package.program.clone()).unwrap();
    let module = executor.load(&program).unwrap();
    let mut machine = Machine::new(&package.params, input);
    let mut states = vec![Hash(machine.state_hash()).to_string()];
    while machine.step(&executor, &module).unwrap().is_some() {
        states.push(Hash(machine.state_hash()).to_string());
    }
    assert_eq!(states.len() as u64, package.manifest.steps + 1);
    let report = run_report(&folder, &package, input, true);
    assert_eq!(report["states"], serde_json::json!(states));
    assert_eq!(run_report(&folder, &package, input, false).get("states"), None);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_run_that_writes_more_than_it_may_is_refused() {
    let package = packed("cnn");
    let runner = Runner::new(&package).unwrap();
    let input = &file("test_inputs.f32")[..256];
    let error = runner.run_within(input, 4096).unwrap_err();
    assert!(
        matches!(error, assay_cli::run::RunError::MemoryExceeded(step) if step < package.manifest.steps - 1),
        "{error}"
    );
    runner.run_within(input, 1 << 20).unwrap();
}

#[test]
fn the_engines_tests_have_the_params_and_answers_of_the_networks() {
    for model in ["mlp", "cnn", "cnn-int8"] {
        let package = packed(model);
        let kept = |what| file(&format!("../../engine/tests/programs/networks/{model}.{what}"));
        assert!(
            package.params == kept("params"),
            "{model}: keep there what `assay pack` and `assay unpack` make of it now"
        );
        let answer = Runner::new(&package)
            .unwrap()
            .run(&file("test_inputs.f32")[..64 * 4]);
        assert_eq!(answer.unwrap().output, kept("output"), "{model}");
    }
}
