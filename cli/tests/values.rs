//! Values at the edges of types and functions, as ONNX has them.

mod onnx;
mod program;

use assay_cli::onnx::proto::DataType;
use assay_cli::run::Runner;
use onnx::{Attribute, Model};
use program::package_model;

const INFINITE: f32 = f32::INFINITY;

/// The output's bytes for an input.
fn answer(model: Model, input: &[f32]) -> Vec<u8> {
    let package = package_model(&model.bytes(), "values").unwrap_or_else(|error| panic!("{error}"));
    let bytes: Vec<u8> = input.iter().flat_map(|value| value.to_le_bytes()).collect();
    let runner = Runner::new(&package).unwrap();
    runner.run(&bytes).unwrap().output
}

fn floats(model: Model, input: &[f32]) -> Vec<f32> {
    let bytes = answer(model, input);
    bytes
        .as_chunks()
        .0
        .iter()
        .map(|bytes| f32::from_le_bytes(*bytes))
        .collect()
}

#[test]
fn levels_are_clamped_before_and_after_their_zero_point() {
    let model = Model::of(&[4])
        .floats("s", &[], &[0.05])
        .tensor("z", DataType::Int8, &[], vec![-20_i8 as u8])
        .node("QuantizeLinear", &["x", "s", "z"], "y");
    let levels = answer(model, &[f32::MIN, -INFINITE, 1.0, f32::MAX]);
    assert_eq!(
        levels.iter().map(|level| *level as i8).collect::<Vec<_>>(),
        [-128, -128, 0, 127]
    );
}

#[test]
fn the_magnitude_of_an_unsigned_integer_is_itself() {
    let model = Model::of(&[4])
        .node_with(
            "Cast",
            &["x"],
            "u",
            &[("to", Attribute::Int(DataType::Uint8 as i64))],
        )
        .node("Abs", &["u"], "y");
    assert_eq!(answer(model, &[0.0, 1.0, 100.0, 200.0]), [0, 1, 100, 200]);
}

#[test]
fn a_sum_of_exponentials_of_infinities_is_one() {
    let axes = [("axes", Attribute::Ints(vec![1]))];
    let model = Model::of(&[3, 2]).node_with("ReduceLogSumExp", &["x"], "y", &axes);
    let sums = floats(model, &[-INFINITE, -INFINITE, INFINITE, 1.0, 0.0, 0.0]);
    assert_eq!(sums, [-INFINITE, INFINITE, 2.0_f32.ln()]);
}

#[test]
fn a_power_has_the_rank_of_its_exponent() {
    let model = Model::of(&[3])
        .floats("p", &[1, 1], &[2.0])
        .node("Pow", &["x", "p"], "y");
    let package = package_model(&model.bytes(), "power").unwrap();
    assert_eq!(package.manifest.outputs[0].shape, [1, 3]);
}

#[test]
fn a_variance_is_normalized_by_its_root_and_a_little() {
    let model = Model::of(&[1, 1, 1, 2]).node("MeanVarianceNormalization", &["x"], "y");
    let [low, high] = floats(model, &[0.0, 2e-5])[..] else {
        panic!("two values");
    };
    assert!(
        (low + 0.9999).abs() < 1e-6 && (high - 0.9999).abs() < 1e-6,
        "{low} {high}"
    );
}

/// An operand that is still an expression is computed once, however many directions take it.
#[test]
fn a_layer_in_both_directions_computes_its_state_once() {
    let weights = |rows: i64| (0..2 * rows).map(|i| 0.1 * i as f32 - 0.3).collect::<Vec<_>>();
    let layer = |state: &[&str]| {
        let mut model = Model::of(&[2, 1, 1])
            .floats("W", &[2, 1, 1], &weights(1))
            .floats("R", &[2, 1, 1], &weights(1))
            .floats("one", &[2, 1, 1], &[1.5, 0.5])
            .node("ReduceMax", &["x"], "m")
            .node("Add", &["m", "one"], "a");
        for (from, to) in [("a", "t"), ("t", "u")] {
            model = model.node("Tanh", &[from], to);
        }
        let attributes = [
            ("hidden_size", Attribute::Int(1)),
            ("direction", Attribute::Text("bidirectional")),
        ];
        model.node_with(
            "RNN",
            &[&["x", "W", "R", "", ""], state].concat(),
            "y",
            &attributes,
        )
    };
    let x = [0.25, -0.5];
    let expected = |at: usize, direction: usize| {
        let state = [1.75_f32, 0.75].map(|sum| sum.tanh().tanh());
        let [w, r] = [weights(1)[direction]; 2];
        let first = if direction == 0 { 0 } else { 1 };
        let before = (x[first] * w + state[direction] * r).tanh();
        if at == first {
            before
        } else {
            (x[at] * w + before * r).tanh()
        }
    };
    let answer = floats(layer(&["u"]), &x);
    for (place, value) in answer.iter().enumerate() {
        let expected = expected(place / 2, place % 2);
        assert!(
            (value - expected).abs() < 1e-6,
            "{place}: {value} and not {expected}"
        );
    }
}

/// A long chain of functions is computed in parts.
#[test]
fn an_expression_of_any_length_is_computed() {
    let mut model = Model::of(&[3]);
    let mut name = String::from("x");
    for i in 0..40 {
        let next = format!("t{i}");
        let op = ["Sub", "Mul", "Add", "Div"][i % 4];
        let constant = format!("c{i}");
        model = model
            .floats(&constant, &[], &[1.0 + i as f32])
            .node(op, &[&name, &constant], &next);
        name = next;
    }
    for (function, output) in [("Mish", "f"), ("Selu", "y")] {
        model = model.node(function, &[&name], output);
        name = output.into();
    }
    let answer = floats(model, &[0.5, 1.0, -2.0]);
    assert!(
        answer.len() == 3 && answer.iter().all(|value| value.is_finite()),
        "{answer:?}"
    );
}

/// An index behind its axis ends the run, also where the element that it would find belongs to another row.
#[test]
fn an_index_that_an_axis_does_not_have_is_no_other_element() {
    let model = || {
        Model::of(&[2, 2])
            .node_with(
                "Cast",
                &["x"],
                "i",
                &[("to", Attribute::Int(DataType::Int64 as i64))],
            )
            .floats("data", &[2, 2], &[1.0, 2.0, 3.0, 4.0])
            .node_with(
                "GatherElements",
                &["data", "i"],
                "y",
                &[("axis", Attribute::Int(1))],
            )
    };
    assert_eq!(floats(model(), &[0.0, 1.0, -1.0, -2.0]), [1.0, 2.0, 4.0, 3.0]);
    let package = package_model(&model().bytes(), "indices").unwrap();
    let bytes: Vec<u8> = [0.0_f32, 2.0, 0.0, 0.0]
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    assert!(Runner::new(&package).unwrap().run(&bytes).is_err());
}

#[test]
fn the_place_of_the_greatest_of_infinities_is_under_its_window() {
    let kernel = [("kernel_shape", Attribute::Ints(vec![1]))];
    let model = Model::of(&[1, 1, 3])
        .node_with("MaxPool", &["x"], "m", &kernel)
        .node_second("y");
    let bytes = answer(model, &[-INFINITE; 3]);
    let places: Vec<i64> = bytes
        .as_chunks()
        .0
        .iter()
        .map(|bytes| i64::from_le_bytes(*bytes))
        .collect();
    assert_eq!(places, [0, 1, 2]);
}
