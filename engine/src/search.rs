//! The search for the first false step of another's trace, by who ran the program too.
//!
//! Two traces of the same job are compared from the root down. What the other's tree has below a node is
//! known where it was shown: with the claim for a short trace, by reveals for a long one. Where it was
//! not, the search says what to ask for.

use crate::{
    fraud::Trace,
    trace::{fold, last_index, node_of_shown, paddings, NodeId, TraceTree},
    Hash,
};
use alloc::vec::Vec;

/// What a comparison of two traces finds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Finding {
    /// They are the same: the claim is right.
    Same,
    /// They start differently. A claim's start is checked when it comes in, so that one's own is wrong.
    WrongStart,
    /// They differ below a node that was not shown.
    Hidden {
        /// The node. It can be revealed.
        node: NodeId,
        /// Its hash.
        hash: Hash,
        /// Its siblings on the way to the root, lowest first.
        path: Vec<Hash>,
    },
    /// They differ behind this step for the first time.
    FalseStep {
        /// The step, counted from 0.
        step: u64,
        /// The siblings of leaf `step` of the other's tree, lowest first.
        before: Vec<Hash>,
        /// Its leaf `step + 1`.
        leaf_after: Hash,
        /// The siblings of that leaf, lowest first.
        after: Vec<Hash>,
    },
}

/// Another's trace beside one's own.
pub struct Search {
    trace: Trace,
    /// The tree over one's own states, as if the other had made them.
    own: TraceTree,
    /// The last state of one's own that counts.
    own_last: u64,
}

/// A node and what a reveal of it shows.
type Piece = (NodeId, Vec<Hash>);

impl Search {
    /// Compares `trace` with a run whose state hashes are `states`: of the whole run, or of as many steps
    /// as `trace` has.
    pub fn new(trace: Trace, states: &[Hash]) -> Self {
        let last = u64::try_from(states.len()).unwrap_or(u64::MAX).saturating_sub(1);
        let own_last = last.min(trace.steps);
        let count = usize::try_from(own_last).unwrap_or(usize::MAX).saturating_add(1);
        let leaves = trace.id.leaves(states).take(count).collect();
        Self {
            trace,
            own: TraceTree::over(leaves),
            own_last,
        }
    }

    /// Looks for the first difference. `shown` gives what a reveal of a node shows, by the node and its hash, where
    /// that is known; what does not fit the hash counts as unknown.
    pub fn find(&self, mut shown: impl FnMut(NodeId, &Hash) -> Option<Vec<Hash>>) -> Finding {
        let steps = self.trace.steps;
        let (mut node, mut hash) = (NodeId::root(steps), self.trace.root);
        let mut pieces = Vec::<Piece>::new();
        if self.own(node) == Some(hash) {
            return Finding::Same;
        }
        while node.height > 0 {
            let known =
                shown(node, &hash).filter(|nodes| node_of_shown(steps, node, nodes.clone()) == Some(hash));
            let Some(nodes) = known else {
                let path = self.path(node, &pieces);
                return Finding::Hidden { node, hash, path };
            };
            let (height, indices) = node.shown(steps);
            let below = indices.zip(&nodes);
            let below = below.map(|(index, hash)| (NodeId { height, index }, *hash));
            let Some((child, child_hash)) = below.into_iter().find(|(id, hash)| self.own(*id) != Some(*hash))
            else {
                return Finding::Same;
            };
            pieces.push((node, nodes));
            (node, hash) = (child, child_hash);
        }
        let Some(step) = node.index.checked_sub(1) else {
            return Finding::WrongStart;
        };
        Finding::FalseStep {
            step,
            before: self.path(NodeId::leaf(step), &pieces),
            leaf_after: hash,
            after: self.path(node, &pieces),
        }
    }

    /// A node of one's own tree. `None` where one's own run ended before the last state below it.
    fn own(&self, node: NodeId) -> Option<Hash> {
        let end = node.index.checked_add(1)?.checked_shl(node.height.into())?;
        let last = end.checked_sub(1)?.min(self.trace.steps);
        (last <= self.own_last).then(|| self.own.node(node)).flatten()
    }

    /// The siblings of `node` in the other's tree. Where they were not shown the trees are the same.
    fn path(&self, node: NodeId, pieces: &[Piece]) -> Vec<Hash> {
        let root = NodeId::root(self.trace.steps);
        core::iter::successors(Some(node), |node| Some(node.parent()))
            .take_while(|node| *node != root)
            .map(|node| node.sibling())
            .map(|sibling| {
                let shown = || pieces.iter().find_map(|piece| self.shown_in(piece, sibling));
                let hash = self
                    .padding_at(sibling)
                    .or_else(shown)
                    .or_else(|| self.own(sibling));
                hash.unwrap_or_default()
            })
            .collect()
    }

    fn padding_at(&self, node: NodeId) -> Option<Hash> {
        let is_padding = node.index > last_index(self.trace.steps, node.height);
        is_padding.then(|| paddings().nth(node.height.into())).flatten()
    }

    /// The hash of `node`, where `piece` shows what is below it.
    fn shown_in(&self, (above, nodes): &Piece, node: NodeId) -> Option<Hash> {
        let (height, indices) = above.shown(self.trace.steps);
        let up = above.height.checked_sub(node.height)?;
        let down = node.height.checked_sub(height)?;
        if node.index >> up != above.index {
            return None;
        }
        let start = (node.index << down).checked_sub(indices.start)?;
        let end = start
            .checked_add(1 << down)?
            .min(indices.end.checked_sub(indices.start)?);
        let below = nodes.get(usize::try_from(start).ok()?..usize::try_from(end).ok()?)?;
        fold(height, down, below.to_vec())
    }
}
