//! The machine's memory: four regions of bytes in one sparse Merkle tree.
//!
//! | region | starts at | a program may |
//! | --- | --- | --- |
//! | params | `0` | read |
//! | input | `1 << 40` | read |
//! | work | `2 << 40` | read and write |
//! | output | `3 << 40` | read and write |
//!
//! The memory root is `node(node(params, input), node(work, output))`.

mod frontier;
mod proof;
mod tree;

pub use frontier::{segment_root, Frontier};
pub use proof::{Proof, ProofError, ProofNode, MAX_PROOF_CHUNKS, MAX_PROOF_NODES};
pub use tree::{Chunk, MemoryTree, Pruned, Segment};

use crate::limits::{CHUNK_LEN, REGION_LEN, REGION_LEVELS};

/// A part of memory with one purpose.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Region {
    /// The model's weights. Read-only.
    Params = 0,
    /// What the requester sent. Read-only.
    Input = 1,
    /// Scratch space, zero at the start.
    Work = 2,
    /// The answer.
    Output = 3,
}

impl Region {
    /// All regions by address.
    pub const ALL: [Region; 4] = [Region::Params, Region::Input, Region::Work, Region::Output];

    /// The region's first address.
    pub const fn start(self) -> u64 {
        (self as u64) * REGION_LEN
    }

    /// The index of the region's first chunk in the tree.
    pub const fn first_chunk(self) -> u32 {
        (self as u32) << REGION_LEVELS
    }

    /// Whether a program may write to the region.
    pub const fn is_writable(self) -> bool {
        matches!(self, Region::Work | Region::Output)
    }

    /// The region that holds all of `len` bytes from `addr` on, or `None`.
    pub fn of(addr: u64, len: u64) -> Option<Region> {
        let region = match addr / REGION_LEN {
            0 => Region::Params,
            1 => Region::Input,
            2 => Region::Work,
            3 => Region::Output,
            _ => return None,
        };
        ((addr % REGION_LEN).checked_add(len)? <= REGION_LEN).then_some(region)
    }
}

/// A run of bytes inside one chunk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Piece {
    /// The chunk's index in the tree.
    pub chunk: u32,
    /// The first byte in the chunk.
    pub offset: usize,
    /// Bytes of the run.
    pub len: usize,
}

/// Cuts `len` bytes from `addr` on at the borders of chunks. The bytes must lie in the regions.
pub fn pieces(addr: u64, len: usize) -> impl Iterator<Item = Piece> {
    let mut addr = addr;
    let mut left = len;
    core::iter::from_fn(move || {
        if left == 0 {
            return None;
        }
        let chunk = u32::try_from(addr / CHUNK_LEN as u64).ok()?;
        let offset = (addr % CHUNK_LEN as u64) as usize;
        let len = left.min(CHUNK_LEN - offset);
        addr += len as u64;
        left -= len;
        Some(Piece { chunk, offset, len })
    })
}

#[cfg(test)]
mod tests;
