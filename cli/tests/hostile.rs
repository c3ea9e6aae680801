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

/// The reader panics, which neither ends the process nor stays without a message.
fn assert_panicked(error: LowerError, expected: &str) {
    assert!(
        matches!(&error, LowerError::Panicked(message) if message.contains(expected) && !message.contains('\n')),
        "{error}"
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

fn windowed(op: &str, attributes: &[(&str, Attribute)]) -> Model {
    let model = Model::of(&[1, 1, 7, 9]);
    match op {
        "Conv" => model
            .floats("w", &[2, 1, 3, 3], &[1.0; 18])
            .node_with(op, &["x", "w"], "y", attributes),
        _ => model.node_with(op, &["x"], "y", attributes),
    }
}

#[test]
fn a_mean_that_counts_what_lies_behind_the_padding_is_refused() {
    let pool = |ceil, pads: [i64; 4]| {
        windowed(
            "AveragePool",
            &[
                ("kernel_shape", Attribute::Ints(vec![2, 2])),
                ("strides", Attribute::Ints(vec![2, 2])),
                ("pads", Attribute::Ints(pads.to_vec())),
                ("ceil_mode", Attribute::Int(ceil)),
                ("count_include_pad", Attribute::Int(1)),
            ],
        )
    };
    assert_unsupported(pool(1, [0; 4]), "leaves the padded image");
    for (ceil, pads) in [(0, [0; 4]), (1, [1, 1, 0, 0])] {
        lower(&pool(ceil, pads).bytes()).unwrap();
    }
}

#[test]
fn a_window_of_impossible_geometry_is_refused() {
    let kernel = || ("kernel_shape", Attribute::Ints(vec![2, 2]));
    for op in ["MaxPool", "AveragePool"] {
        let refused = windowed(op, &[kernel(), ("strides", Attribute::Ints(vec![0, 0]))]);
        assert_panicked(refusal(refused), "divide by zero");
        assert_unsupported(
            windowed(op, &[("kernel_shape", Attribute::Ints(vec![0, 0]))]),
            "of this length",
        );
        let padding = Attribute::Ints(vec![1 << 20; 4]);
        assert_unsupported(windowed(op, &[kernel(), ("pads", padding)]), "padding");
    }
    let conv = |stride| windowed("Conv", &[("strides", Attribute::Ints(vec![stride; 2]))]);
    assert_panicked(refusal(conv(0)), "divide by zero");
    assert_unsupported(conv(1 << 33), "of this length");
}

#[test]
fn an_axis_that_a_tensor_does_not_have_is_refused() {
    let axis = [("axis", Attribute::Int(9))];
    let model = |op| Model::of(&[2, 4]).node_with(op, &["x"], "y", &axis);
    assert_unsupported(model("Softmax"), "consecutive axes");
    assert_panicked(refusal(model("ArgMax")), "Illegal combination of values");
}

#[test]
fn an_output_that_no_node_makes_is_refused() {
    let model = Model::of(&[2, 4]).node("Relu", &["x"], "y").bytes_of("z");
    assert_panicked(lower(&model).unwrap_err(), "no entry found");
}

#[test]
fn a_tensor_without_elements_is_refused() {
    let sum = Model::of(&[2, 0])
        .integers("axes", &[1])
        .node("ReduceSum", &["x", "axes"], "y");
    assert_panicked(refusal(sum), "divide by zero");
    let none = refusal(Model::of(&[2, 0]).node("Relu", &["x"], "y"));
    assert!(none.to_string().contains("without elements"), "{none}");
}

#[test]
fn a_tensor_of_more_elements_than_can_be_counted_is_too_large() {
    for shape in [[1 << 32, 1 << 32], [1 << 62, 4]] {
        let error = refusal(Model::of(&shape).node("Relu", &["x"], "y"));
        assert!(
            matches!(&error, LowerError::TooLarge { node, .. } if node == "x"),
            "{error}"
        );
    }
}

#[test]
fn constants_that_a_short_file_blows_up_are_refused() {
    let shape = [4, 1 << 27];
    let constant = Model::of(&[1, 4])
        .integers("s", &shape)
        .node("ConstantOfShape", &["s"], "c")
        .node("MatMul", &["x", "c"], "h")
        .greatest("h");
    let expanded = Model::of(&[1, 4])
        .integers("s", &shape)
        .floats("one", &[], &[1.0])
        .node("Expand", &["one", "s"], "c")
        .node("MatMul", &["x", "c"], "h")
        .greatest("h");
    // Each below the limit, but not together.
    let summed = Model::of(&[1, 4])
        .integers("s", &[4, 3 << 20])
        .floats("one", &[], &[1.0])
        .node("Expand", &["one", "s"], "a")
        .node("Neg", &["a"], "b0");
    let summed = (0..5)
        .fold(summed, |model, i| {
            model.node("Exp", &[&format!("b{i}")], &format!("b{}", i + 1))
        })
        .node("MatMul", &["x", "b5"], "h")
        .greatest("h");
    for (model, expected) in [(constant, "c"), (expanded, "c"), (summed, "b4")] {
        let error = refusal(model);
        assert!(
            matches!(&error, LowerError::ConstantsTooLarge(node) if node == expected),
            "{error}"
        );
    }
}
