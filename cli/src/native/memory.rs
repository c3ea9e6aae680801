//! What a step of the twin reads and writes.

use std::collections::{BTreeMap, BTreeSet};

use assay_engine::executor::{StepStart, Writes};
use assay_engine::limits::{CHUNK_LEN, MAX_CHUNKS_READ, MAX_CHUNKS_WRITTEN};
use assay_engine::memory::{pieces, MemoryTree, Region};
use assay_network::Memory;

/// The machine's memory during a step, and what the step does to it.
pub struct View<'a> {
    memory: &'a MemoryTree,
    input_len: u64,
    /// Whether what is written is f32.
    floats: bool,
    read: BTreeSet<u32>,
    writes: Writes,
    /// Whether something happened of which only the interpreter can say what comes of it.
    failed: bool,
}

impl<'a> View<'a> {
    pub fn new(start: &StepStart<'a>, floats: bool) -> Self {
        Self {
            memory: start.memory,
            input_len: start.input_len,
            floats,
            read: BTreeSet::new(),
            writes: BTreeMap::new(),
            failed: false,
        }
    }

    /// The chunks that were read or written, and what was written. `None` if the interpreter must run the step.
    pub fn finish(self) -> Option<(BTreeSet<u32>, Writes)> {
        let mut touched = self.read;
        touched.extend(self.writes.keys());
        (!self.failed).then_some((touched, self.writes))
    }

    fn try_read(&mut self, address: u64, mut target: &mut [u8]) -> Option<()> {
        Region::of(address, target.len() as u64)?;
        for piece in pieces(address, target.len()) {
            let (now, later) = target.split_at_mut(piece.len);
            target = later;
            let chunk = match self.writes.get(&piece.chunk) {
                Some(written) => Some(&**written),
                None => {
                    self.read.insert(piece.chunk);
                    if self.read.len() > MAX_CHUNKS_READ {
                        return None;
                    }
                    self.memory.chunk(piece.chunk).ok()?
                }
            };
            match chunk {
                Some(chunk) => now.copy_from_slice(chunk.get(piece.offset..piece.offset + piece.len)?),
                None => now.fill(0),
            }
        }
        Some(())
    }

    fn try_write(&mut self, address: u64, mut source: &[u8]) -> Option<()> {
        if !Region::of(address, source.len() as u64)?.is_writable() || (self.floats && has_nan(source)) {
            return None;
        }
        for piece in pieces(address, source.len()) {
            let (now, later) = source.split_at(piece.len);
            source = later;
            if !self.writes.contains_key(&piece.chunk) {
                if self.writes.len() == MAX_CHUNKS_WRITTEN {
                    return None;
                }
                let before = self.memory.chunk(piece.chunk).ok()?;
                let chunk = before.copied().unwrap_or([0; CHUNK_LEN]);
                self.writes.insert(piece.chunk, Box::new(chunk));
            }
            let chunk = self.writes.get_mut(&piece.chunk)?;
            chunk
                .get_mut(piece.offset..piece.offset + piece.len)?
                .copy_from_slice(now);
        }
        Some(())
    }
}

fn has_nan(floats: &[u8]) -> bool {
    floats
        .as_chunks()
        .0
        .iter()
        .any(|bytes| f32::from_le_bytes(*bytes).is_nan())
}

impl Memory for View<'_> {
    fn input_len(&self) -> u64 {
        self.input_len
    }

    fn read(&mut self, address: u64, bytes: &mut [u8]) {
        if self.failed || self.try_read(address, bytes).is_none() {
            self.failed = true;
            bytes.fill(0);
        }
    }

    fn write(&mut self, address: u64, bytes: &[u8]) {
        self.failed = self.failed || self.try_write(address, bytes).is_none();
    }
}
