//! The inner loops by as many lanes as the machine has: each lane does what it does elsewhere, in the same order.

use core::arch::x86_64::*;
use std::arch::is_x86_feature_detected as has;

use assay_network_plan::BLOCK;

use crate::arithmetic::{Rows, Sums};

/// 16 sums in registers, and what is added to them.
///
/// # Safety
///
/// The machine has the instructions of the implementation.
trait Lanes: Copy {
    /// What one lane takes of a row.
    type X: Copy;
    /// What all lanes take of the columns.
    type Column;
    type Sum;
    /// A column in registers.
    type Loaded: Copy;
    unsafe fn new(sums: &[Self::Sum; BLOCK]) -> Self;
    unsafe fn store(self, sums: &mut [Self::Sum; BLOCK]);
    unsafe fn load(column: &Self::Column) -> Self::Loaded;
    /// `self + x * column`, rounded or wrapped as everywhere.
    unsafe fn add_product(self, x: Self::X, column: Self::Loaded) -> Self;
}

/// Adds the products of `N` rows.
///
/// # Safety
///
/// The machine has the instructions of `L`; the rows are as long as the columns are many.
#[inline(always)]
unsafe fn rows<L: Lanes, const N: usize>(
    x: [&[L::X]; N],
    sums: [&mut [L::Sum; BLOCK]; N],
    columns: &[L::Column],
) {
    let mut lanes = sums.each_ref().map(|sums| L::new(sums));
    for (k, column) in columns.iter().enumerate() {
        let column = L::load(column);
        for (lanes, x) in lanes.iter_mut().zip(&x) {
            *lanes = lanes.add_product(*x.get_unchecked(k), column);
        }
    }
    for (lanes, sums) in lanes.into_iter().zip(sums) {
        lanes.store(sums);
    }
}

/// Calls `product` with `N` rows at a time; returns those that are left.
fn each<'a, X, S, C, const N: usize>(
    x: Rows<'a, X>,
    sums: Sums<'a, S>,
    columns: &[C],
    per_column: usize,
    product: impl Fn([&[X]; N], [&mut [S; BLOCK]; N], &[C]),
) -> (Rows<'a, X>, Sums<'a, S>) {
    let Rows {
        mut values,
        stride,
        from,
        to,
    } = x;
    let Sums {
        sums: mut all,
        stride: width,
        at,
    } = sums;
    let fits = from <= to && to <= stride && at + BLOCK <= width && (to - from) == columns.len() * per_column;
    while fits && values.len() >= N * stride && all.len() >= N * width {
        let (now, later) = values.split_at(N * stride);
        let (now_sums, later_sums) = core::mem::take(&mut all).split_at_mut(N * width);
        let mut blocks = now_sums.chunks_mut(width).map(|row| row[at..].first_chunk_mut());
        let blocks: [Option<&mut [S; BLOCK]>; N] = core::array::from_fn(|_| blocks.next().flatten());
        let rows = core::array::from_fn(|row| &now[row * stride + from..row * stride + to]);
        if blocks.iter().all(Option::is_some) {
            product(rows, blocks.map(Option::unwrap), columns);
        }
        (values, all) = (later, later_sums);
    }
    let x = Rows {
        values,
        stride,
        from,
        to,
    };
    let sums = Sums {
        sums: all,
        stride: width,
        at,
    };
    (x, sums)
}

/// As [`Arithmetic::products`](crate::arithmetic::Arithmetic::products) of f32, for as many rows as the machine's lanes are good for;
/// returns the others.
pub fn floats<'a>(x: Rows<'a, f32>, sums: Sums<'a, f32>, columns: &[f32]) -> (Rows<'a, f32>, Sums<'a, f32>) {
    let columns = columns.as_chunks().0;
    if has!("avx512f") {
        // SAFETY: the machine has the instructions, here and below.
        return unsafe { floats_by_16(x, sums, columns) };
    }
    if has!("avx2") {
        return unsafe { floats_by_8(x, sums, columns) };
    }
    (x, sums)
}

/// # Safety
///
/// The machine has AVX-512.
unsafe fn floats_by_16<'a>(
    x: Rows<'a, f32>,
    sums: Sums<'a, f32>,
    columns: &[[f32; BLOCK]],
) -> (Rows<'a, f32>, Sums<'a, f32>) {
    #[target_feature(enable = "avx512f")]
    fn wide<const N: usize>(x: [&[f32]; N], sums: [&mut [f32; BLOCK]; N], columns: &[[f32; BLOCK]]) {
        // SAFETY: this function has the instructions; `each` makes rows as long as the columns are many.
        unsafe { rows::<__m512, N>(x, sums, columns) }
    }
    let (x, sums) = each(x, sums, columns, 1, |x, sums, columns| unsafe {
        wide::<8>(x, sums, columns)
    });
    let (x, sums) = each(x, sums, columns, 1, |x, sums, columns| unsafe {
        wide::<4>(x, sums, columns)
    });
    each(x, sums, columns, 1, |x, sums, columns| unsafe {
        wide::<1>(x, sums, columns)
    })
}

/// # Safety
///
/// The machine has AVX2.
unsafe fn floats_by_8<'a>(
    x: Rows<'a, f32>,
    sums: Sums<'a, f32>,
    columns: &[[f32; BLOCK]],
) -> (Rows<'a, f32>, Sums<'a, f32>) {
    #[target_feature(enable = "avx2")]
    fn half<const N: usize>(x: [&[f32]; N], sums: [&mut [f32; BLOCK]; N], columns: &[[f32; BLOCK]]) {
        // SAFETY: as above.
        unsafe { rows::<[__m256; 2], N>(x, sums, columns) }
    }
    let (x, sums) = each(x, sums, columns, 1, |x, sums, columns| unsafe {
        half::<4>(x, sums, columns)
    });
    each(x, sums, columns, 1, |x, sums, columns| unsafe {
        half::<1>(x, sums, columns)
    })
}

/// The same of 8-bit integers that were widened.
pub fn integers<'a>(
    x: Rows<'a, i16>,
    sums: Sums<'a, i32>,
    columns: &[i16],
) -> (Rows<'a, i16>, Sums<'a, i32>) {
    pairs::<Pairs<i16>>(x, sums, columns.as_chunks().0)
}

/// The same for packed weights.
pub fn packed_integers<'a>(
    x: Rows<'a, i16>,
    sums: Sums<'a, i32>,
    weights: &[i8],
) -> (Rows<'a, i16>, Sums<'a, i32>) {
    pairs::<Pairs<i8>>(x, sums, weights.as_chunks().0)
}

fn pairs<'a, C: LoadPairs>(
    x: Rows<'a, i16>,
    sums: Sums<'a, i32>,
    columns: &[C],
) -> (Rows<'a, i16>, Sums<'a, i32>) {
    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    fn wide<C: LoadPairs, const N: usize>(x: [&[i16]; N], sums: [&mut [i32; BLOCK]; N], columns: &[C]) {
        // SAFETY: this function has the instructions; `each` makes rows of as many pairs as there are columns.
        unsafe { rows::<Sums16<C>, N>(x.map(|row| row.as_chunks().0), sums, columns) }
    }
    if !(has!("avx512bw") && has!("avx512vnni")) {
        return (x, sums);
    }
    // SAFETY: the machine has VNNI, here and below.
    let (x, sums) = each(x, sums, columns, 2, |x, sums, columns| unsafe {
        wide::<C, 8>(x, sums, columns)
    });
    let (x, sums) = each(x, sums, columns, 2, |x, sums, columns| unsafe {
        wide::<C, 4>(x, sums, columns)
    });
    each(x, sums, columns, 2, |x, sums, columns| unsafe {
        wide::<C, 1>(x, sums, columns)
    })
}

impl Lanes for __m512 {
    type X = f32;
    type Column = [f32; BLOCK];
    type Sum = f32;
    type Loaded = __m512;

    #[inline(always)]
    unsafe fn new(sums: &[f32; BLOCK]) -> Self {
        _mm512_loadu_ps(sums.as_ptr())
    }
    #[inline(always)]
    unsafe fn store(self, sums: &mut [f32; BLOCK]) {
        _mm512_storeu_ps(sums.as_mut_ptr(), self);
    }
    #[inline(always)]
    unsafe fn load(column: &[f32; BLOCK]) -> __m512 {
        _mm512_loadu_ps(column.as_ptr())
    }
    #[inline(always)]
    unsafe fn add_product(self, x: f32, column: __m512) -> Self {
        _mm512_add_ps(self, _mm512_mul_ps(_mm512_set1_ps(x), column))
    }
}

impl Lanes for [__m256; 2] {
    type X = f32;
    type Column = [f32; BLOCK];
    type Sum = f32;
    type Loaded = [__m256; 2];

    #[inline(always)]
    unsafe fn new(sums: &[f32; BLOCK]) -> Self {
        Self::load(sums)
    }
    #[inline(always)]
    unsafe fn store(self, sums: &mut [f32; BLOCK]) {
        _mm256_storeu_ps(sums.as_mut_ptr(), self[0]);
        _mm256_storeu_ps(sums.as_mut_ptr().add(BLOCK / 2), self[1]);
    }
    #[inline(always)]
    unsafe fn load(column: &[f32; BLOCK]) -> [__m256; 2] {
        let half = |at| _mm256_loadu_ps(column.as_ptr().add(at));
        [half(0), half(BLOCK / 2)]
    }
    #[inline(always)]
    unsafe fn add_product(self, x: f32, column: [__m256; 2]) -> Self {
        let x = _mm256_set1_ps(x);
        let add = |half: usize| _mm256_add_ps(self[half], _mm256_mul_ps(x, column[half]));
        [add(0), add(1)]
    }
}

/// Two values of each column.
type Pairs<T> = [T; 2 * BLOCK];

/// 16 sums of products of pairs, and what the columns are read from.
struct Sums16<C>(__m512i, core::marker::PhantomData<C>);

impl<C> Clone for Sums16<C> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<C> Copy for Sums16<C> {}

/// Columns of which 32 values are loaded as i16.
trait LoadPairs {
    /// # Safety
    ///
    /// The machine has AVX-512 with bytes and words.
    unsafe fn load(&self) -> __m512i;
}

impl LoadPairs for Pairs<i16> {
    #[inline(always)]
    unsafe fn load(&self) -> __m512i {
        _mm512_loadu_si512(self.as_ptr().cast())
    }
}

impl LoadPairs for Pairs<i8> {
    #[inline(always)]
    unsafe fn load(&self) -> __m512i {
        _mm512_cvtepi8_epi16(_mm256_loadu_si256(self.as_ptr().cast()))
    }
}

impl<C: LoadPairs> Lanes for Sums16<C> {
    type X = [i16; 2];
    type Column = C;
    type Sum = i32;
    type Loaded = __m512i;

    #[inline(always)]
    unsafe fn new(sums: &[i32; BLOCK]) -> Self {
        Self(
            _mm512_loadu_si512(sums.as_ptr().cast()),
            core::marker::PhantomData,
        )
    }
    #[inline(always)]
    unsafe fn store(self, sums: &mut [i32; BLOCK]) {
        _mm512_storeu_si512(sums.as_mut_ptr().cast(), self.0);
    }
    #[inline(always)]
    unsafe fn load(column: &C) -> __m512i {
        column.load()
    }
    #[inline(always)]
    unsafe fn add_product(self, [low, high]: [i16; 2], column: __m512i) -> Self {
        let pair = u32::from(low as u16) | u32::from(high as u16) << 16;
        Self(
            _mm512_dpwssd_epi32(self.0, _mm512_set1_epi32(pair as i32), column),
            core::marker::PhantomData,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    /// Values of many magnitudes, of which sums depend on their order.
    fn floats_of(seed: u32, len: usize) -> Vec<f32> {
        let mut state = seed;
        let next = |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let exponent = (state >> 28) as i32 - 8;
            (state >> 8) as f32 / 1e7 * 2f32.powi(exponent) - 0.5
        };
        (0..len).map(next).collect()
    }

    type ByLanes =
        for<'a> unsafe fn(Rows<'a, f32>, Sums<'a, f32>, &[[f32; BLOCK]]) -> (Rows<'a, f32>, Sums<'a, f32>);

    #[test]
    fn sums_of_f32_have_the_same_bits_by_any_lanes() {
        let ways: [(bool, ByLanes); 2] = [(has!("avx512f"), floats_by_16), (has!("avx2"), floats_by_8)];
        for (rows, depth, from) in [(1, 1, 0), (3, 70, 5), (8, 9, 1), (13, 64, 0), (20, 33, 2)] {
            let (stride, width, at) = (depth + from + 1, 2 * BLOCK, BLOCK);
            let x = floats_of(1, rows * stride);
            let columns = floats_of(2, depth * BLOCK);
            let before = floats_of(3, rows * width);
            let mut expected = before.clone();
            for row in 0..rows {
                for k in 0..depth {
                    for column in 0..BLOCK {
                        let product = x[row * stride + from + k] * columns[k * BLOCK + column];
                        expected[row * width + at + column] += product;
                    }
                }
            }
            for (_, by_lanes) in ways.iter().filter(|(has, _)| *has) {
                let mut sums = before.clone();
                let rows = Rows {
                    values: &x,
                    stride,
                    from,
                    to: from + depth,
                };
                let blocks = Sums {
                    sums: &mut sums,
                    stride: width,
                    at,
                };
                // SAFETY: the machine has the instructions.
                let (left, _) = unsafe { by_lanes(rows, blocks, columns.as_chunks().0) };
                assert!(left.values.is_empty());
                let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
                assert_eq!(bits(&sums), bits(&expected));
            }
        }
    }

    #[test]
    fn sums_of_integers_wrap_as_everywhere() {
        for (rows, depth) in [(1, 2), (9, 34), (16, 64)] {
            let numbers = |seed, len| {
                let floats = floats_of(seed, len).into_iter();
                floats.map(|value| value.to_bits() as i16).collect::<Vec<_>>()
            };
            let x = numbers(1, rows * depth);
            let columns = numbers(2, depth * BLOCK);
            let packed = columns.iter().map(|value| *value as i8).collect::<Vec<_>>();
            let expected = |column_at: &dyn Fn(usize) -> i32| {
                let mut sums = std::vec![i32::MAX - 9; rows * BLOCK];
                for (row, k) in (0..rows).flat_map(|row| (0..depth).map(move |k| (row, k))) {
                    for column in 0..BLOCK {
                        let place = (k / 2 * BLOCK + column) * 2 + k % 2;
                        let product = i32::from(x[row * depth + k]) * column_at(place);
                        let sum = &mut sums[row * BLOCK + column];
                        *sum = sum.wrapping_add(product);
                    }
                }
                sums
            };
            let run = |product: &dyn Fn(Rows<i16>, Sums<i32>) -> bool| {
                let mut sums = std::vec![i32::MAX - 9; rows * BLOCK];
                let rows = Rows {
                    values: &x,
                    stride: depth,
                    from: 0,
                    to: depth,
                };
                let blocks = Sums {
                    sums: &mut sums,
                    stride: BLOCK,
                    at: 0,
                };
                product(rows, blocks).then_some(sums)
            };
            let plain = run(&|rows, sums| integers(rows, sums, &columns).0.values.is_empty());
            let of_packed = run(&|rows, sums| packed_integers(rows, sums, &packed).0.values.is_empty());
            // A machine without these lanes leaves all rows to others.
            for (sums, expected) in [
                (plain, expected(&|place| columns[place].into())),
                (of_packed, expected(&|place| packed[place].into())),
            ] {
                assert!(sums.is_none_or(|sums| sums == expected));
            }
        }
    }
}
