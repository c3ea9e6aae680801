//! Operators that take rows as a whole: reductions, normalizations, running sums, the greatest elements.

use assay_network_plan::{
    CumSum, Element, Normalization, Normalize, Reduce, Reduction, Step, TopK, View, ABSENT, RANK,
};
use bytemuck::Pod;

use crate::memory::{Arena, Memory};
use crate::tile::Tile;
use crate::Fault;
use crate::{compare, math};

/// Lanes of a sum.
const LANES: usize = 16;

/// Computes a tile; see [`Reduce`].
#[inline(never)]
pub fn reduce<M: Memory>(memory: &mut M, arena: &mut Arena, op: &Reduce, step: &Step) -> Result<(), Fault> {
    let (tile, rows) = Tile::of_rows(step, &op.dims, op.kept)?;
    let size = op.out.element.size() as usize;
    let out = arena.take::<u8>(rows.count.checked_mul(size).ok_or(Fault::OutOfArena)?)?;
    let mut scope = arena.scope();
    let indices = op.reduction as u32 >= Reduction::ArgMax as u32;
    if op.x.element == Element::F32 && !indices {
        let x: &[f32] = bytemuck::cast_slice(tile.load(memory, &mut scope, &op.x)?);
        for (out, row) in out.as_chunks_mut().0.iter_mut().zip(x.chunks(rows.len)) {
            *out = reduce_floats(op.reduction, row).to_le_bytes();
        }
    } else {
        let x = keys(memory, &mut scope, &tile, &op.x)?;
        for (out, row) in out.chunks_mut(size).zip(x.chunks(rows.len)) {
            let value = if indices {
                index_of_best(op.reduction, row)
            } else {
                reduce_integers(op.reduction, row)
            };
            out.copy_from_slice(&value.to_le_bytes()[..size]);
        }
    }
    rows_as_elements(tile, op.kept).store(memory, arena, &op.out, out)
}

/// The tile of which each row is an element.
fn rows_as_elements(mut tile: Tile, kept: u32) -> Tile {
    for axis in kept as usize..RANK {
        tile = tile.with(axis, 0, 1);
    }
    tile
}

/// The elements of a tile as integers: integers as such, f32 as integers of the same order.
#[inline(never)]
fn keys<'a, M: Memory>(
    memory: &mut M,
    arena: &mut Arena<'a>,
    tile: &Tile,
    view: &View,
) -> Result<&'a mut [i64], Fault> {
    let keys = arena.take::<i64>(tile.elements()?)?;
    let mut arena = arena.scope();
    let bytes = tile.load(memory, &mut arena, view)?;
    match view.element {
        Element::I64 => keys.copy_from_slice(bytemuck::cast_slice(bytes)),
        Element::F32 => convert(keys, bytes, |bytes| key(f32::from_le_bytes(bytes))),
        Element::I32 => convert(keys, bytes, |bytes| i64::from(i32::from_le_bytes(bytes))),
        Element::I8 => convert(keys, bytes, |[byte]| i64::from(byte as i8)),
        Element::U8 => convert(keys, bytes, |[byte]| i64::from(byte)),
    }
    Ok(keys)
}

fn convert<const N: usize>(keys: &mut [i64], bytes: &[u8], convert: impl Fn([u8; N]) -> i64) {
    for (key, bytes) in keys.iter_mut().zip(bytes.as_chunks().0) {
        *key = convert(*bytes);
    }
}

/// An integer of the order of f32. The zeros are equal, NaN is above all.
fn key(value: f32) -> i64 {
    if value.is_nan() {
        return i64::MAX;
    }
    let bits = i64::from(value.to_bits() as i32);
    if bits < 0 {
        -(bits & 0x7fff_ffff)
    } else {
        bits
    }
}

#[inline(never)]
fn reduce_floats(reduction: Reduction, row: &[f32]) -> f32 {
    match reduction {
        Reduction::Sum => sum(row),
        Reduction::Product => lanes(row, 1.0, |x, y| x * y),
        Reduction::Max => greatest(row),
        _ => lanes(row, f32::INFINITY, compare::min),
    }
}

/// See [`Reduction::Sum`].
#[inline(never)]
fn sum(row: &[f32]) -> f32 {
    lanes(row, 0.0, |x, y| x + y)
}

#[inline(never)]
fn greatest(row: &[f32]) -> f32 {
    lanes(row, f32::NEG_INFINITY, compare::max)
}

fn lanes(row: &[f32], start: f32, combine: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [start; LANES];
    let (blocks, rest) = row.as_chunks::<LANES>();
    for block in blocks {
        for (lane, value) in lanes.iter_mut().zip(block) {
            *lane = combine(*lane, *value);
        }
    }
    for (lane, value) in lanes.iter_mut().zip(rest) {
        *lane = combine(*lane, *value);
    }
    let mut width = LANES;
    while width > 1 {
        width /= 2;
        for lane in 0..width {
            lanes[lane] = combine(lanes[lane], lanes[lane + width]);
        }
    }
    lanes[0]
}

fn reduce_integers(reduction: Reduction, row: &[i64]) -> i64 {
    let row = row.iter().copied();
    match reduction {
        Reduction::Sum => row.fold(0, i64::wrapping_add),
        Reduction::Product => row.fold(1, i64::wrapping_mul),
        Reduction::Max => row.fold(i64::MIN, |x, y| if y > x { y } else { x }),
        _ => row.fold(i64::MAX, |x, y| if y < x { y } else { x }),
    }
}

#[inline(never)]
fn index_of_best(reduction: Reduction, row: &[i64]) -> i64 {
    // The least are the greatest of the negated ones.
    let least = matches!(reduction, Reduction::ArgMin | Reduction::LastArgMin);
    let last = matches!(reduction, Reduction::LastArgMax | Reduction::LastArgMin);
    let mut best = (0, i64::MIN);
    for (index, key) in row.iter().enumerate() {
        let key = if least { !key } else { *key };
        if key > best.1 || (last && key == best.1) {
            best = (index, key);
        }
    }
    best.0 as i64
}

/// Computes a tile; see [`Normalize`].
#[inline(never)]
pub fn normalize<M: Memory>(
    memory: &mut M,
    arena: &mut Arena,
    op: &Normalize,
    step: &Step,
) -> Result<(), Fault> {
    let (tile, rows) = Tile::of_rows(step, &op.dims, op.kept)?;
    let floats = [&op.x, &op.out, &op.scale, &op.bias]
        .iter()
        .all(|view| view.element == Element::F32);
    if !floats {
        return Err(Fault::BadElement);
    }
    let x: &mut [f32] = bytemuck::cast_slice_mut(tile.load(memory, arena, &op.x)?);
    for row in x.chunks_mut(rows.len) {
        match op.normalization {
            Normalization::Softmax => softmax(row),
            Normalization::LogSoftmax => log_softmax(row),
            Normalization::Standard => {
                center(row);
                to_unit_square(row, op.epsilon);
            }
            Normalization::RootMeanSquare => to_unit_square(row, op.epsilon),
        }
    }
    combine(memory, arena, &tile, &op.scale, x, |x, y| x * y)?;
    combine(memory, arena, &tile, &op.bias, x, |x, y| x + y)?;
    tile.store(memory, arena, &op.out, bytemuck::cast_slice_mut(x))
}

/// Combines each element of a tile with that of a view, if it is there.
fn combine<M: Memory>(
    memory: &mut M,
    arena: &mut Arena,
    tile: &Tile,
    view: &View,
    x: &mut [f32],
    combine: impl Fn(f32, f32) -> f32,
) -> Result<(), Fault> {
    if view.address == ABSENT {
        return Ok(());
    }
    let mut arena = arena.scope();
    let y: &mut [f32] = bytemuck::cast_slice_mut(tile.load(memory, &mut arena, view)?);
    for (x, y) in x.iter_mut().zip(y) {
        *x = combine(*x, *y);
    }
    Ok(())
}

#[inline(never)]
fn softmax(row: &mut [f32]) {
    let most = greatest(row);
    for value in row.iter_mut() {
        *value = math::exp(*value - most);
    }
    let sum = sum(row);
    for value in row {
        *value /= sum;
    }
}

/// The exponentials are not kept: they are summed a block at a time, which is as one sum over all.
#[inline(never)]
fn log_softmax(row: &mut [f32]) {
    let most = greatest(row);
    let mut lanes = [0.0; LANES];
    for block in row.chunks_mut(LANES) {
        for (lane, value) in lanes.iter_mut().zip(block) {
            *value -= most;
            *lane += math::exp(*value);
        }
    }
    let log = math::log(sum(&lanes));
    for value in row {
        *value -= log;
    }
}

fn center(row: &mut [f32]) {
    let mean = sum(row) / row.len() as f32;
    for value in row {
        *value -= mean;
    }
}

#[inline(never)]
fn to_unit_square(row: &mut [f32], epsilon: f32) {
    let mut lanes = [0.0; LANES];
    for block in row.chunks(LANES) {
        for (lane, value) in lanes.iter_mut().zip(block) {
            *lane += *value * *value;
        }
    }
    let root = math::sqrt(sum(&lanes) / row.len() as f32 + epsilon);
    for value in row {
        *value /= root;
    }
}

/// Computes a tile; see [`CumSum`].
#[inline(never)]
pub fn cum_sum<M: Memory>(memory: &mut M, arena: &mut Arena, op: &CumSum, step: &Step) -> Result<(), Fault> {
    let (tile, rows) = Tile::of_rows(step, &op.dims, op.kept)?;
    if op.x.element != op.out.element {
        return Err(Fault::BadElement);
    }
    let bytes = tile.load(memory, arena, &op.x)?;
    match op.x.element {
        Element::F32 => accumulate(op, bytemuck::cast_slice_mut(bytes), rows.len, 0.0_f32, |x, y| {
            x + y
        }),
        Element::I32 => accumulate(
            op,
            bytemuck::cast_slice_mut(bytes),
            rows.len,
            0,
            i32::wrapping_add,
        ),
        Element::I64 => accumulate(
            op,
            bytemuck::cast_slice_mut(bytes),
            rows.len,
            0,
            i64::wrapping_add,
        ),
        Element::I8 | Element::U8 => return Err(Fault::BadElement),
    }
    tile.store(memory, arena, &op.out, bytes)
}

fn accumulate<T: Pod>(op: &CumSum, values: &mut [T], len: usize, zero: T, add: impl Fn(T, T) -> T) {
    for row in values.chunks_mut(len) {
        let mut sum = zero;
        for place in 0..row.len() {
            let place = if op.reverse == 0 {
                place
            } else {
                row.len() - 1 - place
            };
            let before = sum;
            sum = add(sum, row[place]);
            row[place] = if op.exclusive == 0 { sum } else { before };
        }
    }
}

/// Computes a tile; see [`TopK`].
#[inline(never)]
pub fn top_k<M: Memory>(memory: &mut M, arena: &mut Arena, op: &TopK, step: &Step) -> Result<(), Fault> {
    let (tile, rows) = Tile::of_rows(step, &op.dims, op.kept)?;
    let count = op.count as usize;
    let last = op.kept as usize;
    let one_axis = last < RANK && op.dims[last + 1..].iter().all(|len| *len == 1);
    if !one_axis || count > rows.len || op.x.element != op.values.element {
        return Err(Fault::BadTile);
    }
    let indices = arena.take::<i64>(rows.count * count)?;
    let size = op.x.element.size() as usize;
    let values = arena.take::<u8>(rows.count * count * size)?;
    {
        let mut arena = arena.scope();
        let x = tile.load(memory, &mut arena, &op.x)?;
        let keys = keys(memory, &mut arena, &tile, &op.x)?;
        let outs = values
            .chunks_mut((count * size).max(1))
            .zip(indices.chunks_mut(count.max(1)));
        let rows = x.chunks(rows.len * size).zip(keys.chunks_mut(rows.len));
        for ((row, keys), (values, indices)) in rows.zip(outs) {
            if op.largest == 0 {
                keys.iter_mut().for_each(|key| *key = !*key);
            }
            best(&mut arena, keys, indices)?;
            for (value, index) in values.chunks_mut(size).zip(indices) {
                value.copy_from_slice(&row[*index as usize * size..][..size]);
            }
        }
    }
    let tile = tile.with(last, 0, count);
    tile.store(memory, arena, &op.values, values)?;
    tile.store(memory, arena, &op.indices, bytemuck::cast_slice(indices))
}

/// The indices of the greatest keys, by a heap of all of them.
fn best(arena: &mut Arena, keys: &[i64], indices: &mut [i64]) -> Result<(), Fault> {
    let mut arena = arena.scope();
    let heap = arena.take::<u32>(keys.len())?;
    heap.iter_mut().zip(0..).for_each(|(place, index)| *place = index);
    let before = |a: u32, b: u32| {
        let (x, y) = (keys[a as usize], keys[b as usize]);
        x > y || (x == y && a < b)
    };
    for root in (0..keys.len() / 2).rev() {
        sift(heap, root, before);
    }
    let mut len = keys.len();
    for index in indices {
        *index = i64::from(heap[0]);
        len -= 1;
        heap.swap(0, len);
        sift(&mut heap[..len], 0, before);
    }
    Ok(())
}

/// Lets the element at `root` sink to its place.
fn sift(heap: &mut [u32], mut root: usize, before: impl Fn(u32, u32) -> bool) {
    loop {
        let mut child = 2 * root + 1;
        if child >= heap.len() {
            return;
        }
        if child + 1 < heap.len() && before(heap[child + 1], heap[child]) {
            child += 1;
        }
        if !before(heap[child], heap[root]) {
            return;
        }
        heap.swap(root, child);
        root = child;
    }
}
