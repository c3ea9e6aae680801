//! The trace: a Merkle tree over the state hashes before the first step and after each.
//!
//! Leaf `i` is `H(tag, author, job, i, S_i)`. It is bound to its author and job, so that one
//! provider's trace is useless to another. After the last leaf the tree is filled up with padding
//! to a power of two; the number of leaves is part of the claim.
//!
//! A tree too large to be published is shown in pieces: a *reveal* of a node shows the nodes
//! [`REVEAL_LEVELS`] below it.

use crate::{
    hash::{hash, hash_pair, Tag},
    limits::REVEAL_LEVELS,
    Hash,
};
use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use core::ops::Range;
use scale_info::TypeInfo;

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

/// The key under which a node's off-chain database keeps what is shown of a trace of `steps` steps below `node`, whose hash
/// is `hash`: the encoded hashes of the nodes that a reveal shows. The three say what these are, so that no other trace can
/// put something else there.
pub fn shown_key(steps: u64, node: NodeId, hash: &Hash) -> Vec<u8> {
    (b"assay:shown", steps, node, hash).encode()
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

/// The nodes over nothing but padding, from the leaf upwards.
pub(crate) fn paddings() -> impl Iterator<Item = Hash> {
    core::iter::successors(Some(padding()), |below| {
        Some(hash_pair(Tag::TraceNode, below, below))
    })
}

/// A place in a trace tree.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Debug,
    Encode,
    Decode,
    DecodeWithMemTracking,
    TypeInfo,
    MaxEncodedLen,
)]
pub struct NodeId {
    /// Levels above the leaves.
    pub height: u8,
    /// Nodes of the same height to the left of it.
    pub index: u64,
}

impl NodeId {
    /// The leaf at `index`.
    pub fn leaf(index: u64) -> Self {
        Self { height: 0, index }
    }

    /// The root of the tree over a trace of `steps` steps.
    pub fn root(steps: u64) -> Self {
        Self {
            height: levels(steps),
            index: 0,
        }
    }

    /// Whether the tree over a trace of `steps` steps has this node, and not only padding below it.
    pub fn is_in(&self, steps: u64) -> bool {
        self.height <= levels(steps) && self.index <= last_index(steps, self.height)
    }

    /// Whether reveals reach this node: its height is a whole number of reveals below the root's, and
    /// it is not a leaf.
    pub fn can_be_revealed(&self, steps: u64) -> bool {
        self.is_in(steps)
            && self.height > 0
            && levels(steps)
                .checked_sub(self.height)
                .is_some_and(|depth| depth % REVEAL_LEVELS == 0)
    }

    /// The node that is revealed to show this one's hash. `None` for the root.
    pub fn revealed_by(&self, steps: u64) -> Option<Self> {
        let depth = levels(steps).checked_sub(self.height)?;
        let up = match depth % REVEAL_LEVELS {
            0 if depth == 0 => return None,
            0 => REVEAL_LEVELS,
            rest => rest,
        };
        Some(Self {
            height: self.height.checked_add(up)?,
            index: self.index.checked_shr(up.into())?,
        })
    }

    /// The height of the nodes that a reveal of this node shows, and their indices. Those that have only
    /// padding below them are left out.
    pub fn shown(&self, steps: u64) -> (u8, Range<u64>) {
        let down = self.height.min(REVEAL_LEVELS);
        let height = self.height.saturating_sub(down);
        let first = self.index << down;
        let end = first.saturating_add(1 << down);
        (
            height,
            first..end.min(last_index(steps, height).saturating_add(1)),
        )
    }

    pub(crate) fn sibling(&self) -> Self {
        Self {
            index: self.index ^ 1,
            ..*self
        }
    }

    pub(crate) fn parent(&self) -> Self {
        Self {
            height: self.height.saturating_add(1),
            index: self.index >> 1,
        }
    }
}

/// The index of the last node at `height` that has more than padding below it.
pub(crate) fn last_index(steps: u64, height: u8) -> u64 {
    steps.checked_shr(height.into()).unwrap_or(0)
}

/// A trace tree with all its nodes.
#[derive(Clone, Debug)]
pub struct TraceTree {
    /// The nodes of each level without padding, leaves first.
    levels: Vec<Vec<Hash>>,
}

impl TraceTree {
    /// The tree of the trace with state hashes `S_0 .. S_n`, at least one.
    pub fn new(id: TraceId, states: &[Hash]) -> Self {
        Self::over(id.leaves(states).collect())
    }

    /// The tree over `leaves`, at least one.
    pub fn over(leaves: Vec<Hash>) -> Self {
        let mut paddings = paddings();
        let mut levels = Vec::new();
        let mut nodes = leaves;
        while nodes.len() > 1 {
            let parents = parents(&nodes, paddings.next().unwrap_or_default());
            levels.push(core::mem::replace(&mut nodes, parents));
        }
        levels.push(nodes);
        Self { levels }
    }

    /// The trace root.
    pub fn root(&self) -> Hash {
        self.levels
            .last()
            .and_then(|top| top.first())
            .copied()
            .unwrap_or_default()
    }

    /// The hash of `node`. `None` where there is only padding below it, or it is not of this tree.
    pub fn node(&self, node: NodeId) -> Option<Hash> {
        let level = self.levels.get(usize::from(node.height))?;
        level.get(usize::try_from(node.index).ok()?).copied()
    }

    /// The siblings on the way from the leaf at `index` to the root, lowest first.
    pub fn path(&self, index: u64) -> Vec<Hash> {
        self.path_of(NodeId::leaf(index))
    }

    /// The siblings on the way from `node` to the root, lowest first.
    pub fn path_of(&self, node: NodeId) -> Vec<Hash> {
        let height = self.levels.len().saturating_sub(1);
        let siblings = self.levels.iter().zip(paddings()).enumerate();
        siblings
            .take(height)
            .skip(node.height.into())
            .map(|(level, (nodes, padding))| {
                let up = level.saturating_sub(node.height.into());
                let sibling = usize::try_from(node.index >> up ^ 1).unwrap_or(usize::MAX);
                *nodes.get(sibling).unwrap_or(&padding)
            })
            .collect()
    }

    /// What a reveal of `node` shows. `None` where `node` is not of this tree.
    pub fn reveal(&self, node: NodeId) -> Option<Vec<Hash>> {
        let steps = u64::try_from(self.levels.first()?.len()).ok()?.checked_sub(1)?;
        let (height, shown) = node.is_in(steps).then(|| node.shown(steps))?;
        let shown = usize::try_from(shown.start).ok()?..usize::try_from(shown.end).ok()?;
        self.levels
            .get(usize::from(height))?
            .get(shown)
            .map(<[_]>::to_vec)
    }
}

/// The level above `nodes`, with `padding` for what is missing on the right.
fn parents(nodes: &[Hash], padding: Hash) -> Vec<Hash> {
    let pairs = nodes.chunks(2);
    pairs
        .map(|pair| {
            let right = pair.get(1).unwrap_or(&padding);
            hash_pair(Tag::TraceNode, pair.first().unwrap_or(&padding), right)
        })
        .collect()
}

/// The root to which `path` leads from `node` with the hash `node_hash`.
///
/// `None` where the tree over a trace of `steps` steps has no such node, the path has not as many
/// siblings as it takes, or shows something else than padding after the last leaf.
pub fn root_of_path(steps: u64, node: NodeId, node_hash: Hash, path: &[Hash]) -> Option<Hash> {
    let height = levels(steps).checked_sub(node.height)?;
    if !node.is_in(steps) || path.len() != usize::from(height) {
        return None;
    }
    let mut siblings = path.iter().zip(paddings().skip(node.height.into()));
    let (_, root) = siblings.try_fold((node, node_hash), |(node, hash), (sibling, padding)| {
        if node.sibling().index > last_index(steps, node.height) && *sibling != padding {
            return None;
        }
        let parent = match node.index & 1 {
            0 => hash_pair(Tag::TraceNode, &hash, sibling),
            _ => hash_pair(Tag::TraceNode, sibling, &hash),
        };
        Some((node.parent(), parent))
    })?;
    Some(root)
}

/// The hash of `node` above `shown`, which are all the hashes that a reveal of it shows. `None` where
/// they are more or fewer.
pub fn node_of_shown(steps: u64, node: NodeId, shown: Vec<Hash>) -> Option<Hash> {
    let (height, expected) = node.is_in(steps).then(|| node.shown(steps))?;
    let count = expected.end.checked_sub(expected.start)?;
    if u64::try_from(shown.len()).ok()? != count {
        return None;
    }
    fold(height, node.height.checked_sub(height)?, shown)
}

/// The node `levels` above `nodes`, which are all that have more than padding below them of those that
/// it has at `height`.
pub(crate) fn fold(height: u8, levels: u8, nodes: Vec<Hash>) -> Option<Hash> {
    let paddings = paddings().skip(height.into()).take(levels.into());
    let top = paddings.fold(nodes, |nodes, padding| parents(&nodes, padding));
    top.first().copied()
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
                let node = NodeId::leaf(index);
                prop_assert_eq!(root_of_path(steps, node, leaf, &path), Some(tree.root()));
                prop_assert_ne!(root_of_path(steps, node, ID.leaf(index + 1, state), &path), Some(tree.root()));
                prop_assert_eq!(root_of_path(steps, NodeId::leaf(n), leaf, &path), None);
            }
        }

        #[test]
        fn path_of_every_node_leads_to_the_root(n in 1u64..70) {
            let tree = TraceTree::new(ID, &states(n));
            let steps = n - 1;
            for height in 0..=levels(steps) {
                for index in 0..=last_index(steps, height) {
                    let node = NodeId { height, index };
                    let hash = tree.node(node).unwrap();
                    let path = tree.path_of(node);
                    prop_assert_eq!(root_of_path(steps, node, hash, &path), Some(tree.root()));
                    prop_assert_eq!(root_of_path(steps, node, hash, &path[..path.len().saturating_sub(1)]).is_some(), path.is_empty());
                    let outside = NodeId { height, index: last_index(steps, height) + 1 };
                    prop_assert_eq!(root_of_path(steps, outside, hash, &path), None);
                }
            }
        }

        #[test]
        fn reveals_from_the_root_down_show_every_leaf(n in prop_oneof![1u64..200, 1000u64..4000]) {
            let states = states(n);
            let tree = TraceTree::new(ID, &states);
            let steps = n - 1;
            for index in [0, steps / 3, steps / 2, steps] {
                let mut node = NodeId::leaf(index);
                let mut hash = ID.leaf(index, &states[index as usize]);
                while let Some(above) = node.revealed_by(steps) {
                    prop_assert!(above.can_be_revealed(steps));
                    let shown = tree.reveal(above).unwrap();
                    let (height, range) = above.shown(steps);
                    prop_assert_eq!(height, node.height);
                    prop_assert_eq!(shown[(node.index - range.start) as usize], hash);
                    prop_assert!(shown.len() <= 1 << REVEAL_LEVELS);
                    hash = node_of_shown(steps, above, shown.clone()).unwrap();
                    prop_assert_eq!(Some(hash), tree.node(above));
                    prop_assert_eq!(node_of_shown(steps, above, shown[1..].to_vec()), None);
                    let mut forged = shown.clone();
                    forged[(node.index - range.start) as usize][0] ^= 1;
                    prop_assert_ne!(node_of_shown(steps, above, forged), Some(hash));
                    node = above;
                }
                prop_assert_eq!(hash, tree.root());
            }
        }
    }

    #[test]
    fn something_else_than_padding_after_the_last_leaf_is_no_path() {
        let (steps, states) = (4, states(5));
        let honest = TraceTree::new(ID, &states);
        for hidden in 5..8 {
            let mut leaves = ID.leaves(&states).collect::<Vec<_>>();
            leaves.resize(8, padding());
            leaves[hidden] = [9; 32];
            let forged = TraceTree::over(leaves);
            assert_ne!(forged.root(), honest.root());
            let last = ID.leaf(steps, &states[4]);
            let path = forged.path(steps);
            assert_eq!(
                root_of_path(steps, NodeId::leaf(steps), last, &path),
                None,
                "leaf {hidden}"
            );
        }
    }

    #[test]
    fn nodes_that_reveals_reach_are_ten_levels_apart() {
        let steps = 1 << 22;
        let heights = (0..=23)
            .filter(|height| {
                NodeId {
                    height: *height,
                    index: 0,
                }
                .can_be_revealed(steps)
            })
            .collect::<Vec<_>>();
        assert_eq!(heights, [3, 13, 23]);
        assert_eq!(
            NodeId::leaf(9).revealed_by(steps),
            Some(NodeId { height: 3, index: 1 })
        );
        assert_eq!(NodeId::root(steps).revealed_by(steps), None);
        let outside = NodeId {
            height: 13,
            index: (steps >> 13) + 1,
        };
        assert!(!outside.can_be_revealed(steps));
    }
}
