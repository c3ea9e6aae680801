//! A step's view of memory: reads through, collects writes, counts chunks.

use super::StepStart;
use crate::{
    limits::{CHUNK_LEN, MAX_CHUNKS_READ, MAX_CHUNKS_WRITTEN, MAX_OUTPUT_LEN},
    memory::{pieces, Chunk, MemoryTree, Pruned, Region},
    state::TrapReason,
};
use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet},
};

/// Chunks that a step wrote, whole, by index.
pub type Writes = BTreeMap<u32, Box<Chunk>>;

/// Why a host call ends the step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stop {
    /// `halt` was called.
    Halt(u32),
    /// The step traps.
    Trap(TrapReason),
    /// The memory does not hold a chunk.
    Pruned,
    /// The executor cannot be sure of the end and hands the step on.
    #[cfg(feature = "jit")]
    HandOver,
}

impl From<Pruned> for Stop {
    fn from(_: Pruned) -> Self {
        Self::Pruned
    }
}

impl From<TrapReason> for Stop {
    fn from(reason: TrapReason) -> Self {
        Self::Trap(reason)
    }
}

/// What the host functions of one step see and collect.
pub struct Access {
    memory: MemoryTree,
    params_len: u64,
    input_len: u64,
    read: BTreeSet<u32>,
    writes: Writes,
    pub(super) stop: Option<Stop>,
    /// Fuel taken by host calls.
    #[cfg(feature = "jit")]
    pub(super) host_fuel: u64,
}

impl Access {
    pub(super) fn new(start: &StepStart) -> Self {
        Self {
            memory: start.memory.clone(),
            params_len: start.params_len,
            input_len: start.input_len,
            read: BTreeSet::new(),
            writes: Writes::new(),
            stop: None,
            #[cfg(feature = "jit")]
            host_fuel: 0,
        }
    }

    pub(super) fn params_len(&self) -> u64 {
        self.params_len
    }

    pub(super) fn input_len(&self) -> u64 {
        self.input_len
    }

    /// The chunks read or written so far, and what was written.
    pub(super) fn finish(self) -> (BTreeSet<u32>, Writes) {
        let mut touched = self.read;
        touched.extend(self.writes.keys());
        (touched, self.writes)
    }

    /// Reads from `addr` on into `target`.
    ///
    /// A chunk counts as read unless this step wrote it before.
    pub(super) fn read(&mut self, addr: u64, target: &mut [u8]) -> Result<(), Stop> {
        Region::of(addr, target.len() as u64).ok_or(TrapReason::AddressOutOfBounds)?;
        let mut rest = target;
        for piece in pieces(addr, rest.len()) {
            let (now, later) = core::mem::take(&mut rest).split_at_mut(piece.len);
            rest = later;
            let chunk = match self.writes.get(&piece.chunk) {
                Some(written) => Some(&**written),
                None => {
                    // What traps is not read: a witness holds no more chunks than a step may touch.
                    if !self.read.contains(&piece.chunk) && self.read.len() >= MAX_CHUNKS_READ {
                        return Err(TrapReason::TooManyReads.into());
                    }
                    self.read.insert(piece.chunk);
                    self.memory.chunk(piece.chunk)?
                }
            };
            match chunk.and_then(|chunk| chunk.get(piece.offset..piece.offset + piece.len)) {
                Some(bytes) => now.copy_from_slice(bytes),
                None => now.fill(0),
            }
        }
        Ok(())
    }

    /// Writes `source` from `addr` on.
    pub(super) fn write(&mut self, addr: u64, source: &[u8]) -> Result<(), Stop> {
        let region = Region::of(addr, source.len() as u64).ok_or(TrapReason::AddressOutOfBounds)?;
        if !region.is_writable() {
            return Err(TrapReason::ReadOnly.into());
        }
        let mut rest = source;
        for piece in pieces(addr, source.len()) {
            let (now, later) = rest.split_at(piece.len);
            rest = later;
            let chunk = self.writable(piece.chunk)?;
            if let Some(target) = chunk.get_mut(piece.offset..piece.offset + piece.len) {
                target.copy_from_slice(now);
            }
        }
        Ok(())
    }

    fn writable(&mut self, index: u32) -> Result<&mut Chunk, Stop> {
        use alloc::collections::btree_map::Entry;
        let full = self.writes.len() >= MAX_CHUNKS_WRITTEN;
        match self.writes.entry(index) {
            Entry::Occupied(entry) => Ok(entry.into_mut()),
            Entry::Vacant(_) if full => Err(TrapReason::TooManyWrites.into()),
            Entry::Vacant(entry) => {
                let before = self.memory.chunk(index)?.copied().unwrap_or([0; CHUNK_LEN]);
                Ok(entry.insert(Box::new(before)))
            }
        }
    }

    /// What `halt(output_len)` comes to.
    pub(super) fn halt(&self, output_len: i64) -> Stop {
        match u32::try_from(output_len) {
            Ok(len) if len <= MAX_OUTPUT_LEN => Stop::Halt(len),
            _ => Stop::Trap(TrapReason::OutputTooLong),
        }
    }
}
