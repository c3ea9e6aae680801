//! The inner loops of matrix products and convolutions: f32 sums in ascending order, or exact sums of 8-bit products.

use assay_network_plan::{Element, Finish, BLOCK, ELEMENTS};
use bytemuck::Pod;

use crate::code::Registers;
use crate::lanes::{F32x4, I16x8, I32x4};
use crate::memory::{read_values, Arena, Memory};
use crate::Fault;
use crate::{compare, math};

/// How products are summed and what becomes of the sums.
pub trait Arithmetic {
    /// What is multiplied.
    type Value: Pod;
    /// What weights of dense layers are stored as.
    type Weight: Pod;
    /// What is summed.
    type Sum: Pod;
    /// Consecutive products that one lane sums at once; depths are filled with zeros to a multiple of it.
    const PAIR: usize;

    /// Elements as values, the zero point taken off.
    fn convert(element: Element, zero: i32, bytes: &[u8], values: &mut [Self::Value]) -> Result<(), Fault>;

    /// `sums[c] += sum over k of x[k] * weights[k, c]`, for one block of columns of packed weights.
    fn packed(sums: &mut [Self::Sum; BLOCK], x: &[Self::Value], weights: &[Self::Weight]);

    /// The same for two rows, each weight loaded once.
    fn packed_pair(sums: [&mut [Self::Sum; BLOCK]; 2], x: [&[Self::Value]; 2], weights: &[Self::Weight]);

    /// [`Self::packed`], for weights that are values.
    fn product(sums: &mut [Self::Sum; BLOCK], x: &[Self::Value], weights: &[Self::Value]);

    /// Collects the inputs of a block of pixels: `columns[k / PAIR][p][k % PAIR] = image[bases[p] + offsets[k]]`.
    fn gather(
        image: &[Self::Value],
        bases: &[u32; BLOCK],
        offsets: &[u32],
        columns: &mut [Self::Value],
    ) -> Result<(), Fault>;

    /// `sums[j, p] += sum over k of rows[j][k] * columns[k, p]`, for two rows and one block of columns: of a convolution, two
    /// output channels and one block of pixels.
    fn product_pair(sums: [&mut [Self::Sum; BLOCK]; 2], rows: [&[Self::Value]; 2], columns: &[Self::Value]);

    /// Adds to each sum its channel's bias and, where the output is quantized, makes it a level by the multiplier.
    fn settle(
        finish: &Finish,
        element: Element,
        channels: impl Iterator<Item = (Self::Sum, f32)>,
        sums: &mut [Self::Sum],
    );

    /// Makes settled sums the output's elements, in place.
    fn elements<'a>(
        arena: &mut Arena,
        finish: &Finish,
        element: Element,
        sums: &'a mut [Self::Sum],
    ) -> Result<&'a mut [u8], Fault>;
}

/// Reads elements at `address` as values, the zero point taken off.
pub fn load<M: Memory, A: Arithmetic>(
    memory: &mut M,
    arena: &mut Arena,
    (element, zero): (Element, i32),
    address: u64,
    values: &mut [A::Value],
) -> Result<(), Fault> {
    if element == Element::F32 {
        read_values(memory, address, values);
        return Ok(());
    }
    let mut arena = arena.scope();
    let piece = arena.take::<u8>(PIECE.min(values.len()))?;
    let mut address = address;
    for values in values.chunks_mut(PIECE) {
        let bytes = &mut piece[..values.len()];
        memory.read(address, bytes);
        address = address.wrapping_add(bytes.len() as u64);
        A::convert(element, zero, bytes, values)?;
    }
    Ok(())
}

/// f32.
pub struct Float;

impl Arithmetic for Float {
    type Value = f32;
    type Weight = f32;
    type Sum = f32;
    const PAIR: usize = 1;

    fn convert(element: Element, _: i32, bytes: &[u8], values: &mut [f32]) -> Result<(), Fault> {
        if element != Element::F32 {
            return Err(Fault::BadElement);
        }
        values.copy_from_slice(bytemuck::cast_slice(bytes));
        Ok(())
    }

    fn packed(sums: &mut [f32; BLOCK], x: &[f32], weights: &[f32]) {
        Self::product(sums, x, weights);
    }

    fn packed_pair(sums: [&mut [f32; BLOCK]; 2], x: [&[f32]; 2], weights: &[f32]) {
        Self::product_pair(sums, x, weights);
    }

    fn product(sums: &mut [f32; BLOCK], x: &[f32], weights: &[f32]) {
        let mut lanes = load_floats(sums);
        for (x, weights) in x.iter().zip(weights.as_chunks::<BLOCK>().0) {
            let x = F32x4::splat(*x);
            for (lane, weights) in lanes.iter_mut().zip(weights.as_chunks().0) {
                *lane = lane.add_product(x, F32x4::load(weights));
            }
        }
        store_floats(lanes, sums);
    }

    fn gather(
        image: &[f32],
        bases: &[u32; BLOCK],
        offsets: &[u32],
        columns: &mut [f32],
    ) -> Result<(), Fault> {
        gather::<f32, 1, BLOCK>(image, bases, offsets, columns)
    }

    #[inline(never)]
    fn product_pair(sums: [&mut [f32; BLOCK]; 2], weights: [&[f32]; 2], columns: &[f32]) {
        let [first_sums, second_sums] = sums;
        let mut first = load_floats(first_sums);
        let mut second = load_floats(second_sums);
        let columns = columns.as_chunks::<BLOCK>().0;
        for ((a, b), pixels) in weights[0].iter().zip(weights[1]).zip(columns) {
            let (a, b) = (F32x4::splat(*a), F32x4::splat(*b));
            for (i, pixels) in pixels.as_chunks().0.iter().enumerate() {
                let pixels = F32x4::load(pixels);
                first[i] = first[i].add_product(a, pixels);
                second[i] = second[i].add_product(b, pixels);
            }
        }
        store_floats(first, first_sums);
        store_floats(second, second_sums);
    }

    fn settle(_: &Finish, _: Element, channels: impl Iterator<Item = (f32, f32)>, sums: &mut [f32]) {
        for (sum, (bias, _)) in sums.iter_mut().zip(channels) {
            *sum += bias;
        }
    }

    fn elements<'a>(
        arena: &mut Arena,
        finish: &Finish,
        element: Element,
        sums: &'a mut [f32],
    ) -> Result<&'a mut [u8], Fault> {
        if element != Element::F32 {
            return Err(Fault::BadElement);
        }
        let code = &finish.code;
        if code.len > 0 {
            let mut arena = arena.scope();
            let mut registers = Registers::new(&mut arena, code)?;
            for sums in sums.chunks_mut(ELEMENTS) {
                registers.floats(0)?[..sums.len()].copy_from_slice(sums);
                registers.execute(code, &[], 0, sums.len())?;
                sums.copy_from_slice(&registers.floats(code.result)?[..sums.len()]);
            }
        }
        Ok(bytemuck::cast_slice_mut(sums))
    }
}

fn load_floats(values: &[f32; 16]) -> [F32x4; 4] {
    let quads = values.as_chunks().0;
    [0, 1, 2, 3].map(|i| F32x4::load(&quads[i]))
}

fn store_floats(lanes: [F32x4; 4], values: &mut [f32; 16]) {
    for (lane, quad) in lanes.into_iter().zip(values.as_chunks_mut().0) {
        lane.store(quad);
    }
}

/// 8-bit integers, summed as i32.
pub struct Quantized;

/// Elements that are widened at a time.
const PIECE: usize = 4096;

impl Arithmetic for Quantized {
    type Value = i16;
    type Weight = i8;
    type Sum = i32;
    const PAIR: usize = 2;

    fn convert(element: Element, zero: i32, bytes: &[u8], values: &mut [i16]) -> Result<(), Fault> {
        let zero = zero as i16;
        let pairs = values.iter_mut().zip(bytes);
        match element {
            Element::I8 => pairs.for_each(|(v, b)| *v = i16::from(*b as i8).wrapping_sub(zero)),
            Element::U8 => pairs.for_each(|(v, b)| *v = i16::from(*b).wrapping_sub(zero)),
            _ => return Err(Fault::BadElement),
        }
        Ok(())
    }

    fn packed(sums: &mut [i32; BLOCK], x: &[i16], weights: &[i8]) {
        let mut lanes = load_integers(sums);
        for (pair, weights) in x.as_chunks().0.iter().zip(weights.as_chunks::<{ 2 * BLOCK }>().0) {
            let pair = I16x8::splat(pair);
            for (lane, weights) in lanes.iter_mut().zip(weights.as_chunks().0) {
                *lane = lane.add_products(pair, I16x8::widen(weights));
            }
        }
        store_integers(lanes, sums);
    }

    #[inline(never)]
    fn packed_pair(sums: [&mut [i32; BLOCK]; 2], x: [&[i16]; 2], weights: &[i8]) {
        let [first_sums, second_sums] = sums;
        let mut first = load_integers(first_sums);
        let mut second = load_integers(second_sums);
        let pairs = x[0].as_chunks().0.iter().zip(x[1].as_chunks().0);
        for ((a, b), weights) in pairs.zip(weights.as_chunks::<{ 2 * BLOCK }>().0) {
            let (a, b) = (I16x8::splat(a), I16x8::splat(b));
            for (i, weights) in weights.as_chunks().0.iter().enumerate() {
                let weights = I16x8::widen(weights);
                first[i] = first[i].add_products(a, weights);
                second[i] = second[i].add_products(b, weights);
            }
        }
        store_integers(first, first_sums);
        store_integers(second, second_sums);
    }

    fn product(sums: &mut [i32; BLOCK], x: &[i16], weights: &[i16]) {
        let mut lanes = load_integers(sums);
        for (pair, weights) in x.as_chunks().0.iter().zip(weights.as_chunks::<{ 2 * BLOCK }>().0) {
            let pair = I16x8::splat(pair);
            for (lane, weights) in lanes.iter_mut().zip(weights.as_chunks().0) {
                *lane = lane.add_products(pair, I16x8::load(weights));
            }
        }
        store_integers(lanes, sums);
    }

    fn gather(
        image: &[i16],
        bases: &[u32; BLOCK],
        offsets: &[u32],
        columns: &mut [i16],
    ) -> Result<(), Fault> {
        gather::<i16, 2, { 2 * BLOCK }>(image, bases, offsets, columns)
    }

    #[inline(never)]
    fn product_pair(sums: [&mut [i32; BLOCK]; 2], weights: [&[i16]; 2], columns: &[i16]) {
        let [first_sums, second_sums] = sums;
        let mut first = load_integers(first_sums);
        let mut second = load_integers(second_sums);
        let pairs = weights[0].as_chunks().0.iter().zip(weights[1].as_chunks().0);
        for ((a, b), pixels) in pairs.zip(columns.as_chunks::<{ 2 * BLOCK }>().0) {
            let (a, b) = (I16x8::splat(a), I16x8::splat(b));
            for (i, pixels) in pixels.as_chunks().0.iter().enumerate() {
                let pixels = I16x8::load(pixels);
                first[i] = first[i].add_products(a, pixels);
                second[i] = second[i].add_products(b, pixels);
            }
        }
        store_integers(first, first_sums);
        store_integers(second, second_sums);
    }

    fn settle(
        finish: &Finish,
        element: Element,
        channels: impl Iterator<Item = (i32, f32)>,
        sums: &mut [i32],
    ) {
        let low = finish.low.wrapping_sub(finish.zero) as f32;
        let high = finish.high.wrapping_sub(finish.zero) as f32;
        for (sum, (bias, multiplier)) in sums.iter_mut().zip(channels) {
            *sum = sum.wrapping_add(bias);
            if element != Element::I32 {
                let value = compare::clamp(*sum as f32 * multiplier, low, high);
                *sum = (math::round_half_even(value) as i32).wrapping_add(finish.zero);
            }
        }
    }

    fn elements<'a>(
        _: &mut Arena,
        _: &Finish,
        element: Element,
        sums: &'a mut [i32],
    ) -> Result<&'a mut [u8], Fault> {
        let len = sums.len();
        match element {
            Element::I32 => Ok(bytemuck::cast_slice_mut(sums)),
            Element::I8 | Element::U8 => {
                for i in 0..len {
                    let level = sums[i] as u8;
                    bytemuck::cast_slice_mut(sums)[i] = level;
                }
                Ok(&mut bytemuck::cast_slice_mut(sums)[..len])
            }
            _ => Err(Fault::BadElement),
        }
    }
}

fn load_integers(values: &[i32; 16]) -> [I32x4; 4] {
    let quads = values.as_chunks().0;
    [0, 1, 2, 3].map(|i| I32x4::load(&quads[i]))
}

fn store_integers(lanes: [I32x4; 4], values: &mut [i32; 16]) {
    for (lane, quad) in lanes.into_iter().zip(values.as_chunks_mut().0) {
        lane.store(quad);
    }
}

/// See [`Arithmetic::gather`]. `LEN` is `PAIR * BLOCK`.
fn gather<T: Pod, const PAIR: usize, const LEN: usize>(
    image: &[T],
    bases: &[u32; BLOCK],
    offsets: &[u32],
    columns: &mut [T],
) -> Result<(), Fault> {
    let runs = bases
        .as_chunks::<4>()
        .0
        .iter()
        .all(|[a, b, c, d]| [a + 1, a + 2, a + 3] == [*b, *c, *d]);
    let columns = columns.as_chunks_mut::<LEN>().0;
    for (offsets, column) in offsets.as_chunks::<PAIR>().0.iter().zip(columns) {
        for (j, offset) in offsets.iter().enumerate() {
            let window = image.get(*offset as usize..).ok_or(Fault::BadTile)?;
            if runs {
                gather_runs::<T, PAIR>(window, bases, &mut column[j..])?;
            } else {
                gather_each::<T, PAIR>(window, bases, &mut column[j..])?;
            }
        }
    }
    Ok(())
}

/// One value for each pixel, to every `PAIR`th place.
fn gather_each<T: Pod, const PAIR: usize>(
    window: &[T],
    bases: &[u32; BLOCK],
    column: &mut [T],
) -> Result<(), Fault> {
    for (place, base) in column.iter_mut().step_by(PAIR).zip(bases) {
        *place = *window.get(*base as usize).ok_or(Fault::BadTile)?;
    }
    Ok(())
}

/// As [`gather_each`], where each four pixels lie side by side.
fn gather_runs<T: Pod, const PAIR: usize>(
    window: &[T],
    bases: &[u32; BLOCK],
    column: &mut [T],
) -> Result<(), Fault> {
    for (places, [base, ..]) in column.chunks_mut(4 * PAIR).zip(bases.as_chunks::<4>().0) {
        let run = window
            .get(*base as usize..)
            .and_then(|rest| rest.first_chunk::<4>());
        let run = run.ok_or(Fault::BadTile)?;
        for (place, value) in places.iter_mut().step_by(PAIR).zip(run) {
            *place = *value;
        }
    }
    Ok(())
}
