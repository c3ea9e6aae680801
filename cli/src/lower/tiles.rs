//! Cuts operators into tiles that fit a step's limits.

use assay_engine::limits::STEP_FUEL;
use assay_network_plan::{
    Conv, Dense, Element, Finish, Function, Map, Op, Pool, Step, Window, Zip, ARENA, CHUNK, CHUNKS_PER_STEP,
    CONV_BLOCK, DENSE_BLOCK, DENSE_SLICE,
};

/// Chunks for the header, the operator's record and the step's record.
const RECORD_CHUNKS: u64 = 3;
/// Half of a step's fuel: a step is planned for half of what it may use.
const FUEL: u64 = STEP_FUEL / 2;
/// Bytes of the arena that alignment and small buffers may take.
const ARENA_MARGIN: u64 = 16 * 1024;
/// The most elements of an elementwise tile.
const ELEMENTS: u32 = 16 * 1024;
/// Elements of f32 in a chunk; elementwise tiles are multiples of it.
const CHUNK_ELEMENTS: u32 = CHUNK as u32 / 4;

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
        Op::Map(op) => elementwise(index, elements, |size| map_cost(op, size)),
        Op::Zip(op) => elementwise(index, elements, |size| zip_cost(op, size, elements)),
        Op::Softmax(op) => axis(index, op.len * op.inner, outer, 80 + function_fuel(Function::Exp)),
        Op::ArgMax(op) => axis(index, op.len * op.inner, outer, 100),
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

/// Fuel that a function takes for one element of the costliest value, measured over all binary orders of magnitude.
fn function_fuel(function: Function) -> u64 {
    match function {
        Function::Identity => 0,
        Function::Relu | Function::LeakyRelu | Function::Clip | Function::Abs | Function::Neg => 10,
        Function::Log => 50,
        Function::Sqrt => 180,
        Function::Exp => 250,
        Function::Sigmoid | Function::Silu => 270,
        Function::Tanh => 380,
        Function::Erf => 800,
    }
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

/// Chunks of the biases of some output channels, and of the multipliers where there are any.
fn channel_chunks(finish: &Finish, channels: u64) -> u64 {
    let tables = if finish.element == Element::F32 { 1 } else { 2 };
    tables * chunks(4 * channels)
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
    let finish = 60 + function_fuel(op.finish.activation.function);
    Cost {
        reads: rows * chunks(depth * element)
            + weights
            + channel_chunks(&op.finish, width)
            + if split { sums } else { 0 },
        writes: sums,
        arena: rows * (depth + 1) * value + 4 * rows * width + 8 * width + DENSE_SLICE as u64,
        // A call, a row, a block of weights read, the same multiplied with a row, and what finishes an output.
        fuel: 10_000
            + rows * (1_800 + depth * 4)
            + blocks * (600 + depth * 8 * element)
            + rows * blocks * (100 + depth * value * 14)
            + rows * width * finish,
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
            + channel_chunks(&op.finish, columns)
            + if split { sums } else { 0 },
        writes: sums,
        arena: (image + seen_rows * width + channels * length + length * CONV_BLOCK as u64) * value
            + 4 * (channels * pixels + length)
            + 8 * columns,
        // A call, a plane read, a plane written, and what products, gathering, padding and finishing take of an element.
        fuel: 10_000
            + 3_000 * (groups * depth + columns)
            + products * value / 4
            + groups * length * pixels * value * 7
            + groups * image * 20
            + columns * length * 8
            + groups * pixels * 120
            + columns * pixels * (45 + function_fuel(op.finish.activation.function)),
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
    let [kernel_rows, kernel_columns] = op.window.kernel.map(u64::from);
    let kernel = kernel_rows * kernel_columns;
    Cost {
        reads: band_chunks(channels, seen_rows, height, width * element),
        writes: band_chunks(channels, rows, out_height, out_width * element),
        arena: (seen_rows.min(height) * width + rows * out_width + kernel) * element,
        // A plane and its elements, a window, its rows and their elements.
        fuel: channels
            * (700
                + seen_rows.min(height) * width * 2
                + rows * out_width * (300 + kernel_rows * 120 + kernel * 46)),
    }
}

/// Tiles of an elementwise operator. `cost` takes the elements of a tile.
fn elementwise(index: u32, elements: u32, cost: impl Fn(u32) -> Cost) -> Option<Vec<Step>> {
    let size = (1..=ELEMENTS / CHUNK_ELEMENTS)
        .rev()
        .map(|chunks| chunks * CHUNK_ELEMENTS)
        .find(|size| cost(elements.min(*size)).fits())?;
    Some(rows(index, elements, size))
}

fn map_cost(op: &Map, size: u32) -> Cost {
    let size = u64::from(size);
    Cost {
        reads: chunks(size * u64::from(op.from.element.size())),
        writes: chunks(size * u64::from(op.to.element.size())),
        arena: 5 * size,
        fuel: size * (80 + function_fuel(op.activation.function)),
    }
}

fn zip_cost(op: &Zip, size: u32, elements: u32) -> Cost {
    let crossed = size.div_ceil(op.inner) + 1;
    let y = if crossed < op.period && elements <= op.inner.saturating_mul(op.period) {
        crossed
    } else {
        op.period
    };
    let [x, y] = [size, y].map(u64::from);
    Cost {
        reads: chunks(4 * x) + chunks(4 * y),
        writes: chunks(4 * x),
        arena: 4 * (x + y),
        fuel: x * (120 + function_fuel(op.activation.function)),
    }
}

/// Tiles of an operator over an axis. `block` is the number of elements of one index of the outer dimension, `fuel` what
/// one element takes.
fn axis(index: u32, block: u32, outer: u32, fuel: u64) -> Option<Vec<Step>> {
    let fits = |outer: u32| {
        let elements = u64::from(block) * u64::from(outer);
        Cost {
            reads: chunks(4 * elements),
            writes: chunks(8 * elements),
            arena: 12 * elements,
            fuel: elements * fuel,
        }
        .fits()
    };
    let mut size = outer;
    while size > 1 && !fits(size) {
        size = size.div_ceil(2);
    }
    fits(size).then(|| rows(index, outer, size))
}
