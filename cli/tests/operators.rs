//! Every supported operator gives onnxruntime's answer; what is not supported is refused by name.

mod onnx;
mod program;

use assay_cli::lower::{lower, LowerError};
use assay_cli::options::Options;
use assay_cli::package::Dtype;
use assay_cli::run::Runner;
use assay_engine::limits::STEP_FUEL;
use onnx::Model;
use program::package_model;

fn path(name: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/models")
        .join(name)
}

fn file(name: &str) -> Vec<u8> {
    std::fs::read(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes
        .chunks_exact(4)
        .map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()))
        .collect()
}

/// Says what is wrong with a model's answer. Sums run in another order than onnxruntime's, so they differ by a share of
/// the tensor's greatest value.
fn check(name: &str) -> Result<(), String> {
    let package = package_model(&file(&format!("{name}.onnx")), name).map_err(|error| error.to_string())?;
    let runner = Runner::new(&package).map_err(|error| error.to_string())?;
    let answer = runner
        .run(&file(&format!("{name}.in")))
        .map_err(|error| error.to_string())?;
    if answer.greatest_fuel > STEP_FUEL * 7 / 10 {
        return Err(format!("a step takes {} fuel", answer.greatest_fuel));
    }
    let expected = file(&format!("{name}.out"));
    if answer.output.len() != expected.len() {
        return Err(format!("{} bytes, not {}", answer.output.len(), expected.len()));
    }
    if package.manifest.outputs[0].dtype != Dtype::F32 {
        return (answer.output == expected)
            .then_some(())
            .ok_or("other integers".into());
    }
    let expected = floats(&expected);
    let tolerance = expected.iter().fold(1.0_f32, |most, value| most.max(value.abs())) * 1e-5;
    let pairs = floats(&answer.output).into_iter().zip(expected);
    let wrong: Vec<_> = pairs.filter(|(a, b)| (a - b).abs() > tolerance).collect();
    wrong
        .is_empty()
        .then_some(())
        .ok_or_else(|| format!("{} differ: {:?}", wrong.len(), wrong.first()))
}

#[test]
fn every_supported_operator_agrees_with_onnxruntime() {
    let names = std::fs::read_dir(path(""))
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    let names = names.filter_map(|name| Some(name.to_str()?.strip_suffix(".in")?.to_string()));
    let results: Vec<_> = names.map(|name| (check(&name), name)).collect();
    let failures: Vec<_> = results.iter().filter(|(result, _)| result.is_err()).collect();
    assert!(results.len() >= 100 && failures.is_empty(), "{failures:#?}");
}

/// A model whose output's shape depends on its input's elements.
fn unsupported() -> Vec<u8> {
    Model::of(&[3]).node("NonZero", &["x"], "y").bytes()
}

fn refusal(name: &str) -> LowerError {
    lower(&file(&format!("refused-{name}.onnx")), &Options::default()).unwrap_err()
}

#[test]
fn a_node_that_is_not_supported_is_named() {
    let error = lower(&unsupported(), &Options::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "node `y` (NonZero): this operator is not supported"
    );
}

#[test]
fn a_dynamic_shape_is_refused() {
    let error = refusal("dynamic-shape");
    assert!(
        matches!(&error, LowerError::DynamicShape { name, .. } if name == "x"),
        "{error}"
    );
}

#[test]
fn tensors_that_a_job_cannot_carry_are_refused() {
    assert!(matches!(refusal("long-input"), LowerError::InputTooLong(80_000)));
    assert!(matches!(
        refusal("long-output"),
        LowerError::OutputTooLong(20_000)
    ));
}

#[test]
fn bytes_that_are_no_model_are_refused() {
    let result = lower(b"not a model", &Options::default());
    assert!(matches!(result, Err(LowerError::Onnx(_))));
}

#[test]
fn a_model_that_is_refused_leaves_no_package() {
    let output = std::env::temp_dir().join(format!("assay-refused-{}.assay", std::process::id()));
    let model = output.with_extension("onnx");
    std::fs::write(&model, unsupported()).unwrap();
    let arguments = [
        "assay",
        "pack",
        model.to_str().unwrap(),
        "-o",
        output.to_str().unwrap(),
    ];
    let arguments = <assay_cli::commands::Arguments as clap::Parser>::parse_from(arguments);
    assert!(assay_cli::commands::execute(&arguments.command).is_err());
    assert!(!output.exists());
    std::fs::remove_file(model).unwrap();
}
