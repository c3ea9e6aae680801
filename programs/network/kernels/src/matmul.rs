//! Matrix products.

use assay_network_plan::{Element, Finish, MatMul, Step, View, ABSENT, BLOCK, CHUNK, RANK, SLICE};
use bytemuck::Zeroable;

use crate::arithmetic::{Arithmetic, Rows, Sums};
use crate::memory::{place, read_values, Arena, Memory};
use crate::tile::Tile;
use crate::Fault;

/// The dimensions of a product, behind those of a batch.
const ROWS: usize = 3;
const COLUMNS: usize = 4;
const DEPTH: usize = 5;

/// Computes a tile; see [`MatMul`].
#[inline(never)]
pub fn run<M: Memory, A: Arithmetic>(
    memory: &mut M,
    arena: &mut Arena,
    op: &MatMul,
    step: &Step,
) -> Result<(), Fault> {
    let tile = Tile::new(step, &op.dims)?;
    let [rows, columns, depth] = [ROWS, COLUMNS, DEPTH].map(|axis| tile.len(axis));
    if rows == 0 || columns == 0 || depth == 0 || (0..ROWS).any(|axis| tile.len(axis) != 1) {
        return Err(Fault::BadTile);
    }
    let x = load_rows::<M, A>(memory, arena, op, &tile)?;
    let width = columns.next_multiple_of(BLOCK);
    let sums = arena.zeros::<A::Sum>(rows * width)?;
    let unfinished = sums_view(op);
    let block = tile.with(DEPTH, 0, 1);
    if tile.from(DEPTH) > 0 {
        let mut arena = arena.scope();
        let before: &[A::Sum] = bytemuck::cast_slice(block.load(memory, &mut arena, &unfinished)?);
        for (sums, before) in sums.chunks_mut(width).zip(before.chunks(columns)) {
            sums[..columns].copy_from_slice(before);
        }
    }
    multiply::<M, A>(memory, arena, op, &tile, x, sums)?;
    for row in 1..rows {
        sums.copy_within(row * width..row * width + columns, row * columns);
    }
    let sums = &mut sums[..rows * columns];
    if tile.from(DEPTH) + depth < op.dims[DEPTH] as usize {
        return block.store(memory, arena, &unfinished, bytemuck::cast_slice(sums));
    }
    let element = op.out.element;
    let (biases, multipliers) = channels::<M, A>(memory, arena, &op.finish, tile.from(COLUMNS), columns)?;
    for sums in sums.chunks_mut(columns) {
        let channels = biases.iter().copied().zip(multipliers.iter().copied());
        A::settle(&op.finish, element, channels, sums);
    }
    let elements = A::elements(arena, &op.finish, element, sums)?;
    block.store(memory, arena, &op.out, elements)
}

/// The tile's rows of x as values, each filled with zeros to whole pairs.
#[inline(never)]
fn load_rows<'a, M: Memory, A: Arithmetic>(
    memory: &mut M,
    arena: &mut Arena<'a>,
    op: &MatMul,
    tile: &Tile,
) -> Result<&'a [A::Value], Fault> {
    let rows = tile.with(COLUMNS, 0, 1);
    let depth = tile.len(DEPTH);
    if op.x.element == Element::F32 {
        return Ok(bytemuck::cast_slice(rows.load(memory, arena, &op.x)?));
    }
    let filled = depth.next_multiple_of(A::PAIR);
    let values = arena.zeros::<A::Value>(tile.len(ROWS) * filled)?;
    let mut arena = arena.scope();
    let bytes = rows.load(memory, &mut arena, &op.x)?;
    for (values, bytes) in values.chunks_mut(filled).zip(bytes.chunks(depth)) {
        A::convert(op.x.element, op.x_zero, bytes, &mut values[..depth])?;
    }
    Ok(values)
}

/// Unfinished sums lie dense over the batch, the rows and the columns.
fn sums_view(op: &MatMul) -> View {
    let mut strides = [0; RANK];
    let mut stride: i32 = 1;
    for axis in (0..DEPTH).rev() {
        strides[axis] = stride;
        stride = stride.wrapping_mul(op.dims[axis] as i32);
    }
    View {
        address: op.sums,
        // Of 4 bytes, whatever they are.
        element: Element::I32,
        strides,
    }
}

/// Adds the products of `x` and the tile's columns of y to `sums`, `[row][block][column]`.
///
/// The columns pass through a small buffer, slice by slice; every row takes its products from a slice while it is there.
#[inline(never)]
fn multiply<M: Memory, A: Arithmetic>(
    memory: &mut M,
    arena: &mut Arena,
    op: &MatMul,
    tile: &Tile,
    x: &[A::Value],
    sums: &mut [A::Sum],
) -> Result<(), Fault> {
    let depth = tile.len(DEPTH);
    let filled = depth.next_multiple_of(A::PAIR);
    let width = tile.len(COLUMNS).next_multiple_of(BLOCK);
    let piece = SLICE / (BLOCK * size_of::<A::Weight>());
    for block in 0..width / BLOCK {
        let mut from = 0;
        while from < filled {
            let len = match op.packed {
                0 => piece,
                _ => packed_piece::<A>(packed_address::<A>(op, tile, block, from)),
            };
            let to = filled.min(from + len);
            let mut arena = arena.scope();
            let rows = Rows {
                values: x,
                stride: filled,
                from,
                to,
            };
            let sums = Sums {
                sums: &mut *sums,
                stride: width,
                at: block * BLOCK,
            };
            if op.packed != 0 {
                let address = packed_address::<A>(op, tile, block, from);
                let len = (to - from) * BLOCK;
                let lent = memory.lend(address, len * size_of::<A::Weight>());
                if let Some(weights) = lent.and_then(|bytes| bytemuck::try_cast_slice(bytes).ok()) {
                    A::packed(rows, sums, weights)?;
                } else {
                    let weights = arena.take::<A::Weight>(len)?;
                    read_values(memory, address, weights);
                    A::packed(rows, sums, weights)?;
                }
            } else {
                let columns = slice::<M, A>(memory, &mut arena, op, tile, block, [from, to])?;
                A::products(rows, sums, columns)?;
            }
            from = to;
        }
    }
    Ok(())
}

/// How many rows of packed weights from an address on are a slice. Natively those of a chunk, which need not be copied.
fn packed_piece<A: Arithmetic>(address: u64) -> usize {
    let row = BLOCK * size_of::<A::Weight>();
    if cfg!(target_arch = "wasm32") {
        SLICE / row
    } else {
        ((CHUNK - address as usize % CHUNK) / row).max(1)
    }
}

/// Where a slice of packed weights lies.
fn packed_address<A: Arithmetic>(op: &MatMul, tile: &Tile, block: usize, from: usize) -> u64 {
    let row = (BLOCK * size_of::<A::Weight>()) as u64;
    let rows = u64::from(op.dims[DEPTH]).next_multiple_of(A::PAIR as u64);
    let block = (tile.from(COLUMNS) / BLOCK + block) as u64;
    let k = (tile.from(DEPTH) + from) as u64;
    place(op.y.address, block * rows + k, row)
}

/// A slice of y that is not packed: `[k / PAIR][column][k % PAIR]`.
#[inline(never)]
fn slice<'a, M: Memory, A: Arithmetic>(
    memory: &mut M,
    arena: &mut Arena<'a>,
    op: &MatMul,
    tile: &Tile,
    block: usize,
    [from, to]: [usize; 2],
) -> Result<&'a [A::Value], Fault> {
    let columns = BLOCK.min(tile.len(COLUMNS) - block * BLOCK);
    let depth = to.min(tile.len(DEPTH)) - from;
    let part = tile
        .with(ROWS, 0, 1)
        .with(COLUMNS, tile.from(COLUMNS) + block * BLOCK, columns)
        .with(DEPTH, tile.from(DEPTH) + from, depth);
    let values = arena.zeros::<A::Value>((to - from) * BLOCK)?;
    let mut arena = arena.scope();
    let plain = arena.take::<A::Value>(columns * depth)?;
    let bytes = part.load(memory, &mut arena, &op.y)?;
    A::convert(op.y.element, op.y_zero, bytes, plain)?;
    for (column, plain) in plain.chunks(depth).enumerate() {
        for (k, value) in plain.iter().enumerate() {
            let place = (k / A::PAIR * BLOCK + column) * A::PAIR + k % A::PAIR;
            values[place] = *value;
        }
    }
    Ok(values)
}

/// Biases and multipliers of `count` channels from `first`; where there are none, 0 and 1.
pub fn channels<'a, M: Memory, A: Arithmetic>(
    memory: &mut M,
    arena: &mut Arena<'a>,
    finish: &Finish,
    first: usize,
    count: usize,
) -> Result<(&'a [A::Sum], &'a [f32]), Fault> {
    let biases = arena.take(count)?;
    let multipliers = arena.take(count)?;
    if finish.bias == ABSENT {
        biases.fill(A::Sum::zeroed());
    } else {
        read_values(memory, place(finish.bias, first as u64, 4), biases);
    }
    if finish.multiplier == ABSENT {
        multipliers.fill(1.0);
    } else {
        read_values(memory, place(finish.multiplier, first as u64, 4), multipliers);
    }
    Ok((biases, multipliers))
}
