//! Cuts operators into tiles that fit a step's limits.

use assay_engine::limits::STEP_FUEL;
use assay_network_plan::{
    Conv, Dense, Element, Op, Pool, Step, Window, Zip, ARENA, CHUNK, CHUNKS_PER_STEP, CONV_BLOCK,
    DENSE_BLOCK, DENSE_SLICE,
};

/// Chunks for the header, the operator's record, the step's record, biases and multipliers.
const RECORD_CHUNKS: u64 = 8;
/// Half of a step's fuel: a step is planned for half of what it may use.
const FUEL: u64 = STEP_FUEL / 2;
/// Bytes of the arena that alignment and small buffers may take.
const ARENA_MARGIN: u64 = 16 * 1024;
/// Elements of an elementwise tile.
const ELEMENTS: u32 = 16 * 1024;

/// What a tile needs at most.
#[derive(Clone, Copy, Default)]
struct Cost {
    reads: u64,
    writes: u64,
    arena: u64,
    fuel: u64,
}

impl Cost {
    fn fits(&self) -> bool {
        let chunks = CHUNKS_PER_STEP as u64;
        self.reads + RECORD_CHUNKS <= chunks
            && self.writes <= chunks
            && self.arena + ARENA_MARGIN <= ARENA as u64
            && self.fuel <= FUEL
    }
}

/// What may be halved, and the multiple of which it stays.
type Shrink = (fn(&mut Size) -> &mut u32, u32);

/// The sizes of a tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Size {
    rows: u32,
    columns: u32,
    depth: u32,
}

/// The steps that compute an operator, or `None` if its smallest tile passes a limit.
///
/// `elements` is the number of elements of the output, `outer` the length of its outermost dimension as the operator
/// counts it.
pub fn steps(op: &Op, index: u32, elements: u32, outer: u32) -> Option<Vec<Step>> {
    match op {
        Op::Output(_) => Some(vec![step(index, 0, [0, 0], [0, 0], [0, 0])]),
        Op::Dense(op) => dense(op, index),
        Op::Conv(op) => conv(op, index, outer),
        Op::Pool(op) => pool(op, index, outer),
        Op::Map(_) => Some(rows(index, elements, ELEMENTS)),
        Op::Zip(op) => zip(op, index, elements),
        Op::Softmax(op) => axis(index, op.len * op.inner, outer),
        Op::ArgMax(op) => axis(index, op.len * op.inner, outer),
    }
}

fn step(op: u32, outer: u32, rows: [u32; 2], columns: [u32; 2], depth: [u32; 2]) -> Step {
    Step {
        op,
        outer,
        rows,
        columns,
        depth,
    }
}

/// Chunks that `len` bytes touch, wherever they start.
fn chunks(len: u64) -> u64 {
    len.div_ceil(CHUNK as u64) + 1
}

/// Ranges of at most `size` that cover `0..len`.
fn ranges(len: u32, size: u32) -> impl Iterator<Item = [u32; 2]> + Clone {
    (0..len)
        .step_by(size.max(1) as usize)
        .map(move |start| [start, len.min(start.saturating_add(size))])
}

fn rows(index: u32, len: u32, size: u32) -> Vec<Step> {
    ranges(len, size)
        .map(|rows| step(index, 0, rows, [0, 0], [0, 0]))
        .collect()
}

/// Halves `size` until its cost fits. `order` names what to halve, and down to where, one after the other.
fn shrink(mut size: Size, cost: impl Fn(&Size) -> Cost, order: &[Shrink]) -> Option<Size> {
    for (field, least) in order {
        while !cost(&size).fits() && *field(&mut size) > *least {
            let value = field(&mut size);
            *value = value.div_ceil(2).next_multiple_of(*least);
        }
    }
    cost(&size).fits().then_some(size)
}

fn dense(op: &Dense, index: u32) -> Option<Vec<Step>> {
    let blocks = op.columns.div_ceil(DENSE_BLOCK as u32);
    let whole = Size {
        rows: op.rows,
        columns: blocks,
        depth: op.depth,
    };
    let order: &[Shrink] = &[
        (|size| &mut size.columns, 1),
        (|size| &mut size.rows, 1),
        (|size| &mut size.depth, 2),
    ];
    let size = shrink(whole, |size| dense_cost(op, size), order)?;
    let mut steps = Vec::new();
    for rows in ranges(op.rows, size.rows) {
        for columns in ranges(blocks, size.columns) {
            for depth in ranges(op.depth, size.depth) {
                steps.push(step(index, 0, rows, columns, depth));
            }
        }
    }
    Some(steps)
}

fn dense_cost(op: &Dense, size: &Size) -> Cost {
    let [rows, blocks, depth] = [size.rows, size.columns, size.depth].map(u64::from);
    let element = u64::from(op.x_element.size());
    let value = if op.x_element == Element::F32 { 4 } else { 2 };
    let width = blocks * DENSE_BLOCK as u64;
    let split = size.depth < op.depth;
    let sums = rows * chunks(4 * width);
    let block_bytes = depth.next_multiple_of(2) * DENSE_BLOCK as u64 * element;
    let weights = if split {
        blocks * chunks(block_bytes)
    } else {
        chunks(blocks * block_bytes)
    };
    Cost {
        reads: rows * chunks(depth * element) + weights + if split { sums } else { 0 },
        writes: sums,
        arena: rows * (depth + 1) * value + 4 * rows * width + 8 * width + DENSE_SLICE as u64,
        fuel: rows * depth * width * 2 / value * 2 + rows * (depth * 4 + width * 40),
    }
}

fn conv(op: &Conv, index: u32, batch: u32) -> Option<Vec<Step>> {
    let group_out = op.channels_out / op.groups;
    let whole = Size {
        rows: op.window.output[0],
        columns: op.channels_out,
        depth: op.channels_in / op.groups,
    };
    let order: &[Shrink] = &[
        (|size| &mut size.columns, CONV_BLOCK as u32),
        (|size| &mut size.rows, 4),
        (|size| &mut size.depth, 1),
        (|size| &mut size.rows, 1),
        (|size| &mut size.columns, 1),
    ];
    let size = shrink(whole, |size| conv_cost(op, size), order)?;
    let mut steps = Vec::new();
    for image in 0..batch {
        for rows in ranges(op.window.output[0], size.rows) {
            for columns in channel_ranges(op.channels_out, group_out, size.columns) {
                for depth in ranges(whole.depth, size.depth) {
                    steps.push(step(index, image, rows, columns, depth));
                }
            }
        }
    }
    Some(steps)
}

/// Ranges of output channels: several whole groups, or a part of one.
fn channel_ranges(channels: u32, group: u32, size: u32) -> Vec<[u32; 2]> {
    if size >= group {
        return ranges(channels, size / group * group).collect();
    }
    let groups = (0..channels / group).map(|index| index * group);
    groups
        .flat_map(|start| ranges(group, size).map(move |[a, b]| [start + a, start + b]))
        .collect()
}

/// Bytes of a band of rows of each of `planes` planes, and the chunks that they touch.
fn band_chunks(planes: u64, rows: u64, height: u64, row_bytes: u64) -> u64 {
    if rows >= height {
        chunks(planes * height * row_bytes)
    } else {
        planes * chunks(rows * row_bytes)
    }
}

/// Rows and columns of the padded image that some output rows see.
fn reach(window: &Window, rows: u32) -> [u64; 2] {
    [(0, rows), (1, window.output[1])].map(|(axis, outputs)| {
        let steps = u64::from(outputs.saturating_sub(1)) * u64::from(window.stride[axis]);
        steps + u64::from(window.kernel[axis] - 1) * u64::from(window.dilation[axis]) + 1
    })
}

fn conv_cost(op: &Conv, size: &Size) -> Cost {
    let [rows, columns, depth] = [size.rows, size.columns, size.depth].map(u64::from);
    let group_out = u64::from(op.channels_out / op.groups);
    let group_in = u64::from(op.channels_in / op.groups);
    let groups = columns.div_ceil(group_out);
    let split = depth < group_in;
    let element = u64::from(op.x_element.size());
    let value = if op.x_element == Element::F32 { 4 } else { 2 };
    let [height, width] = op.window.input.map(u64::from);
    let [out_height, out_width] = op.window.output.map(u64::from);
    let [seen_rows, seen_width] = reach(&op.window, size.rows);
    let kernel = u64::from(op.window.kernel[0]) * u64::from(op.window.kernel[1]);
    let pixels = (rows * out_width).next_multiple_of(CONV_BLOCK as u64);
    let length = (depth * kernel).next_multiple_of(2);
    let weights = if split {
        columns * chunks(length * element)
    } else {
        chunks(columns * length * element)
    };
    let sums = band_chunks(columns, rows, out_height, out_width * 4);
    let channels = columns.min(group_out).next_multiple_of(2);
    let image = depth * seen_rows * seen_width;
    let products = channels * length * pixels * groups;
    Cost {
        reads: groups.max(1) * band_chunks(depth, seen_rows, height, width * element)
            + weights
            + if split { sums } else { 0 },
        writes: sums,
        arena: (image + seen_rows * width + channels * length + length * CONV_BLOCK as u64) * value
            + 4 * (channels * pixels + length)
            + 8 * columns,
        fuel: products * value / 4
            + groups * length * pixels * 8
            + image * groups * 4
            + columns * pixels * 30,
    }
}

fn pool(op: &Pool, index: u32, channels: u32) -> Option<Vec<Step>> {
    let whole = Size {
        rows: op.window.output[0],
        columns: channels,
        depth: 0,
    };
    let order: &[Shrink] = &[(|size| &mut size.columns, 1), (|size| &mut size.rows, 1)];
    let size = shrink(whole, |size| pool_cost(op, size), order)?;
    let mut steps = Vec::new();
    for columns in ranges(channels, size.columns) {
        for rows in ranges(op.window.output[0], size.rows) {
            steps.push(step(index, 0, rows, columns, [0, 0]));
        }
    }
    Some(steps)
}

fn pool_cost(op: &Pool, size: &Size) -> Cost {
    let [rows, channels] = [size.rows, size.columns].map(u64::from);
    let element = u64::from(op.element.size());
    let [height, width] = op.window.input.map(u64::from);
    let [out_height, out_width] = op.window.output.map(u64::from);
    let [seen_rows, _] = reach(&op.window, size.rows);
    let kernel = u64::from(op.window.kernel[0]) * u64::from(op.window.kernel[1]);
    Cost {
        reads: band_chunks(channels, seen_rows, height, width * element),
        writes: band_chunks(channels, rows, out_height, out_width * element),
        arena: (seen_rows.min(height) * width + rows * out_width + kernel) * element,
        fuel: channels * (1000 + rows * out_width * (40 + kernel * 25)),
    }
}

fn zip(op: &Zip, index: u32, elements: u32) -> Option<Vec<Step>> {
    let fits = |size: u32| {
        let crossed = size.div_ceil(op.inner) + 1;
        let y = if crossed < op.period && elements <= op.inner.saturating_mul(op.period) {
            crossed
        } else {
            op.period
        };
        let [x, y] = [size, y].map(|len| 4 * u64::from(len));
        Cost {
            reads: chunks(x) + chunks(y),
            writes: chunks(x),
            arena: x + y,
            fuel: x * 30,
        }
        .fits()
    };
    let size = [ELEMENTS, ELEMENTS / 4]
        .into_iter()
        .find(|size| fits(elements.min(*size)))?;
    Some(rows(index, elements, size))
}

fn axis(index: u32, block: u32, outer: u32) -> Option<Vec<Step>> {
    let fits = |outer: u32| {
        let len = 4 * u64::from(block) * u64::from(outer);
        Cost {
            reads: chunks(len),
            writes: chunks(2 * len),
            arena: 3 * len,
            fuel: len * 25,
        }
        .fits()
    };
    let mut size = outer;
    while size > 1 && !fits(size) {
        size = size.div_ceil(2);
    }
    fits(size).then(|| rows(index, outer, size))
}
