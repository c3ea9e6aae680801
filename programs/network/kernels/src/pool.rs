//! Pooling.

use core::ops::Range;

use assay_network_plan::{Element, Pool, Reduction, Step, Window};
use bytemuck::Pod;

use crate::memory::{read_values, write_values, Arena, Memory};
use crate::{range_len, Fault};

/// Computes a tile; see [`Pool`].
pub fn run<M: Memory>(memory: &mut M, arena: &mut Arena, op: &Pool, step: &Step) -> Result<(), Fault> {
    match (op.element, op.reduction) {
        (Element::F32, Reduction::Max) => channels(memory, arena, op, step, greatest::<f32>),
        (Element::I8, Reduction::Max) => channels(memory, arena, op, step, greatest::<i8>),
        (Element::U8, Reduction::Max) => channels(memory, arena, op, step, greatest::<u8>),
        (Element::F32, Reduction::Mean) => {
            channels(memory, arena, op, step, |under| sum(under) / under.len() as f32)
        }
        (Element::F32, Reduction::MeanWithPadding) => channels(memory, arena, op, step, |under| {
            sum(under) / (op.window.kernel[0] * op.window.kernel[1]) as f32
        }),
        (Element::F32, Reduction::Sum) => channels(memory, arena, op, step, sum),
        _ => Err(Fault::BadElement),
    }
}

/// Reduces every window of every channel of the tile. `reduce` gets what lies under a window, in row-major order.
#[inline(never)]
fn channels<M: Memory, T: Pod>(
    memory: &mut M,
    arena: &mut Arena,
    op: &Pool,
    step: &Step,
    reduce: impl Fn(&[T]) -> T,
) -> Result<(), Fault> {
    let window = &op.window;
    let rows = range_len(step.rows, window.output[0])?;
    range_len(step.columns, u32::MAX)?;
    let [height, width] = window.input.map(|n| n as usize);
    let seen = rows_seen(window, step.rows);
    let image = arena.take::<T>(seen.len() * width)?;
    let out = arena.take::<T>(rows * window.output[1] as usize)?;
    let under = arena.take::<T>((window.kernel[0] * window.kernel[1]) as usize)?;
    let size = u64::from(op.element.size());
    for channel in step.columns[0]..step.columns[1] {
        let first = (u64::from(channel) * height as u64 + seen.start as u64) * width as u64;
        read_values(memory, op.x + first * size, image);
        let pixels = (step.rows[0]..step.rows[1]).flat_map(|y| (0..window.output[1]).map(move |x| (y, x)));
        for (value, (y, x)) in out.iter_mut().zip(pixels) {
            let count = collect(image, window, seen.start, [y, x], under);
            *value = reduce(&under[..count]);
        }
        let row = u64::from(channel) * u64::from(window.output[0]) + u64::from(step.rows[0]);
        write_values(memory, op.out + row * u64::from(window.output[1]) * size, out);
    }
    Ok(())
}

/// The rows of the image that some output rows see.
fn rows_seen(window: &Window, rows: [u32; 2]) -> Range<usize> {
    let clip = |row: i64| row.clamp(0, i64::from(window.input[0])) as usize;
    let top = |row: u32| i64::from(row) * i64::from(window.stride[0]) - i64::from(window.padding[0]);
    let reach = i64::from((window.kernel[0] - 1) * window.dilation[0] + 1);
    clip(top(rows[0]))..clip(top(rows[1].max(1) - 1) + reach)
}

/// Copies what lies under one window to `under` and returns how much it is. `image` starts at row `first`.
fn collect<T: Pod>(image: &[T], window: &Window, first: usize, at: [u32; 2], under: &mut [T]) -> usize {
    let width = window.input[1] as usize;
    let rows = places(window, 0, at[0]);
    let columns = places(window, 1, at[1]);
    let mut count = 0;
    for row in rows {
        let row = &image[(row - first) * width..][..width];
        for (place, column) in under[count..].iter_mut().zip(columns.clone()) {
            *place = row[column];
            count += 1;
        }
    }
    count
}

/// The places along an axis that the window of output `at` sees, padding left out.
fn places(window: &Window, axis: usize, at: u32) -> impl Iterator<Item = usize> + Clone {
    let [start, padding, dilation, kernel, len] = [
        at * window.stride[axis],
        window.padding[axis],
        window.dilation[axis],
        window.kernel[axis],
        window.input[axis],
    ];
    let skipped = padding.saturating_sub(start).div_ceil(dilation);
    let first = start + skipped * dilation - padding;
    let inside = len.saturating_sub(first).div_ceil(dilation);
    let count = inside.min(kernel.saturating_sub(skipped));
    (0..count).map(move |k| (first + k * dilation) as usize)
}

/// The greatest value; zero of none.
fn greatest<T: Pod + PartialOrd>(values: &[T]) -> T {
    let mut values = values.iter().copied();
    let first = values.next().unwrap_or(T::zeroed());
    values.fold(first, |best, value| if value > best { value } else { best })
}

fn sum(values: &[f32]) -> f32 {
    values.iter().fold(0.0, |sum, value| sum + value)
}
