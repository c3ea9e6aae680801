//! What the chain asks for a package and for a dispute over it.
//!
//! The figures are those of this repository's runtime. A chain that was built otherwise has others.

use assay_engine::limits::{MAX_PUBLIC_STEPS, MEMORY_LEVELS, REVEAL_LEVELS};
use assay_engine::memory::{ProofNode, MAX_PROOF_CHUNKS};
use assay_engine::trace::levels;
use assay_engine::witness::StepWitness;
use assay_engine::Hash;
use codec::Encode;
use serde::Serialize;

/// `prove_fraud` and `fuel` of `pallets/disputes/src/weights.rs`, in picoseconds and bytes.
mod weights {
    pub const PROOF: u64 = 2_884_540_098;
    pub const PROOF_BYTES: u64 = 134_573;
    pub const CODE_BYTE: u64 = 379_404;
    pub const CHUNK: u64 = 33_824_404;
    pub const READS: u64 = 13;
    pub const WRITES: u64 = 12;
    pub const FUEL: u64 = 6_905_531_629;
    pub const FUEL_UNIT: u64 = 64_010;
    /// `RocksDbWeight` of `frame_support`, which the runtime has.
    pub const READ: u64 = 25_000_000;
    pub const WRITE: u64 = 100_000_000;
}

/// Of `runtime/src/configs/market.rs`, in plancks.
mod deposits {
    pub const BASE: u128 = 100_000_000_000;
    pub const CODE_BYTE: u128 = 10_000_000;
    pub const PARAMS_BYTE: u128 = 100_000;
}

pub use crate::client::amount::UNIT;
/// As many nodes of a proof weigh as one chunk does: `NODES_PER_CHUNK` of `pallets/disputes/src/types.rs`.
const NODES_PER_CHUNK: usize = 2 * MEMORY_LEVELS as usize + 1;

/// Plancks that are held for a program of `len` bytes.
pub fn program_deposit(len: u64) -> u128 {
    deposits::BASE + deposits::CODE_BYTE * u128::from(len)
}

/// Plancks that are held for params of `len` bytes.
pub fn params_deposit(len: u64) -> u128 {
    deposits::BASE + deposits::PARAMS_BYTE * u128::from(len)
}

/// What of a block something takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Weight {
    /// Picoseconds.
    pub ref_time: u64,
    /// Bytes of state that are proven.
    pub proof_size: u64,
}

/// What a fraud proof weighs once it was run: the unused part is returned.
pub fn proof_weight(code_len: u64, witness: &StepWitness, fuel: u64) -> Weight {
    let nodes = &witness.memory.nodes;
    let chunks = nodes.iter().filter(|node| matches!(node, ProofNode::Chunk(_)));
    let as_chunks = nodes.len().div_ceil(NODES_PER_CHUNK);
    let chunks = chunks.count().max(as_chunks).min(MAX_PROOF_CHUNKS);
    let parts = [
        (weights::PROOF, 1),
        (weights::CODE_BYTE, code_len),
        (weights::CHUNK, chunks as u64),
        (weights::READ, weights::READS),
        (weights::WRITE, weights::WRITES),
        (weights::FUEL, 1),
        (weights::FUEL_UNIT, fuel),
    ];
    let times = parts.map(|(each, count)| each.saturating_mul(count));
    Weight {
        ref_time: times.into_iter().fold(0, u64::saturating_add),
        proof_size: weights::PROOF_BYTES,
    }
}

/// Bytes of a fraud proof of a trace of `steps` steps, of whose step the witness has `witness_len` bytes. The transaction around
/// it is not counted.
pub fn proof_len(witness_len: u64, steps: u64) -> u64 {
    let path = vec![Hash::default(); levels(steps).into()];
    // The step, the leaf after it and the paths of both leaves.
    let rest = (0_u64, Hash::default(), &path, &path);
    witness_len + rest.encoded_size() as u64
}

/// Reveals that it takes to see the first false step of a trace of `steps` steps.
pub fn reveals(steps: u64) -> u64 {
    match steps > MAX_PUBLIC_STEPS {
        true => levels(steps).div_ceil(REVEAL_LEVELS).into(),
        false => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use assay_engine::fraud::FraudProof;
    use assay_engine::limits::{MAX_PROGRAM_LEN, MAX_STEPS, STEP_FUEL};
    use assay_engine::{State, Status};

    /// A source file of this repository, with numbers in one piece.
    fn source(path: &str) -> String {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        std::fs::read_to_string(root.join(path)).unwrap().replace('_', "")
    }

    /// The text between two others.
    fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
        let (_, rest) = text.split_once(before).unwrap();
        rest.split_once(after).unwrap().0
    }

    fn witness() -> StepWitness {
        let state = State {
            pc: 0,
            status: Status::Running,
            params_len: 0,
            input_len: 0,
            memory_root: [0; 32],
        };
        StepWitness {
            state,
            memory: Default::default(),
        }
    }

    #[test]
    fn the_weights_are_those_of_the_pallet() {
        let pallet = source("pallets/disputes/src/weights.rs");
        let of_runtime = between(&pallet, "WeightInfo for SubstrateWeight<T>", "/// For tests");
        let constant = |value, bytes, factor| format!("fromparts({value}, {bytes}){factor}");
        let proof = between(of_runtime, "fn provefraud", "fn fuel");
        for part in [
            constant(weights::PROOF, weights::PROOF_BYTES, "\n"),
            constant(weights::CODE_BYTE, 0, ".saturatingmul(p"),
            constant(weights::CHUNK, 0, ".saturatingmul(c"),
            format!("reads({}u64)", weights::READS),
            format!("writes({}u64)", weights::WRITES),
        ] {
            assert!(proof.contains(&part), "{part}: {proof}");
        }
        let fuel = between(of_runtime, "fn fuel", "fn settle");
        for part in [
            constant(weights::FUEL, 0, "\n"),
            constant(weights::FUEL_UNIT, 0, ".saturatingmul(f"),
        ] {
            assert!(fuel.contains(&part), "{part}: {fuel}");
        }
    }

    #[test]
    fn the_worst_proof_takes_a_quarter_of_a_block_at_most() {
        let mut witness = witness();
        witness.memory.nodes = vec![ProofNode::Chunk(Vec::new()); 1000];
        let weight = proof_weight(MAX_PROGRAM_LEN as u64, &witness, STEP_FUEL);
        // As in docs/limits.md, but for what is rounded there.
        assert_eq!(weight.ref_time / 1_000_000_000, 385);
        assert_eq!(weight.proof_size.div_ceil(1024), 132);
    }

    #[test]
    fn many_nodes_weigh_as_chunks_do() {
        let weight = |nodes| {
            let mut witness = witness();
            witness.memory.nodes = vec![ProofNode::Zero; nodes];
            proof_weight(0, &witness, 0).ref_time
        };
        assert_eq!(weight(NODES_PER_CHUNK), weight(1));
        assert_eq!(weight(NODES_PER_CHUNK + 1) - weight(1), weights::CHUNK);
    }

    #[test]
    fn the_deposits_are_those_of_the_runtime() {
        let runtime = source("runtime/src/configs/market.rs");
        for line in [
            "type BaseDeposit = ConstU128<{ 100 * MILLIUNIT }>",
            "type ByteDeposit = ConstU128<{ 10 * MICROUNIT }>",
            "type ParamsByteDeposit = ConstU128<{ MICROUNIT / 10 }>",
        ] {
            assert!(runtime.contains(line), "{line}");
        }
        assert_eq!(program_deposit(0), UNIT / 10);
        assert_eq!(program_deposit(1_000_000) - program_deposit(0), 10 * UNIT);
        assert_eq!(params_deposit(10_000_000) - params_deposit(0), UNIT);
    }

    #[test]
    fn a_public_trace_takes_no_reveals_and_the_longest_takes_three() {
        let cases = [
            (1, 0),
            (64, 0),
            (65, 1),
            (1023, 1),
            (1024, 2),
            (1 << 20, 3),
            (MAX_STEPS, 3),
        ];
        for (steps, expected) in cases {
            assert_eq!(reveals(steps), expected, "{steps}");
        }
    }

    #[test]
    fn a_proof_has_the_bytes_of_its_encoding() {
        for steps in [1, 64, 1 << 20, MAX_STEPS] {
            let path = vec![[7; 32]; levels(steps).into()];
            let proof = FraudProof {
                step: 0,
                witness: witness(),
                before: path.clone(),
                leaf_after: [7; 32],
                after: path,
            };
            let witness_len = witness().encoded_size() as u64;
            assert_eq!(proof_len(witness_len, steps), proof.encoded_size() as u64);
        }
    }
}
