//! Four lanes of f32 or i32: SIMD on wasm32, plain arrays elsewhere, with the same bits.

#[cfg(target_arch = "wasm32")]
mod imp {
    use core::arch::wasm32::*;

    /// Four f32.
    #[derive(Clone, Copy)]
    pub struct F32x4(v128);

    impl F32x4 {
        /// Four times `value`.
        pub fn splat(value: f32) -> Self {
            Self(f32x4_splat(value))
        }

        /// The four values.
        pub fn load(values: &[f32; 4]) -> Self {
            // SAFETY: the array has the 16 bytes that are read; the load needs no alignment.
            Self(unsafe { v128_load(values.as_ptr().cast()) })
        }

        /// Puts the lanes into `values`.
        pub fn store(self, values: &mut [f32; 4]) {
            // SAFETY: the array has the 16 bytes that are written; the store needs no alignment.
            unsafe { v128_store(values.as_mut_ptr().cast(), self.0) }
        }

        /// `self + a * b`, the product rounded first.
        pub fn add_product(self, a: Self, b: Self) -> Self {
            Self(f32x4_add(self.0, f32x4_mul(a.0, b.0)))
        }
    }

    /// Four i32.
    #[derive(Clone, Copy)]
    pub struct I32x4(v128);

    impl I32x4 {
        /// The four values.
        pub fn load(values: &[i32; 4]) -> Self {
            // SAFETY: the array has the 16 bytes that are read; the load needs no alignment.
            Self(unsafe { v128_load(values.as_ptr().cast()) })
        }

        /// Puts the lanes into `values`.
        pub fn store(self, values: &mut [i32; 4]) {
            // SAFETY: the array has the 16 bytes that are written; the store needs no alignment.
            unsafe { v128_store(values.as_mut_ptr().cast(), self.0) }
        }

        /// Adds to each lane the sum of the two products of its pair.
        pub fn add_products(self, a: I16x8, b: I16x8) -> Self {
            Self(i32x4_add(self.0, i32x4_dot_i16x8(a.0, b.0)))
        }
    }

    /// Four pairs of i16.
    #[derive(Clone, Copy)]
    pub struct I16x8(v128);

    impl I16x8 {
        /// Four times `pair`.
        pub fn splat(pair: &[i16; 2]) -> Self {
            // SAFETY: the array has the 4 bytes that are read; the load needs no alignment.
            Self(unsafe { v128_load32_splat(pair.as_ptr().cast()) })
        }

        /// The eight values.
        pub fn load(values: &[i16; 8]) -> Self {
            // SAFETY: the array has the 16 bytes that are read; the load needs no alignment.
            Self(unsafe { v128_load(values.as_ptr().cast()) })
        }

        /// The eight values, each extended with its sign.
        pub fn widen(values: &[i8; 8]) -> Self {
            // SAFETY: the array has the 8 bytes that are read; the load needs no alignment.
            Self(unsafe { i16x8_load_extend_i8x8(values.as_ptr()) })
        }
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod imp {
    use core::array::from_fn;

    /// Four f32.
    #[derive(Clone, Copy)]
    pub struct F32x4([f32; 4]);

    impl F32x4 {
        /// Four times `value`.
        pub fn splat(value: f32) -> Self {
            Self([value; 4])
        }

        /// The four values.
        pub fn load(values: &[f32; 4]) -> Self {
            Self(*values)
        }

        /// Puts the lanes into `values`.
        pub fn store(self, values: &mut [f32; 4]) {
            *values = self.0;
        }

        /// `self + a * b`, the product rounded first.
        pub fn add_product(self, a: Self, b: Self) -> Self {
            Self(from_fn(|i| self.0[i] + a.0[i] * b.0[i]))
        }
    }

    /// Four i32.
    #[derive(Clone, Copy)]
    pub struct I32x4([i32; 4]);

    impl I32x4 {
        /// The four values.
        pub fn load(values: &[i32; 4]) -> Self {
            Self(*values)
        }

        /// Puts the lanes into `values`.
        pub fn store(self, values: &mut [i32; 4]) {
            *values = self.0;
        }

        /// Adds to each lane the sum of the two products of its pair.
        pub fn add_products(self, a: I16x8, b: I16x8) -> Self {
            let product = |i: usize| i32::from(a.0[i]) * i32::from(b.0[i]);
            let pair = |i| i32::wrapping_add(product(2 * i), product(2 * i + 1));
            Self(from_fn(|i| self.0[i].wrapping_add(pair(i))))
        }
    }

    /// Four pairs of i16.
    #[derive(Clone, Copy)]
    pub struct I16x8([i16; 8]);

    impl I16x8 {
        /// Four times `pair`.
        pub fn splat(pair: &[i16; 2]) -> Self {
            Self(from_fn(|i| pair[i % 2]))
        }

        /// The eight values.
        pub fn load(values: &[i16; 8]) -> Self {
            Self(*values)
        }

        /// The eight values, each extended with its sign.
        pub fn widen(values: &[i8; 8]) -> Self {
            Self(values.map(i16::from))
        }
    }
}

pub use imp::{F32x4, I16x8, I32x4};
