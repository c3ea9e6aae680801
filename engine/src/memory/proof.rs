//! Multiproofs: a tree with all but some chunks pruned away, written down.

use super::{
    tree::{Leaf, Node},
    Chunk, MemoryTree, Pruned,
};
use crate::{
    limits::{CHUNK_LEN, MAX_CHUNKS_READ, MAX_CHUNKS_WRITTEN, MEMORY_LEVELS},
    Hash,
};
use alloc::{boxed::Box, collections::BTreeSet, vec, vec::Vec};
use codec::{Decode, DecodeWithMemTracking, Encode};
use scale_info::TypeInfo;

/// The most chunks of a proof: those that a step may read, and those that it may write.
pub const MAX_PROOF_CHUNKS: usize = MAX_CHUNKS_READ + MAX_CHUNKS_WRITTEN;
/// The most nodes of a proof: each chunk has as many branches above it as there are levels, each branch
/// two children, and the root is nobody's child.
pub const MAX_PROOF_NODES: usize = 2 * MEMORY_LEVELS as usize * MAX_PROOF_CHUNKS + 1;

/// One node of a proof.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub enum ProofNode {
    /// Every byte below is zero.
    #[codec(index = 0)]
    Zero,
    /// A subtree that the proof leaves out, by its hash.
    #[codec(index = 1)]
    Pruned(Hash),
    /// A chunk's bytes, without the zeros at its end.
    #[codec(index = 2)]
    Chunk(Vec<u8>),
    /// A node whose two children follow.
    #[codec(index = 3)]
    Branch,
}

/// Some chunks of a memory and the hashes that lead from them to its root.
///
/// The nodes stand in preorder. One proof serves any number of chunks and names each hash once.
#[derive(Clone, PartialEq, Eq, Debug, Default, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct Proof {
    /// The nodes, parents before children, left before right.
    pub nodes: Vec<ProofNode>,
}

/// Why some nodes are not a proof.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ProofError {
    /// A node's children are missing.
    Truncated,
    /// Nodes stand after the last one that is needed.
    TrailingNodes,
    /// A chunk that is not at the lowest level, or a branch below it.
    WrongLevel,
    /// A chunk longer than a chunk.
    ChunkTooLong,
    /// More chunks than a step may touch.
    TooManyChunks,
    /// More nodes than such a proof has.
    TooManyNodes,
}

impl MemoryTree {
    /// A proof of the chunks with the given indices.
    pub fn prove(&mut self, chunks: &BTreeSet<u32>) -> Result<Proof, Pruned> {
        self.root();
        let indices = chunks.iter().copied().collect::<Vec<_>>();
        let mut nodes = Vec::new();
        self.prove_node(&self.top, MEMORY_LEVELS, &indices, &mut nodes)?;
        Ok(Proof { nodes })
    }

    fn prove_node(
        &self,
        node: &Node,
        level: u8,
        chunks: &[u32],
        nodes: &mut Vec<ProofNode>,
    ) -> Result<(), Pruned> {
        match node {
            Node::Zero => nodes.push(ProofNode::Zero),
            _ if chunks.is_empty() => nodes.push(ProofNode::Pruned(self.hash_of(node, level))),
            Node::Pruned(_) => return Err(Pruned),
            Node::Leaf(leaf) => nodes.push(ProofNode::Chunk(without_trailing_zeros(leaf))),
            Node::Branch(branch) => {
                nodes.push(ProofNode::Branch);
                let below = level.saturating_sub(1);
                let border = chunks.partition_point(|index| index >> below & 1 == 0);
                let (left, right) = chunks.split_at(border);
                self.prove_node(&branch.left, below, left, nodes)?;
                self.prove_node(&branch.right, below, right, nodes)?;
            }
        }
        Ok(())
    }
}

fn without_trailing_zeros(leaf: &Leaf) -> Vec<u8> {
    let len = leaf
        .bytes
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |last| last + 1);
    leaf.bytes.iter().take(len).copied().collect()
}

impl Proof {
    /// The pruned tree that the proof writes down. Its root tells what the proof proves.
    ///
    /// A chunk of few bytes in the proof is a whole chunk to hold and to hash, so that both are counted first.
    pub fn into_tree(self) -> Result<MemoryTree, ProofError> {
        if self.nodes.len() > MAX_PROOF_NODES {
            return Err(ProofError::TooManyNodes);
        }
        let chunks = self.nodes.iter();
        if chunks.filter(|node| matches!(node, ProofNode::Chunk(_))).count() > MAX_PROOF_CHUNKS {
            return Err(ProofError::TooManyChunks);
        }
        // Built bottom-up, from the last node to the first: a branch finds its children on the stack.
        let levels = self.levels()?;
        let mut stack = vec![];
        for (node, level) in self.nodes.into_iter().zip(levels).rev() {
            let built = match node {
                ProofNode::Zero => Node::Zero,
                ProofNode::Pruned(hash) => Node::Pruned(hash),
                ProofNode::Chunk(bytes) if level == 0 => Node::leaf(padded(&bytes)?),
                ProofNode::Chunk(_) => return Err(ProofError::WrongLevel),
                ProofNode::Branch => {
                    let left = stack.pop().ok_or(ProofError::Truncated)?;
                    let right = stack.pop().ok_or(ProofError::Truncated)?;
                    Node::branch(left, right)
                }
            };
            stack.push(built);
        }
        let top = stack.pop().ok_or(ProofError::Truncated)?;
        Ok(MemoryTree::from_top(top))
    }

    /// The level of each node. Fails unless the nodes are exactly one tree of the right height.
    fn levels(&self) -> Result<Vec<u8>, ProofError> {
        let mut levels = Vec::with_capacity(self.nodes.len());
        let mut expected = vec![MEMORY_LEVELS];
        for node in &self.nodes {
            let level = expected.pop().ok_or(ProofError::TrailingNodes)?;
            levels.push(level);
            if *node == ProofNode::Branch {
                let below = level.checked_sub(1).ok_or(ProofError::WrongLevel)?;
                expected.extend([below, below]);
            }
        }
        if expected.is_empty() {
            Ok(levels)
        } else {
            Err(ProofError::Truncated)
        }
    }
}

fn padded(bytes: &[u8]) -> Result<Box<Chunk>, ProofError> {
    let mut chunk = Box::new([0; CHUNK_LEN]);
    chunk
        .get_mut(..bytes.len())
        .ok_or(ProofError::ChunkTooLong)?
        .copy_from_slice(bytes);
    Ok(chunk)
}
