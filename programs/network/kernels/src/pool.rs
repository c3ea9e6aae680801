//! Pooling.

use core::ops::Range;

use crate::memory::{place, read_values, write_values, Arena, Memory};
use crate::tile::range_len;
use crate::{window, Fault};
use assay_network_plan::{Element, Pool, Pooling, Step, Window, ABSENT};

/// Computes a tile; see [`Pool`]. Elements of 8 bits pass as f32.
pub fn run<M: Memory>(memory: &mut M, arena: &mut Arena, op: &Pool, step: &Step) -> Result<(), Fault> {
    let bytes = matches!(op.element, Element::I8 | Element::U8);
    if op.element != Element::F32 && !(bytes && op.pooling == Pooling::Max) {
        return Err(Fault::BadElement);
    }
    window::check(&op.window)?;
    planes(memory, arena, op, step)
}

/// A tile's part of the planes.
struct Band {
    rows: usize,
    seen: Range<usize>,
}

impl Band {
    fn new(op: &Pool, step: &Step) -> Result<Self, Fault> {
        range_len([step.from[0], step.to[0]], op.planes)?;
        let rows = [step.from[1], step.to[1]];
        Ok(Self {
            rows: range_len(rows, op.window.output[0])?,
            seen: rows_seen(&op.window, rows),
        })
    }

    /// Where a plane's part begins, in elements of x and of the output.
    fn starts(&self, op: &Pool, step: &Step, plane: u32) -> [u64; 2] {
        let [height, width] = op.window.input.map(u64::from);
        let [out_height, out_width] = op.window.output.map(u64::from);
        let plane = u64::from(plane);
        [
            (plane * height + self.seen.start as u64) * width,
            (plane * out_height + u64::from(step.from[1])) * out_width,
        ]
    }
}

/// The output pixels of a tile.
fn pixels(op: &Pool, step: &Step) -> impl Iterator<Item = [u32; 2]> {
    let width = op.window.output[1];
    (step.from[1]..step.to[1]).flat_map(move |y| (0..width).map(move |x| [y, x]))
}

#[inline(never)]
fn planes<M: Memory>(memory: &mut M, arena: &mut Arena, op: &Pool, step: &Step) -> Result<(), Fault> {
    let band = Band::new(op, step)?;
    let width = op.window.input[1] as usize;
    let image = arena.take::<f32>(band.seen.len() * width)?;
    let out = arena.take::<f32>(band.rows * op.window.output[1] as usize)?;
    let indices = arena.take::<i64>(if op.indices == ABSENT { 0 } else { out.len() })?;
    let size = u64::from(op.element.size());
    for plane in step.from[0]..step.to[0] {
        let [first, first_out] = band.starts(op, step, plane);
        load(memory, op.element, place(op.x, first, size), image);
        reduce(arena, op, step, image, band.seen.start, out)?;
        if op.indices != ABSENT {
            let start = i64::from(plane) * i64::from(op.window.input[0]) * i64::from(op.window.input[1]);
            find(op, step, image, band.seen.start, indices);
            indices.iter_mut().for_each(|index| *index += start);
            write_values(memory, place(op.indices, first_out, 8), indices);
        }
        store(memory, op.element, place(op.out, first_out, size), out);
    }
    Ok(())
}

/// Reads elements as f32.
#[inline(never)]
fn load<M: Memory>(memory: &mut M, element: Element, address: u64, values: &mut [f32]) {
    if element == Element::F32 {
        return read_values(memory, address, values);
    }
    let len = values.len();
    memory.read(address, &mut bytemuck::cast_slice_mut(values)[..len]);
    // The last one first: a value takes the place of four bytes.
    for place in (0..len).rev() {
        let byte = bytemuck::cast_slice::<f32, u8>(values)[place];
        values[place] = match element {
            Element::I8 => f32::from(byte as i8),
            _ => f32::from(byte),
        };
    }
}

/// Writes elements that are f32.
#[inline(never)]
fn store<M: Memory>(memory: &mut M, element: Element, address: u64, values: &mut [f32]) {
    if element == Element::F32 {
        return write_values(memory, address, values);
    }
    for place in 0..values.len() {
        let byte = values[place] as i32 as u8;
        bytemuck::cast_slice_mut(values)[place] = byte;
    }
    memory.write(address, &bytemuck::cast_slice(values)[..values.len()]);
}

/// Reduces every window of a plane. What lies under a window is taken in row-major order.
#[inline(never)]
fn reduce(
    arena: &mut Arena,
    op: &Pool,
    step: &Step,
    image: &[f32],
    first: usize,
    out: &mut [f32],
) -> Result<(), Fault> {
    let window = &op.window;
    let under = arena
        .scope()
        .take::<f32>((window.kernel[0] * window.kernel[1]) as usize)?;
    for (value, at) in out.iter_mut().zip(pixels(op, step)) {
        let count = collect(image, window, first, at, under);
        let under = &under[..count];
        *value = match op.pooling {
            Pooling::Max => greatest(under),
            Pooling::Mean => sum(under) / count as f32,
            Pooling::MeanWithPadding => sum(under) / padded_len(window, at) as f32,
            Pooling::Sum => sum(under),
        };
    }
    Ok(())
}

/// Finds the greatest element under every window of a plane.
#[inline(never)]
fn find(op: &Pool, step: &Step, image: &[f32], first: usize, indices: &mut [i64]) {
    let [height, width] = op.window.input.map(|n| n as usize);
    for (index, at) in indices.iter_mut().zip(pixels(op, step)) {
        let [row, column] = greatest_place(image, &op.window, first, at);
        let place = match op.column_major {
            0 => row * width + column,
            _ => column * height + row,
        };
        *index = place as i64;
    }
}

/// Row and column of the first greatest element under a window.
fn greatest_place(image: &[f32], window: &Window, first: usize, at: [u32; 2]) -> [usize; 2] {
    let width = window.input[1] as usize;
    let mut best: Option<(f32, [usize; 2])> = None;
    for row in places(window, 0, at[0]) {
        for column in places(window, 1, at[1]) {
            let value = image[(row - first) * width + column];
            if best.is_none_or(|(most, _)| value > most) {
                best = Some((value, [row, column]));
            }
        }
    }
    best.map_or([0, 0], |(_, place)| place)
}

/// Elements of the image and its padding under a window.
fn padded_len(window: &Window, at: [u32; 2]) -> u32 {
    let along = |axis: usize| {
        let start = at[axis] * window.stride[axis];
        let end = window.padding[axis] + window.input[axis] + window.padding_after[axis];
        let inside = end.saturating_sub(start).div_ceil(window.dilation[axis]);
        inside.min(window.kernel[axis])
    };
    along(0) * along(1)
}

/// The rows of the image that some output rows see.
fn rows_seen(window: &Window, rows: [u32; 2]) -> Range<usize> {
    let clip = |row: i64| row.clamp(0, i64::from(window.input[0])) as usize;
    let top = |row: u32| i64::from(row) * i64::from(window.stride[0]) - i64::from(window.padding[0]);
    let reach = i64::from((window.kernel[0] - 1) * window.dilation[0] + 1);
    clip(top(rows[0]))..clip(top(rows[1].max(1) - 1) + reach)
}

/// Copies what lies under one window to `under` and returns how much it is. `image` starts at row `first`.
fn collect(image: &[f32], window: &Window, first: usize, at: [u32; 2], under: &mut [f32]) -> usize {
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
fn greatest(values: &[f32]) -> f32 {
    let first = values.first().copied().unwrap_or_default();
    values
        .iter()
        .fold(first, |best, value| if *value > best { *value } else { best })
}

fn sum(values: &[f32]) -> f32 {
    values.iter().fold(0.0, |sum, value| sum + value)
}
