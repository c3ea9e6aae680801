//! Models that are wrong, or made to break the packer, are refused by name.

mod onnx;

use assay_cli::lower::{lower, LowerError};
use onnx::{Attribute, Model};

fn refusal(model: Model) -> LowerError {
    lower(&model.bytes()).map(|lowered| lowered.outputs).unwrap_err()
}

fn assert_unsupported(model: Model, expected: &str) {
    let error = refusal(model);
    assert!(
        matches!(&error, LowerError::Unsupported { node, reason, .. } if node.starts_with('y') && reason.contains(expected)),
        "{error}, not {expected}"
    );
}

fn einsum(equation: &'static str, shape: &[i64], inputs: &[&str]) -> Model {
    Model::of(shape)
        .floats("w", &[3, 4], &[0.5; 12])
        .floats("c", &[4], &[1.0; 4])
        .node_with("Einsum", inputs, "y", &[("equation", Attribute::Text(equation))])
}

#[test]
fn an_einsum_of_other_than_two_tensors_is_refused() {
    let reason = "only products of two tensors";
    assert_unsupported(einsum("ij,jk,k->ik", &[2, 3], &["x", "w", "c"]), reason);
    assert_unsupported(einsum("ij->j", &[2, 3], &["x"]), reason);
    assert_unsupported(einsum("ij->ji", &[2, 3], &["x"]), "");
}

#[test]
fn an_einsum_that_repeats_an_axis_is_refused() {
    assert_unsupported(einsum("ii,ij->j", &[3, 3], &["x", "w"]), "repeats");
}
