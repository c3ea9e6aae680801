//! Cuts operators into tiles that fit a step's limits.

use assay_engine::limits::STEP_FUEL;
use assay_network::{is_flat, Moves, NODES_MAX, NODES_PER_ROW, SPAN};
use assay_network_plan::{
    Code, Conv, CumSum, Element, Elementwise, Field, Finish, MatMul, Normalization, Normalize, Op, Operation,
    Pool, Put, Reduce, Step, Take, TopK, TreeNode, Trees, View, Window, ABSENT, ARENA, BLOCK, CHUNK,
    CHUNKS_PER_STEP, ELEMENTS, RANK, SLICE,
};

use super::node::{Lowers, Problem};

/// Chunks for the header, the operator's record and the step's record.
const RECORD_CHUNKS: u64 = 3;
/// A step is planned for less fuel than it may use: estimates are no bounds.
const FUEL: u64 = STEP_FUEL * 7 / 10;
/// Fuel of a step besides what its tile takes.
const STEP: u64 = 8_000;
/// Bytes of the arena that alignment and small buffers may take.
const ARENA_MARGIN: u64 = 8 * 1024;
/// The most elements of an elementwise tile.
const ELEMENTS_MAX: u64 = 16 * 1024;

/// What a tile needs at most.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    pub reads: u64,
    pub writes: u64,
    pub arena: u64,
    pub fuel: u64,
}

impl Cost {
    fn fits(&self) -> bool {
        self.share() <= 1.0
    }

    /// The greatest share of a limit.
    fn share(&self) -> f64 {
        let chunks = CHUNKS_PER_STEP as u64;
        [
            (self.reads, chunks - RECORD_CHUNKS),
            (self.writes, chunks),
            (self.arena, ARENA as u64 - ARENA_MARGIN),
            (self.fuel, FUEL - STEP),
        ]
        .map(|(need, limit)| need as f64 / limit as f64)
        .into_iter()
        .fold(0.0, f64::max)
    }

    /// How long so many steps of this cost take, roughly: a step costs some time by itself, and a chunk that is written
    /// is hashed, which takes as long as reading several.
    fn effort(&self, steps: u64) -> u64 {
        const STEP: u64 = 16;
        const WRITE: u64 = 6;
        steps.saturating_mul(STEP + self.reads + WRITE * self.writes)
    }

    fn and(self, other: Self) -> Self {
        Self {
            reads: self.reads + other.reads,
            writes: self.writes + other.writes,
            arena: self.arena + other.arena,
            fuel: self.fuel + other.fuel,
        }
    }
}

/// Lengths of a tile.
type Lengths = [u64; RANK];

/// The steps that compute an operator. `None` if they are more than `most`.
pub fn steps(op: &Op, index: u32, most: usize) -> Lowers<Option<Vec<Step>>> {
    let tiles = tiles(op).ok_or(Problem::TooLarge)?;
    let steps: Vec<Step> = tiles
        .take(most.saturating_add(1))
        .map(|[from, to]| Step {
            op: index,
            reserved: 0,
            from,
            to,
            reserved_end: 0,
        })
        .collect();
    Ok(Some(steps).filter(|steps| steps.len() <= most))
}

/// Whether a tile of these lengths fits, by the estimates that tiles are cut by.
pub fn fits(op: &Op, lengths: &Lengths) -> bool {
    cost(op, lengths).fuel <= FUEL
}

/// What a tile of these lengths needs at most.
fn cost(op: &Op, lengths: &Lengths) -> Cost {
    match op {
        Op::Halt(_) => Cost::default(),
        Op::Elementwise(op) => elementwise_cost(op, lengths),
        Op::Reduce(op) => reduce_cost(op, lengths),
        Op::Normalize(op) => normalize_cost(op, lengths),
        Op::TopK(op) => top_k_cost(op, lengths),
        Op::CumSum(op) => cum_sum_cost(op, lengths),
        Op::MatMul(op) => matmul_cost(op, lengths),
        Op::Conv(op) => conv_cost(op, &[lengths[1], lengths[2], lengths[3]]),
        Op::Pool(op) => pool_cost(op, lengths[0], lengths[1]),
        Op::Take(op) => take_cost(op, lengths),
        Op::Put(op) => put_cost(op, lengths),
        Op::Trees(op) => trees_cost(op, lengths),
    }
}

/// Boxes of an operator's dimensions: their first indices, and those behind their last.
type Tiles<'a> = Box<dyn Iterator<Item = [[u32; RANK]; 2]> + 'a>;

/// The tiles of an operator. `None` if its smallest one passes a limit.
fn tiles(op: &Op) -> Option<Tiles<'_>> {
    let grid: Option<Grid> = match op {
        Op::Halt(_) => return Some(Box::new(std::iter::once([[0; RANK]; 2]))),
        Op::Conv(op) => return conv(op),
        Op::Elementwise(op) => elementwise(op),
        Op::Reduce(Reduce { dims, kept, .. })
        | Op::Normalize(Normalize { dims, kept, .. })
        | Op::TopK(TopK { dims, kept, .. })
        | Op::CumSum(CumSum { dims, kept, .. }) => rows(*dims, *kept, |lengths| cost(op, lengths)),
        Op::MatMul(op) => matmul(op),
        Op::Pool(op) => pool(op),
        Op::Take(op) => take(op),
        Op::Put(op) => put(op),
        Op::Trees(op) => trees(op),
    };
    grid.map(|grid| -> Tiles { Box::new(grid) })
}

/// Chunks that `len` bytes touch, wherever they start.
fn chunks(len: u64) -> u64 {
    len.div_ceil(CHUNK as u64) + 1
}

/// The boxes of a grid; the first dimension is the outermost.
struct Grid {
    dims: [u32; RANK],
    lengths: Lengths,
    next: Option<[u32; RANK]>,
}

impl Grid {
    fn new(dims: [u32; RANK], lengths: Lengths) -> Self {
        Self {
            dims,
            lengths,
            next: Some([0; RANK]),
        }
    }
}

impl Iterator for Grid {
    type Item = [[u32; RANK]; 2];

    fn next(&mut self) -> Option<Self::Item> {
        let from = self.next.take()?;
        let mut to = [0; RANK];
        for axis in 0..RANK {
            let end = u64::from(from[axis]) + self.lengths[axis];
            to[axis] = end.min(self.dims[axis].into()) as u32;
        }
        self.next = (0..RANK)
            .rev()
            .find(|axis| to[*axis] < self.dims[*axis])
            .map(|axis| {
                let mut next = from;
                next[axis] = to[axis];
                next[axis + 1..].fill(0);
                next
            });
        Some([from, to])
    }
}

/// Halves one dimension after the other, each time the one that helps most, until the tile fits. `least` says what the
/// length along a dimension stays a multiple of; 0 for one that stays whole.
fn shrink(dims: [u32; RANK], least: [u64; RANK], cost: impl Fn(&Lengths) -> Cost) -> Option<Lengths> {
    let mut lengths = dims.map(u64::from);
    while !cost(&lengths).fits() {
        let halved = |axis: usize| {
            let half = lengths[axis].div_ceil(2).next_multiple_of(least[axis].max(1));
            let mut smaller = lengths;
            smaller[axis] = half;
            (least[axis] > 0 && half < lengths[axis]).then(|| (cost(&smaller).share(), smaller))
        };
        // Of those that help alike, the outermost.
        let (_, best) =
            (0..RANK)
                .filter_map(halved)
                .reduce(|best, other| if other.0 < best.0 * 0.999 { other } else { best })?;
        lengths = best;
    }
    Some(lengths)
}

/// What it costs to load a box of a view, or to store it.
fn transfer(view: &View, lengths: &Lengths, store: bool) -> Cost {
    if view.address == ABSENT {
        return Cost::default();
    }
    let size = u64::from(view.element.size());
    // Dimensions that are as one, the innermost first: length, distance of elements.
    let mut axes: Vec<(u64, i64)> = Vec::new();
    for axis in (0..RANK).rev() {
        let (len, stride) = (lengths[axis], i64::from(view.strides[axis]));
        match axes.last_mut() {
            _ if len == 1 => {}
            Some(inner) if stride == inner.1 * inner.0 as i64 => inner.0 *= len,
            _ => axes.push((len, stride)),
        }
    }
    let mut far: Vec<_> = axes.iter().filter(|axis| axis.1 != 0).collect();
    far.sort_by_key(|axis| axis.1.unsigned_abs());
    // From the closest elements outwards, the chunks of the part that lies in one piece, or of all its parts.
    let (mut span, mut touched) = (size, 1 + u64::from(!view.address.is_multiple_of(size)));
    for (len, stride) in far {
        span += (len - 1) * stride.unsigned_abs() * size;
        touched = (touched * len).min(chunks(span));
    }
    let moves = Moves::of(view, &lengths.map(|len| len as usize), store);
    Cost {
        reads: if store && !moves.reads_back { 0 } else { touched },
        writes: if store { touched } else { 0 },
        arena: SPAN as u64,
        fuel: moves_fuel(&moves),
    }
}

/// Fuel that moves take, as `examples/fuel.rs` measures it, and a little more.
fn moves_fuel(moves: &Moves) -> u64 {
    700 + moves.transfers * 660
        + moves.bytes * 3 / 10
        + moves.lines * 560
        + moves.elements * 38
        + moves.repetitions * 500
        + moves.repeated_bytes * 6 / 10
}

/// Loading a box, and the place that it takes.
fn load(view: &View, lengths: &Lengths) -> Cost {
    let mut cost = transfer(view, lengths, false);
    if view.address != ABSENT {
        cost.arena += lengths.iter().product::<u64>() * u64::from(view.element.size());
    }
    cost
}

fn store(view: &View, lengths: &Lengths) -> Cost {
    transfer(view, lengths, true)
}

/// Fuel that an operation takes for one element, as `examples/fuel.rs` measures it, and a little more.
fn operation_fuel(operation: Operation) -> u64 {
    use Operation::*;
    match operation {
        Load | Set | SetInt => 7,
        Neg | Abs | Sqrt | Floor | Ceil | Round => 9,
        Add | Sub | Mul | Div | Min | Max => 12,
        ToFloat | ToInt | Narrow | Select | SelectInt => 24,
        Less | LessEqual | Equal => 20,
        Exp | Sigmoid | Tanh | Log | Erf => 36,
        Softplus => 42,
        DivInt | RemInt | ModInt => 55,
        Pow => 1_200,
        PowInt => 900,
        Rem => 3_500,
        Sin | Cos | Tan | Asin | Acos | Atan | Sinh | Cosh | Asinh | Acosh | Atanh => 1_200,
        AddInt | SubInt | MulInt | MinInt | MaxInt | LessInt | LessEqualInt | EqualInt | And | Or | Xor
        | ShiftLeft | ShiftRight => 26,
    }
}

/// Fuel that a program takes for `elements`.
fn code_fuel<const N: usize>(code: &Code<N>, elements: u64) -> u64 {
    let blocks = elements.div_ceil(ELEMENTS as u64);
    let instructions = &code.instructions[..code.len as usize];
    let (constants, body) = instructions.split_at(code.constants as usize);
    let per_block = |instruction: &assay_network_plan::Instruction| {
        120 + ELEMENTS as u64 * operation_fuel(instruction.operation)
    };
    let once: u64 = constants.iter().map(per_block).sum();
    once + blocks * body.iter().map(per_block).sum::<u64>()
}

fn registers_bytes<const N: usize>(code: &Code<N>) -> u64 {
    u64::from(code.registers) * ELEMENTS as u64 * 8
}

fn elementwise(op: &Elementwise) -> Option<Grid> {
    let mut lengths = shrink(op.dims, [1; RANK], |lengths| elementwise_cost(op, lengths))?;
    align(&op.dims, &mut lengths);
    Some(Grid::new(op.dims, lengths))
}

/// Where only the last dimension counts, makes tiles end where chunks end.
fn align(dims: &[u32; RANK], lengths: &mut Lengths) {
    let chunk = CHUNK as u64 / 4;
    let line = dims[..RANK - 1].iter().all(|len| *len == 1);
    let last = &mut lengths[RANK - 1];
    if line && *last > chunk && *last < dims[RANK - 1].into() {
        *last -= *last % chunk;
    }
}

fn elementwise_cost(op: &Elementwise, lengths: &Lengths) -> Cost {
    let elements: u64 = lengths.iter().product();
    let size = u64::from(op.out.element.size());
    let own = Cost {
        arena: elements * size + registers_bytes(&op.code),
        fuel: 500
            + code_fuel(&op.code, elements)
            + elements * 12
            + elements.saturating_sub(ELEMENTS_MAX) * FUEL,
        ..Cost::default()
    };
    op.inputs[..op.count as usize]
        .iter()
        .map(|view| load(view, lengths))
        .fold(own.and(store(&op.out, lengths)), Cost::and)
}

/// Steps of an operator on rows, which stay whole.
fn rows(dims: [u32; RANK], kept: u32, cost: impl Fn(&Lengths) -> Cost) -> Option<Grid> {
    let mut least = [0; RANK];
    least[..kept as usize].fill(1);
    Some(Grid::new(dims, shrink(dims, least, cost)?))
}

/// Number of rows of a tile, and their length.
fn rows_of(lengths: &Lengths, kept: u32) -> (u64, u64) {
    let (outer, row) = lengths.split_at(kept as usize);
    (outer.iter().product(), row.iter().product())
}

/// The tile of which each row is an element.
fn elements_of(lengths: &Lengths, kept: u32, row: u64) -> Lengths {
    let mut elements = *lengths;
    elements[kept as usize..].fill(1);
    if let Some(last) = elements.get_mut(kept as usize) {
        *last = row;
    }
    elements
}

fn reduce_cost(op: &Reduce, lengths: &Lengths) -> Cost {
    let (count, len) = rows_of(lengths, op.kept);
    let own = Cost {
        arena: count * u64::from(op.out.element.size()) + count * len * 8,
        fuel: count * (900 + len * 14),
        ..Cost::default()
    };
    own.and(load(&op.x, lengths))
        .and(store(&op.out, &elements_of(lengths, op.kept, 1)))
}

fn normalize_cost(op: &Normalize, lengths: &Lengths) -> Cost {
    let (count, len) = rows_of(lengths, op.kept);
    let per_element = match op.normalization {
        Normalization::Softmax | Normalization::LogSoftmax => 12 + operation_fuel(Operation::Exp),
        Normalization::Standard | Normalization::RootMeanSquare => 20,
    };
    let own = Cost {
        fuel: count * (2_500 + len * per_element) + count * len * 8,
        ..Cost::default()
    };
    [&op.x, &op.scale, &op.bias]
        .into_iter()
        .map(|view| load(view, lengths))
        .fold(own.and(store(&op.out, lengths)), Cost::and)
}

fn top_k_cost(op: &TopK, lengths: &Lengths) -> Cost {
    let (count, len) = rows_of(lengths, op.kept);
    let depth = u64::from(len.ilog2()) + 1;
    let best = u64::from(op.count);
    let out = elements_of(lengths, op.kept, best);
    let own = Cost {
        arena: count * best * 16 + count * len * 16 + len * 4,
        fuel: count * (1_000 + len * 120 + best * (100 + depth * 60)),
        ..Cost::default()
    };
    // The operand is loaded twice: as it is, and as integers.
    own.and(load(&op.x, lengths))
        .and(load(&op.x, lengths))
        .and(store(&op.values, &out))
        .and(store(&op.indices, &out))
}

fn cum_sum_cost(op: &CumSum, lengths: &Lengths) -> Cost {
    let (count, len) = rows_of(lengths, op.kept);
    let own = Cost {
        fuel: count * (300 + len * 30),
        ..Cost::default()
    };
    own.and(load(&op.x, lengths)).and(store(&op.out, lengths))
}

/// Chunks of the biases of some output channels, and of the multipliers where there are any.
fn channel_chunks(finish: &Finish, channels: u64) -> u64 {
    let tables = [finish.bias, finish.multiplier];
    tables.iter().filter(|table| **table != ABSENT).count() as u64 * chunks(4 * channels)
}

fn finish_fuel(finish: &Finish, calls: u64, sums: u64) -> u64 {
    let quantized = if finish.multiplier == ABSENT { 8 } else { 50 };
    calls * 400 + sums * (quantized + 8) + code_fuel(&finish.code, sums) + calls * code_fuel(&finish.code, 1)
}

const ROWS: usize = 3;
const COLUMNS: usize = 4;
const DEPTH: usize = 5;

/// The most columns of a tile of a product.
const COLUMNS_MAX: u32 = 1024;

fn matmul(op: &MatMul) -> Option<Grid> {
    let [rows, columns, depth] = [ROWS, COLUMNS, DEPTH].map(|axis| op.dims[axis]);
    // Of all tiles with the whole depth those that take least effort: for each number of columns the most rows that fit.
    let mut best: Option<(u64, Lengths)> = None;
    for width in (BLOCK as u32..=columns.next_multiple_of(BLOCK as u32).min(COLUMNS_MAX)).step_by(BLOCK) {
        let width = width.min(columns);
        let tile = |rows: u32| [1, 1, 1, rows, width, depth].map(u64::from);
        let Some(most) = greatest(rows, |rows| matmul_cost(op, &tile(rows)).fits()) else {
            continue;
        };
        // As many steps, of which none is much shorter than the others.
        let bands = rows.div_ceil(most);
        let lengths = tile(rows.div_ceil(bands));
        let steps = u64::from(bands) * u64::from(columns.div_ceil(width));
        let effort = matmul_cost(op, &lengths).effort(steps);
        if best.is_none_or(|(least, _)| effort < least) {
            best = Some((effort, lengths));
        }
    }
    let parts = || {
        let mut dims = op.dims;
        dims[..ROWS].fill(1);
        shrink(dims, [0, 0, 0, 1, BLOCK as u64, 2], |lengths| {
            matmul_cost(op, lengths)
        })
    };
    let lengths = best.map(|(_, lengths)| lengths).or_else(parts)?;
    Some(Grid::new(op.dims, lengths))
}

/// The greatest number from 1 to `most` that fits, where all smaller ones do.
fn greatest(most: u32, fits: impl Fn(u32) -> bool) -> Option<u32> {
    let (mut low, mut high) = (0, most);
    while low < high {
        let middle = high - (high - low) / 2;
        if fits(middle) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    (low > 0).then_some(low)
}

fn matmul_cost(op: &MatMul, lengths: &Lengths) -> Cost {
    let [rows, columns, depth] = [ROWS, COLUMNS, DEPTH].map(|axis| lengths[axis]);
    let float = op.x.element == Element::F32;
    let value = if float { 4 } else { 2 };
    let weight = if float { 4 } else { 1 };
    let width = columns.next_multiple_of(BLOCK as u64);
    let blocks = width / BLOCK as u64;
    let filled = depth.next_multiple_of(2);
    let with = |axis: usize, len: u64| {
        let mut lengths = *lengths;
        lengths[axis] = len;
        lengths
    };
    let whole = depth == u64::from(op.dims[DEPTH]);
    let slices = filled.div_ceil(SLICE as u64 / (BLOCK as u64 * weight));
    let mut cost = Cost {
        reads: channel_chunks(&op.finish, columns),
        arena: rows * filled * value + 4 * rows * width + 8 * width + registers_bytes(&op.finish.code),
        fuel: rows * blocks * slices * 110
            + rows * blocks * filled * value * 14
            + rows * (150 + filled * if float { 0 } else { 6 })
            + finish_fuel(&op.finish, rows, rows * width),
        ..Cost::default()
    };
    cost = cost.and(transfer(&op.x, &with(COLUMNS, 1), false));
    cost.arena += if float { 0 } else { rows * depth };
    let out = with(DEPTH, 1);
    cost = cost.and(store(&op.out, &out));
    if !whole {
        let sums = dense_view(op.sums, &op.dims);
        cost = cost.and(transfer(&sums, &out, false));
        cost.arena += 4 * rows * columns;
        cost.writes = cost.writes.max(store(&sums, &out).writes);
    }
    if op.packed != 0 {
        let block_bytes = filled * BLOCK as u64 * weight;
        cost.reads += if whole {
            chunks(blocks * block_bytes)
        } else {
            blocks * chunks(block_bytes)
        };
        cost.arena += SLICE as u64;
        cost.fuel += blocks * slices * 500 + blocks * block_bytes / 8;
    } else {
        let y = with(ROWS, 1);
        cost.reads += transfer(&op.y, &y, false).reads;
        let piece = filled.min(SLICE as u64 / (BLOCK as u64 * weight));
        let mut slice = y;
        slice[COLUMNS] = columns.min(BLOCK as u64);
        slice[DEPTH] = piece.min(depth);
        let part = load(&op.y, &slice);
        let elements = slice[COLUMNS] * slice[DEPTH];
        cost.arena += part.arena + elements * value + piece * BLOCK as u64 * value;
        cost.fuel += blocks * slices * (part.fuel + 800 + elements * 34 + piece * BLOCK as u64);
    }
    cost
}

/// Unfinished sums of a product.
fn dense_view(address: u64, dims: &[u32; RANK]) -> View {
    let mut strides = [0; RANK];
    let mut stride: i32 = 1;
    for axis in (0..DEPTH).rev() {
        strides[axis] = stride;
        stride = stride.saturating_mul(dims[axis] as i32);
    }
    View {
        address,
        element: Element::I32,
        strides,
    }
}

fn conv(op: &Conv) -> Option<Tiles<'_>> {
    let (group_in, group_out) = (op.channels_in / op.groups, op.channels_out / op.groups);
    let [rows, _] = op.window.output;
    // What a step computes of one image, of all that fit what takes least effort: channels, rows, depth.
    let mut best: Option<(u64, [u64; 3])> = None;
    for channels in halves(op.channels_out) {
        for height in halves(rows) {
            for depth in halves(group_in) {
                let size = [channels, height, depth];
                let cost = conv_cost(op, &size);
                let effort = cost.effort(conv_steps(op, &size));
                if cost.fits() && best.is_none_or(|(least, _)| effort < least) {
                    best = Some((effort, size));
                }
            }
        }
    }
    let (_, size) = best?;
    let [columns, height, depth] = size.map(|len| len as u32);
    let of_rows = move |image: u32, rows: [u32; 2]| {
        channel_ranges(op.channels_out, group_out, columns).flat_map(move |channels| {
            ranges(group_in, depth).map(move |depth| {
                let from = [image, channels[0], rows[0], depth[0], 0, 0];
                [from, [image + 1, channels[1], rows[1], depth[1], 0, 0]]
            })
        })
    };
    let of_image = move |image| ranges(rows, height).flat_map(move |rows| of_rows(image, rows));
    Some(Box::new((0..op.batch).flat_map(of_image)))
}

/// A length, its half, and so on down to 1.
fn halves(len: u32) -> impl Iterator<Item = u64> {
    std::iter::successors(Some(u64::from(len)), |len| (*len > 1).then(|| len.div_ceil(2)))
}

/// Steps of one image in tiles of some channels, rows and depth.
fn conv_steps(op: &Conv, [channels, rows, depth]: &[u64; 3]) -> u64 {
    let [all, groups] = [op.channels_out, op.groups].map(u64::from);
    let (group_in, group_out) = (u64::from(op.channels_in) / groups, all / groups);
    let columns = match channels / group_out {
        0 => groups * group_out.div_ceil(*channels),
        whole => all.div_ceil(whole * group_out),
    };
    columns * u64::from(op.window.output[0]).div_ceil(*rows) * group_in.div_ceil(*depth)
}

/// Ranges of at most `size` that cover `0..len`.
fn ranges(len: u32, size: u32) -> impl Iterator<Item = [u32; 2]> + Clone {
    (0..len)
        .step_by(size.max(1) as usize)
        .map(move |start| [start, len.min(start.saturating_add(size))])
}

/// Ranges of output channels: several whole groups, or a part of one.
fn channel_ranges(channels: u32, group: u32, size: u32) -> Box<dyn Iterator<Item = [u32; 2]>> {
    if size >= group {
        return Box::new(ranges(channels, size / group * group));
    }
    let groups = (0..channels / group).map(move |index| index * group);
    Box::new(groups.flat_map(move |start| ranges(group, size).map(move |[a, b]| [start + a, start + b])))
}

/// Chunks of a band of rows of each of `planes` planes.
fn band_chunks(planes: u64, rows: u64, height: u64, row_bytes: u64) -> u64 {
    let whole = chunks(planes * height * row_bytes);
    if rows >= height {
        whole
    } else {
        whole.min(planes * chunks(rows * row_bytes))
    }
}

/// Rows and columns of the padded image that some output rows see.
fn reach(window: &Window, rows: u64) -> [u64; 2] {
    [(0, rows), (1, u64::from(window.output[1]))].map(|(axis, outputs)| {
        let steps = outputs.saturating_sub(1) * u64::from(window.stride[axis]);
        steps + u64::from(window.kernel[axis] - 1) * u64::from(window.dilation[axis]) + 1
    })
}

fn conv_cost(op: &Conv, [columns, rows, depth]: &[u64; 3]) -> Cost {
    let [rows, columns, depth] = [*rows, *columns, *depth];
    let group_out = u64::from(op.channels_out / op.groups);
    let group_in = u64::from(op.channels_in / op.groups);
    let groups = columns.div_ceil(group_out);
    let split = depth < group_in;
    let element = u64::from(op.x_element.size());
    let value = if op.x_element == Element::F32 { 4 } else { 2 };
    let [height, width] = op.window.input.map(u64::from);
    let [out_height, out_width] = op.window.output.map(u64::from);
    let [seen_rows, seen_width] = reach(&op.window, rows);
    let kernel = u64::from(op.window.kernel[0]) * u64::from(op.window.kernel[1]);
    let of_group = columns.min(group_out) as usize;
    let flat = op.window.stride == [1; 2] && is_flat(seen_width as usize, out_width as usize, of_group);
    let places = match flat {
        true => (rows - 1) * seen_width + out_width,
        false => rows * out_width,
    };
    let pixels = places.next_multiple_of(BLOCK as u64);
    let gathered = if flat { 2 } else { value * 7 };
    // Images without padding are read as they are.
    let whole = op.window.padding == [0; 2] && seen_width == width;
    let padded = if whole { value } else { 20 };
    let plane = if whole { 1_000 } else { 3_000 };
    let length = (depth * kernel).next_multiple_of(2);
    let weights = if split {
        columns * chunks(length * element)
    } else {
        chunks(columns * length * element)
    };
    let sums = band_chunks(columns, rows, out_height, out_width * 4);
    // Whole groups are neighbours, of which parts are not.
    let (bands, planes) = if split {
        (groups, depth)
    } else {
        (1, groups * depth)
    };
    let images = bands * band_chunks(planes, seen_rows, height, width * element);
    let channels = columns.min(group_out).next_multiple_of(2);
    let image = depth * seen_rows * seen_width;
    let products = channels * length * pixels * groups;
    Cost {
        reads: images + weights + channel_chunks(&op.finish, columns) + if split { sums } else { 0 },
        writes: sums,
        arena: (image + seen_rows * width + channels * length + length * BLOCK as u64) * value
            + 4 * (channels * pixels + length)
            + 8 * columns
            + registers_bytes(&op.finish.code),
        // A plane read, a plane written, and what products, gathering, padding and finishing take of an element.
        fuel: plane * groups * depth
            + 3_000 * columns
            + products * value * 7 / 10
            + groups * length * pixels * gathered
            + columns * pixels
            + groups * image * padded
            + columns * length * 8
            + groups * pixels * 120
            + finish_fuel(&op.finish, columns, columns * pixels),
    }
}

fn pool(op: &Pool) -> Option<Grid> {
    let [rows, _] = op.window.output;
    let dims = [op.planes, rows, 1, 1, 1, 1];
    let least = [1, 1, 0, 0, 0, 0];
    let lengths = shrink(dims, least, |lengths| pool_cost(op, lengths[0], lengths[1]))?;
    Some(Grid::new(dims, lengths))
}

fn pool_cost(op: &Pool, planes: u64, rows: u64) -> Cost {
    let element = u64::from(op.element.size());
    let [height, width] = op.window.input.map(u64::from);
    let [out_height, out_width] = op.window.output.map(u64::from);
    let [seen_rows, _] = reach(&op.window, rows);
    let [kernel_rows, kernel_columns] = op.window.kernel.map(u64::from);
    let kernel = kernel_rows * kernel_columns;
    let find = op.indices != ABSENT;
    let times = if find { 2 } else { 1 };
    Cost {
        reads: band_chunks(planes, seen_rows, height, width * element),
        writes: band_chunks(planes, rows, out_height, out_width * element)
            + if find {
                band_chunks(planes, rows, out_height, out_width * 8)
            } else {
                0
            },
        arena: (seen_rows.min(height) * width + rows * out_width * 3 + kernel) * 4,
        // A plane and its elements, a window, its rows and their elements.
        fuel: planes
            * (900
                + seen_rows.min(height) * width * 16
                + rows * out_width * (330 + kernel_rows * 130 + kernel * 50) * times),
    }
}

fn take(op: &Take) -> Option<Grid> {
    let dims = [op.outer, op.count, op.row, 1, 1, 1];
    let lengths = shrink(dims, [1, 1, 4, 0, 0, 0], |lengths| take_cost(op, lengths))?;
    Some(Grid::new(dims, lengths))
}

fn take_cost(op: &Take, lengths: &Lengths) -> Cost {
    let [outer, count, bytes] = [lengths[0], lengths[1], lengths[2]];
    let all = chunks(outer * u64::from(op.len) * u64::from(op.row));
    let whole = bytes == u64::from(op.row);
    let out = if whole {
        outer * chunks(count * bytes)
    } else {
        outer * count * chunks(bytes)
    };
    let transfers = outer * count * if whole { 1 } else { 2 } + outer;
    Cost {
        reads: chunks(count * 8) + all.min(outer * count * chunks(bytes)),
        writes: out.min(chunks(outer * u64::from(op.count) * u64::from(op.row))),
        arena: count * 8 + count * bytes,
        fuel: transfers * 700 + outer * count * bytes * 2 / 3,
    }
}

fn trees(op: &Trees) -> Option<Grid> {
    let dims = [op.rows, op.trees, 1, 1, 1, 1];
    let lengths = shrink(dims, [1, 1, 0, 0, 0, 0], |lengths| trees_cost(op, lengths))?;
    Some(Grid::new(dims, lengths))
}

fn trees_cost(op: &Trees, lengths: &Lengths) -> Cost {
    let [rows, trees] = [lengths[0], lengths[1]];
    let [features, targets, largest, depth, widest] =
        [op.features, op.targets, op.largest, op.depth, op.widest].map(u64::from);
    let size = TreeNode::LEN as u64;
    let at_once = (rows * NODES_PER_ROW as u64).min(NODES_MAX as u64);
    let ways = rows * depth;
    // Nodes of a tree that are read at once, or one by one.
    let (nodes, node_fuel) = match largest <= at_once {
        true => (chunks(trees * largest * size), largest * size / 3),
        false => (
            chunks(trees * largest * size).min(trees * ways.max(chunks(at_once * size))),
            (at_once * size / 3).max(ways * 700),
        ),
    };
    let sums = chunks(rows * targets * 4);
    let leaves = if widest > 1 { rows * trees } else { 0 };
    Cost {
        reads: chunks(rows * features * 4)
            + chunks((trees + 1) * 4)
            + nodes
            + leaves * chunks(widest * 8)
            + sums,
        writes: sums,
        arena: rows * (features + targets) * 4 + trees * 4 + largest.min(at_once) * size + widest * 8,
        fuel: 3_000
            + rows * (features + targets) * 2
            + trees * (1_500 + node_fuel + ways * 130 + rows * 400)
            + leaves * (700 + widest * 40),
    }
}

fn put(op: &Put) -> Option<Grid> {
    let dims = [op.count, 1, 1, 1, 1, 1];
    let lengths = shrink(dims, [1, 0, 0, 0, 0, 0], |lengths| put_cost(op, lengths))?;
    Some(Grid::new(dims, lengths))
}

fn put_cost(op: &Put, lengths: &Lengths) -> Cost {
    let row = u64::from(op.row) * u64::from(op.element.size());
    let count = lengths[0];
    let there = chunks(u64::from(op.len) * row).min(count * chunks(row));
    Cost {
        reads: chunks(count * 8) + chunks(count * row) + there,
        writes: there,
        arena: count * 8 + 2 * row,
        fuel: count * (2_000 + row * 8),
    }
}
