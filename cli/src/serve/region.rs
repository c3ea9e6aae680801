//! The root of a params region whose chunks come one after the other.

use assay_engine::hash::{hash, hash_pair, Tag};
use assay_engine::limits::{CHUNK_LEN, SEGMENT_LEVELS};
use assay_engine::memory::Frontier;
use assay_engine::Hash;

/// The hash of one chunk; what is missing of the last one is zero.
pub fn chunk_hash(bytes: &[u8]) -> Hash {
    let zeros = [0; CHUNK_LEN];
    hash(Tag::MemoryLeaf, &[bytes, &zeros[bytes.len()..]])
}

/// The hashes of the chunks of some params, which prove each chunk by itself.
pub fn chunk_hashes(params: &[u8]) -> Vec<Hash> {
    params.chunks(CHUNK_LEN).map(chunk_hash).collect()
}

/// The root of the region whose chunks have these hashes. `None` where there are more than a region has.
pub fn region_root(hashes: &[Hash]) -> Option<Hash> {
    let zero = chunk_hash(&[]);
    let mut frontier = Frontier::default();
    for segment in hashes.chunks(1 << SEGMENT_LEVELS) {
        let mut nodes = segment.to_vec();
        nodes.resize(1 << SEGMENT_LEVELS, zero);
        while nodes.len() > 1 {
            let pairs = nodes.chunks(2);
            nodes = pairs
                .map(|pair| hash_pair(Tag::MemoryNode, &pair[0], &pair[1]))
                .collect();
        }
        if !frontier.append(nodes[0]) {
            return None;
        }
    }
    Some(frontier.region_root())
}

#[cfg(test)]
mod tests {
    use super::*;
    use assay_engine::memory::{MemoryTree, Region};

    #[test]
    fn root_of_chunks_is_that_of_the_memory() {
        for len in [0, 1, 4096, 4097, 262_144, 262_145, 1_000_000] {
            let params = (0..len).map(|byte: usize| (byte % 251) as u8).collect::<Vec<_>>();
            let mut memory = MemoryTree::new();
            memory.write(0, &params).unwrap();
            let expected = memory.region_root(Region::Params).unwrap();
            assert_eq!(region_root(&chunk_hashes(&params)), Some(expected), "{len} bytes");
        }
    }
}
