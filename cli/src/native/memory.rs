//! What a step of the twin reads and writes.

use std::collections::{BTreeMap, BTreeSet};

use assay_engine::executor::{StepStart, Writes};
use assay_engine::limits::SEGMENT_LEVELS;
use assay_engine::limits::{CHUNK_LEN, MAX_CHUNKS_READ, MAX_CHUNKS_WRITTEN};
use assay_engine::memory::{pieces, Chunk, MemoryTree, Piece, Region, Segment};
use assay_network::Memory;

/// Segments at hand.
const SEGMENTS: usize = 16;

/// Finds chunks of a memory, with the last segments at hand.
struct Chunks<'a> {
    memory: &'a MemoryTree,
    /// Segments by their numbers.
    segments: [Option<(u32, Segment<'a>)>; SEGMENTS],
}

impl<'a> Chunks<'a> {
    fn of(memory: &'a MemoryTree) -> Self {
        Self {
            memory,
            segments: [None; SEGMENTS],
        }
    }

    /// A chunk; the inner `None` is one of zeros.
    fn get(&mut self, index: u32) -> Option<Option<&'a Chunk>> {
        let number = index >> SEGMENT_LEVELS;
        let place = self.segments.get_mut(number as usize % SEGMENTS)?;
        let segment = match place {
            Some((kept, segment)) if *kept == number => *segment,
            _ => place.insert((number, self.memory.segment(index).ok()?)).1,
        };
        segment.chunk(index).ok()
    }
}

/// The bytes that a step read and wrote.
#[derive(Default)]
pub struct Touched {
    read: Vec<Piece>,
    written: Vec<Piece>,
}

impl Touched {
    /// Whether two memories have the same bytes where some were read.
    pub fn read_alike(&self, a: &MemoryTree, b: &MemoryTree) -> bool {
        let (mut a, mut b) = (Chunks::of(a), Chunks::of(b));
        self.read
            .chunk_by(|one, next| one.chunk == next.chunk)
            .all(|pieces| {
                let index = pieces[0].chunk;
                match (a.get(index), b.get(index)) {
                    (Some(a), Some(b)) => {
                        is_same(a, b) || pieces.iter().all(|piece| bytes(a, piece) == bytes(b, piece))
                    }
                    _ => false,
                }
            })
    }

    /// What a step writes to the memory `now`, if it writes `writes` to the memory `before` and reads the same from both.
    pub fn written_over(&self, mut writes: Writes, before: &MemoryTree, now: &MemoryTree) -> Option<Writes> {
        let (mut before, mut now) = (Chunks::of(before), Chunks::of(now));
        for pieces in self.written.chunk_by(|one, next| one.chunk == next.chunk) {
            let index = pieces[0].chunk;
            let (before, now) = (before.get(index)?, now.get(index)?);
            if is_same(before, now) {
                continue;
            }
            let written = writes.get_mut(&index)?;
            let mut chunk = now.copied().unwrap_or([0; CHUNK_LEN]);
            for Piece { offset, len, .. } in pieces {
                let range = *offset..offset + len;
                chunk.get_mut(range.clone())?.copy_from_slice(written.get(range)?);
            }
            **written = chunk;
        }
        Some(writes)
    }
}

/// Whether two chunks are one.
fn is_same(a: Option<&Chunk>, b: Option<&Chunk>) -> bool {
    a.map(std::ptr::from_ref) == b.map(std::ptr::from_ref)
}

fn bytes<'a>(chunk: Option<&'a Chunk>, piece: &Piece) -> Option<&'a [u8]> {
    chunk
        .unwrap_or(&[0; CHUNK_LEN])
        .get(piece.offset..piece.offset + piece.len)
}

/// Adds a piece to others.
fn note(pieces: &mut Vec<Piece>, piece: Piece) {
    match pieces.last_mut() {
        Some(last) if last.chunk == piece.chunk && last.offset + last.len == piece.offset => {
            last.len += piece.len
        }
        _ => pieces.push(piece),
    }
}

/// The machine's memory during a step, and what the step does to it.
pub struct View<'a> {
    chunks: Chunks<'a>,
    input_len: u64,
    /// Whether what is written is f32.
    floats: bool,
    touched: Touched,
    writes: Writes,
    /// Whether something happened of which only the interpreter can say what comes of it.
    failed: bool,
}

impl<'a> View<'a> {
    pub fn new(start: &StepStart<'a>, floats: bool) -> Self {
        Self {
            chunks: Chunks::of(start.memory),
            input_len: start.input_len,
            floats,
            touched: Touched::default(),
            writes: BTreeMap::new(),
            failed: false,
        }
    }

    /// What was read and written, the chunks of both, and what those hold that were written. `None` if the interpreter must run
    /// the step.
    pub fn finish(mut self) -> Option<(Touched, BTreeSet<u32>, Writes)> {
        for pieces in [&mut self.touched.read, &mut self.touched.written] {
            pieces.sort_by_key(|piece| piece.chunk);
        }
        let read = self.touched.read.iter().map(|piece| piece.chunk);
        let mut chunks = read.collect::<BTreeSet<_>>();
        if self.failed || chunks.len() > MAX_CHUNKS_READ {
            return None;
        }
        chunks.extend(self.writes.keys());
        Some((self.touched, chunks, self.writes))
    }

    fn try_lend(&mut self, address: u64, len: usize) -> Option<&'a [u8]> {
        Region::of(address, len as u64)?;
        let piece = pieces(address, len).next().filter(|piece| piece.len == len)?;
        if self.failed || self.writes.contains_key(&piece.chunk) {
            return None;
        }
        note(&mut self.touched.read, piece);
        self.chunks
            .get(piece.chunk)??
            .get(piece.offset..piece.offset + len)
    }

    fn try_read(&mut self, address: u64, mut target: &mut [u8]) -> Option<()> {
        Region::of(address, target.len() as u64)?;
        for piece in pieces(address, target.len()) {
            let (now, later) = target.split_at_mut(piece.len);
            target = later;
            let chunk = match self.writes.get(&piece.chunk) {
                Some(written) => Some(&**written),
                None => {
                    note(&mut self.touched.read, piece);
                    self.chunks.get(piece.chunk)?
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
            note(&mut self.touched.written, piece);
            if !self.writes.contains_key(&piece.chunk) {
                if self.writes.len() == MAX_CHUNKS_WRITTEN {
                    return None;
                }
                let before = self.chunks.get(piece.chunk)?;
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
