//! The tree against a model that keeps bytes in a map and hashes all of it each time.

use super::*;
use crate::{
    hash::{hash, hash_pair, Tag},
    limits::{MEMORY_LEVELS, SEGMENT_LEN},
    Hash,
};
use codec::{Decode, Encode};
use proptest::prelude::*;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::OnceLock,
};

#[derive(Clone, Default)]
struct Model(BTreeMap<u64, u8>);

impl Model {
    fn write(&mut self, addr: u64, bytes: &[u8]) {
        self.0.extend((addr..).zip(bytes.iter().copied()));
    }

    fn read(&self, addr: u64, len: usize) -> Vec<u8> {
        let byte = |at| self.0.get(&at).copied().unwrap_or(0);
        (addr..addr + len as u64).map(byte).collect()
    }

    fn chunks(&self) -> BTreeSet<u32> {
        self.0
            .keys()
            .map(|addr| (addr / CHUNK_LEN as u64) as u32)
            .collect()
    }

    fn root(&self) -> Hash {
        self.node(MEMORY_LEVELS, 0, &self.chunks())
    }

    fn node(&self, level: u8, first: u32, chunks: &BTreeSet<u32>) -> Hash {
        if chunks.range(first..first + (1 << level)).next().is_none() {
            return zeros(level);
        }
        if level == 0 {
            return hash(
                Tag::MemoryLeaf,
                &[&self.read(u64::from(first) * CHUNK_LEN as u64, CHUNK_LEN)],
            );
        }
        let left = self.node(level - 1, first, chunks);
        let right = self.node(level - 1, first + (1 << (level - 1)), chunks);
        hash_pair(Tag::MemoryNode, &left, &right)
    }
}

/// The root of `level` levels over zeros.
fn zeros(level: u8) -> Hash {
    static ZEROS: OnceLock<Vec<Hash>> = OnceLock::new();
    let zeros = ZEROS.get_or_init(|| {
        let leaf = hash(Tag::MemoryLeaf, &[&[0; CHUNK_LEN]]);
        let above = |node: &Hash| Some(hash_pair(Tag::MemoryNode, node, node));
        std::iter::successors(Some(leaf), above).take(31).collect()
    });
    zeros[usize::from(level)]
}

/// Addresses near each other, near borders of chunks and regions, and far from everything.
fn address() -> impl Strategy<Value = u64> {
    let region = (0u64..4).prop_map(|region| region * REGION_LEN);
    let place = prop_oneof![
        4 => 0u64..3 * CHUNK_LEN as u64,
        2 => (0u64..8, 0u64..32).prop_map(|(chunk, back)| (chunk + 1) * CHUNK_LEN as u64 - back),
        1 => (0u64..9000).prop_map(|back| REGION_LEN - 9000 + back),
        1 => (0u64..9000).prop_map(|offset| REGION_LEN / 2 - 4500 + offset),
        1 => 0..REGION_LEN,
    ];
    (region, place).prop_map(|(region, place)| region + place)
}

/// Writes that stay in their region: random bytes, one byte over and over, or zeros.
fn write() -> impl Strategy<Value = (u64, Vec<u8>)> {
    let bytes = prop_oneof![
        2 => prop::collection::vec(any::<u8>(), 0..64),
        2 => (any::<u8>(), 0..3 * CHUNK_LEN).prop_map(|(byte, len)| vec![byte; len]),
        2 => (0..3 * CHUNK_LEN).prop_map(|len| vec![0; len]),
    ];
    (address(), bytes).prop_map(|(addr, mut bytes)| {
        bytes.truncate((REGION_LEN - addr % REGION_LEN) as usize);
        (addr, bytes)
    })
}

fn writes() -> impl Strategy<Value = Vec<(u64, Vec<u8>)>> {
    prop::collection::vec(write(), 0..12)
}

fn filled(writes: &[(u64, Vec<u8>)]) -> (MemoryTree, Model) {
    let (mut tree, mut model) = (MemoryTree::new(), Model::default());
    for (addr, bytes) in writes {
        tree.write(*addr, bytes).unwrap();
        model.write(*addr, bytes);
    }
    (tree, model)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn tree_reads_and_hashes_like_the_model_after_every_write(
        writes in writes(),
        addr in address(),
        len in 0..2 * CHUNK_LEN,
    ) {
        let (mut tree, mut model) = (MemoryTree::new(), Model::default());
        for (addr, bytes) in &writes {
            tree.write(*addr, bytes).unwrap();
            model.write(*addr, bytes);
            prop_assert_eq!(tree.root(), model.root());
            prop_assert_eq!(tree.read(*addr, bytes.len()).unwrap(), bytes.clone());
        }
        let len = len.min((4 * REGION_LEN - addr) as usize);
        prop_assert_eq!(tree.read(addr, len).unwrap(), model.read(addr, len));
    }

    #[test]
    fn root_depends_on_the_bytes_and_not_on_how_they_came_there(writes in writes()) {
        let (mut at_the_end, model) = filled(&writes);
        let mut by_chunk = MemoryTree::new();
        for chunk in model.chunks() {
            let bytes = model.read(u64::from(chunk) * CHUNK_LEN as u64, CHUNK_LEN);
            by_chunk.write(u64::from(chunk) * CHUNK_LEN as u64, &bytes).unwrap();
            by_chunk.root();
        }
        prop_assert_eq!(at_the_end.root(), by_chunk.root());
    }

    #[test]
    fn memory_root_is_that_of_its_four_region_roots(writes in writes()) {
        let (mut tree, _) = filled(&writes);
        let [params, input, work, output] = Region::ALL.map(|region| tree.region_root(region).unwrap());
        let readable = hash_pair(Tag::MemoryNode, &params, &input);
        let writable = hash_pair(Tag::MemoryNode, &work, &output);
        prop_assert_eq!(tree.root(), hash_pair(Tag::MemoryNode, &readable, &writable));
    }

    #[test]
    fn snapshot_stays_as_it_was_through_later_writes(before in writes(), after in writes(), ask in any::<bool>()) {
        let (mut tree, model) = filled(&before);
        if ask {
            tree.root();
        }
        let mut snapshot = tree.clone();
        for (addr, bytes) in &after {
            tree.write(*addr, bytes).unwrap();
            tree.root();
        }
        prop_assert_eq!(snapshot.root(), model.root());
        for (addr, bytes) in after {
            prop_assert_eq!(snapshot.read(addr, bytes.len()).unwrap(), model.read(addr, bytes.len()));
        }
    }

    #[test]
    fn proof_proves_the_root_and_serves_exactly_its_chunks(writes in writes(), pick in any::<u64>()) {
        let (mut tree, model) = filled(&writes);
        let picked = |position: usize| pick >> (position % 64) & 1 == 1;
        let (mut chunks, mut others) = (BTreeSet::new(), BTreeSet::new());
        for (position, chunk) in model.chunks().into_iter().enumerate() {
            // The neighbour may be zero. A proof of it must serve zeros.
            let neighbour = chunk ^ 1;
            if picked(position) {
                chunks.extend([chunk, neighbour]);
            } else {
                others.insert(chunk);
            }
        }
        let others = &others - &chunks;
        let proof = tree.prove(&chunks).unwrap();
        let proof = Proof::decode(&mut &proof.encode()[..]).unwrap();
        let mut pruned = proof.into_tree().unwrap();
        prop_assert_eq!(pruned.root(), tree.root());
        for chunk in chunks {
            prop_assert_eq!(pruned.chunk(chunk).unwrap(), tree.chunk(chunk).unwrap());
        }
        for chunk in others {
            match tree.chunk(chunk).unwrap() {
                Some(_) => prop_assert_eq!(pruned.chunk(chunk), Err(Pruned)),
                None => prop_assert!(matches!(pruned.chunk(chunk), Ok(None) | Err(Pruned))),
            }
        }
    }

    #[test]
    fn write_to_proven_chunks_gives_the_root_of_the_full_tree(before in writes(), after in writes()) {
        let (mut tree, _) = filled(&before);
        let touched = after
            .iter()
            .flat_map(|(addr, bytes)| pieces(*addr, bytes.len()))
            .map(|piece| piece.chunk)
            .collect();
        let mut pruned = tree.prove(&touched).unwrap().into_tree().unwrap();
        for (addr, bytes) in &after {
            pruned.write(*addr, bytes).unwrap();
            tree.write(*addr, bytes).unwrap();
            prop_assert_eq!(pruned.root(), tree.root());
        }
    }

    #[test]
    fn shortened_or_lengthened_proof_is_refused(writes in writes(), cut in any::<prop::sample::Index>()) {
        let (mut tree, model) = filled(&writes);
        let proof = tree.prove(&model.chunks()).unwrap();
        let mut short = proof.clone();
        short.nodes.truncate(cut.index(proof.nodes.len()));
        prop_assert_eq!(short.into_tree().err(), Some(ProofError::Truncated));
        let mut long = proof;
        long.nodes.push(ProofNode::Zero);
        prop_assert_eq!(long.into_tree().err(), Some(ProofError::TrailingNodes));
    }

    #[test]
    fn any_nodes_give_a_tree_or_an_error(
        nodes in prop::collection::vec(
            prop_oneof![
                1 => Just(ProofNode::Zero),
                1 => any::<[u8; 32]>().prop_map(ProofNode::Pruned),
                1 => (0..2 * CHUNK_LEN).prop_map(|len| ProofNode::Chunk(vec![1; len])),
                4 => Just(ProofNode::Branch),
            ],
            0..200,
        )
    ) {
        if let Ok(mut tree) = (Proof { nodes }).into_tree() {
            tree.root();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn frontier_of_segments_gives_the_region_root_of_the_whole(
        len in 0..6 * SEGMENT_LEN,
        zero_segment in 0..6usize,
        seed in any::<u8>(),
    ) {
        let mut params = (0..len).map(|i| (i / 97) as u8 ^ seed).collect::<Vec<_>>();
        if let Some(segment) = params.chunks_mut(SEGMENT_LEN).nth(zero_segment) {
            segment.fill(0);
        }
        let mut frontier = Frontier::default();
        for (index, segment) in params.chunks(SEGMENT_LEN).enumerate() {
            prop_assert_eq!(frontier.segments() as usize, index);
            prop_assert!(frontier.append(segment_root(segment).unwrap()));
        }
        let mut tree = MemoryTree::new();
        tree.write(Region::Params.start(), &params).unwrap();
        prop_assert_eq!(frontier.region_root(), tree.region_root(Region::Params).unwrap());
    }
}

#[test]
fn frontier_of_no_segments_gives_the_root_of_an_empty_region() {
    let empty = MemoryTree::new().region_root(Region::Params).unwrap();
    assert_eq!(Frontier::default().region_root(), empty);
}

#[test]
fn full_frontier_refuses_a_segment_and_stays_as_it_was() {
    let levels = usize::from(REGION_LEVELS - crate::limits::SEGMENT_LEVELS);
    let full = ((1u32 << levels) - 1, vec![Some([7u8; 32]); levels]);
    let encoded = [full.0.encode(), full.1.iter().flat_map(Encode::encode).collect()].concat();
    let mut frontier = Frontier::decode(&mut &encoded[..]).unwrap();
    let before = frontier.clone();
    assert!(!frontier.append([8; 32]));
    assert_eq!(frontier, before);
}

#[test]
fn segment_longer_than_a_segment_has_no_root() {
    assert!(segment_root(&[1; SEGMENT_LEN]).is_some());
    assert_eq!(segment_root(&[1; SEGMENT_LEN + 1]), None);
}

#[test]
fn chunk_above_the_lowest_level_is_refused() {
    let proof = Proof {
        nodes: vec![ProofNode::Chunk(vec![1])],
    };
    assert_eq!(proof.into_tree().err(), Some(ProofError::WrongLevel));
}

#[test]
fn branch_below_a_chunk_is_refused() {
    let levels = usize::from(MEMORY_LEVELS);
    let mut nodes = vec![ProofNode::Branch; levels + 1];
    nodes.resize(2 * levels + 3, ProofNode::Zero);
    assert_eq!(Proof { nodes }.into_tree().err(), Some(ProofError::WrongLevel));
}

#[test]
fn chunk_of_more_bytes_than_a_chunk_is_refused() {
    let at_the_left_end = |bytes: Vec<u8>| {
        let mut nodes = vec![ProofNode::Branch; MEMORY_LEVELS.into()];
        nodes.push(ProofNode::Chunk(bytes));
        nodes.resize(2 * usize::from(MEMORY_LEVELS) + 1, ProofNode::Zero);
        Proof { nodes }.into_tree()
    };
    assert!(at_the_left_end(vec![1; CHUNK_LEN]).is_ok());
    assert_eq!(
        at_the_left_end(vec![1; CHUNK_LEN + 1]).err(),
        Some(ProofError::ChunkTooLong)
    );
}

#[test]
fn proof_of_no_nodes_is_refused() {
    assert_eq!(Proof::default().into_tree().err(), Some(ProofError::Truncated));
}

#[test]
fn proof_of_the_most_scattered_chunks_passes_and_of_one_more_does_not() {
    // As far from each other as so many chunks can be, each with a neighbour that has to be named.
    let chunk = |index: u32| index << (MEMORY_LEVELS - 8);
    let mut tree = MemoryTree::new();
    let count = u32::try_from(MAX_PROOF_CHUNKS).unwrap();
    for index in (0..=count).map(chunk) {
        tree.write(u64::from(index) * CHUNK_LEN as u64, &[1; 2 * CHUNK_LEN])
            .unwrap();
    }
    let root = tree.root();
    let proof = |chunks: u32| tree.clone().prove(&(0..chunks).map(chunk).collect()).unwrap();
    assert!(proof(count).nodes.len() <= MAX_PROOF_NODES);
    assert_eq!(proof(count).into_tree().unwrap().root(), root);
    assert_eq!(
        proof(count + 1).into_tree().err(),
        Some(ProofError::TooManyChunks)
    );
}

#[test]
fn many_short_chunks_are_refused_before_any_is_padded() {
    // A complete tree of levels enough for more chunks than any step touches, at the left end.
    let below = 13;
    let mut nodes = vec![ProofNode::Branch; usize::from(MEMORY_LEVELS - below)];
    fn complete(level: u8, nodes: &mut Vec<ProofNode>) {
        if level == 0 {
            return nodes.push(ProofNode::Chunk(vec![1]));
        }
        nodes.push(ProofNode::Branch);
        complete(level - 1, nodes);
        complete(level - 1, nodes);
    }
    complete(below, &mut nodes);
    nodes.resize(nodes.len() + usize::from(MEMORY_LEVELS - below), ProofNode::Zero);
    assert_eq!(Proof { nodes }.into_tree().err(), Some(ProofError::TooManyNodes));
}

#[test]
fn huge_proof_is_refused_and_does_not_exhaust_the_stack() {
    for node in [ProofNode::Branch, ProofNode::Zero] {
        let nodes = vec![node; 1_000_000];
        assert_eq!(Proof { nodes }.into_tree().err(), Some(ProofError::TooManyNodes));
    }
}

#[test]
fn chunk_takes_its_bytes_and_less_than_128_more() {
    use super::tree::Leaf;
    // The bytes are one allocation, the leaf with the two counts of its pointer another.
    assert_eq!(size_of::<Chunk>(), CHUNK_LEN);
    assert!(size_of::<Leaf>() + 2 * size_of::<usize>() < 128);
}

#[test]
fn pruned_tree_refuses_to_replace_a_chunk_that_it_does_not_hold() {
    let (mut tree, _) = filled(&[(0, vec![1]), (CHUNK_LEN as u64, vec![2])]);
    let mut pruned = tree.prove(&BTreeSet::from([0])).unwrap().into_tree().unwrap();
    let chunk = BTreeMap::from([(1, Box::new([3; CHUNK_LEN]))]);
    assert_eq!(pruned.put_chunks(chunk), Err(Pruned));
}

#[test]
fn zero_chunk_and_absent_chunk_are_the_same() {
    let (mut written, _) = filled(&[(0, vec![1]), (5 * CHUNK_LEN as u64, vec![0; CHUNK_LEN])]);
    let (mut absent, _) = filled(&[(0, vec![1])]);
    assert_eq!(written.root(), absent.root());
    assert_eq!(written.chunk(5), Ok(None));
    written.write(0, &[0]).unwrap();
    assert_eq!(written.root(), MemoryTree::new().root());
}

#[test]
fn region_of_an_access_is_named_only_where_one_region_holds_all_of_it() {
    let end = REGION_LEN;
    for (addr, len, expected) in [
        (0, 0, Some(Region::Params)),
        (end - 1, 1, Some(Region::Params)),
        (end - 1, 2, None),
        (end, 1, Some(Region::Input)),
        (2 * end, end, Some(Region::Work)),
        (2 * end, end + 1, None),
        (4 * end - 1, 1, Some(Region::Output)),
        (4 * end, 0, None),
        (u64::MAX, 1, None),
        (0, u64::MAX, None),
    ] {
        assert_eq!(Region::of(addr, len), expected, "{len} bytes at {addr:#x}");
    }
}
