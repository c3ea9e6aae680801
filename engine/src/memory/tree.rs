//! A persistent sparse Merkle tree.
//!
//! Nodes are shared: a clone costs nothing and a write copies one path, so a tree of any earlier
//! moment can be kept. A tree may be *pruned*: some subtrees are known by their hash only. That is
//! how a verifier holds the memory of which it has seen a few chunks.

use super::{pieces, Region};
use crate::{
    hash::{hash, hash_each, hash_pair, Tag},
    limits::{CHUNK_LEN, MEMORY_LEVELS, REGION_LEVELS, SEGMENT_LEVELS},
    Hash,
};
use alloc::{boxed::Box, collections::BTreeMap, sync::Arc, vec::Vec};

#[cfg(not(feature = "std"))]
use core::cell::OnceCell as Once;
#[cfg(feature = "std")]
use std::sync::OnceLock as Once;

/// The bytes of one chunk.
pub type Chunk = [u8; CHUNK_LEN];

/// The chunk asked for lies in a subtree of which only the hash is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pruned;

/// A subtree. Its level is known from where it hangs: a chunk is at level 0.
#[derive(Clone)]
pub(super) enum Node {
    /// Every byte below is zero.
    Zero,
    /// Only the hash is known.
    Pruned(Hash),
    /// A chunk.
    Leaf(Arc<Leaf>),
    /// Two subtrees.
    Branch(Arc<Branch>),
}

/// A chunk and its hash, which is unknown until it is asked for. Trees that share the chunk then share that.
///
/// The bytes are an allocation of their own: a runtime's allocator rounds every size up to a power of
/// two, and one that holds a chunk and more would take twice a chunk.
#[derive(Clone)]
pub(super) struct Leaf {
    hash: Once<Hash>,
    pub(super) bytes: Box<Chunk>,
}

/// Two subtrees and their hash, as for [`Leaf`].
#[derive(Clone)]
pub(super) struct Branch {
    hash: Once<Hash>,
    pub(super) left: Node,
    pub(super) right: Node,
}

impl Node {
    pub(super) fn branch(left: Node, right: Node) -> Node {
        match (&left, &right) {
            (Node::Zero, Node::Zero) => Node::Zero,
            _ => Node::Branch(Arc::new(Branch {
                hash: Once::new(),
                left,
                right,
            })),
        }
    }

    pub(super) fn leaf(bytes: Box<Chunk>) -> Node {
        if bytes.iter().all(|byte| *byte == 0) {
            return Node::Zero;
        }
        Node::Leaf(Arc::new(Leaf {
            hash: Once::new(),
            bytes,
        }))
    }

    /// The hash of the subtree, computed where it is not known yet.
    fn commit(&self, level: u8, zeros: &ZeroHashes) -> Hash {
        match self {
            Node::Zero => zeros.at(level),
            Node::Pruned(hash) => *hash,
            Node::Leaf(leaf) => *leaf.hash.get_or_init(|| hash(Tag::MemoryLeaf, &[&*leaf.bytes])),
            Node::Branch(branch) => *branch.hash.get_or_init(|| {
                let below = level.saturating_sub(1);
                let left = branch.left.commit(below, zeros);
                let right = branch.right.commit(below, zeros);
                hash_pair(Tag::MemoryNode, &left, &right)
            }),
        }
    }

    /// Collects the chunks below whose hashes are not known yet.
    fn unhashed<'a>(&'a self, leaves: &mut Vec<&'a Leaf>) {
        match self {
            Node::Leaf(leaf) if leaf.hash.get().is_none() => leaves.push(leaf),
            Node::Branch(branch) if branch.hash.get().is_none() => {
                branch.left.unhashed(leaves);
                branch.right.unhashed(leaves);
            }
            _ => {}
        }
    }

    /// The node at `level` above the chunk `index`, or the all-zero node above it. This node is at level `at`.
    fn descend(&self, index: u32, mut at: u8, level: u8) -> Result<&Node, Pruned> {
        let mut node = self;
        while at > level {
            match node {
                Node::Branch(branch) => {
                    at -= 1;
                    node = if index >> at & 1 == 0 {
                        &branch.left
                    } else {
                        &branch.right
                    };
                }
                Node::Zero => return Ok(node),
                Node::Pruned(_) | Node::Leaf(_) => return Err(Pruned),
            }
        }
        Ok(node)
    }

    /// The chunk `index` below this node at level `at`, or `None` where it is all zeros.
    fn chunk(&self, index: u32, at: u8) -> Result<Option<&Chunk>, Pruned> {
        match self.descend(index, at, 0)? {
            Node::Leaf(leaf) => Ok(Some(&*leaf.bytes)),
            Node::Zero => Ok(None),
            Node::Pruned(_) | Node::Branch(_) => Err(Pruned),
        }
    }

    /// Puts `chunks`, which are sorted and all lie below this node of `level`. Takes their bytes.
    fn put(&mut self, level: u8, chunks: &mut [(u32, Option<Box<Chunk>>)]) -> Result<(), Pruned> {
        let Some((_, last)) = chunks.last_mut() else {
            return Ok(());
        };
        if level == 0 {
            // What a verifier does not see, it cannot replace.
            if let Node::Pruned(_) = self {
                return Err(Pruned);
            }
            *self = last.take().map_or(Node::Zero, Node::leaf);
            return Ok(());
        }
        let below = level - 1;
        let border = chunks.partition_point(|(index, _)| index >> below & 1 == 0);
        let (left, right) = chunks.split_at_mut(border);
        match self {
            Node::Branch(branch) => {
                let branch = Arc::make_mut(branch);
                branch.hash = Once::new();
                branch.left.put(below, left)?;
                branch.right.put(below, right)?;
                if let (Node::Zero, Node::Zero) = (&branch.left, &branch.right) {
                    *self = Node::Zero;
                }
                Ok(())
            }
            Node::Zero => {
                let (mut l, mut r) = (Node::Zero, Node::Zero);
                l.put(below, left)?;
                r.put(below, right)?;
                *self = Node::branch(l, r);
                Ok(())
            }
            Node::Pruned(_) | Node::Leaf(_) => Err(Pruned),
        }
    }
}

/// The hashes of all-zero subtrees by level.
pub(super) struct ZeroHashes(Vec<Hash>);

impl ZeroHashes {
    pub(super) fn new() -> Self {
        let mut hash = hash(Tag::MemoryLeaf, &[&[0; CHUNK_LEN]]);
        let mut hashes = Vec::with_capacity(usize::from(MEMORY_LEVELS) + 1);
        for _ in 0..=MEMORY_LEVELS {
            hashes.push(hash);
            hash = hash_pair(Tag::MemoryNode, &hash, &hash);
        }
        Self(hashes)
    }

    pub(super) fn at(&self, level: u8) -> Hash {
        self.0.get(usize::from(level)).copied().unwrap_or_default()
    }
}

/// The memory of a machine.
#[derive(Clone)]
pub struct MemoryTree {
    pub(super) top: Node,
    zeros: Arc<ZeroHashes>,
}

impl Default for MemoryTree {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryTree {
    /// A memory of zeros.
    pub fn new() -> Self {
        Self {
            top: Node::Zero,
            zeros: Arc::new(ZeroHashes::new()),
        }
    }

    pub(super) fn from_top(top: Node) -> Self {
        Self {
            top,
            zeros: Arc::new(ZeroHashes::new()),
        }
    }

    /// A memory whose params are known by the root of their region only, holding `input`.
    ///
    /// That is all a verifier needs to derive the state before the first step.
    pub fn at_start(params_root: Hash, input: &[u8]) -> Result<Self, Pruned> {
        let mut tree = Self::from_top(Node::branch(
            Node::branch(Node::Pruned(params_root), Node::Zero),
            Node::Zero,
        ));
        tree.write(Region::Input.start(), input)?;
        Ok(tree)
    }

    /// The memory root. Hashes what was written since it was last asked for, and nothing else.
    pub fn root(&mut self) -> Hash {
        let mut leaves = Vec::new();
        self.top.unhashed(&mut leaves);
        let bytes = leaves.iter().map(|leaf| &leaf.bytes[..]).collect::<Vec<_>>();
        for (leaf, hash) in leaves.iter().zip(hash_each(Tag::MemoryLeaf, &bytes)) {
            leaf.hash.get_or_init(|| hash);
        }
        self.top.commit(MEMORY_LEVELS, &self.zeros)
    }

    /// The root of one region.
    pub fn region_root(&mut self, region: Region) -> Result<Hash, Pruned> {
        self.subtree_root(region.first_chunk(), REGION_LEVELS)
    }

    /// The root of the subtree of `level` that holds the chunk `index`.
    pub(super) fn subtree_root(&mut self, index: u32, level: u8) -> Result<Hash, Pruned> {
        self.root();
        let node = self.top.descend(index, MEMORY_LEVELS, level)?;
        Ok(self.hash_of(node, level))
    }

    /// The hash of a node of this tree after [`Self::root`].
    pub(super) fn hash_of(&self, node: &Node, level: u8) -> Hash {
        node.commit(level, &self.zeros)
    }

    /// The chunk `index`, or `None` where it is all zeros.
    pub fn chunk(&self, index: u32) -> Result<Option<&Chunk>, Pruned> {
        self.top.chunk(index, MEMORY_LEVELS)
    }

    /// The segment that holds the chunk `index`: for who reads many of its chunks.
    pub fn segment(&self, index: u32) -> Result<Segment<'_>, Pruned> {
        self.top
            .descend(index, MEMORY_LEVELS, SEGMENT_LEVELS)
            .map(Segment)
    }

    /// Replaces whole chunks.
    ///
    /// On an error, which only a pruned tree gives, the tree is of no further use.
    pub fn put_chunks(&mut self, chunks: BTreeMap<u32, Box<Chunk>>) -> Result<(), Pruned> {
        let chunks = chunks.into_iter().map(|(index, bytes)| (index, Some(bytes)));
        self.top.put(MEMORY_LEVELS, &mut chunks.collect::<Vec<_>>())
    }

    /// Writes `bytes` from `addr` on. The bytes must lie in the regions.
    pub fn write(&mut self, addr: u64, bytes: &[u8]) -> Result<(), Pruned> {
        let mut chunks = BTreeMap::new();
        let mut rest = bytes;
        for piece in pieces(addr, bytes.len()) {
            let (now, later) = rest.split_at(piece.len.min(rest.len()));
            rest = later;
            let mut chunk = Box::new(self.chunk(piece.chunk)?.copied().unwrap_or([0; CHUNK_LEN]));
            if let Some(target) = chunk.get_mut(piece.offset..piece.offset + piece.len) {
                target.copy_from_slice(now);
            }
            chunks.insert(piece.chunk, chunk);
        }
        self.put_chunks(chunks)
    }

    /// Reads `len` bytes from `addr` on. The bytes must lie in the regions.
    pub fn read(&self, addr: u64, len: usize) -> Result<Vec<u8>, Pruned> {
        let mut bytes = Vec::with_capacity(len);
        for piece in pieces(addr, len) {
            match self
                .chunk(piece.chunk)?
                .and_then(|chunk| chunk.get(piece.offset..piece.offset + piece.len))
            {
                Some(part) => bytes.extend_from_slice(part),
                None => bytes.resize(bytes.len() + piece.len, 0),
            }
        }
        Ok(bytes)
    }
}

/// A subtree of [`SEGMENT_LEVELS`] levels.
#[derive(Clone, Copy)]
pub struct Segment<'a>(&'a Node);

impl<'a> Segment<'a> {
    /// The chunk `index`, counted as in the whole memory, or `None` where it is all zeros.
    pub fn chunk(self, index: u32) -> Result<Option<&'a Chunk>, Pruned> {
        self.0.chunk(index, SEGMENT_LEVELS)
    }
}
