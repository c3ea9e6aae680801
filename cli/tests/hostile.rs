//! Models that are wrong, or made to break the packer, are refused by name, in bounded time and memory.

mod onnx;

use assay_cli::lower::{lower, LowerError};
use assay_cli::onnx::proto::DataType;
use assay_cli::options::Options;
use onnx::{Attribute, Model};
use proptest::prelude::*;

fn refusal(model: Model) -> String {
    let lowered = lower(&model.bytes(), &Options::default());
    lowered.map(|lowered| lowered.outputs).unwrap_err().to_string()
}

fn assert_refused(model: Model, expected: &str) {
    let error = refusal(model);
    assert!(
        error.contains(expected) && !error.contains('\n'),
        "{error}, not {expected}"
    );
}

fn einsum(equation: &'static str, shape: &[i64], inputs: &[&str]) -> Model {
    Model::of(shape).floats("w", &[3, 4], &[0.5; 12]).node_with(
        "Einsum",
        inputs,
        "y",
        &[("equation", Attribute::Text(equation))],
    )
}

#[test]
fn an_equation_that_does_not_go_with_its_operands_is_refused() {
    for equation in [
        "i->i",
        "ijk,jk->i",
        "ij,jk,kl->il",
        "ij->ik",
        "",
        "->",
        "ij,jk->i...",
    ] {
        let error = refusal(einsum(equation, &[2, 3], &["x"]));
        assert!(error.starts_with("node `y` (Einsum)") || equation == "{equation}: {error}");
    }
    assert_refused(einsum("ij,jk->ik", &[2, 4], &["x", "w"]), "cannot be repeated");
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
fn a_window_of_impossible_geometry_is_refused() {
    let kernel = || ("kernel_shape", Attribute::Ints(vec![2, 2]));
    for op in ["MaxPool", "AveragePool"] {
        assert_refused(
            windowed(op, &[("kernel_shape", Attribute::Ints(vec![0, 0]))]),
            "of this length",
        );
        assert_refused(
            windowed(op, &[("kernel_shape", Attribute::Ints(vec![8, 2]))]),
            "larger than its image",
        );
        assert_refused(windowed(op, &[]), "one or two dimensions");
        for length in [1 << 20, -1, i64::MAX, i64::MIN] {
            let lengths = |count| Attribute::Ints(vec![length; count]);
            for (name, count) in [("pads", 4), ("strides", 2), ("dilations", 2)] {
                let error = refusal(windowed(op, &[kernel(), (name, lengths(count))]));
                assert!(error.starts_with("node `y`"), "{name} {length}: {error}");
            }
        }
    }
    for stride in [1 << 33, i64::MIN] {
        let conv = windowed("Conv", &[("strides", Attribute::Ints(vec![stride; 2]))]);
        assert_refused(conv, "is no length");
    }
}

#[test]
fn an_axis_that_a_tensor_does_not_have_is_refused() {
    for op in [
        "Softmax",
        "ArgMax",
        "Concat",
        "Split",
        "Flatten",
        "CumSum",
        "LogSoftmax",
        "Hardmax",
    ] {
        for axis in [9, -3, i64::MAX, i64::MIN] {
            let model = Model::of(&[2, 4]).integers("a", &[axis]);
            let model = model.node_with(op, &["x", "a"], "y", &[("axis", Attribute::Int(axis))]);
            let error = refusal(model);
            assert!(
                error.contains("has no axis") || error.contains("no parts"),
                "{op}: {error}"
            );
        }
    }
}

#[test]
fn an_output_that_no_node_makes_is_refused() {
    let model = Model::of(&[2, 4]).node("Relu", &["x"], "y").bytes_of("z");
    let error = lower(&model, &Options::default()).unwrap_err();
    assert!(
        matches!(&error, LowerError::NoSuchOutput(name) if name == "z"),
        "{error}"
    );
}

#[test]
fn a_cyclic_graph_is_refused() {
    let model = Model::of(&[2, 4])
        .node("Add", &["x", "y"], "a")
        .node("Relu", &["a"], "y");
    let error = refusal(model);
    assert_eq!(
        error,
        "node `a` takes `y`, which nothing before it makes: the graph is cyclic or not in order"
    );
}

#[test]
fn a_tensor_without_elements_is_refused() {
    assert_refused(Model::of(&[2, 0]).node("Relu", &["x"], "y"), "not known");
    let slice = Model::of(&[2, 4])
        .integers("start", &[0])
        .integers("end", &[0])
        .node("Slice", &["x", "start", "end"], "y");
    assert_refused(slice, "without elements");
}

#[test]
fn what_is_made_of_constants_is_bounded() {
    let filled = |shape: &[i64]| {
        Model::of(&[1])
            .integers("shape", shape)
            .node("ConstantOfShape", &["shape"], "c")
            .node("ReduceSum", &["c"], "s")
            .node("Add", &["x", "s"], "y")
    };
    assert_refused(filled(&[1 << 40]), "is no length");
    assert_refused(filled(&[1 << 20, 1 << 20, 1 << 20]), "too much memory");
    assert_refused(filled(&[-1]), "is no length");
    let range = Model::of(&[1])
        .tensor("a", DataType::Int64, &[], i64::MIN.to_le_bytes().to_vec())
        .tensor("b", DataType::Int64, &[], i64::MAX.to_le_bytes().to_vec())
        .tensor("c", DataType::Int64, &[], 1_i64.to_le_bytes().to_vec())
        .node("Range", &["a", "b", "c"], "y");
    assert_refused(range, "is no length");
    // Each node makes its tensor a thousand times as large.
    let mut bomb = Model::of(&[1])
        .integers("times", &[1000])
        .floats("c0", &[1], &[1.0]);
    let names = ["c0", "c1", "c2", "c3", "c4", "c5", "c6"];
    for pair in names.windows(2) {
        bomb = bomb.node("Tile", &[pair[0], "times"], pair[1]);
    }
    let error = refusal(bomb.node("Add", &["x", "c6"], "y"));
    assert!(error.contains("too much memory"), "{error}");
    // A product of constants that would take hours.
    let long = Model::of(&[1])
        .integers("shape", &[7000, 7000])
        .node("ConstantOfShape", &["shape"], "c")
        .node("MatMul", &["c", "c"], "p")
        .node("ReduceSum", &["p"], "s")
        .node("Add", &["x", "s"], "y");
    assert_refused(long, "too much memory or time");
}

#[test]
fn a_run_of_too_many_steps_is_refused() {
    let mut model = Model::of(&[1, 1]).integers("wide", &[1 << 15, 1 << 14]);
    model = model.node("Expand", &["x", "wide"], "h0");
    let names: Vec<String> = (0..300).map(|at| format!("h{at}")).collect();
    for pair in names.windows(2) {
        model = model.node("Softmax", &[&pair[0]], &pair[1]);
    }
    let error = refusal(model.node("ReduceMax", &["h299"], "y"));
    assert_eq!(error, "the model takes more than 4194304 steps");
}

#[test]
fn a_constant_of_another_length_than_its_shape_is_refused() {
    for (shape, len) in [
        (&[2_i64, 2][..], 12),
        (&[2, 2], 17),
        (&[-1], 4),
        (&[i64::MAX, i64::MAX], 4),
        (&[1 << 31], 4),
    ] {
        let model = Model::of(&[2, 2])
            .tensor("w", DataType::Float, shape, vec![0; len])
            .node("Add", &["x", "w"], "y");
        assert_refused(model, "constant `w`");
    }
}

/// A model with nodes of every family.
fn varied() -> Vec<u8> {
    Model::of(&[1, 2, 6, 6])
        .floats("w", &[4, 2, 3, 3], &[0.1; 72])
        .integers("shape", &[1, -1])
        .floats("m", &[64, 5], &[0.1; 320])
        .node("Conv", &["x", "w"], "a")
        .node("Relu", &["a"], "b")
        .node("Reshape", &["b", "shape"], "c")
        .node("MatMul", &["c", "m"], "d")
        .node_with("Softmax", &["d"], "y", &[("axis", Attribute::Int(-1))])
        .bytes()
}

#[test]
fn a_file_that_is_cut_off_is_refused_or_lowered() {
    let bytes = varied();
    lower(&bytes, &Options::default()).unwrap();
    for len in 0..bytes.len() {
        let _ = lower(&bytes[..len], &Options::default());
    }
}

proptest! {
    #[test]
    fn changed_bytes_never_make_the_packer_panic(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
        let mut bytes = varied();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let _ = lower(&bytes, &Options::default());
    }
}
