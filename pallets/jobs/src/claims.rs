//! Claims: how they come in, and how a dispute holds and ends them.

use crate::{
    rejection::Rejection, types::*, AssignedTo, Config, Error, Event, Inputs, Jobs, Outputs, Pallet,
};
use assay_engine::{
    claim::{Claim, ClaimTerms, Ending, Opening},
    limits::{CHUNK_LEN, ENGINE_VERSION, MAX_OUTPUT_LEN},
    memory::ProofNode,
    trace::{shown_key, NodeId},
    Status,
};
use assay_primitives::{
    worker_key::WorkerSignature, ClaimId, Claims, DisputedClaim, JobId, Price, ProviderOutcome, Providers,
    Versions,
};
use codec::Encode;
use frame_support::{
    ensure,
    pallet_prelude::{TransactionSource, ValidTransaction},
    transactional,
    weights::Weight,
};
use frame_system::pallet_prelude::BlockNumberFor;
use sp_core::H256;
use sp_io::hashing::blake2_256;
use sp_runtime::{
    traits::{Saturating, Zero},
    transaction_validity::{TransactionPriority, TransactionValidityWithRefund},
    DispatchResult, RuntimeAppPublic, SaturatedConversion,
};

/// The most blocks that a claim stays in the pool unseen.
const MAX_LONGEVITY: u64 = 64;
/// Claims go before what pays a usual fee: they have a deadline, and there is one for each job.
const PRIORITY: TransactionPriority = TransactionPriority::MAX / 2;

type DisputedClaimOf<T> =
    DisputedClaim<<T as frame_system::Config>::AccountId, BalanceOf<T>, BlockNumberFor<T>>;

/// A job of which the provider may say what became of it.
pub(crate) struct Assigned<T: Config> {
    pub job: JobOf<T>,
    pub provider: T::AccountId,
    pub price: Price<BalanceOf<T>>,
    pub deadline: BlockNumberFor<T>,
}

/// A claim that passed every check, and what it is about.
pub(crate) struct Checked<T: Config> {
    assigned: Assigned<T>,
    program: H256,
    ending: Ending,
}

impl<T: Config> Pallet<T> {
    /// What a worker key signs to claim `job`: the hash of
    /// `(b"assay:claim", genesis hash, version of the engine, job, claim)`. An upgrade of the engine makes no claim one by
    /// other rules.
    pub fn claim_payload(job: JobId, claim: &Claim) -> [u8; 32] {
        let genesis = frame_system::Pallet::<T>::block_hash(BlockNumberFor::<T>::zero());
        (b"assay:claim", genesis, ENGINE_VERSION, job, claim).using_encoded(blake2_256)
    }

    /// The job with `id`, if its provider is in time.
    pub(crate) fn assigned(id: JobId) -> Result<Assigned<T>, Rejection> {
        let job = Jobs::<T>::get(id).ok_or(Rejection::NotFound)?;
        let JobState::Assigned {
            provider,
            price,
            deadline,
        } = job.state.clone()
        else {
            return Err(Rejection::NotAssigned);
        };
        ensure!(Self::now() <= deadline, Rejection::DeadlinePassed);
        Ok(Assigned {
            job,
            provider,
            price,
            deadline,
        })
    }

    /// Checks that the worker key of `provider` signed `payload`.
    pub(crate) fn check_signature(
        provider: &T::AccountId,
        payload: &[u8; 32],
        signature: &WorkerSignature,
    ) -> Result<(), Rejection> {
        let worker = T::Providers::worker(provider).ok_or(Rejection::WorkerNotFound)?;
        ensure!(worker.verify(payload, signature), Rejection::BadSignature);
        Ok(())
    }

    /// Checks all of a claim that can be checked without running a step, what is cheap first.
    pub(crate) fn check_claim(
        id: JobId,
        claim: &Claim,
        signature: &WorkerSignature,
    ) -> Result<Checked<T>, Rejection> {
        let assigned = Self::assigned(id)?;
        ensure!(!is_too_large(claim), Rejection::ClaimTooLarge);
        // Bounds what is read of the output before anything else is known of the claim.
        if let Status::Halted { output_len } = claim.end.status {
            ensure!(output_len <= MAX_OUTPUT_LEN, Rejection::WrongOutput);
        }
        let Assigned { job, provider, .. } = &assigned;
        Self::check_signature(provider, &Self::claim_payload(id, claim), signature)?;
        let version = T::Versions::terms(job.version).ok_or(Rejection::VersionNotFound)?;
        let input = Inputs::<T>::get(id).ok_or(Rejection::NotFound)?;
        let ending = claim.verify(&ClaimTerms {
            author: provider.clone().into(),
            job: id,
            params_root: version.params_root.0,
            params_len: version.params_len,
            input: &input,
            max_steps: version.max_steps,
        })?;
        Ok(Checked {
            program: version.program,
            ending,
            assigned,
        })
    }

    pub(crate) fn authorize_claim(
        _source: TransactionSource,
        id: &JobId,
        claim: &Claim,
        signature: &WorkerSignature,
    ) -> TransactionValidityWithRefund {
        let Checked { assigned, .. } = Self::check_claim(*id, claim, signature)?;
        Ok((Self::valid_by(*id, assigned.deadline), Weight::zero()))
    }

    /// One transaction of the assigned provider for job `id`, in a block up to `deadline`.
    pub(crate) fn valid_by(id: JobId, deadline: BlockNumberFor<T>) -> ValidTransaction {
        let left = Self::after(deadline.saturating_sub(Self::now()));
        ValidTransaction::with_tag_prefix("assay")
            .priority(PRIORITY)
            .and_provides(id)
            .longevity(left.saturated_into::<u64>().min(MAX_LONGEVITY))
            .propagate(true)
            .into()
    }

    pub(crate) fn do_claim(id: JobId, claim: &Claim, signature: &WorkerSignature) -> DispatchResult {
        let Checked {
            assigned,
            program,
            ending,
        } = Self::check_claim(id, claim, signature).map_err(Error::<T>::from)?;
        let Assigned {
            mut job,
            provider,
            price,
            ..
        } = assigned;
        let summary_ending = ClaimEnding::from(&ending);
        let output = match ending {
            Ending::Answer(output) => {
                let output = Output::try_from(output).map_err(|_| Error::<T>::WrongOutput)?;
                Outputs::<T>::insert(id, &output);
                output
            }
            Ending::Trapped(_) | Ending::Unfinished => Output::default(),
        };
        let summary = ClaimSummary {
            engine_version: ENGINE_VERSION,
            program,
            steps: claim.steps,
            trace_root: H256(claim.trace_root),
            end_state: H256(claim.end.hash()),
            output_hash: H256(blake2_256(&output)),
            ending: summary_ending,
        };
        show_trace(claim);
        let window_end = Self::now().saturating_add(job.terms.challenge_window);
        Self::unschedule(id, &job);
        AssignedTo::<T>::remove(&provider, id);
        Self::deposit_event(Event::Claimed {
            job: id,
            provider: provider.clone(),
            ending: summary_ending,
            steps: summary.steps,
            trace_root: summary.trace_root,
            output_hash: summary.output_hash,
            window_end,
        });
        job.state = JobState::Claimed {
            provider,
            price,
            claim: summary,
            window_end,
            holds: 0,
        };
        Self::put_due(id, job, Self::after(window_end));
        Ok(())
    }
}

/// Leaves the leaves of a trace that is public whole to the nodes' off-chain databases, for who compares
/// it with its own.
fn show_trace(claim: &Claim) {
    if let Opening::Whole(leaves) = &claim.opening {
        let key = shown_key(claim.steps, NodeId::root(claim.steps), &claim.trace_root);
        sp_io::offchain_index::set(&key, &leaves.encode());
    }
}

/// What the weight of a claim depends on: the bytes of its output's chunks and the hashes that open
/// its trace. A claim above the limits is refused before either is looked at.
pub(crate) fn claim_size(claim: &Claim) -> (u32, u32) {
    let hashes = match &claim.opening {
        Opening::Whole(leaves) => leaves.len(),
        Opening::Ends { first, last } => first.len().saturating_add(last.len()),
    };
    let bytes = output_chunks(claim).saturating_mul(CHUNK_LEN);
    (
        bytes.saturated_into::<u32>().min(MAX_OUTPUT_LEN),
        hashes.saturated_into::<u32>().min(MAX_CLAIM_HASHES),
    )
}

/// Whether a claim is larger than any right one.
pub fn is_too_large(claim: &Claim) -> bool {
    claim.output.nodes.len() > MAX_OUTPUT_NODES
        || output_chunks(claim) > MAX_OUTPUT_CHUNKS
        || claim.encoded_size() > MAX_CLAIM_LEN
}

/// The chunks of the claim's output. However few bytes one has, all of it is hashed.
fn output_chunks(claim: &Claim) -> usize {
    let nodes = claim.output.nodes.iter();
    nodes.filter(|node| matches!(node, ProofNode::Chunk(_))).count()
}

impl<T: Config> Claims<T::AccountId, BalanceOf<T>, BlockNumberFor<T>> for Pallet<T> {
    fn disputed(id: ClaimId) -> Option<DisputedClaimOf<T>> {
        let Claimed {
            job,
            provider,
            claim,
            window_end,
            holds,
        } = Self::claimed(id).ok()?;
        (holds > 0 || Self::now() <= window_end).then_some(DisputedClaim {
            provider,
            version: job.version,
            engine_version: claim.engine_version,
            program: claim.program,
            steps: claim.steps,
            trace_root: claim.trace_root,
            terms: job.terms.dispute,
        })
    }

    fn hold(id: ClaimId) -> DispatchResult {
        let Claimed {
            mut job,
            window_end,
            holds,
            ..
        } = Self::claimed(id)?;
        ensure!(Self::now() <= window_end, Error::<T>::WindowClosed);
        let holds = holds.checked_add(1).ok_or(Error::<T>::TooManyHolds)?;
        Self::unschedule(id.job, &job);
        job.due = None;
        set_holds(&mut job, holds);
        Jobs::<T>::insert(id.job, job);
        Self::deposit_event(Event::Held { job: id.job, holds });
        Ok(())
    }

    fn unhold(id: ClaimId) -> DispatchResult {
        let Claimed {
            mut job,
            window_end,
            holds,
            ..
        } = Self::claimed(id)?;
        let holds = holds.checked_sub(1).ok_or(Error::<T>::NotHeld)?;
        set_holds(&mut job, holds);
        if holds == 0 {
            Self::put_due(id.job, job, Self::after(window_end.max(Self::now())));
        } else {
            Jobs::<T>::insert(id.job, job);
        }
        Self::deposit_event(Event::Unheld { job: id.job, holds });
        Ok(())
    }

    fn holds(id: ClaimId) -> u32 {
        Self::claimed(id).map_or(0, |claimed| claimed.holds)
    }

    #[transactional]
    fn disprove(id: ClaimId, challenger: &T::AccountId) -> DispatchResult {
        let Claimed {
            job,
            provider,
            window_end,
            holds,
            ..
        } = Self::claimed(id)?;
        let now = Self::now();
        ensure!(holds > 0 || now <= window_end, Error::<T>::WindowClosed);
        Self::unschedule(id.job, &job);
        Outputs::<T>::remove(id.job);
        let slashed = Self::slash_disproved(&job, &provider, challenger);
        T::Providers::release(&provider, job.version, job.exposure, ProviderOutcome::Disproved);
        Self::deposit_event(Event::Disproved {
            job: id.job,
            provider: provider.clone(),
            challenger: challenger.clone(),
            slashed,
        });
        Self::retry_without(id.job, job, provider, now);
        Ok(())
    }

    #[cfg(feature = "runtime-benchmarks")]
    fn benchmark_claim(program: H256, steps: u64, root: &dyn Fn(&T::AccountId, JobId) -> H256) -> ClaimId {
        crate::benchmarking::insert_claim::<T>(program, steps, root)
    }
}

/// A job's claim.
struct Claimed<T: Config> {
    job: JobOf<T>,
    provider: T::AccountId,
    claim: ClaimSummary,
    window_end: BlockNumberFor<T>,
    holds: u32,
}

fn set_holds<AccountId, Balance, BlockNumber>(job: &mut Job<AccountId, Balance, BlockNumber>, count: u32) {
    if let JobState::Claimed { holds, .. } = &mut job.state {
        *holds = count;
    }
}

impl<T: Config> Pallet<T> {
    /// Fails where there is no such job, or this claim of it is not in state.
    fn claimed(id: ClaimId) -> Result<Claimed<T>, Error<T>> {
        let job = Jobs::<T>::get(id.job).ok_or(Error::<T>::NotFound)?;
        ensure!(Self::attempt(&job) == id.attempt, Error::<T>::NotClaimed);
        let JobState::Claimed {
            provider,
            claim,
            window_end,
            holds,
            ..
        } = job.state.clone()
        else {
            return Err(Error::<T>::NotClaimed);
        };
        Ok(Claimed {
            job,
            provider,
            claim,
            window_end,
            holds,
        })
    }

    /// Slashes the provider of a false claim: a share to the challenger, a share to the requester,
    /// the rest burnt. Returns the plancks that it lost.
    fn slash_disproved(job: &JobOf<T>, provider: &T::AccountId, challenger: &T::AccountId) -> BalanceOf<T> {
        let penalty = job.terms.disproof_penalty.mul_floor(job.exposure);
        let compensation = job.terms.compensation_share.mul_floor(penalty);
        let reward = job.terms.challenger_share.mul_floor(penalty);
        let rewarded = T::Providers::slash(provider, reward, Some((challenger, reward)));
        let rest = penalty.saturating_sub(reward);
        let compensated = T::Providers::slash(provider, rest, Some((&job.requester, compensation)));
        rewarded.saturating_add(compensated)
    }
}
