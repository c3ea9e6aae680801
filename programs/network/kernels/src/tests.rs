//! Operators against plain loops, in tiles of any size.

extern crate std;

use std::collections::BTreeMap;
use std::vec;
use std::vec::Vec;

use assay_network_plan::*;
use proptest::prelude::*;

use crate::{run_step, Arena, Fault, Memory, Next, ARENA_WORDS};

const X: u64 = INPUT;
const Y: u64 = INPUT + (1 << 24);
const OUT: u64 = WORK;
const SUMS: u64 = WORK + (1 << 24);

/// A memory of bytes.
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
        for (byte, place) in bytes.iter_mut().zip(0..) {
            *byte = self.bytes.get(&address.wrapping_add(place)).copied().unwrap_or(0);
        }
    }

    fn write(&mut self, address: u64, bytes: &[u8]) {
        let places = (0..).map(|place| address.wrapping_add(place));
        self.bytes.extend(places.zip(bytes.iter().copied()));
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

    fn run(&mut self, op: impl Into<Op>, steps: &[Step]) -> Result<(), Fault> {
        let op = op.into();
        for step in steps {
            let mut words = vec![0xaaaa_aaaa_aaaa_aaaa; ARENA_WORDS];
            crate::run_op(self, &mut Arena::new(&mut words), &op, step)?;
        }
        Ok(())
    }
}

fn step(from: [u32; RANK], to: [u32; RANK]) -> Step {
    Step {
        op: 0,
        reserved: 0,
        from,
        to,
        reserved_end: 0,
    }
}

/// Boxes of at most `size` that cover `dims`.
fn tiles(dims: [u32; RANK], size: [u32; RANK]) -> Vec<Step> {
    let mut steps = vec![step([0; RANK], dims)];
    for (axis, size) in size.into_iter().enumerate() {
        let size = size.max(1);
        let cut = |tile: &Step| {
            let tile = *tile;
            (tile.from[axis]..tile.to[axis])
                .step_by(size as usize)
                .map(move |start| {
                    let mut part = tile;
                    part.from[axis] = start;
                    part.to[axis] = tile.to[axis].min(start + size);
                    part
                })
        };
        steps = steps.iter().flat_map(cut).collect();
    }
    steps
}

fn dense(address: u64, element: Element, dims: [u32; RANK]) -> View {
    let mut strides = [0; RANK];
    let mut stride = 1;
    for axis in (0..RANK).rev() {
        strides[axis] = stride;
        stride *= dims[axis] as i32;
    }
    View {
        address,
        element,
        strides,
    }
}

/// All indices of a box, the last one running fastest.
fn indices(dims: [u32; RANK]) -> Vec<[i64; RANK]> {
    let mut all = vec![[0; RANK]];
    for axis in 0..RANK {
        let extend = |index: &[i64; RANK]| {
            let index = *index;
            (0..i64::from(dims[axis])).map(move |at| {
                let mut index = index;
                index[axis] = at;
                index
            })
        };
        all = all.iter().flat_map(extend).collect();
    }
    all
}

fn offset(view: &View, index: &[i64; RANK]) -> i64 {
    view.strides
        .iter()
        .zip(index)
        .map(|(stride, at)| i64::from(*stride) * at)
        .sum()
}

fn code<const N: usize>(instructions: &[Instruction], result: u32) -> Code<N> {
    let mut code = Code::NONE;
    code.len = instructions.len() as u32;
    code.registers = 8;
    code.result = result;
    code.instructions[..instructions.len()].copy_from_slice(instructions);
    code
}

fn instruction(operation: Operation, out: u8, a: u8, b: u8, immediate: u32) -> Instruction {
    Instruction {
        operation,
        out,
        a,
        b,
        immediate,
    }
}

fn elementwise(dims: [u32; RANK], out: View, inputs: &[View], code: Code<CODE_MAX>) -> Elementwise {
    let mut all = [View::NONE; INPUTS_MAX];
    all[..inputs.len()].copy_from_slice(inputs);
    Elementwise {
        dims,
        out,
        count: inputs.len() as u32,
        inputs: all,
        code,
    }
}

fn floats(seed: u32, len: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(747_796_405).wrapping_add(1);
    (0..len)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        })
        .collect()
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

prop_compose! {
    /// Dimensions, the sizes of tiles, and strides that say anything: repetitions, reversals, transpositions.
    fn geometry()(
        mut dims in prop::array::uniform6(1_u32..5),
        mut size in prop::array::uniform6(1_u32..5),
        strides in prop::array::uniform6(-40_i32..40),
        wide in prop::bool::weighted(0.2),
        long in prop::option::of((0..RANK, 1_u32..1500, 1_u32..1500)),
    ) -> ([u32; RANK], [u32; RANK], [i32; RANK]) {
        if let Some((axis, len, part)) = long {
            dims = dims.map(|len| len / 3 + 1);
            (dims[axis], size[axis]) = (len, part);
        }
        let factor = if wide { 100 } else { 1 };
        (dims, size, strides.map(|stride| if stride.abs() < 12 { stride / 6 } else { stride * factor }))
    }
}

proptest! {
    #[test]
    fn a_tensor_of_any_strides_is_loaded(
        (dims, size, strides) in geometry(),
        element in prop::sample::select(vec![Element::U8, Element::F32, Element::I64]),
    ) {
        let x = View { address: Y, element, strides };
        let out = dense(OUT, Element::I64, dims);
        let mut body = vec![instruction(Operation::Load, 0, 0, 0, 0)];
        if element == Element::F32 {
            body.push(instruction(Operation::ToInt, 1, 0, 0, 0));
        }
        let result = body.len() as u32 - 1;
        let op = elementwise(dims, out, &[x], code(&body, result));
        let mut host = Host::default();
        let mut expected = Vec::new();
        for index in indices(dims) {
            let at = offset(&x, &index);
            let value = at.rem_euclid(251);
            let address = Y.wrapping_add_signed(at * i64::from(element.size()));
            match element {
                Element::U8 => host.put(address, &[value as u8]),
                Element::F32 => host.put(address, &[value as f32]),
                _ => host.put(address, &[value]),
            }
            expected.push(value);
        }
        host.run(op, &tiles(dims, size)).unwrap();
        prop_assert_eq!(host.get::<i64>(OUT, expected.len()), expected);
    }

    #[test]
    fn a_tensor_is_stored_by_any_strides(
        (dims, size, _) in geometry(),
        order in Just([0_usize, 1, 2, 3, 4, 5]).prop_shuffle(),
        gaps in prop::array::uniform6(1_i32..3),
        reversed in prop::array::uniform6(any::<bool>()),
    ) {
        // Any order of the dimensions, with gaps between them.
        let mut strides = [0; RANK];
        let mut stride = 1;
        for axis in order {
            stride *= gaps[axis];
            strides[axis] = if reversed[axis] { -stride } else { stride };
            stride *= dims[axis] as i32;
        }
        let x = dense(X, Element::F32, dims);
        let out = View { address: OUT + (1 << 20), element: Element::F32, strides };
        let all = indices(dims);
        let values = floats(7, all.len());
        let mut host = Host::default();
        host.put(X, &values);
        let reach: i64 = (0..RANK).map(|axis| i64::from(strides[axis].abs()) * i64::from(dims[axis])).sum();
        let start = out.address.wrapping_add_signed(-4 * reach);
        let mut expected = floats(9, 2 * reach as usize);
        host.put(start, &expected);
        let op = elementwise(dims, out, &[x], code(&[instruction(Operation::Load, 0, 0, 0, 0)], 0));
        host.run(op, &tiles(dims, size)).unwrap();
        for (index, value) in all.iter().zip(&values) {
            expected[(reach + offset(&out, index)) as usize] = *value;
        }
        prop_assert_eq!(bits(&host.get(start, expected.len())), bits(&expected), "nothing else is changed");
    }

    #[test]
    fn a_product_is_the_sum_in_ascending_order_in_any_tiles(
        [batch, rows, columns, depth] in prop::array::uniform4(1_u32..40),
        size in prop::array::uniform3(1_u32..40),
        turned: [bool; 2],
        packed: bool,
    ) {
        let batch = if packed { 1 } else { batch.min(3) };
        let dims = [1, 1, batch, rows, columns, depth];
        let (x_len, y_len) = ((batch * rows * depth) as usize, (batch * depth * columns) as usize);
        let (x, y) = (floats(1, x_len), floats(2, y_len));
        let strides = |turned: bool, height: u32, width: u32| match turned {
            true => [1, height as i32],
            false => [width as i32, 1],
        };
        let [x_m, x_k] = strides(turned[0], rows, depth);
        let [y_k, y_n] = strides(turned[1] && !packed, depth, columns);
        let view = |address, batch: u32, [m, n, k]: [i32; 3]| View {
            address,
            element: Element::F32,
            strides: [0, 0, batch as i32, m, n, k],
        };
        let op = MatMul {
            dims,
            x: view(X, rows * depth, [x_m, 0, x_k]),
            y: view(Y, depth * columns, [0, y_n, y_k]),
            out: view(OUT, rows * columns, [columns as i32, 1, 0]),
            sums: SUMS,
            x_zero: 0,
            y_zero: 0,
            packed: u32::from(packed),
            finish: Finish::NONE,
        };
        let mut host = Host::default();
        host.put(X, &x);
        if packed {
            host.put(Y, &pack(&y, depth as usize, columns as usize));
        } else {
            host.put(Y, &y);
        }
        let size = [1, 1, 1, size[0], size[1].next_multiple_of(BLOCK as u32), size[2].next_multiple_of(2)];
        host.run(op, &tiles(dims, size)).unwrap();
        let mut expected = Vec::new();
        for b in 0..batch as i32 {
            for m in 0..rows as i32 {
                for n in 0..columns as i32 {
                    let product = |k: i32| {
                        let x_at = b * (rows * depth) as i32 + m * x_m + k * x_k;
                        let y_at = b * (depth * columns) as i32 + k * y_k + n * y_n;
                        x[x_at as usize] * y[y_at as usize]
                    };
                    expected.push((0..depth as i32).fold(0.0, |sum, k| sum + product(k)));
                }
            }
        }
        prop_assert_eq!(bits(&host.get(OUT, expected.len())), bits(&expected));
    }

    #[test]
    fn a_product_of_integers_is_exact_in_any_tiles(
        [rows, columns, depth] in prop::array::uniform3(1_u32..40),
        size in prop::array::uniform3(1_u32..40),
        [x_zero, y_zero] in prop::array::uniform2(0_i32..256),
        seed: u32,
    ) {
        let dims = [1, 1, 1, rows, columns, depth];
        let bytes = |seed, len: u32| floats(seed, len as usize).iter().map(|v| (v * 1e6) as i32 as u8).collect::<Vec<_>>();
        let (x, y) = (bytes(seed, rows * depth), bytes(seed ^ 9, depth * columns));
        let view = |address, element, [m, n, k]: [u32; 3]| View {
            address,
            element,
            strides: [0, 0, 0, m as i32, n as i32, k as i32],
        };
        let op = MatMul {
            dims,
            x: view(X, Element::U8, [depth, 0, 1]),
            y: view(Y, Element::U8, [0, 1, columns]),
            out: view(OUT, Element::I32, [columns, 1, 0]),
            sums: SUMS,
            x_zero,
            y_zero,
            packed: 0,
            finish: Finish::NONE,
        };
        let mut host = Host::default();
        host.put(X, &x);
        host.put(Y, &y);
        let size = [1, 1, 1, size[0], size[1].next_multiple_of(BLOCK as u32), size[2].next_multiple_of(2)];
        host.run(op, &tiles(dims, size)).unwrap();
        let mut expected = Vec::new();
        for m in 0..rows {
            for n in 0..columns {
                let product = |k: u32| {
                    let x = i32::from(x[(m * depth + k) as usize]) - x_zero;
                    x * (i32::from(y[(k * columns + n) as usize]) - y_zero)
                };
                expected.push((0..depth).map(product).sum::<i32>());
            }
        }
        prop_assert_eq!(host.get::<i32>(OUT, expected.len()), expected);
    }

    #[test]
    fn a_convolution_is_the_sum_in_ascending_order_in_any_tiles(
        [group_in, group_out, groups] in prop::array::uniform3(1_u32..4),
        [height, width] in prop::array::uniform2(1_u32..9),
        kernel in prop::array::uniform2(1_u32..4),
        stride in prop::array::uniform2(1_u32..3),
        dilation in prop::array::uniform2(1_u32..3),
        padding in prop::array::uniform2(0_u32..3),
        [channels, rows, depth] in prop::array::uniform3(1_u32..6),
    ) {
        let out = |axis: usize, len: u32| {
            let room = (len + 2 * padding[axis]).checked_sub((kernel[axis] - 1) * dilation[axis] + 1);
            room.map_or(0, |room| room / stride[axis] + 1)
        };
        let output = [out(0, height), out(1, width)];
        prop_assume!(output[0] > 0 && output[1] > 0);
        let (channels_in, channels_out) = (group_in * groups, group_out * groups);
        let op = Conv {
            x: X,
            weights: Y,
            out: OUT,
            sums: SUMS,
            channels_in,
            channels_out,
            groups,
            x_element: Element::F32,
            x_zero: 0,
            weights_element: Element::F32,
            weights_zero: 0,
            out_element: Element::F32,
            batch: 2,
            window: Window { input: [height, width], output, kernel, stride, dilation, padding, padding_after: padding },
            finish: Finish::NONE,
        };
        let x = floats(3, (2 * channels_in * height * width) as usize);
        let weights = floats(4, (channels_out * group_in * kernel[0] * kernel[1]) as usize);
        let mut host = Host::default();
        host.put(X, &x);
        host.put(Y, &weights);
        // A part of a group, or whole ones.
        let channels = if channels < group_out { channels } else { channels / group_out * group_out };
        let mut steps = Vec::new();
        for image in 0..2 {
            for group in 0..if channels < group_out { groups } else { 1 } {
                let all = if channels < group_out { group_out } else { channels_out };
                let tiles = tiles([1, all, output[0], group_in, 1, 1], [1, channels, rows, if channels > group_out { group_in } else { depth }, 1, 1]);
                steps.extend(tiles.into_iter().map(|tile| {
                    let at = |[n, c, y, d, ..]: [u32; RANK]| [image + n, group * all + c, y, d, 0, 0];
                    step(at(tile.from), at(tile.to))
                }));
            }
        }
        host.run(op, &steps).unwrap();
        let pixel = |n: u32, c: u32, y: i64, x_at: i64| {
            let inside = (0..i64::from(height)).contains(&y) && (0..i64::from(width)).contains(&x_at);
            let at = (n * channels_in + c) as i64 * i64::from(height * width) + y * i64::from(width) + x_at;
            if inside { x[at as usize] } else { 0.0 }
        };
        let mut expected = Vec::new();
        for (n, o) in (0..2).flat_map(|n| (0..channels_out).map(move |o| (n, o))) {
            for (oy, ox) in (0..output[0]).flat_map(|y| (0..output[1]).map(move |x| (y, x))) {
                let mut sum = 0.0_f32;
                for c in 0..group_in {
                    for (ky, kx) in (0..kernel[0]).flat_map(|y| (0..kernel[1]).map(move |x| (y, x))) {
                        let y = i64::from(oy * stride[0] + ky * dilation[0]) - i64::from(padding[0]);
                        let x_at = i64::from(ox * stride[1] + kx * dilation[1]) - i64::from(padding[1]);
                        let weight = ((o * group_in + c) * kernel[0] + ky) * kernel[1] + kx;
                        sum += weights[weight as usize] * pixel(n, o / group_out * group_in + c, y, x_at);
                    }
                }
                expected.push(sum);
            }
        }
        prop_assert_eq!(bits(&host.get(OUT, expected.len())), bits(&expected));
    }

    #[test]
    fn the_greatest_elements_come_in_their_order(values in prop::collection::vec(-9_i64..9, 1..60), count in 1_usize..60, largest: bool) {
        let count = count.min(values.len());
        let dims = [1, 1, 1, 1, 1, values.len() as u32];
        let view = |address| View { address, element: Element::I64, strides: [0, 0, 0, 0, 0, 1] };
        let op = TopK {
            dims,
            kept: 5,
            count: count as u32,
            largest: u32::from(largest),
            x: view(X),
            values: view(OUT),
            indices: view(SUMS),
        };
        let mut host = Host::default();
        host.put(X, &values);
        host.run(op, &[step([0; RANK], dims)]).unwrap();
        let mut order: Vec<i64> = (0..values.len() as i64).collect();
        order.sort_by_key(|at| if largest { -values[*at as usize] } else { values[*at as usize] });
        order.truncate(count);
        prop_assert_eq!(host.get::<i64>(SUMS, count), order.clone());
        let best: Vec<i64> = order.iter().map(|at| values[*at as usize]).collect();
        prop_assert_eq!(host.get::<i64>(OUT, count), best);
    }

    #[test]
    fn no_operator_makes_a_step_panic(
        op in any_op(),
        wild in prop::collection::vec((1..Op::LEN / 4, prop::sample::select(HOSTILE.to_vec())), 0..4),
        from in prop::array::uniform6(0_u32..3),
        len in prop::array::uniform6(0_u32..6),
        long in prop::option::of((0..RANK, prop::sample::select(HOSTILE.to_vec()))),
    ) {
        let mut record = op.encode();
        for (word, value) in wild {
            record[4 * word..4 * word + 4].copy_from_slice(&value.to_le_bytes());
        }
        let mut to = core::array::from_fn(|axis| from[axis] + len[axis]);
        if let Some((axis, value)) = long {
            to[axis] = value;
        }
        if let Ok(op) = Op::decode(&record) {
            let _ = Host::default().run(op, &[step(from, to)]);
        }
    }
}

/// Numbers that a malformed record may have anywhere.
const HOSTILE: [u32; 12] = [
    0,
    1,
    2,
    3,
    5,
    6,
    7,
    1 << 16,
    1 << 24,
    1 << 31,
    u32::MAX - 1,
    u32::MAX,
];

/// A record of each kind that a plan may have.
fn any_op() -> impl Strategy<Value = Op> {
    let dims = [1, 1, 2, 3, 4, 5];
    let view = |address, element| dense(address, element, dims);
    let window = Window {
        input: [5, 6],
        output: [4, 5],
        kernel: [2, 2],
        stride: [1, 1],
        dilation: [1, 1],
        padding: [0, 0],
        padding_after: [0, 0],
    };
    let conv = |element| Conv {
        x: X,
        weights: Y,
        out: OUT,
        sums: SUMS,
        channels_in: 4,
        channels_out: 6,
        groups: 2,
        x_element: element,
        x_zero: 0,
        weights_element: element,
        weights_zero: 0,
        out_element: if element == Element::F32 {
            element
        } else {
            Element::I32
        },
        batch: 2,
        window,
        finish: Finish::NONE,
    };
    let matmul = |element, packed| MatMul {
        dims,
        x: view(X, element),
        y: view(Y, element),
        out: view(
            OUT,
            if element == Element::F32 {
                element
            } else {
                Element::I32
            },
        ),
        sums: SUMS,
        x_zero: 0,
        y_zero: 0,
        packed,
        finish: Finish::NONE,
    };
    let load = [
        instruction(Operation::Load, 0, 0, 0, 0),
        instruction(Operation::Exp, 1, 0, 0, 0),
    ];
    let pool = |indices| Pool {
        x: X,
        out: OUT,
        element: Element::F32,
        pooling: Pooling::Max,
        window,
        indices,
        column_major: 0,
        planes: 3,
    };
    let normalize = Normalize {
        dims,
        kept: 4,
        normalization: Normalization::Softmax,
        epsilon: 0.0,
        x: view(X, Element::F32),
        out: view(OUT, Element::F32),
        scale: view(Y, Element::F32),
        bias: view(Y, Element::F32),
    };
    let reduce = |reduction, element| Reduce {
        dims,
        kept: 4,
        reduction,
        x: view(X, element),
        out: view(OUT, element),
    };
    let top_k = TopK {
        dims,
        kept: 5,
        count: 2,
        largest: 1,
        x: view(X, Element::F32),
        values: view(OUT, Element::F32),
        indices: view(SUMS, Element::I64),
    };
    let cum_sum = CumSum {
        dims,
        kept: 5,
        exclusive: 0,
        reverse: 1,
        x: view(X, Element::F32),
        out: view(OUT, Element::F32),
    };
    let take = Take {
        x: X,
        indices: Y,
        out: OUT,
        outer: 3,
        count: 4,
        len: 5,
        row: 24,
    };
    let trees = Trees {
        x: X,
        nodes: Y,
        starts: SUMS,
        weights: SUMS,
        out: OUT,
        rows: 4,
        features: 5,
        trees: 3,
        targets: 2,
        largest: 1,
        depth: 1,
        widest: 1,
    };
    let put = |scattering| Put {
        x: X,
        indices: Y,
        out: OUT,
        count: 4,
        len: 5,
        row: 3,
        element: Element::F32,
        scattering,
    };
    prop::sample::select(vec![
        Op::from(Halt { len: 4 }),
        elementwise(
            dims,
            view(OUT, Element::F32),
            &[view(X, Element::F32)],
            code(&load, 1),
        )
        .into(),
        reduce(Reduction::Sum, Element::F32).into(),
        reduce(Reduction::ArgMax, Element::I64).into(),
        normalize.into(),
        matmul(Element::F32, 0).into(),
        matmul(Element::I8, 0).into(),
        matmul(Element::U8, 1).into(),
        conv(Element::F32).into(),
        conv(Element::I8).into(),
        pool(ABSENT).into(),
        pool(SUMS).into(),
        take.into(),
        put(Scattering::Replace).into(),
        put(Scattering::Add).into(),
        top_k.into(),
        cum_sum.into(),
        trees.into(),
    ])
}

/// A tree of which the branches look at any features, and its ways for some rows.
fn any_tree(seed: u32, depth: u32, wide: bool) -> Vec<TreeNode> {
    let random = floats(seed, 4)[0].to_bits();
    let number = |of: u32| (random >> 3) % of;
    let node = |branching, index, value, other| TreeNode {
        branching,
        missing: (random >> 9 & 1) as u8,
        reserved: [0; 2],
        index,
        value,
        other,
    };
    if depth == 0 || number(7) == 0 {
        return vec![match wide {
            false => node(Branching::Leaf, number(3), floats(seed, 2)[1], 0),
            true => node(Branching::Leaves, number(10), 0.0, number(4)),
        }];
    }
    let yes = any_tree(seed.wrapping_mul(3).wrapping_add(1), depth - 1, wide);
    let no = any_tree(seed.wrapping_mul(5).wrapping_add(2), depth - 1, wide);
    let branching = Branching::ALL[2 + number(6) as usize];
    let value = (floats(seed, 3)[2] * 3.0).round();
    let mut tree = vec![node(branching, number(4), value, yes.len() as u32 + 1)];
    for part in [yes, no] {
        let start = tree.len() as u32;
        tree.extend(part.into_iter().map(|mut node| {
            if (node.branching as u8) >= Branching::LessEqual as u8 {
                node.other += start;
            }
            node
        }));
    }
    tree
}

proptest! {
    #[test]
    fn trees_are_walked_and_summed_in_any_tiles(
        rows in 1_u32..6,
        seeds in prop::collection::vec((any::<u32>(), 0_u32..11), 1..5),
        wide: bool,
        size in prop::array::uniform2(1_u32..6),
        values in prop::collection::vec(prop_oneof![(-3_i32..4).prop_map(|value| value as f32), Just(f32::NAN)], 24),
    ) {
        const FEATURES: usize = 4;
        const TARGETS: usize = 3;
        let trees: Vec<_> = seeds.iter().map(|(seed, depth)| any_tree(*seed, *depth, wide)).collect();
        let mut starts = vec![0_u32];
        let mut nodes = Vec::new();
        for node in trees.iter().flatten() {
            let mut record = [0; TreeNode::LEN];
            node.put(&mut record);
            nodes.extend(record);
        }
        for tree in &trees {
            starts.push(starts[starts.len() - 1] + tree.len() as u32);
        }
        let weights: Vec<(u32, f32)> = floats(3, 14).into_iter().zip(0..).map(|(weight, at)| (at % 3, weight)).collect();
        let mut host = Host::default();
        host.put(X, &values);
        host.write(Y, &nodes);
        host.put(SUMS, &starts);
        for (at, (target, weight)) in weights.iter().enumerate() {
            host.put(SUMS + 4096 + 8 * at as u64, &[*target, weight.to_bits()]);
        }
        let op = Trees {
            x: X,
            nodes: Y,
            starts: SUMS,
            weights: SUMS + 4096,
            out: OUT,
            rows,
            features: FEATURES as u32,
            trees: trees.len() as u32,
            targets: TARGETS as u32,
            largest: 1 << 12,
            depth: 12,
            widest: 4,
        };
        let steps = tiles([rows, op.trees, 1, 1, 1, 1], [size[0], size[1], 1, 1, 1, 1]);
        host.run(op, &steps).unwrap();
        let mut expected = Vec::new();
        for row in values.chunks(FEATURES).take(rows as usize) {
            let mut sums = [0.0_f32; TARGETS];
            for tree in &trees {
                let mut at = 0;
                let leaf = loop {
                    let node = &tree[at];
                    let value = row[node.index as usize % FEATURES];
                    let yes = match node.branching {
                        Branching::Leaf | Branching::Leaves => break node,
                        Branching::LessEqual => value <= node.value,
                        Branching::Less => value < node.value,
                        Branching::GreaterEqual => value >= node.value,
                        Branching::Greater => value > node.value,
                        Branching::Equal => value == node.value,
                        Branching::NotEqual => value != node.value,
                    };
                    at = if yes || (node.missing == 1 && value.is_nan()) { at + 1 } else { node.other as usize };
                };
                if leaf.branching == Branching::Leaf {
                    sums[leaf.index as usize] += leaf.value;
                } else {
                    for (target, weight) in &weights[leaf.index as usize..][..leaf.other as usize] {
                        sums[*target as usize] += weight;
                    }
                }
            }
            expected.extend(sums);
        }
        prop_assert_eq!(bits(&host.get(OUT, expected.len())), bits(&expected));
    }
}

/// Weights in blocks of columns.
fn pack(weights: &[f32], depth: usize, columns: usize) -> Vec<f32> {
    let mut packed = vec![0.0; columns.div_ceil(BLOCK) * depth * BLOCK];
    for k in 0..depth {
        for column in 0..columns {
            packed[(column / BLOCK * depth + k) * BLOCK + column % BLOCK] = weights[k * columns + column];
        }
    }
    packed
}

#[test]
fn rows_are_reduced_and_normalized_along_any_dimension() {
    // Two blocks of three values, each in two columns; rows run along the middle.
    let x = [0.0, 5.0, 1.0, 4.0, 2.0, 3.0, 7.0, 1.0, 7.0, 1.0, 6.0, 1.0_f32];
    let dims = [1, 1, 1, 2, 2, 3];
    let x_view = View {
        address: X,
        element: Element::F32,
        strides: [0, 0, 0, 6, 1, 2],
    };
    let out = |element| View {
        address: OUT,
        element,
        strides: [0, 0, 0, 2, 1, 0],
    };
    let reduced = |reduction, element| {
        let mut host = Host::default();
        host.put(X, &x);
        let op = Reduce {
            dims,
            kept: 5,
            reduction,
            x: x_view,
            out: out(element),
        };
        host.run(op, &tiles([1, 1, 1, 2, 2, 3], [1, 1, 1, 1, 1, 3]))
            .unwrap();
        host
    };
    let floats = |reduction| reduced(reduction, Element::F32).get::<f32>(OUT, 4);
    assert_eq!(floats(Reduction::Sum), [3.0, 12.0, 20.0, 3.0]);
    assert_eq!(floats(Reduction::Product), [0.0, 60.0, 294.0, 1.0]);
    assert_eq!(floats(Reduction::Max), [2.0, 5.0, 7.0, 1.0]);
    assert_eq!(floats(Reduction::Min), [0.0, 3.0, 6.0, 1.0]);
    let integers = |reduction| reduced(reduction, Element::I64).get::<i64>(OUT, 4);
    assert_eq!(integers(Reduction::ArgMax), [2, 0, 0, 0]);
    assert_eq!(integers(Reduction::LastArgMax), [2, 0, 1, 2]);
    assert_eq!(integers(Reduction::ArgMin), [0, 2, 2, 0]);
    assert_eq!(integers(Reduction::LastArgMin), [0, 2, 2, 2]);
    for (normalization, expected) in [
        (Normalization::Softmax, [0.090_030_57, 0.665_241, 0.244_728_48]),
        (Normalization::LogSoftmax, [-2.407_606, -0.407_606, -1.407_606]),
        (Normalization::Standard, [-1.224_744_9, 1.224_744_9, 0.0]),
        (Normalization::RootMeanSquare, [0.0, 0.774_596_7, 1.549_193_4]),
    ] {
        let mut host = Host::default();
        host.put(X, &x);
        let absent = View {
            address: ABSENT,
            ..View::NONE
        };
        let op = Normalize {
            dims,
            kept: 5,
            normalization,
            epsilon: 0.0,
            x: x_view,
            out: View {
                address: OUT,
                ..x_view
            },
            scale: absent,
            bias: absent,
        };
        host.run(op, &tiles(dims, [1, 1, 1, 2, 1, 3])).unwrap();
        let values = host.get::<f32>(OUT, 12);
        let mut row = [values[0], values[2], values[4]];
        if normalization != Normalization::RootMeanSquare {
            row.swap(1, 2);
            assert!((row[0] - expected[0]).abs() < 1e-5, "{normalization:?}: {row:?}");
        } else {
            assert!(
                row.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5),
                "{row:?}"
            );
        }
    }
}

#[test]
fn rows_are_found_by_their_numbers_and_put_back() {
    let x: Vec<f32> = (0..24).map(|value| value as f32).collect();
    let mut host = Host::default();
    host.put(X, &x);
    host.put(Y, &[2_i64, -1, 0, 2]);
    let op = Take {
        x: X,
        indices: Y,
        out: OUT,
        outer: 2,
        count: 4,
        len: 3,
        row: 16,
    };
    host.run(op, &tiles([2, 4, 16, 1, 1, 1], [1, 3, 8, 1, 1, 1]))
        .unwrap();
    let row = |at: usize| x[4 * at..][..4].to_vec();
    let expected = [2, 2, 0, 2, 5, 5, 3, 5].map(row).concat();
    assert_eq!(host.get::<f32>(OUT, 32), expected);
    host.put(Y, &[3_i64]);
    assert_eq!(
        host.run(op, &[step([0; RANK], [1, 1, 16, 1, 1, 1])]),
        Err(Fault::OutOfRange)
    );

    host.put(Y, &[1_i64, -1, 1]);
    host.put(OUT, &[0.0_f32; 6]);
    let op = Put {
        x: X,
        indices: Y,
        out: OUT,
        count: 3,
        len: 3,
        row: 2,
        element: Element::F32,
        scattering: Scattering::Add,
    };
    host.run(op, &tiles([3, 1, 1, 1, 1, 1], [2, 1, 1, 1, 1, 1]))
        .unwrap();
    assert_eq!(host.get::<f32>(OUT, 6), [0.0, 0.0, 4.0, 6.0, 2.0, 3.0]);
}

#[test]
fn an_instruction_that_breaks_a_rule_is_a_fault() {
    let dims = [1, 1, 1, 1, 1, 4];
    let view = dense(OUT, Element::F32, dims);
    let run = |instructions: &[Instruction], result| {
        let op = elementwise(dims, view, &[view], code(instructions, result));
        Host::default().run(op, &[step([0; RANK], dims)])
    };
    assert_eq!(run(&[instruction(Operation::Load, 0, 0, 0, 0)], 0), Ok(()));
    for broken in [
        instruction(Operation::Load, 0, 1, 0, 0),
        instruction(Operation::Load, 8, 0, 0, 0),
        instruction(Operation::Add, 0, 0, 1, 0),
        instruction(Operation::Exp, 0, 9, 0, 0),
        instruction(Operation::Narrow, 0, 1, 0, 4),
        instruction(Operation::Select, 0, 1, 2, 200),
    ] {
        assert_eq!(run(&[broken], 0), Err(Fault::BadCode), "{broken:?}");
    }
    assert_eq!(run(&[], 8), Err(Fault::BadCode));
}

/// A plan that halts at once.
fn halting_plan() -> Host {
    let mut record = [0; Step::LEN];
    step([0; RANK], [0; RANK]).put(&mut record);
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
    host.write(4096, &Op::from(Halt { len: 4 }).encode());
    host.write(8192, &record);
    host
}

fn run_at(host: &mut Host, pc: u64) -> Result<Next, Fault> {
    run_step(host, &mut vec![0; ARENA_WORDS], pc)
}

#[test]
fn the_last_step_halts() {
    assert_eq!(run_at(&mut halting_plan(), 0), Ok(Next::Halt(4)));
}

#[test]
fn a_step_that_the_plan_does_not_have_is_a_fault() {
    assert_eq!(run_at(&mut halting_plan(), 1), Err(Fault::OutOfPlan));
    assert_eq!(run_at(&mut halting_plan(), u64::MAX), Err(Fault::OutOfPlan));
}

#[test]
fn an_input_of_another_length_is_a_fault() {
    let mut host = halting_plan();
    host.input_len = 5;
    assert_eq!(run_at(&mut host, 0), Err(Fault::InputLength));
}
