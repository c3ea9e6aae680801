//! Rows by their numbers: gathering and scattering.

use assay_network_plan::{Element, Put, Scattering, Step, Take};

use crate::compare;
use crate::memory::{place, read_values, write_values, Arena, Memory};
use crate::tile::range_len;
use crate::Fault;

/// Computes a tile; see [`Take`].
#[inline(never)]
pub fn take<M: Memory>(memory: &mut M, arena: &mut Arena, op: &Take, step: &Step) -> Result<(), Fault> {
    range_len([step.from[0], step.to[0]], op.outer)?;
    let count = range_len([step.from[1], step.to[1]], op.count)?;
    let bytes = range_len([step.from[2], step.to[2]], op.row)?;
    let indices = arena.take::<i64>(count)?;
    read_values(memory, place(op.indices, step.from[1].into(), 8), indices);
    let rows = arena.take::<u8>(count.checked_mul(bytes).ok_or(Fault::OutOfArena)?)?;
    let [row_len, start] = [op.row, step.from[2]].map(u64::from);
    for outer in u64::from(step.from[0])..u64::from(step.to[0]) {
        for (row, index) in rows.chunks_mut(bytes.max(1)).zip(indices.iter()) {
            let index = outer * u64::from(op.len) + row_of(*index, op.len)?;
            memory.read(place(op.x, index, row_len).wrapping_add(start), row);
        }
        let first = outer * u64::from(op.count) + u64::from(step.from[1]);
        if bytes as u64 == row_len {
            memory.write(place(op.out, first, row_len), rows);
        } else {
            for (row, index) in rows.chunks(bytes.max(1)).zip(first..) {
                memory.write(place(op.out, index, row_len).wrapping_add(start), row);
            }
        }
    }
    Ok(())
}

/// The row that a number means.
fn row_of(index: i64, len: u32) -> Result<u64, Fault> {
    let len = i64::from(len);
    let row = if index < 0 { index.wrapping_add(len) } else { index };
    (0..len)
        .contains(&row)
        .then_some(row as u64)
        .ok_or(Fault::OutOfRange)
}

/// Computes a tile; see [`Put`].
#[inline(never)]
pub fn put<M: Memory>(memory: &mut M, arena: &mut Arena, op: &Put, step: &Step) -> Result<(), Fault> {
    let count = range_len([step.from[0], step.to[0]], op.count)?;
    let indices = arena.take::<i64>(count)?;
    read_values(memory, place(op.indices, step.from[0].into(), 8), indices);
    let bytes = (op.row as usize)
        .checked_mul(op.element.size() as usize)
        .ok_or(Fault::OutOfArena)?;
    let row = arena.take::<u8>(bytes)?;
    let there = arena.take::<u8>(bytes)?;
    for (index, at) in indices.iter().zip(u64::from(step.from[0])..) {
        read_values(memory, place(op.x, at, bytes as u64), row);
        let address = place(op.out, row_of(*index, op.len)?, bytes as u64);
        if op.scattering != Scattering::Replace {
            memory.read(address, there);
            meet(op, row, there)?;
        }
        write_values(memory, address, row);
    }
    Ok(())
}

/// Combines a row with the one that is there.
fn meet(op: &Put, row: &mut [u8], there: &[u8]) -> Result<(), Fault> {
    match op.element {
        Element::F32 => {
            for (bytes, there) in row.as_chunks_mut().0.iter_mut().zip(there.as_chunks().0) {
                let (x, y) = (f32::from_le_bytes(*there), f32::from_le_bytes(*bytes));
                let value = match op.scattering {
                    Scattering::Add => x + y,
                    Scattering::Mul => x * y,
                    Scattering::Min => compare::min(x, y),
                    _ => compare::max(x, y),
                };
                *bytes = value.to_le_bytes();
            }
        }
        Element::I64 => {
            for (bytes, there) in row.as_chunks_mut().0.iter_mut().zip(there.as_chunks().0) {
                let (x, y) = (i64::from_le_bytes(*there), i64::from_le_bytes(*bytes));
                let value = match op.scattering {
                    Scattering::Add => x.wrapping_add(y),
                    Scattering::Mul => x.wrapping_mul(y),
                    Scattering::Min => x.min(y),
                    _ => x.max(y),
                };
                *bytes = value.to_le_bytes();
            }
        }
        _ => return Err(Fault::BadElement),
    }
    Ok(())
}
