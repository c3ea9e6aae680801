//! Operators over one axis: softmax and argmax.

use assay_network_plan::{ArgMax, Softmax, Step};

use crate::memory::{read_values, write_values, Arena, Memory};
use crate::{range_len, Fault};

/// Computes a tile; see [`Softmax`].
#[inline(never)]
pub fn softmax<M: Memory>(memory: &mut M, arena: &mut Arena, op: &Softmax, step: &Step) -> Result<(), Fault> {
    let outer = range_len(step.rows, u32::MAX)?;
    let (len, inner) = (op.len as usize, op.inner as usize);
    let values = arena.take::<f32>(outer * len * inner)?;
    let start = 4 * u64::from(step.rows[0]) * (len * inner) as u64;
    read_values(memory, op.x + start, values);
    for block in values.chunks_mut((len * inner).max(1)) {
        for i in 0..inner {
            normalize(&mut block[i..], inner);
        }
    }
    write_values(memory, op.out + start, values);
    Ok(())
}

/// Turns the values at every `stride`th place into their softmax.
fn normalize(values: &mut [f32], stride: usize) {
    let greatest = values
        .iter()
        .step_by(stride)
        .fold(f32::NEG_INFINITY, |m, v| if *v > m { *v } else { m });
    let mut sum = 0.0;
    for value in values.iter_mut().step_by(stride) {
        *value = libm::expf(*value - greatest);
        sum += *value;
    }
    for value in values.iter_mut().step_by(stride) {
        *value /= sum;
    }
}

/// Computes a tile; see [`ArgMax`].
#[inline(never)]
pub fn arg_max<M: Memory>(memory: &mut M, arena: &mut Arena, op: &ArgMax, step: &Step) -> Result<(), Fault> {
    let outer = range_len(step.rows, u32::MAX)?;
    let (len, inner) = (op.len as usize, op.inner as usize);
    let values = arena.take::<f32>(outer * len * inner)?;
    let indices = arena.take::<i64>(outer * inner)?;
    let row = u64::from(step.rows[0]);
    read_values(memory, op.x + 4 * row * (len * inner) as u64, values);
    let blocks = values.chunks((len * inner).max(1));
    for (block, indices) in blocks.zip(indices.chunks_mut(inner.max(1))) {
        for (i, index) in indices.iter_mut().enumerate() {
            *index = first_greatest(block[i..].iter().step_by(inner));
        }
    }
    write_values(memory, op.out + 8 * row * inner as u64, indices);
    Ok(())
}

fn first_greatest<'a>(values: impl Iterator<Item = &'a f32>) -> i64 {
    let mut best = (0, f32::NEG_INFINITY);
    for (index, value) in (0..).zip(values) {
        if *value > best.1 {
            best = (index, *value);
        }
    }
    best.0
}
