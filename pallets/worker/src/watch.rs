//! Watches the claims of others: runs what they ran, and disputes what differs.
//!
//! What to do next follows from the chain's state and the node's own run alone, so that a restart in any
//! phase goes on where the chain is. A claim is challenged only if the node's own run, on data that it has
//! checked against the version's root, starts where the claim does and then goes elsewhere.

use crate::{
    account::account_of,
    claims::OpenClaim,
    reason::Reason,
    record::{Progress, Purpose},
    run::load,
    task::Outcome,
    Config, Pallet, LOG_TARGET,
};
use alloc::vec::Vec;
use assay_engine::{
    fraud::FraudProof,
    search::{Finding, Search},
    trace::NodeId,
    Hash,
};
use assay_primitives::worker_key::WorkerId;
use codec::Encode;
use pallet_disputes::{Call, Standing};
use sp_core::{offchain::Timestamp, H256};

impl<T: Config> Pallet<T> {
    /// Brings the dispute about another's claim one move on, where the claim is wrong.
    pub(crate) fn watch(claim: &OpenClaim<T>, end: Timestamp) -> Result<(), Reason> {
        let store = &claim.task.store;
        if store.progress(Purpose::Trace) == Some(Progress::Right(claim.trace.root)) {
            return Ok(());
        }
        if let Some(standing) = Self::own_standing(claim) {
            store.set_challenged(claim.id, standing.until());
        }
        let Outcome::Done(states) = claim.task.states(end)? else {
            return Ok(());
        };
        let finding = Search::new(claim.trace, &states).find(|node, hash| claim.shown(node, hash));
        match finding {
            Finding::Same => {
                log::info!(target: LOG_TARGET, "job {}: the claim is right", claim.task.job);
                store.set_progress(Purpose::Trace, Progress::Right(claim.trace.root));
                Ok(())
            }
            Finding::WrongStart => Err(Reason::OwnStartDiffers),
            Finding::Hidden { node, hash, path } => Self::ask_for(claim, node, hash, path),
            Finding::FalseStep {
                step,
                before,
                leaf_after,
                after,
            } => {
                let proof = Self::proof_of(claim, step, before, (leaf_after, after), end)?;
                let is_proven = matches!(proof, Outcome::Done(_));
                if (is_proven || claim.is_late) && Self::must_challenge_first(claim) {
                    return Self::challenge(claim);
                }
                let Outcome::Done(proof) = proof else {
                    return Ok(());
                };
                let call = Call::prove_fraud {
                    claim: claim.id,
                    proof,
                };
                Self::dispute(claim, call, &alloc::format!("step {step} is false, proving it"))
            }
        }
    }

    /// The proof that `step` is false. Fails where it does not hold: then what the node has kept of its own run is
    /// damaged, and it runs again.
    fn proof_of(
        claim: &OpenClaim<T>,
        step: u64,
        before: Vec<Hash>,
        after: (Hash, Vec<Hash>),
        end: Timestamp,
    ) -> Result<Outcome<FraudProof>, Reason> {
        let Outcome::Done(witness) = claim.task.witness(step, end)? else {
            return Ok(Outcome::Later);
        };
        let (leaf_after, after) = after;
        let proof = FraudProof {
            step,
            witness,
            before,
            leaf_after,
            after,
        };
        let (executor, module) = load::<T>(&claim.task.version()?)?;
        proof
            .clone()
            .verify(&claim.trace, &executor, &module)
            .map_err(|_| {
                claim.task.store.clear_progress(Purpose::Trace);
                Reason::NotProven
            })?;
        Ok(Outcome::Done(proof))
    }

    /// Asks for a node, once there is a challenge and it is its move.
    fn ask_for(claim: &OpenClaim<T>, node: NodeId, hash: Hash, path: Vec<Hash>) -> Result<(), Reason> {
        if claim.is_shown(node) {
            return Err(Reason::ShownNotFound);
        }
        let Some(standing) = Self::own_standing(claim) else {
            return Self::challenge(claim);
        };
        if let Standing::Provider { .. } = standing {
            return Ok(());
        }
        let path = path.into_iter().map(H256).collect::<Vec<_>>();
        let call = Call::ask {
            claim: claim.id,
            node,
            hash: H256(hash),
            path: path.try_into().map_err(|_| Reason::NoClaim)?,
        };
        let what = alloc::format!(
            "asking for what is below {} of height {}",
            node.index,
            node.height
        );
        Self::dispute(claim, call, &what)
    }

    /// Whose move it is in the node's own challenge. `None` where it has none.
    pub(crate) fn own_standing(
        claim: &OpenClaim<T>,
    ) -> Option<Standing<frame_system::pallet_prelude::BlockNumberFor<T>>> {
        let challenges = pallet_disputes::Pallet::<T>::challenge_of(claim.id, &claim.account())?;
        challenges.standing
    }

    /// A proof is rewarded where its prover challenged in an earlier block. Who cannot bond, or comes too
    /// late for it, proves without.
    fn must_challenge_first(claim: &OpenClaim<T>) -> bool {
        let may_challenge = claim.in_window && !Self::has_lost(claim);
        Self::own_standing(claim).is_none() && may_challenge && claim.can_bond
    }

    fn has_lost(claim: &OpenClaim<T>) -> bool {
        let now = frame_system::Pallet::<T>::block_number();
        claim.task.store.has_lost(claim.id, now)
    }

    fn challenge(claim: &OpenClaim<T>) -> Result<(), Reason> {
        if !claim.in_window {
            return Err(Reason::WindowClosed);
        }
        if Self::has_lost(claim) {
            return Err(Reason::ChallengeLost);
        }
        if !claim.can_bond {
            return Err(Reason::NoBond);
        }
        let call = Call::challenge { claim: claim.id };
        Self::dispute(claim, call, "the claim is wrong, challenging it")
    }

    /// Submits a move of the node's own account, unless it is in the pool already.
    fn dispute(claim: &OpenClaim<T>, call: Call<T>, what: &str) -> Result<(), Reason> {
        if !claim
            .task
            .store
            .may_submit(call.using_encoded(sp_io::hashing::blake2_256))
        {
            return Ok(());
        }
        log::info!(target: LOG_TARGET, "job {}: {what}", claim.task.job);
        Self::submit_signed(&claim.worker, call)
    }

    /// Takes back the bonds of challenges whose claims were judged.
    pub(crate) fn settle_challenges(worker: &WorkerId) {
        let account = account_of(worker);
        let judged = pallet_disputes::Challenges::<T>::iter_keys()
            .filter(|(_, challenger)| *challenger == account)
            .find(|(claim, _)| pallet_disputes::Pallet::<T>::disputed(*claim).is_err());
        if let Some((claim, challenger)) = judged {
            // One in a block. What fails is repeated; what is in the pool is refused as known.
            let _ = Self::submit_signed(worker, Call::settle { claim, challenger });
        }
    }
}
