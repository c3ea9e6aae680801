//! What a step of the twin reads and writes.

use std::collections::{BTreeMap, BTreeSet};

use assay_engine::executor::{StepStart, Writes};
use assay_engine::limits::SEGMENT_LEVELS;
use assay_engine::limits::{CHUNK_LEN, MAX_CHUNKS_READ, MAX_CHUNKS_WRITTEN};
use assay_engine::memory::{pieces, Chunk, MemoryTree, Region, Segment};
use assay_network::Memory;

/// Segments at hand.
const SEGMENTS: usize = 16;

/// The machine's memory during a step, and what the step does to it.
pub struct View<'a> {
    memory: &'a MemoryTree,
    /// Segments that were read last, by their numbers.
    segments: [Option<(u32, Segment<'a>)>; SEGMENTS],
    input_len: u64,
    /// Whether what is written is f32.
    floats: bool,
    /// The chunks that were read, some more than once.
    read: Vec<u32>,
    writes: Writes,
    /// Whether something happened of which only the interpreter can say what comes of it.
    failed: bool,
}

impl<'a> View<'a> {
    pub fn new(start: &StepStart<'a>, floats: bool) -> Self {
        Self {
            memory: start.memory,
            segments: [None; SEGMENTS],
            input_len: start.input_len,
            floats,
            read: Vec::new(),
            writes: BTreeMap::new(),
            failed: false,
        }
    }

    /// The chunks that were read or written, and what was written. `None` if the interpreter must run the step.
    pub fn finish(self) -> Option<(BTreeSet<u32>, Writes)> {
        let mut touched = BTreeSet::from_iter(self.read);
        if self.failed || touched.len() > MAX_CHUNKS_READ {
            return None;
        }
        touched.extend(self.writes.keys());
        Some((touched, self.writes))
    }

    /// A chunk as it is before the step; the inner `None` is a chunk of zeros.
    fn chunk(&mut self, index: u32) -> Option<Option<&'a Chunk>> {
        let number = index >> SEGMENT_LEVELS;
        let place = self.segments.get_mut(number as usize % SEGMENTS)?;
        let segment = match place {
            Some((kept, segment)) if *kept == number => *segment,
            _ => place.insert((number, self.memory.segment(index).ok()?)).1,
        };
        segment.chunk(index).ok()
    }

    fn note_read(&mut self, chunk: u32) {
        if self.read.last() != Some(&chunk) {
            self.read.push(chunk);
        }
    }

    fn try_lend(&mut self, address: u64, len: usize) -> Option<&'a [u8]> {
        Region::of(address, len as u64)?;
        let piece = pieces(address, len).next().filter(|piece| piece.len == len)?;
        if self.failed || self.writes.contains_key(&piece.chunk) {
            return None;
        }
        self.note_read(piece.chunk);
        self.chunk(piece.chunk)??.get(piece.offset..piece.offset + len)
    }

    fn try_read(&mut self, address: u64, mut target: &mut [u8]) -> Option<()> {
        Region::of(address, target.len() as u64)?;
        for piece in pieces(address, target.len()) {
            let (now, later) = target.split_at_mut(piece.len);
            target = later;
            let chunk = match self.writes.get(&piece.chunk) {
                Some(written) => Some(&**written),
                None => {
                    self.note_read(piece.chunk);
                    self.chunk(piece.chunk)?
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
                let before = self.chunk(piece.chunk)?;
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

    fn lend(&mut self, address: u64, len: usize) -> Option<&[u8]> {
        self.try_lend(address, len)
    }
}
