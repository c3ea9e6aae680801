//! The root of a region whose segments arrive one after the other.

use super::{tree::ZeroHashes, MemoryTree, Region};
use crate::{
    hash::{hash_pair, Tag},
    limits::{REGION_LEVELS, SEGMENT_LEN, SEGMENT_LEVELS},
    Hash,
};
use codec::{Decode, Encode, MaxEncodedLen};
use scale_info::TypeInfo;

/// Levels of the tree over segments.
const LEVELS: usize = (REGION_LEVELS - SEGMENT_LEVELS) as usize;

/// The root of the subtree that holds one segment: up to [`SEGMENT_LEN`] bytes, zeros after them.
///
/// `None` where there are more bytes than a segment holds.
pub fn segment_root(bytes: &[u8]) -> Option<Hash> {
    if bytes.len() > SEGMENT_LEN {
        return None;
    }
    let mut tree = MemoryTree::new();
    tree.write(Region::Params.start(), bytes).ok()?;
    tree.subtree_root(Region::Params.first_chunk(), SEGMENT_LEVELS)
        .ok()
}

/// Roots of the complete subtrees to the left of the next segment, one for each level that has
/// one. Constant size, whatever the number of segments.
#[derive(Clone, PartialEq, Eq, Debug, Default, Encode, Decode, TypeInfo, MaxEncodedLen)]
pub struct Frontier {
    segments: u32,
    complete: [Option<Hash>; LEVELS],
}

impl Frontier {
    /// Segments appended so far.
    pub fn segments(&self) -> u32 {
        self.segments
    }

    /// Appends the segment whose subtree has `root`. False, and unchanged, where the region is full.
    ///
    /// The region is full one segment before its end: no slot holds the root of all of it.
    #[must_use]
    pub fn append(&mut self, root: Hash) -> bool {
        if self.complete.iter().all(Option::is_some) {
            return false;
        }
        let mut node = root;
        for slot in &mut self.complete {
            match slot.take() {
                Some(left) => node = hash_pair(Tag::MemoryNode, &left, &node),
                None => {
                    *slot = Some(node);
                    self.segments += 1;
                    return true;
                }
            }
        }
        false
    }

    /// The region's root if no further segment comes: all that follows is zero.
    pub fn region_root(&self) -> Hash {
        let zeros = ZeroHashes::new();
        let mut node = zeros.at(SEGMENT_LEVELS);
        for (level, slot) in (SEGMENT_LEVELS..).zip(&self.complete) {
            node = match slot {
                Some(left) => hash_pair(Tag::MemoryNode, left, &node),
                None => hash_pair(Tag::MemoryNode, &node, &zeros.at(level)),
            };
        }
        node
    }
}
