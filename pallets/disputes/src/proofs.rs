//! Fraud proofs: the chain runs one step.

use crate::{
    judge::{self, Judgement},
    types::*,
    Challenges, Config, Error, Event, FirstChallenger, Pallet, WeightInfo,
};
use assay_engine::{
    fraud::{FraudProof, Trace},
    limits::{MAX_PROGRAM_LEN, STEP_FUEL},
    memory::ProofNode,
    trace::TraceId,
};
use assay_primitives::{ClaimId, Claims, Programs};
use frame_support::{
    dispatch::{DispatchErrorWithPostInfo, DispatchResultWithPostInfo, Pays, PostDispatchInfo},
    ensure,
    weights::Weight,
};
use sp_runtime::{DispatchError, SaturatedConversion};

/// What the weight of a proof depends on.
#[derive(Clone, Copy)]
pub(crate) struct ProofSize {
    /// Bytes of the program.
    pub code: u32,
    /// Chunks of memory, or as many as have so many nodes above them.
    pub chunks: u32,
    /// Fuel of the step.
    pub fuel: u64,
}

impl ProofSize {
    /// The most that the proof can take.
    pub fn most(proof: &FraudProof) -> Self {
        let nodes = &proof.witness.memory.nodes;
        let chunks = nodes.iter().filter(|node| matches!(node, ProofNode::Chunk(_)));
        let as_chunks = nodes.len().div_ceil(NODES_PER_CHUNK);
        Self {
            code: MAX_PROGRAM_LEN.saturated_into(),
            chunks: chunks.count().max(as_chunks).saturated_into(),
            fuel: STEP_FUEL,
        }
    }

    /// What one that is within the limits weighs.
    pub fn weight<T: Config>(&self) -> Weight {
        T::WeightInfo::prove_fraud(self.code, self.chunks.min(MAX_PROOF_CHUNKS))
            .saturating_add(T::WeightInfo::fuel(self.fuel.saturated_into()))
    }
}

impl<T: Config> Pallet<T> {
    pub(crate) fn heaviest_proof(proof: &FraudProof) -> Weight {
        ProofSize::most(proof).weight::<T>()
    }

    pub(crate) fn do_prove_fraud(
        who: T::AccountId,
        id: ClaimId,
        proof: FraudProof,
    ) -> DispatchResultWithPostInfo {
        let mut size = ProofSize {
            code: 0,
            fuel: 0,
            ..ProofSize::most(&proof)
        };
        let proven = Self::prove(who, id, proof, &mut size);
        let weight = Some(size.weight::<T>());
        match proven {
            Ok(()) => Ok(PostDispatchInfo {
                actual_weight: weight,
                pays_fee: Pays::No,
            }),
            Err(error) => Err(DispatchErrorWithPostInfo {
                post_info: PostDispatchInfo {
                    actual_weight: weight,
                    pays_fee: Pays::Yes,
                },
                error,
            }),
        }
    }

    /// Runs the step and judges the claim by it. Counts in `size` what of it was done.
    fn prove(
        who: T::AccountId,
        id: ClaimId,
        proof: FraudProof,
        size: &mut ProofSize,
    ) -> Result<(), DispatchError> {
        ensure!(size.chunks <= MAX_PROOF_CHUNKS, Error::<T>::ProofTooLarge);
        let claim = Self::disputed(id)?;
        judge::ensure_known::<T>(claim.engine_version)?;
        let trace = Trace {
            id: TraceId {
                author: claim.provider.into(),
                job: id.job,
            },
            steps: claim.steps,
            root: claim.trace_root.0,
        };
        let step = proof.step;
        let proof = proof.open(&trace).map_err(Error::<T>::from)?;
        let code = T::Programs::code(claim.program).ok_or(Error::<T>::ProgramNotFound)?;
        size.code = code.len().saturated_into();
        let Judgement { result, fuel } = judge::judge::<T>(code, proof);
        size.fuel = fuel;
        result?;
        let rewarded = Self::rewarded(id, who.clone());
        Self::deposit_event(Event::FraudProven {
            claim: id,
            step,
            prover: who,
            rewarded: rewarded.clone(),
            fuel,
        });
        T::Claims::disprove(id, &rewarded)
    }

    /// Who is rewarded for the proof of `prover`: not who may have copied it from somebody that challenged
    /// before.
    fn rewarded(id: ClaimId, prover: T::AccountId) -> T::AccountId {
        let challenged_before = |who: &T::AccountId| {
            Challenges::<T>::get(id, who).is_some_and(|challenge| challenge.opened < Self::now())
        };
        if challenged_before(&prover) {
            return prover;
        }
        FirstChallenger::<T>::get(id)
            .filter(challenged_before)
            .unwrap_or(prover)
    }
}
