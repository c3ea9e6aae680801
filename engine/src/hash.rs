//! Domain-separated BLAKE2b-256.
//!
//! Every hash starts with a tag byte that says what is hashed, so that no value of one kind can be
//! passed off as another kind.

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

#[cfg(all(feature = "host-hashing", not(feature = "std")))]
mod backend {
    use alloc::vec::Vec;

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
    fn hash_matches_blake2b_256_of_tag_and_bytes() {
        let expected = blake2b_simd::Params::new().hash_length(32).hash(b"\x06abc");
        assert_eq!(hash(Tag::Program, &[b"a", b"bc"]), expected.as_bytes());
    }
}
