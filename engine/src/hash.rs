//! Domain-separated BLAKE2b-256.
//!
//! Every hash starts with a tag byte that says what is hashed, so that no value of one kind can be
//! passed off as another kind.

use alloc::vec::Vec;

/// A BLAKE2b-256 hash.
pub type Hash = [u8; 32];

/// What is hashed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Tag {
    /// One chunk of memory.
    MemoryLeaf = 0,
    /// An inner node of the memory tree.
    MemoryNode = 1,
    /// A machine state.
    State = 2,
    /// One position of a trace.
    TraceLeaf = 3,
    /// An inner node of a trace tree.
    TraceNode = 4,
    /// A position of a trace tree after the last step.
    TracePadding = 5,
    /// The code of a program.
    Program = 6,
}

/// Hashes `parts`, one after the other, under `tag`.
///
/// The parts' lengths are not hashed: for one tag they must follow from the content.
pub fn hash(tag: Tag, parts: &[&[u8]]) -> Hash {
    backend::hash(tag as u8, parts)
}

/// Hashes two children of a tree whose nodes carry `tag`.
pub fn hash_pair(tag: Tag, left: &Hash, right: &Hash) -> Hash {
    hash(tag, &[left, right])
}

/// Hashes byte strings of the same length under `tag`, each by itself: where the machine can, several at a time.
pub fn hash_each(tag: Tag, strings: &[&[u8]]) -> Vec<Hash> {
    backend::hash_each(tag as u8, strings)
}

#[cfg(all(feature = "host-hashing", not(feature = "std")))]
mod backend {
    use alloc::vec::Vec;

    pub fn hash_each(tag: u8, strings: &[&[u8]]) -> Vec<super::Hash> {
        strings.iter().map(|bytes| hash(tag, &[bytes])).collect()
    }

    pub fn hash(tag: u8, parts: &[&[u8]]) -> super::Hash {
        let len = parts.iter().map(|part| part.len()).sum::<usize>();
        let mut bytes = Vec::with_capacity(len.saturating_add(1));
        bytes.push(tag);
        for part in parts {
            bytes.extend_from_slice(part);
        }
        sp_io::hashing::blake2_256(&bytes)
    }
}

#[cfg(feature = "std")]
mod backend {
    use blake2b_simd::{many, Params};

    /// Strings that are hashed at a time.
    const BATCH: usize = 4 * many::MAX_DEGREE;

    pub fn hash_each(tag: u8, strings: &[&[u8]]) -> Vec<super::Hash> {
        let mut params = Params::new();
        params.hash_length(32);
        let mut hashes = Vec::with_capacity(strings.len());
        let mut tagged = Vec::new();
        for batch in strings.chunks(BATCH) {
            let len = batch.iter().map(|bytes| bytes.len()).max().unwrap_or_default();
            tagged.clear();
            for bytes in batch {
                tagged.push(tag);
                tagged.extend_from_slice(bytes);
            }
            let strings = tagged.chunks_exact(len.saturating_add(1));
            let mut jobs = strings
                .map(|bytes| many::HashManyJob::new(&params, bytes))
                .collect::<Vec<_>>();
            many::hash_many(&mut jobs);
            hashes.extend(jobs.iter().map(|job| {
                let mut hash = super::Hash::default();
                hash.copy_from_slice(job.to_hash().as_bytes());
                hash
            }));
        }
        hashes
    }

    pub fn hash(tag: u8, parts: &[&[u8]]) -> super::Hash {
        let mut state = blake2b_simd::Params::new().hash_length(32).to_state();
        state.update(&[tag]);
        for part in parts {
            state.update(part);
        }
        let mut hash = super::Hash::default();
        hash.copy_from_slice(state.finalize().as_bytes());
        hash
    }
}

#[cfg(not(any(feature = "host-hashing", feature = "std")))]
compile_error!("without `std`, hashing needs the feature `host-hashing`");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hash_of_equal_bytes_differs_under_different_tags() {
        assert_ne!(hash(Tag::MemoryLeaf, &[b"x"]), hash(Tag::MemoryNode, &[b"x"]));
    }

    #[test]
    fn hashes_of_several_are_those_of_each() {
        for count in [0, 1, 3, 4, 5, 16, 17, 40] {
            let strings = (0..count).map(|byte| vec![byte; 4096]).collect::<Vec<_>>();
            let strings = strings.iter().map(Vec::as_slice).collect::<Vec<_>>();
            let expected = strings.iter().map(|bytes| hash(Tag::MemoryLeaf, &[bytes]));
            assert_eq!(hash_each(Tag::MemoryLeaf, &strings), expected.collect::<Vec<_>>());
        }
    }

    #[test]
    fn hash_matches_blake2b_256_of_tag_and_bytes() {
        let expected = blake2b_simd::Params::new().hash_length(32).hash(b"\x06abc");
        assert_eq!(hash(Tag::Program, &[b"a", b"bc"]), expected.as_bytes());
    }
}
