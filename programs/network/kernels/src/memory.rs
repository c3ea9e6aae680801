//! What a step reads and writes, and the buffer it works in.

use bytemuck::Pod;

use crate::Fault;

/// The step machine's memory, by byte address.
pub trait Memory {
    /// Bytes of the input.
    fn input_len(&self) -> u64;
    /// Fills `bytes` with what lies at `address`.
    fn read(&mut self, address: u64, bytes: &mut [u8]);
    /// Puts `bytes` at `address`.
    fn write(&mut self, address: u64, bytes: &[u8]);
    /// What [`Self::read`] reads, where it lies in one piece at hand.
    fn lend(&mut self, _address: u64, _len: usize) -> Option<&[u8]> {
        None
    }
}

impl Memory for &mut dyn Memory {
    fn input_len(&self) -> u64 {
        (**self).input_len()
    }

    fn read(&mut self, address: u64, bytes: &mut [u8]) {
        (**self).read(address, bytes);
    }

    fn write(&mut self, address: u64, bytes: &[u8]) {
        (**self).write(address, bytes);
    }

    fn lend(&mut self, address: u64, len: usize) -> Option<&[u8]> {
        (**self).lend(address, len)
    }
}

/// A buffer that is handed out from its start to its end.
pub struct Arena<'a> {
    free: &'a mut [u64],
}

impl<'a> Arena<'a> {
    /// An arena over `words`.
    pub fn new(words: &'a mut [u64]) -> Self {
        Self { free: words }
    }

    /// The free part as an arena of its own; what it hands out is free again when it ends.
    pub fn scope(&mut self) -> Arena<'_> {
        Arena { free: self.free }
    }

    /// `len` values of whatever bits lie there, or [`Fault::OutOfArena`]. `T` has at most 8 bytes.
    pub fn take<T: Pod>(&mut self, len: usize) -> Result<&'a mut [T], Fault> {
        let words = len
            .checked_mul(size_of::<T>())
            .ok_or(Fault::OutOfArena)?
            .div_ceil(8);
        let free = core::mem::take(&mut self.free);
        let (taken, free) = free.split_at_mut_checked(words).ok_or(Fault::OutOfArena)?;
        self.free = free;
        Ok(&mut bytemuck::cast_slice_mut(taken)[..len])
    }

    /// `len` zeros.
    pub fn zeros<T: Pod>(&mut self, len: usize) -> Result<&'a mut [T], Fault> {
        let values = self.take(len)?;
        values.fill(T::zeroed());
        Ok(values)
    }
}

/// The address of element `index` behind `base`. One past the end of all memory wraps, and is not there.
pub fn place(base: u64, index: u64, size: u64) -> u64 {
    base.wrapping_add(index.wrapping_mul(size))
}

/// Fills `values` with the little-endian values at `address`.
pub fn read_values<M: Memory, T: Pod>(memory: &mut M, address: u64, values: &mut [T]) {
    memory.read(address, bytemuck::cast_slice_mut(values));
}

/// Puts `values` at `address`, little-endian.
pub fn write_values<M: Memory, T: Pod>(memory: &mut M, address: u64, values: &[T]) {
    memory.write(address, bytemuck::cast_slice(values));
}

#[cfg(target_endian = "big")]
compile_error!("values are copied as they lie, so the target must be little-endian");
