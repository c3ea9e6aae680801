//! Every operator against a plain definition of it, bit by bit, in whole and in tiles.

extern crate std;

use std::collections::BTreeMap;
use std::vec;
use std::vec::Vec;

use assay_network_plan::*;
use proptest::prelude::*;

use crate::memory::{Arena, Memory};
use crate::{run_op, run_step, Fault, Next, ARENA_WORDS};

const WEIGHTS: u64 = 1 << 20;
const BIAS: u64 = 2 << 20;
const MULTIPLIER: u64 = 3 << 20;
const OUT: u64 = WORK;
const SUMS: u64 = WORK + (1 << 20);

/// Memory by byte; absent bytes are zero.
#[derive(Default)]
struct Host {
    bytes: BTreeMap<u64, u8>,
    input_len: u64,
}

impl Memory for Host {
    fn input_len(&self) -> u64 {
        self.input_len
    }

    fn read(&mut self, address: u64, bytes: &mut [u8]) {
        bytes.fill(0);
        for (place, byte) in self.bytes.range(address..address + bytes.len() as u64) {
            bytes[(place - address) as usize] = *byte;
        }
    }

    fn write(&mut self, address: u64, bytes: &[u8]) {
        self.bytes.extend((address..).zip(bytes.iter().copied()));
    }
}

impl Host {
    fn put<T: bytemuck::Pod>(&mut self, address: u64, values: &[T]) {
        self.write(address, bytemuck::cast_slice(values));
    }

    fn get<T: bytemuck::Pod>(&mut self, address: u64, len: usize) -> Vec<T> {
        let mut values = vec![T::zeroed(); len];
        self.read(address, bytemuck::cast_slice_mut(&mut values));
        values
    }

    /// Runs tiles, each in an arena full of rubbish.
    fn run(&mut self, op: impl Into<Op>, steps: &[Step]) -> Result<(), Fault> {
        let op = op.into();
        for step in steps {
            let mut words = vec![u64::MAX; ARENA_WORDS];
            run_op(self, &mut Arena::new(&mut words), &op, step)?;
        }
        Ok(())
    }
}

fn tile(rows: [u32; 2], columns: [u32; 2], depth: [u32; 2]) -> Step {
    Step {
        op: 0,
        outer: 0,
        rows,
        columns,
        depth,
    }
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// A number between -1 and 1 that follows from its index, with all bits of the fraction in use.
fn noise(index: usize) -> f32 {
    let hash = (index as u32 ^ 0x9e37_79b9).wrapping_mul(0x85eb_ca6b) ^ (index as u32) << 7;
    (hash >> 8) as f32 / (1 << 23) as f32 - 1.0
}

fn floats(from: usize, len: usize) -> Vec<f32> {
    (from..from + len).map(noise).collect()
}

fn bytes(from: usize, len: usize) -> Vec<i8> {
    (from..from + len)
        .map(|index| (noise(index) * 128.0) as i8)
        .collect()
}

fn finish(element: Element, zero: i32) -> Finish {
    let activation = match element {
        Element::F32 => Activation::of(Function::Relu),
        _ => Activation::NONE,
    };
    let (low, high) = if element == Element::U8 {
        (0, 255)
    } else {
        (-128, 127)
    };
    Finish {
        element,
        bias: BIAS,
        multiplier: MULTIPLIER,
        activation,
        zero,
        low,
        high,
    }
}

fn relu(value: f32) -> f32 {
    if value < 0.0 {
        0.0
    } else {
        value
    }
}

fn requantize(sum: i32, multiplier: f32, zero: i32) -> u8 {
    ((sum as f32 * multiplier).round_ties_even() as i32 + zero).clamp(0, 255) as u8
}

/// Cuts `0..len` in two, the first part even.
fn halves(len: u32) -> Vec<[u32; 2]> {
    let middle = len / 2 / 2 * 2;
    [[0, middle], [middle, len]]
        .into_iter()
        .filter(|[a, b]| a < b)
        .collect()
}

fn dense_steps(op: &Dense, split: bool) -> Vec<Step> {
    let blocks = op.columns.div_ceil(DENSE_BLOCK as u32);
    if !split {
        return vec![tile([0, op.rows], [0, blocks], [0, op.depth])];
    }
    let mut steps = Vec::new();
    for rows in halves(op.rows) {
        for columns in halves(blocks) {
            steps.extend(
                halves(op.depth)
                    .into_iter()
                    .map(|depth| tile(rows, columns, depth)),
            );
        }
    }
    steps
}

/// `[depth][column]` in the layout of [`Dense`].
fn dense_layout<T: Copy>(weights: &[T], columns: usize, pair: usize, zero: T) -> Vec<T> {
    let depth = weights.len() / columns;
    let blocks = columns.div_ceil(DENSE_BLOCK);
    let filled = depth.next_multiple_of(pair);
    let mut out = vec![zero; blocks * DENSE_BLOCK * filled];
    for k in 0..depth {
        for c in 0..columns {
            let block = c / DENSE_BLOCK * DENSE_BLOCK * filled;
            let place = (k / pair * DENSE_BLOCK + c % DENSE_BLOCK) * pair + k % pair;
            out[block + place] = weights[k * columns + c];
        }
    }
    out
}

fn dense(rows: u32, columns: u32, depth: u32, x_element: Element, x_zero: i32, out: Element) -> Dense {
    let (x, weights, sums) = (INPUT, WEIGHTS, SUMS);
    Dense {
        x,
        weights,
        out: OUT,
        sums,
        rows,
        columns,
        depth,
        x_element,
        x_zero,
        finish: finish(out, 3),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_dense_layer_of_f32_equals_its_definition_in_any_tiles(
        rows in 1..4_u32, columns in 1..40_u32, depth in 1..300_u32, split: bool,
    ) {
        let (n, d) = (columns as usize, depth as usize);
        let x = floats(1, rows as usize * d);
        let weights = floats(5000, d * n);
        let bias = floats(90_000, n);
        let mut host = Host::default();
        host.put(INPUT, &x);
        host.put(WEIGHTS, &dense_layout(&weights, n, 1, 0.0));
        host.put(BIAS, &bias);
        let op = dense(rows, columns, depth, Element::F32, 0, Element::F32);
        host.run(op, &dense_steps(&op, split)).unwrap();
        let expected: Vec<f32> = (0..rows as usize * n)
            .map(|i| {
                let (r, c) = (i / n, i % n);
                relu((0..d).fold(0.0, |sum, k| sum + x[r * d + k] * weights[k * n + c]) + bias[c])
            })
            .collect();
        prop_assert_eq!(bits(&host.get(OUT, expected.len())), bits(&expected));
    }

    #[test]
    fn a_quantized_dense_layer_equals_its_definition_in_any_tiles(
        rows in 1..4_u32, columns in 1..40_u32, depth in 1..300_u32, x_zero in 0..255_i32, split: bool,
    ) {
        let (n, d) = (columns as usize, depth as usize);
        let x: Vec<u8> = bytes(1, rows as usize * d).iter().map(|byte| *byte as u8).collect();
        let weights = bytes(5000, d * n);
        let bias: Vec<i32> = (0..n as i32).map(|c| c * 100 - 700).collect();
        let multipliers: Vec<f32> = floats(70_000, n).iter().map(|m| m * 0.001).collect();
        let mut host = Host::default();
        host.put(INPUT, &x);
        host.put(WEIGHTS, &dense_layout(&weights, n, 2, 0));
        host.put(BIAS, &bias);
        host.put(MULTIPLIER, &multipliers);
        let op = dense(rows, columns, depth, Element::U8, x_zero, Element::U8);
        host.run(op, &dense_steps(&op, split)).unwrap();
        let expected: Vec<u8> = (0..rows as usize * n)
            .map(|i| {
                let (r, c) = (i / n, i % n);
                let product = |k: usize| (i32::from(x[r * d + k]) - x_zero) * i32::from(weights[k * n + c]);
                requantize((0..d).map(product).sum::<i32>() + bias[c], multipliers[c], 3)
            })
            .collect();
        prop_assert_eq!(host.get::<u8>(OUT, expected.len()), expected);
    }

    #[test]
    fn a_convolution_equals_its_definition_in_any_tiles(geometry in geometry(), split: bool, quantized: bool) {
        let op = conv(&geometry, quantized);
        let (inputs, outputs) = (op.channels_in as usize, op.channels_out as usize);
        let window = &op.window;
        let [height, width] = window.input.map(|n| n as usize);
        let [out_height, out_width] = window.output.map(|n| n as usize);
        let group_in = inputs / op.groups as usize;
        let kernel = (window.kernel[0] * window.kernel[1]) as usize;
        let x = bytes(1, inputs * height * width);
        let weights = bytes(5000, outputs * group_in * kernel);
        let bias: Vec<i32> = (0..outputs as i32).map(|c| c * 10 - 7).collect();
        let multipliers: Vec<f32> = floats(70_000, outputs).iter().map(|m| m * 0.001).collect();
        let mut host = Host::default();
        if quantized {
            host.put(INPUT, &x);
            host.put(WEIGHTS, &weights);
            host.put(BIAS, &bias);
            host.put(MULTIPLIER, &multipliers);
        } else {
            host.put(INPUT, &scaled(&x));
            host.put(WEIGHTS, &scaled(&weights));
            host.put(BIAS, &bias.iter().map(|b| *b as f32 / 3.0).collect::<Vec<_>>());
        }
        host.run(op, &conv_steps(&op, split)).unwrap();
        let (x_floats, weight_floats) = (scaled(&x), scaled(&weights));
        for i in 0..outputs * out_height * out_width {
            let (channel, y, x_at) = (i / out_width / out_height, i / out_width % out_height, i % out_width);
            let group = channel / (outputs / op.groups as usize);
            let mut sum = 0;
            let mut float_sum = 0.0_f32;
            for k in 0..group_in * kernel {
                let (c, row, column) = (k / kernel, k % kernel / window.kernel[1] as usize, k % window.kernel[1] as usize);
                let place = |axis: usize, at: usize, k: usize, len: usize| {
                    let place = at * window.stride[axis] as usize + k * window.dilation[axis] as usize;
                    place.checked_sub(window.padding[axis] as usize).filter(|place| *place < len)
                };
                let at = place(0, y, row, height).zip(place(1, x_at, column, width));
                let at = at.map(|(r, c2)| ((group * group_in + c) * height + r) * width + c2);
                let w = channel * group_in * kernel + k;
                sum += at.map_or(0, |at| i32::from(x[at]) - op.x_zero) * i32::from(weights[w]);
                float_sum += at.map_or(0.0, |at| x_floats[at]) * weight_floats[w];
            }
            if quantized {
                let expected = requantize(sum + bias[channel], multipliers[channel], 3);
                prop_assert_eq!(host.get::<u8>(OUT + i as u64, 1)[0], expected);
            } else {
                let expected = relu(float_sum + bias[channel] as f32 / 3.0);
                let actual = host.get::<f32>(OUT + 4 * i as u64, 1)[0];
                prop_assert_eq!(actual.to_bits(), expected.to_bits());
            }
        }
    }

    #[test]
    fn a_pool_equals_its_definition_in_any_tiles(geometry in geometry(), split: bool, reduction in 0..4_u32) {
        let reduction = <Reduction as Field>::get(&reduction.to_le_bytes()).unwrap();
        let window = conv(&geometry, false).window;
        let channels = 3;
        let [height, width] = window.input;
        let x = floats(1, (channels * height * width) as usize);
        let mut host = Host::default();
        host.put(INPUT, &x);
        let op = Pool { x: INPUT, out: OUT, element: Element::F32, reduction, window };
        let rows = if split { halves(window.output[0]) } else { vec![[0, window.output[0]]] };
        let steps: Vec<Step> = rows.into_iter().map(|rows| tile(rows, [0, channels], [0, 0])).collect();
        host.run(op, &steps).unwrap();
        let outputs = window.output[0] * window.output[1];
        for i in 0..channels * outputs {
            let (channel, y, at) = (i / outputs, i % outputs / window.output[1], i % window.output[1]);
            let mut under = Vec::new();
            for row in 0..window.kernel[0] {
                for column in 0..window.kernel[1] {
                    let r = (y * window.stride[0] + row * window.dilation[0]).wrapping_sub(window.padding[0]);
                    let c = (at * window.stride[1] + column * window.dilation[1]).wrapping_sub(window.padding[1]);
                    if r < height && c < width {
                        under.push(x[((channel * height + r) * width + c) as usize]);
                    }
                }
            }
            let sum = under.iter().fold(0.0, |sum, value| sum + value);
            let expected = match reduction {
                Reduction::Max if under.is_empty() => 0.0,
                Reduction::Max => under.iter().copied().fold(f32::MIN, f32::max),
                Reduction::Mean => sum / under.len() as f32,
                Reduction::MeanWithPadding => sum / (window.kernel[0] * window.kernel[1]) as f32,
                Reduction::Sum => sum,
            };
            let actual = host.get::<f32>(OUT + 4 * u64::from(i), 1)[0];
            prop_assert!(actual.to_bits() == expected.to_bits() || actual.is_nan() && expected.is_nan());
        }
    }
}

#[test]
fn a_convolution_that_sees_only_padding_gives_the_bias() {
    let geometry = Geometry {
        groups: 1,
        group_in: 2,
        group_out: 1,
        input: [1, 1],
        kernel: [1, 1],
        stride: [1, 3],
        dilation: [1, 1],
        padding: [0, 2],
        padding_after: [0, 0],
        x_zero: 0,
    };
    let op = conv(&geometry, false);
    let mut host = Host::default();
    host.put(INPUT, &[5.0_f32, 6.0]);
    host.put(WEIGHTS, &[1.0_f32, 1.0]);
    host.put(BIAS, &[0.25_f32]);
    host.run(op, &conv_steps(&op, false)).unwrap();
    assert_eq!(host.get::<f32>(OUT, 1), [0.25]);
}

fn scaled(values: &[i8]) -> Vec<f32> {
    values.iter().map(|value| f32::from(*value) / 77.0).collect()
}

#[derive(Clone, Debug)]
struct Geometry {
    groups: u32,
    group_in: u32,
    group_out: u32,
    input: [u32; 2],
    kernel: [u32; 2],
    stride: [u32; 2],
    dilation: [u32; 2],
    /// Above and left of the image.
    padding: [u32; 2],
    /// Below and right of it.
    padding_after: [u32; 2],
    x_zero: i32,
}

prop_compose! {
    fn geometry()(
        groups in 1..4_u32, group_in in 1..5_u32, group_out in 1..4_u32,
        input in [1..9_u32, 1..9_u32], kernel in [1..4_u32, 1..4_u32], stride in [1..4_u32, 1..4_u32],
        dilation in [1..3_u32, 1..3_u32], padding in [0..3_u32, 0..3_u32],
        padding_after in [0..3_u32, 0..3_u32], x_zero in -20..20_i32,
    ) -> Geometry {
        Geometry { groups, group_in, group_out, input, kernel, stride, dilation, padding, padding_after, x_zero }
    }
}

fn conv(geometry: &Geometry, quantized: bool) -> Conv {
    let Geometry {
        groups,
        input,
        kernel,
        stride,
        dilation,
        padding,
        padding_after,
        ..
    } = *geometry;
    let output = [0, 1].map(|axis| {
        let reach = (kernel[axis] - 1) * dilation[axis] + 1;
        (input[axis] + padding[axis] + padding_after[axis]).saturating_sub(reach) / stride[axis] + 1
    });
    Conv {
        x: INPUT,
        weights: WEIGHTS,
        out: OUT,
        sums: SUMS,
        channels_in: groups * geometry.group_in,
        channels_out: groups * geometry.group_out,
        groups,
        x_element: if quantized { Element::I8 } else { Element::F32 },
        x_zero: if quantized { geometry.x_zero } else { 0 },
        window: Window {
            input,
            output,
            kernel,
            stride,
            dilation,
            padding,
        },
        finish: finish(if quantized { Element::U8 } else { Element::F32 }, 3),
    }
}

fn conv_steps(op: &Conv, split: bool) -> Vec<Step> {
    let depth = op.channels_in / op.groups;
    let rows = op.window.output[0];
    if !split {
        return vec![tile([0, rows], [0, op.channels_out], [0, depth])];
    }
    let group_out = op.channels_out / op.groups;
    let mut steps = Vec::new();
    for rows in halves(rows) {
        for group in 0..op.groups {
            for [a, b] in halves(group_out) {
                let columns = [group * group_out + a, group * group_out + b];
                steps.extend(halves(depth).into_iter().map(|depth| tile(rows, columns, depth)));
            }
        }
    }
    steps
}

#[test]
fn an_elementwise_function_reads_and_writes_quantized_tensors() {
    let mut host = Host::default();
    host.put(INPUT, &[0.5_f32, -0.5, 1.5, 2.5, 1000.0, -1000.0, f32::NAN]);
    let to = Quantization {
        element: Element::U8,
        scale: 1.0,
        zero: 10,
    };
    let op = Map {
        x: INPUT,
        out: OUT,
        from: Quantization::F32,
        to,
        activation: Activation::NONE,
    };
    host.run(op, &[tile([0, 3], [0, 0], [0, 0]), tile([3, 6], [0, 0], [0, 0])])
        .unwrap();
    assert_eq!(host.get::<u8>(OUT, 6), [10, 10, 12, 12, 255, 0]);
    let from = Quantization {
        element: Element::U8,
        scale: 0.25,
        zero: 10,
    };
    let op = Map {
        x: OUT,
        out: SUMS,
        from,
        to: Quantization::F32,
        activation: Activation::of(Function::Neg),
    };
    host.run(op, &[tile([2, 6], [0, 0], [0, 0])]).unwrap();
    assert_eq!(host.get::<f32>(SUMS, 6), [0.0, 0.0, -0.5, -0.5, -61.25, 2.5]);
}

#[test]
fn a_function_of_two_tensors_repeats_the_smaller_in_any_tiles() {
    let x = floats(0, 24);
    let y = floats(100, 3);
    for size in [1, 5, 24] {
        let mut host = Host::default();
        host.put(INPUT, &x);
        host.put(WEIGHTS, &y);
        let (operation, activation) = (Operation::Sub, Activation::NONE);
        let (x_at, y_at) = (INPUT, WEIGHTS);
        let op = Zip {
            x: x_at,
            y: y_at,
            out: OUT,
            operation,
            swapped: 1,
            inner: 4,
            period: 3,
            activation,
        };
        let steps: Vec<Step> = (0..24)
            .step_by(size)
            .map(|i| tile([i, 24.min(i + size as u32)], [0, 0], [0, 0]))
            .collect();
        host.run(op, &steps).unwrap();
        let expected: Vec<f32> = x.iter().enumerate().map(|(i, x)| y[i / 4 % 3] - x).collect();
        assert_eq!(bits(&host.get(OUT, 24)), bits(&expected));
    }
}

#[test]
fn softmax_and_argmax_run_along_a_middle_axis() {
    // Two blocks of three values, each in two columns.
    let x = [0.0, 5.0, 1.0, 4.0, 2.0, 3.0, 7.0, 1.0, 7.0, 1.0, 6.0, 1.0_f32];
    let mut host = Host::default();
    host.put(INPUT, &x);
    let step = tile([0, 2], [0, 0], [0, 0]);
    host.run(
        ArgMax {
            x: INPUT,
            out: SUMS,
            len: 3,
            inner: 2,
        },
        &[step],
    )
    .unwrap();
    assert_eq!(host.get::<i64>(SUMS, 4), [2, 0, 0, 0]);
    host.run(
        Softmax {
            x: INPUT,
            out: OUT,
            len: 3,
            inner: 2,
        },
        &[step],
    )
    .unwrap();
    let values = host.get::<f32>(OUT, 12);
    let sums = [[0, 2, 4], [1, 3, 5], [6, 8, 10], [7, 9, 11]]
        .map(|places| places.map(|i| values[i]).iter().sum::<f32>());
    assert!(sums.iter().all(|sum| (sum - 1.0).abs() < 1e-6), "{sums:?}");
    assert!((values[4] / values[2] - 1.0_f32.exp()).abs() < 1e-5);
}

/// A plan that copies four bytes of input to the output.
fn copy_plan() -> Host {
    let op = Op::from(Output {
        x: INPUT,
        out: OUTPUT,
        len: 4,
        halt: 4,
    });
    let mut step = [0; 32];
    tile([0, 0], [0, 0], [0, 0]).put(&mut step);
    let header = Header {
        input_len: 4,
        ops: 1,
        steps: 1,
        ops_offset: 4096,
        steps_offset: 8192,
    };
    let mut host = Host {
        input_len: 4,
        ..Host::default()
    };
    host.write(0, &header.encode());
    host.write(4096, &op.encode());
    host.write(8192, &step);
    host.put(INPUT, &[7_u8, 8, 9, 10]);
    host
}

fn run_first(host: &mut Host, pc: u64) -> Result<Next, Fault> {
    run_step(host, &mut vec![0; ARENA_WORDS], pc)
}

#[test]
fn the_last_step_copies_the_output_and_halts() {
    let mut host = copy_plan();
    assert_eq!(run_first(&mut host, 0), Ok(Next::Halt(4)));
    assert_eq!(host.get::<u8>(OUTPUT, 4), [7, 8, 9, 10]);
}

#[test]
fn a_step_that_the_plan_does_not_have_is_a_fault() {
    assert_eq!(run_first(&mut copy_plan(), 1), Err(Fault::OutOfPlan));
    assert_eq!(run_first(&mut copy_plan(), u64::MAX), Err(Fault::OutOfPlan));
}

#[test]
fn an_input_of_another_length_is_a_fault() {
    let mut host = copy_plan();
    host.input_len = 5;
    assert_eq!(run_first(&mut host, 0), Err(Fault::InputLength));
}

#[test]
fn a_tile_that_exceeds_the_arena_is_a_fault() {
    let op = Map {
        x: INPUT,
        out: OUT,
        from: Quantization::F32,
        to: Quantization::F32,
        activation: Activation::NONE,
    };
    let step = tile([0, ARENA as u32 / 4 + 1], [0, 0], [0, 0]);
    assert_eq!(Host::default().run(op, &[step]), Err(Fault::OutOfArena));
}

#[test]
fn a_tile_outside_its_operator_is_a_fault() {
    let op = dense(2, 16, 8, Element::F32, 0, Element::F32);
    for step in [
        tile([0, 3], [0, 1], [0, 8]),
        tile([0, 2], [0, 2], [0, 8]),
        tile([1, 0], [0, 1], [0, 8]),
    ] {
        assert_eq!(Host::default().run(op, &[step]), Err(Fault::BadTile));
    }
}
