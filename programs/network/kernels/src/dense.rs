//! Dense layers: matrix products with constant weights.

use assay_network_plan::{Dense, Element, Finish, Step, DENSE_BLOCK, DENSE_SLICE};

use crate::arithmetic::Arithmetic;
use crate::memory::{read_values, write_values, Arena, Memory};
use crate::{range_len, Fault};

/// Computes a tile; see [`Dense`].
#[inline(never)]
pub fn run<M: Memory, A: Arithmetic>(
    memory: &mut M,
    arena: &mut Arena,
    op: &Dense,
    step: &Step,
) -> Result<(), Fault> {
    let rows = range_len(step.rows, op.rows)?;
    let blocks = range_len(step.columns, op.columns.div_ceil(DENSE_BLOCK as u32))?;
    let depth = range_len(step.depth, op.depth)?;
    let width = blocks * DENSE_BLOCK;
    let depth_filled = depth.next_multiple_of(A::PAIR);
    let x = arena.zeros::<A::Value>(rows * depth_filled)?;
    for (x, row) in x.chunks_mut(depth_filled.max(1)).zip(step.rows[0]..) {
        let first = u64::from(row) * u64::from(op.depth) + u64::from(step.depth[0]);
        let address = op.x + first * u64::from(op.x_element.size());
        A::load(memory, arena, (op.x_element, op.x_zero), address, &mut x[..depth])?;
    }
    let sums = arena.zeros::<A::Sum>(rows * width)?;
    let out = Tile::new(op, step, width);
    if step.depth[0] > 0 {
        for (sums, row) in sums.chunks_mut(width.max(1)).zip(step.rows[0]..) {
            read_values(memory, out.address(op.sums, row, 4), &mut sums[..out.columns]);
        }
    }
    multiply::<M, A>(memory, arena, op, step, x, sums)?;
    if step.depth[1] < op.depth {
        for (sums, row) in sums.chunks(width.max(1)).zip(step.rows[0]..) {
            write_values(memory, out.address(op.sums, row, 4), &sums[..out.columns]);
        }
        return Ok(());
    }
    let first = out.first_column as usize;
    let (biases, multipliers) = channels::<M, A>(memory, arena, &op.finish, first, out.columns)?;
    for (sums, row) in sums.chunks_mut(width.max(1)).zip(step.rows[0]..) {
        let channels = biases.iter().copied().zip(multipliers.iter().copied());
        let bytes = A::finish(&op.finish, channels, &mut sums[..out.columns])?;
        memory.write(out.address(op.out, row, op.finish.element.size()), bytes);
    }
    Ok(())
}

/// Where a tile lies in the output.
struct Tile {
    first_column: u32,
    columns: usize,
    row_len: u32,
}

impl Tile {
    fn new(op: &Dense, step: &Step, width: usize) -> Self {
        let first_column = step.columns[0] * DENSE_BLOCK as u32;
        let columns = width.min(op.columns.saturating_sub(first_column) as usize);
        Self {
            first_column,
            columns,
            row_len: op.columns,
        }
    }

    /// Address of the tile's part of `row` in a tensor of the output's shape.
    fn address(&self, base: u64, row: u32, element_size: u32) -> u64 {
        let index = u64::from(row) * u64::from(self.row_len) + u64::from(self.first_column);
        base + index * u64::from(element_size)
    }
}

/// Adds the products of `x` and the tile's weights to `sums`, `[row][block][column]`.
///
/// The weights pass through a small buffer, slice by slice; every row takes its products from a slice while it is there.
#[inline(never)]
fn multiply<M: Memory, A: Arithmetic>(
    memory: &mut M,
    arena: &mut Arena,
    op: &Dense,
    step: &Step,
    x: &[A::Value],
    sums: &mut [A::Sum],
) -> Result<(), Fault> {
    let depth = (step.depth[1] - step.depth[0]) as usize;
    let filled = depth.next_multiple_of(A::PAIR);
    let blocks = (step.columns[1] - step.columns[0]) as usize;
    let weight_size = size_of::<A::Weight>();
    let block_bytes =
        u64::from(op.depth).next_multiple_of(A::PAIR as u64) * (DENSE_BLOCK * weight_size) as u64;
    let slice_depth = DENSE_SLICE / (DENSE_BLOCK * weight_size);
    let mut arena = arena.scope();
    let buffer = arena.take::<A::Weight>(slice_depth.min(filled) * DENSE_BLOCK)?;
    for block in 0..blocks {
        let first = u64::from(step.columns[0]) + block as u64;
        let address = op.weights + first * block_bytes;
        for from in (0..filled).step_by(slice_depth) {
            let to = filled.min(from + slice_depth);
            let weights = &mut buffer[..(to - from) * DENSE_BLOCK];
            let k = u64::from(step.depth[0]) + from as u64;
            read_values(memory, address + k * (DENSE_BLOCK * weight_size) as u64, weights);
            for (x, sums) in x.chunks(filled).zip(sums.chunks_mut(blocks * DENSE_BLOCK)) {
                let sums = sums.as_chunks_mut().0.get_mut(block).ok_or(Fault::BadTile)?;
                A::dense(sums, &x[from..to], weights);
            }
        }
    }
    Ok(())
}

/// Biases and multipliers of `count` output channels from `first`; the multiplier of an f32 output is 1.
pub fn channels<'a, M: Memory, A: Arithmetic>(
    memory: &mut M,
    arena: &mut Arena<'a>,
    finish: &Finish,
    first: usize,
    count: usize,
) -> Result<(&'a [A::Sum], &'a [f32]), Fault> {
    let biases = arena.take(count)?;
    let multipliers = arena.take(count)?;
    read_values(memory, finish.bias + 4 * first as u64, biases);
    if finish.element == Element::F32 {
        multipliers.fill(1.0);
    } else {
        read_values(memory, finish.multiplier + 4 * first as u64, multipliers);
    }
    Ok((biases, multipliers))
}
