//! The inner loops of matrix products and convolutions: f32 sums in ascending order, or exact sums of 8-bit products.

use assay_network_plan::{Element, Finish, BLOCK, ELEMENTS};
use bytemuck::Pod;

use crate::code::Registers;
use crate::lanes::{F32x4, I16x8, I32x4};
use crate::memory::{read_values, Arena, Memory};
#[cfg(target_arch = "x86_64")]
use crate::wide;
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

    /// `sums[row, c] += sum over k of x[row, k] * columns[k, c]`, for one block of columns, `[k / PAIR][column][k % PAIR]`.
    fn products(x: Rows<Self::Value>, sums: Sums<Self::Sum>, columns: &[Self::Value]) -> Result<(), Fault>;

    /// The same, for packed weights.
    fn packed(x: Rows<Self::Value>, sums: Sums<Self::Sum>, weights: &[Self::Weight]) -> Result<(), Fault>;

    /// Collects the inputs of a block of pixels: `columns[k / PAIR][p][k % PAIR] = image[bases[p] + offsets[k]]`.
    fn gather(
        image: &[Self::Value],
        bases: &[u32; BLOCK],
        offsets: &[u32],
        columns: &mut [Self::Value],
    ) -> Result<(), Fault>;

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

/// Parts of rows of values, which lie `stride` apart.
pub struct Rows<'a, T> {
    /// The rows.
    pub values: &'a [T],
    /// From the beginning of a row to the next one's.
    pub stride: usize,
    /// The part of each row.
    pub from: usize,
    /// Behind the part.
    pub to: usize,
}

impl<'a, T> Rows<'a, T> {
    fn iter(&self) -> impl Iterator<Item = Option<&'a [T]>> + use<'a, T> {
        let (from, to) = (self.from, self.to);
        self.values
            .chunks(self.stride.max(1))
            .map(move |row| row.get(from..to))
    }
}

/// A block of sums in each of some rows, which lie `stride` apart.
pub struct Sums<'a, T> {
    /// The rows.
    pub sums: &'a mut [T],
    /// From the beginning of a row to the next one's.
    pub stride: usize,
    /// Where the block begins in each row.
    pub at: usize,
}

/// A block of sums.
type Block<T> = [T; BLOCK];

impl<T> Sums<'_, T> {
    fn iter(&mut self) -> impl Iterator<Item = Option<&mut Block<T>>> {
        let at = self.at;
        self.sums
            .chunks_mut(self.stride.max(1))
            .map(move |row| row.get_mut(at..)?.first_chunk_mut())
    }
}

/// Calls `two` with two rows and their sums at a time, and `one` with a last one.
fn each_row<X, S>(
    x: Rows<X>,
    mut sums: Sums<S>,
    one: impl Fn(&[X], &mut Block<S>),
    two: impl Fn([&[X]; 2], [&mut Block<S>; 2]),
) -> Result<(), Fault> {
    let mut x = x.iter();
    let mut sums = sums.iter();
    while let Some(first) = x.next() {
        let first = first.ok_or(Fault::BadTile)?;
        let first_sums = sums.next().flatten().ok_or(Fault::BadTile)?;
        match x.next() {
            Some(second) => {
                let second = second.ok_or(Fault::BadTile)?;
                let second_sums = sums.next().flatten().ok_or(Fault::BadTile)?;
                two([first, second], [first_sums, second_sums]);
            }
            None => one(first, first_sums),
        }
    }
    Ok(())
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

    fn products(x: Rows<f32>, sums: Sums<f32>, columns: &[f32]) -> Result<(), Fault> {
        #[cfg(target_arch = "x86_64")]
        let (x, sums) = wide::floats(x, sums, columns);
        each_row(
            x,
            sums,
            |x, sums| float_row(sums, x, columns),
            |x, sums| float_pair(sums, x, columns),
        )
    }

    fn packed(x: Rows<f32>, sums: Sums<f32>, weights: &[f32]) -> Result<(), Fault> {
        Self::products(x, sums, weights)
    }

    fn gather(
        image: &[f32],
        bases: &[u32; BLOCK],
        offsets: &[u32],
        columns: &mut [f32],
    ) -> Result<(), Fault> {
        gather::<f32, 1, BLOCK>(image, bases, offsets, columns)
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

fn float_row(sums: &mut Block<f32>, x: &[f32], columns: &[f32]) {
    let mut lanes = load_floats(sums);
    for (x, columns) in x.iter().zip(columns.as_chunks::<BLOCK>().0) {
        let x = F32x4::splat(*x);
        for (lane, columns) in lanes.iter_mut().zip(columns.as_chunks().0) {
            *lane = lane.add_product(x, F32x4::load(columns));
        }
    }
    store_floats(lanes, sums);
}

/// Each value of the columns is loaded once.
#[inline(never)]
fn float_pair([first_sums, second_sums]: [&mut Block<f32>; 2], [a, b]: [&[f32]; 2], columns: &[f32]) {
    let mut first = load_floats(first_sums);
    let mut second = load_floats(second_sums);
    let columns = columns.as_chunks::<BLOCK>().0;
    for ((a, b), columns) in a.iter().zip(b).zip(columns) {
        let (a, b) = (F32x4::splat(*a), F32x4::splat(*b));
        for (i, columns) in columns.as_chunks().0.iter().enumerate() {
            let columns = F32x4::load(columns);
            first[i] = first[i].add_product(a, columns);
            second[i] = second[i].add_product(b, columns);
        }
    }
    store_floats(first, first_sums);
    store_floats(second, second_sums);
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

    fn products(x: Rows<i16>, sums: Sums<i32>, columns: &[i16]) -> Result<(), Fault> {
        #[cfg(target_arch = "x86_64")]
        let (x, sums) = wide::integers(x, sums, columns);
        let columns = columns.as_chunks::<{ 2 * BLOCK }>().0;
        each_row(
            x,
            sums,
            |x, sums| integer_row(sums, x, columns, I16x8::load),
            |x, sums| integer_pair(sums, x, columns, I16x8::load),
        )
    }

    fn packed(x: Rows<i16>, sums: Sums<i32>, weights: &[i8]) -> Result<(), Fault> {
        #[cfg(target_arch = "x86_64")]
        let (x, sums) = wide::packed_integers(x, sums, weights);
        let weights = weights.as_chunks::<{ 2 * BLOCK }>().0;
        each_row(
            x,
            sums,
            |x, sums| integer_row(sums, x, weights, I16x8::widen),
            |x, sums| integer_pair(sums, x, weights, I16x8::widen),
        )
    }

    fn gather(
        image: &[i16],
        bases: &[u32; BLOCK],
        offsets: &[u32],
        columns: &mut [i16],
    ) -> Result<(), Fault> {
        gather::<i16, 2, { 2 * BLOCK }>(image, bases, offsets, columns)
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

fn integer_row<T: Pod>(
    sums: &mut Block<i32>,
    x: &[i16],
    columns: &[[T; 2 * BLOCK]],
    load: impl Fn(&[T; 8]) -> I16x8,
) {
    let mut lanes = load_integers(sums);
    for (pair, columns) in x.as_chunks().0.iter().zip(columns) {
        let pair = I16x8::splat(pair);
        for (lane, columns) in lanes.iter_mut().zip(columns.as_chunks().0) {
            *lane = lane.add_products(pair, load(columns));
        }
    }
    store_integers(lanes, sums);
}

/// Each value of the columns is loaded once.
#[inline(never)]
fn integer_pair<T: Pod>(
    [first_sums, second_sums]: [&mut Block<i32>; 2],
    x: [&[i16]; 2],
    columns: &[[T; 2 * BLOCK]],
    load: impl Fn(&[T; 8]) -> I16x8,
) {
    let mut first = load_integers(first_sums);
    let mut second = load_integers(second_sums);
    let pairs = x[0].as_chunks().0.iter().zip(x[1].as_chunks().0);
    for ((a, b), columns) in pairs.zip(columns) {
        let (a, b) = (I16x8::splat(a), I16x8::splat(b));
        for (i, columns) in columns.as_chunks().0.iter().enumerate() {
            let columns = load(columns);
            first[i] = first[i].add_products(a, columns);
            second[i] = second[i].add_products(b, columns);
        }
    }
    store_integers(first, first_sums);
    store_integers(second, second_sums);
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
