//! The trace: a Merkle tree over the state hashes before the first step and after each.
//!
//! Leaf `i` is `H(tag, author, job, i, S_i)`. It is bound to its author and job, so that one
//! provider's trace is useless to another. After the last leaf the tree is filled up with padding
//! to a power of two; the number of leaves is part of the claim.

use crate::{
    hash::{hash, hash_pair, Tag},
    Hash,
};
use alloc::vec::Vec;

/// Whose trace it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TraceId {
    /// The provider's account.
    pub author: [u8; 32],
    /// The job.
    pub job: u64,
}

impl TraceId {
    /// The leaf at `index` for the state with hash `state`.
    pub fn leaf(&self, index: u64, state: &Hash) -> Hash {
        hash(
            Tag::TraceLeaf,
            &[&self.author, &self.job.to_le_bytes(), &index.to_le_bytes(), state],
        )
    }

    /// The leaves for the state hashes `S_0 .. S_n`.
    pub fn leaves<'a>(&'a self, states: &'a [Hash]) -> impl Iterator<Item = Hash> + 'a {
        (0..).zip(states).map(|(index, state)| self.leaf(index, state))
    }
}

/// Levels of the tree over a trace of `steps` steps, which has `steps + 1` leaves.
pub fn levels(steps: u64) -> u8 {
    let bits = u64::BITS.saturating_sub(steps.leading_zeros());
    u8::try_from(bits).unwrap_or(u8::MAX)
}

/// The leaf that stands at every position after the last state.
fn padding() -> Hash {
    hash(Tag::TracePadding, &[])
}

/// A trace tree with all its nodes.
#[derive(Clone, Debug)]
pub struct TraceTree {
    /// The nodes of each level without padding, leaves first.
    levels: Vec<Vec<Hash>>,
    /// The padding node of each level.
    padding: Vec<Hash>,
}

impl TraceTree {
    /// The tree of the trace with state hashes `S_0 .. S_n`, at least one.
    pub fn new(id: TraceId, states: &[Hash]) -> Self {
        let mut nodes = id.leaves(states).collect::<Vec<_>>();
        let mut pad = padding();
        let mut levels = Vec::new();
        let mut paddings = Vec::new();
        while nodes.len() > 1 {
            let parents = nodes
                .chunks(2)
                .map(|pair| {
                    hash_pair(
                        Tag::TraceNode,
                        pair.first().unwrap_or(&pad),
                        pair.get(1).unwrap_or(&pad),
                    )
                })
                .collect::<Vec<_>>();
            levels.push(core::mem::replace(&mut nodes, parents));
            paddings.push(pad);
            pad = hash_pair(Tag::TraceNode, &pad, &pad);
        }
        levels.push(nodes);
        paddings.push(pad);
        Self {
            levels,
            padding: paddings,
        }
    }

    /// The trace root.
    pub fn root(&self) -> Hash {
        self.levels
            .last()
            .and_then(|top| top.first())
            .copied()
            .unwrap_or_default()
    }

    /// The siblings on the way from leaf `index` to the root, lowest first.
    pub fn path(&self, index: u64) -> Vec<Hash> {
        let height = self.levels.len().saturating_sub(1);
        let siblings = self.levels.iter().zip(&self.padding).take(height).enumerate();
        siblings
            .map(|(level, (nodes, padding))| {
                let sibling = usize::try_from(index >> level ^ 1).unwrap_or(usize::MAX);
                *nodes.get(sibling).unwrap_or(padding)
            })
            .collect()
    }
}

/// The root to which `path` leads from `leaf` at `index`, or `None` where the path's length is not
/// that of a trace of `steps` steps, or the index lies after its last leaf.
pub fn root_of_path(steps: u64, index: u64, leaf: Hash, path: &[Hash]) -> Option<Hash> {
    if path.len() != usize::from(levels(steps)) || index > steps {
        return None;
    }
    let root = path
        .iter()
        .enumerate()
        .fold(leaf, |node, (level, sibling)| match index >> level & 1 {
            0 => hash_pair(Tag::TraceNode, &node, sibling),
            _ => hash_pair(Tag::TraceNode, sibling, &node),
        });
    Some(root)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::MAX_STEPS;
    use proptest::prelude::*;

    const ID: TraceId = TraceId {
        author: [7; 32],
        job: 9,
    };

    fn states(n: u64) -> Vec<Hash> {
        (0..n).map(|i| hash(Tag::State, &[&i.to_le_bytes()])).collect()
    }

    #[test]
    fn levels_hold_all_leaves() {
        for (steps, expected) in [
            (0, 0),
            (1, 1),
            (2, 2),
            (3, 2),
            (4, 3),
            (7, 3),
            (8, 4),
            ((1 << 30) - 1, 30),
            (1 << 30, 31),
        ] {
            assert_eq!(levels(steps), expected, "{steps} steps");
        }
    }

    #[test]
    fn three_reveals_of_ten_levels_reach_every_step_of_the_longest_trace() {
        assert_eq!(levels(MAX_STEPS), 3 * 10);
        assert_eq!(levels(MAX_STEPS + 1), 3 * 10 + 1);
    }

    #[test]
    fn trace_of_another_author_or_job_has_another_root() {
        let states = states(5);
        let root = TraceTree::new(ID, &states).root();
        assert_ne!(
            root,
            TraceTree::new(
                TraceId {
                    author: [8; 32],
                    ..ID
                },
                &states
            )
            .root()
        );
        assert_ne!(root, TraceTree::new(TraceId { job: 10, ..ID }, &states).root());
    }

    proptest! {
        #[test]
        fn path_of_every_leaf_leads_to_the_root_and_of_no_other_leaf(n in 1u64..70) {
            let states = states(n);
            let tree = TraceTree::new(ID, &states);
            let steps = n - 1;
            prop_assert_eq!(tree.path(0).len(), usize::from(levels(steps)));
            for (index, state) in (0..).zip(&states) {
                let path = tree.path(index);
                let leaf = ID.leaf(index, state);
                prop_assert_eq!(root_of_path(steps, index, leaf, &path), Some(tree.root()));
                prop_assert_ne!(root_of_path(steps, index, ID.leaf(index + 1, state), &path), Some(tree.root()));
                prop_assert_eq!(root_of_path(steps, n, leaf, &path), None);
            }
        }
    }
}
