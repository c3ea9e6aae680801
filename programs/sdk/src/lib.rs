//! What a program for Assay's step machine is written with.
//!
//! A program is one function: from a program counter to the next one. The machine calls it with 0 first, each time in
//! a fresh instance: statics and locals are forgotten between steps, and only what was written to the [`work`] and
//! [`output`] regions remains. [`halt`] ends the computation.
//!
//! ```ignore
#![doc = include_str!("../../examples/checksum/src/lib.rs")]
//! ```
//!
//! # Regions
//!
//! | region | what | access |
//! | --- | --- | --- |
//! | [`params`] | what was uploaded with the model | read |
//! | [`input`] | what the request carries, at most 64 KiB | read |
//! | [`work`] | the program's own, zero at first | read, write |
//! | [`output`] | the answer, at most 16 KiB | read, write |
//!
//! Each region has 2^40 bytes. What nobody wrote reads as zero.
//!
//! # Limits of a step
//!
//! About 5 million instructions, 64 distinct chunks of 4096 bytes read and as many written. A step that passes a limit,
//! panics, writes to a read-only region or reads past a region's end traps: the computation ends without an answer, and
//! the chain can prove it.
//!
//! # Rules for the compiled module
//!
//! No recursion, no function pointers or trait objects, no memory growth. Panics carry no message: the handler traps
//! at once, so no formatting code is linked. `programs/.cargo/config.toml` holds the compiler flags.

#![no_std]
#![cfg(target_arch = "wasm32")]
#![deny(missing_docs)]

mod mem;

mod imports {
    #[link(wasm_import_module = "assay")]
    extern "C" {
        pub fn read(addr: i64, ptr: *mut u8, len: i32);
        pub fn write(addr: i64, ptr: *const u8, len: i32);
        pub fn input_len() -> i64;
        pub fn params_len() -> i64;
        pub fn halt(output_len: i64) -> !;
    }
}

/// Bytes of a region.
const REGION: u64 = 1 << 40;

/// A region of the machine's memory; offsets are in bytes from its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region(u64);

/// A region that the program may write to; see [`Region`] for reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WritableRegion(Region);

/// What was uploaded with the model.
pub const fn params() -> Region {
    Region(0)
}

/// What the request carries.
pub const fn input() -> Region {
    Region(REGION)
}

/// The program's own memory, zero before the first step.
pub const fn work() -> WritableRegion {
    WritableRegion(Region(2 * REGION))
}

/// Where the answer goes.
pub const fn output() -> WritableRegion {
    WritableRegion(Region(3 * REGION))
}

impl Region {
    /// Fills `bytes` with what lies at `offset`.
    pub fn read(self, offset: u64, bytes: &mut [u8]) {
        read_at(self.0 + offset, bytes);
    }

    /// Fills `values` with the little-endian values at `offset`.
    pub fn read_values<T: Value>(self, offset: u64, values: &mut [T]) {
        // SAFETY: every bit pattern is a `Value`, and the bytes are those of the slice.
        let bytes =
            unsafe { core::slice::from_raw_parts_mut(values.as_mut_ptr().cast(), size_of_val(values)) };
        self.read(offset, bytes);
    }

    /// The little-endian value at `offset`.
    pub fn get<T: Value>(self, offset: u64) -> T {
        let mut value = [T::default()];
        self.read_values(offset, &mut value);
        let [value] = value;
        value
    }
}

impl WritableRegion {
    /// Puts `bytes` at `offset`.
    pub fn write(self, offset: u64, bytes: &[u8]) {
        write_at(self.0 .0 + offset, bytes);
    }

    /// Puts `values` at `offset`, little-endian.
    pub fn write_values<T: Value>(self, offset: u64, values: &[T]) {
        // SAFETY: a `Value` has no padding, and the bytes are those of the slice.
        let bytes = unsafe { core::slice::from_raw_parts(values.as_ptr().cast(), size_of_val(values)) };
        self.write(offset, bytes);
    }

    /// Puts a little-endian value at `offset`.
    pub fn set<T: Value>(self, offset: u64, value: T) {
        self.write_values(offset, &[value]);
    }
}

impl core::ops::Deref for WritableRegion {
    type Target = Region;

    fn deref(&self) -> &Region {
        &self.0
    }
}

/// A plain number.
///
/// # Safety
///
/// The type has no padding and every bit pattern is a value.
pub unsafe trait Value: Copy + Default {}

macro_rules! values {
    ($($ty:ty),*) => {$(
        // SAFETY: a primitive number.
        unsafe impl Value for $ty {}
    )*};
}

values!(u8, i8, u16, i16, u32, i32, u64, i64, f32, f64);

/// Fills `bytes` with what lies at a byte address of the whole memory; see [`Region::read`] for the usual way.
pub fn read_at(address: u64, bytes: &mut [u8]) {
    // SAFETY: the pointer and the length are those of a live slice.
    unsafe { imports::read(address as i64, bytes.as_mut_ptr(), bytes.len() as i32) }
}

/// Puts `bytes` at a byte address of the whole memory; see [`WritableRegion::write`] for the usual way.
pub fn write_at(address: u64, bytes: &[u8]) {
    // SAFETY: the pointer and the length are those of a live slice.
    unsafe { imports::write(address as i64, bytes.as_ptr(), bytes.len() as i32) }
}

/// Bytes of the input.
pub fn input_len() -> u64 {
    // SAFETY: the import has no precondition.
    unsafe { imports::input_len() as u64 }
}

/// Bytes of the params.
pub fn params_len() -> u64 {
    // SAFETY: the import has no precondition.
    unsafe { imports::params_len() as u64 }
}

/// Ends the computation. The answer is the first `output_len` bytes of the output region.
pub fn halt(output_len: u64) -> ! {
    // SAFETY: the import has no precondition.
    unsafe { imports::halt(output_len as i64) }
}

/// Ends the computation without an answer.
pub fn trap() -> ! {
    core::arch::wasm32::unreachable()
}

/// Makes a `fn(pc: u64) -> u64` the program.
#[macro_export]
macro_rules! program {
    ($step:path) => {
        #[export_name = "step"]
        extern "C" fn __step(pc: i64) -> i64 {
            let step: fn(u64) -> u64 = $step;
            step(pc as u64) as i64
        }
    };
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    trap()
}
