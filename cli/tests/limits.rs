//! Whatever a model computes and on whatever values, no step needs more than the seven tenths of its fuel that it is planned for.

mod onnx;
mod program;

use assay_cli::onnx::proto::DataType;
use assay_cli::run::Runner;
use assay_engine::limits::STEP_FUEL;
use onnx::{Attribute, Model};
use program::package_model;

const LEN: usize = 16 * 1024;
/// The functions' branches: zero, subnormal, small, around 1, saturated, overflowing, not a number.
const PROBES: [f32; 10] = [
    0.0,
    1e-40,
    -1e-5,
    0.7,
    1.5,
    -5.0,
    7.0,
    100.0,
    f32::INFINITY,
    f32::NAN,
];

/// What steps are planned for.
const PLANNED_FUEL: u64 = STEP_FUEL * 7 / 10;

fn check(name: &str, onnx: &[u8], inputs: &[Vec<f32>]) {
    let package = package_model(onnx, name).unwrap_or_else(|error| panic!("{name}: {error}"));
    let runner = Runner::new(&package).unwrap();
    for input in inputs {
        let bytes: Vec<u8> = input.iter().flat_map(|value| value.to_le_bytes()).collect();
        let answer = runner
            .run(&bytes)
            .unwrap_or_else(|error| panic!("{name} of {}: {error}", input[0]));
        assert!(
            answer.greatest_fuel <= PLANNED_FUEL,
            "{name} of {}: {} fuel",
            input[0],
            answer.greatest_fuel
        );
    }
}

fn probes(len: usize) -> Vec<Vec<f32>> {
    PROBES.iter().map(|value| vec![*value; len]).collect()
}

/// The model with a function of `h` and a maximum, which keeps the output short.
fn functions(model: impl Fn() -> Model) -> Vec<(&'static str, Vec<u8>)> {
    let limits = |model: Model| model.floats("low", &[], &[-0.3]).floats("high", &[], &[0.5]);
    let plain = [
        "Relu",
        "LeakyRelu",
        "Sigmoid",
        "Tanh",
        "Exp",
        "Log",
        "Sqrt",
        "Abs",
        "Neg",
        "Erf",
    ];
    let mut models: Vec<_> = plain
        .map(|function| (function, model().node(function, &["h"], "a")))
        .into();
    models.push(("Clip", limits(model()).node("Clip", &["h", "low", "high"], "a")));
    let silu = model().node("Sigmoid", &["h"], "s").node("Mul", &["h", "s"], "a");
    models.push(("Silu", silu));
    let finished = models
        .into_iter()
        .map(|(name, model)| (name, model.greatest("a").bytes()));
    finished.collect()
}

#[test]
fn a_function_of_any_values_fits_into_its_steps() {
    let model = || {
        Model::of(&[1, LEN as i64])
            .node("Reshape", &["x", "shape"], "h")
            .integers("shape", &[1, -1])
    };
    for (name, onnx) in functions(model) {
        check(name, &onnx, &probes(LEN));
    }
}

#[test]
fn a_function_behind_a_product_fits_into_its_steps() {
    let model = || {
        Model::of(&[4, 1])
            .floats("w", &[1, LEN as i64], &[1.0; LEN])
            .floats("b", &[LEN as i64], &[0.0; LEN])
            .node("Gemm", &["x", "w", "b"], "h")
    };
    for (name, onnx) in functions(model) {
        check(name, &onnx, &probes(4));
    }
}

#[test]
fn a_function_behind_a_convolution_fits_into_its_steps() {
    let model = || {
        Model::of(&[1, 2, 40, 40])
            .floats("w", &[20, 2, 1, 1], &[0.5; 40])
            .node("Conv", &["x", "w"], "h")
    };
    for (name, onnx) in functions(model) {
        check(name, &onnx, &probes(2 * 40 * 40));
    }
}

/// One row of the output is the least that a step can compute, and too much for a costly function of it.
#[test]
fn a_function_behind_a_convolution_of_a_long_line_fits_into_its_steps() {
    let model = || {
        Model::of(&[1, 2, 4096])
            .floats("w", &[2, 2, 3], &[0.5; 12])
            .node("Conv", &["x", "w"], "h")
    };
    for (name, onnx) in functions(model) {
        check(name, &onnx, &probes(2 * 4096));
    }
}

#[test]
fn a_function_behind_a_sum_fits_into_its_steps() {
    let zeros: Vec<f32> = (0..LEN).map(|i| i as f32 * 1e-44).collect();
    let model = || {
        Model::of(&[1, LEN as i64])
            .floats("c", &[1, LEN as i64], &zeros)
            .node("Add", &["x", "c"], "h")
    };
    for (name, onnx) in functions(model) {
        check(name, &onnx, &probes(LEN));
    }
}

#[test]
fn softmax_argmax_and_quantization_fit_into_their_steps() {
    let shape = [4, 4096];
    let axis = [("axis", Attribute::Int(1))];
    let softmax = Model::of(&shape)
        .node_with("Softmax", &["x"], "a", &axis)
        .greatest("a");
    check("Softmax", &softmax.bytes(), &probes(LEN));
    let arg_max = Model::of(&shape).node_with("ArgMax", &["x"], "y", &axis);
    check("ArgMax", &arg_max.bytes(), &probes(LEN));
    let quantize = Model::of(&shape)
        .floats("s", &[], &[0.1])
        .tensor("z", DataType::Uint8, &[], vec![7])
        .node("QuantizeLinear", &["x", "s", "z"], "q")
        .node("DequantizeLinear", &["q", "s", "z"], "a")
        .greatest("a");
    check("QuantizeLinear", &quantize.bytes(), &probes(LEN));
}

/// Small planes and long sums, wide images and many rows: each makes another part of an operator's work the greatest.
#[test]
fn a_window_over_images_of_any_shape_fits_into_its_steps() {
    let pools = [
        ([64, 16, 16], 2),
        ([1, 128, 128], 3),
        ([16, 32, 32], 1),
        ([4000, 2, 2], 2),
    ];
    for (shape, kernel) in pools {
        for op in ["MaxPool", "AveragePool"] {
            let kernel = Attribute::Ints(vec![kernel; 2]);
            let model = image(shape).node_with(op, &["x"], "a", &[("kernel_shape", kernel)]);
            check(op, &model.greatest("a").bytes(), &[vec![0.5; elements(shape)]]);
        }
    }
    let convolutions = [
        ([400, 6, 6], 4, 3, 1),
        ([1, 128, 128], 8, 5, 1),
        ([64, 16, 16], 64, 3, 64),
        ([256, 8, 8], 16, 1, 1),
    ];
    for (shape, channels, kernel, groups) in convolutions {
        let weights = [channels, shape[0] / groups, kernel, kernel];
        let model = image(shape)
            .floats(
                "w",
                &weights,
                &vec![0.5; weights.iter().product::<i64>() as usize],
            )
            .node_with("Conv", &["x", "w"], "a", &[("group", Attribute::Int(groups))]);
        check(
            "Conv",
            &model.greatest("a").bytes(),
            &[vec![0.5; elements(shape)]],
        );
    }
}

fn image([channels, height, width]: [i64; 3]) -> Model {
    Model::of(&[1, channels, height, width])
}

fn elements(shape: [i64; 3]) -> usize {
    shape.iter().product::<i64>() as usize
}

#[test]
fn a_product_or_reduction_of_any_shape_fits_into_its_steps() {
    for [rows, depth, columns] in [
        [1, 4096, 64],
        [64, 256, 16],
        [4096, 4, 4],
        [500, 20, 40],
        [16, 1024, 160],
    ] {
        let weights = vec![0.5; (depth * columns) as usize];
        let model = Model::of(&[rows, depth])
            .floats("w", &[depth, columns], &weights)
            .node("MatMul", &["x", "w"], "a");
        let name = format!("MatMul {rows}x{depth}x{columns}");
        check(
            &name,
            &model.greatest("a").bytes(),
            &[vec![0.5; (rows * depth) as usize]],
        );
    }
    for shape in [[1, LEN as i64], [4000, 4], [4, 4000]] {
        let model = Model::of(&shape).greatest("x");
        check(
            "ReduceMax",
            &model.bytes(),
            &[vec![0.5; (shape[0] * shape[1]) as usize]],
        );
    }
}

/// A tensor of one shape through operators that read or write it at a distance, to short rows or far apart.
#[test]
fn tensors_of_any_strides_fit_into_their_steps() {
    let ints = |values: &[i64]| Attribute::Ints(values.to_vec());
    let strided = |op: &'static str, shape: &[i64], attributes: &[(&str, Attribute)]| {
        (
            op,
            shape.to_vec(),
            Model::of(shape).node_with(op, &["x"], "t", attributes),
        )
    };
    let mut cases = vec![
        strided("Softmax", &[2340, 7], &[("axis", Attribute::Int(0))]),
        strided("LogSoftmax", &[5, 3200], &[("axis", Attribute::Int(0))]),
        strided("ReduceMean", &[2340, 7], &[("axes", ints(&[0]))]),
        strided("ReduceSum", &[64, 16, 16], &[]),
        strided("ArgMax", &[1024, 16], &[("axis", Attribute::Int(0))]),
    ];
    for (shape, order) in [
        (&[73, 73, 3][..], &[2, 0, 1][..]),
        (&[8192, 2], &[1, 0]),
        (&[5461, 3], &[1, 0]),
        (&[2, 8192], &[1, 0]),
        (&[128, 128], &[1, 0]),
        (&[16, 16, 64], &[0, 2, 1]),
        (&[4, 8, 8, 8, 8], &[4, 2, 0, 3, 1]),
    ] {
        cases.push(strided("Transpose", shape, &[("perm", ints(order))]));
    }
    let twice = |shape: &[i64], axis| {
        let model = Model::of(shape)
            .node("Relu", &["x"], "u")
            .node("Sigmoid", &["x"], "v");
        (
            "Concat",
            shape.to_vec(),
            model.node_with("Concat", &["u", "v"], "t", &[("axis", Attribute::Int(axis))]),
        )
    };
    cases.extend([
        twice(&[16384, 1], 1),
        twice(&[8192, 2], 1),
        twice(&[100, 81, 2], 1),
        twice(&[128, 128], 0),
    ]);
    for (shape, pads) in [
        (&[8192, 2][..], &[0, 0, 0, 1][..]),
        (&[8192, 2], &[1, 1, 1, 1]),
        (&[20, 20, 40], &[1, 1, 1, 1, 1, 1]),
    ] {
        let model = Model::of(shape)
            .integers("pads", pads)
            .node("Pad", &["x", "pads"], "t");
        cases.push(("Pad", shape.to_vec(), model));
    }
    for (shape, starts, ends, steps) in [
        (&[5461, 3][..], &[0, 0][..], &[5461, 2][..], &[1, 1][..]),
        (&[127, 129], &[126, 128], &[-200, -200], &[-1, -2]),
        (&[128, 128], &[0, 0], &[128, 128], &[3, 5]),
    ] {
        let model = Model::of(shape)
            .integers("starts", starts)
            .integers("ends", ends)
            .integers("axes", &[0, 1])
            .integers("steps", steps)
            .node("Slice", &["x", "starts", "ends", "axes", "steps"], "t");
        cases.push(("Slice", shape.to_vec(), model));
    }
    for (channels, side, stride) in [(4, 32, 2), (1, 128, 2), (1, 64, 4), (16, 32, 2)] {
        let shape = [1, channels, side, side];
        let model = Model::of(&shape)
            .floats("w", &[channels, 1, 2, 2], &vec![1.0; 4 * channels as usize])
            .node_with(
                "ConvTranspose",
                &["x", "w"],
                "t",
                &[("strides", ints(&[stride, stride]))],
            );
        cases.push(("ConvTranspose", shape.to_vec(), model));
    }
    for (shape, axis) in [([8192, 2], 0), ([2, 8192], 0), ([128, 128], 0), ([128, 128], 1)] {
        let model = Model::of(&shape)
            .tensor("axis", DataType::Int64, &[], (axis as i64).to_le_bytes().to_vec())
            .node("CumSum", &["x", "axis"], "t");
        cases.push(("CumSum", shape.to_vec(), model));
    }
    for (op, shape, model) in cases {
        let last = [("axes", ints(&[-1]))];
        let rows = model
            .node("Relu", &["t"], "a")
            .node_with("ReduceMax", &["a"], "b", &last);
        let onnx = rows.node("ReduceMax", &["b"], "y").bytes();
        check(
            &format!("{op} of {shape:?}"),
            &onnx,
            &[vec![0.5; shape.iter().product::<i64>() as usize]],
        );
    }
}

/// Every output channel has a bias, and a multiplier where the sums are quantized.
#[test]
fn a_product_of_many_columns_reads_no_more_chunks_than_a_step_may() {
    let columns = 13_568;
    let gemm = Model::of(&[1, 4])
        .floats("w", &[4, columns], &vec![0.01; 4 * columns as usize])
        .floats("b", &[columns], &vec![1.0; columns as usize])
        .node("Gemm", &["x", "w", "b"], "a")
        .greatest("a");
    check("Gemm", &gemm.bytes(), &[vec![1.0; 4]]);
    for [depth, columns] in [[16, 13_000], [32, 6_700], [64, 3_392]] {
        let parameters = ["q", "s", "z", "w", "s", "wz", "s", "z"];
        let bytes = (0..depth * columns).map(|i| (i % 255) as u8).collect();
        let product = Model::of(&[1, depth])
            .floats("s", &[], &[0.1])
            .tensor("z", DataType::Uint8, &[], vec![100])
            .tensor("wz", DataType::Int8, &[], vec![0])
            .tensor("w", DataType::Int8, &[depth, columns], bytes)
            .node("QuantizeLinear", &["x", "s", "z"], "q")
            .node("QLinearMatMul", &parameters, "p")
            .node("DequantizeLinear", &["p", "s", "z"], "a")
            .greatest("a");
        let name = format!("QLinearMatMul {depth}x{columns}");
        check(&name, &product.bytes(), &[vec![1.0; depth as usize]]);
    }
}
