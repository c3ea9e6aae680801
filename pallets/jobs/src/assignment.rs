//! Assignments: how a job gets a provider, and loses one.

use crate::{types::*, AssignedTo, Config, Event, Pallet};
use assay_primitives::{
    Assignment, AssignmentRequest, Awaited, JobId, JobOutcome, ProviderOutcome, Providers, Versions,
};
use codec::Encode;
use frame_support::traits::Randomness;
use frame_system::pallet_prelude::BlockNumberFor;
use sp_core::H256;
use sp_io::hashing::blake2_256;
use sp_runtime::traits::{CheckedDiv, Saturating, Zero};

impl<T: Config> Pallet<T> {
    /// Looks for a provider that takes `job`, or puts the next try on the agenda. Returns the number of offers that it considered.
    pub(crate) fn try_assign(
        id: JobId,
        job: JobOf<T>,
        until: BlockNumberFor<T>,
        now: BlockNumberFor<T>,
    ) -> u32 {
        let (offers, assignment) = match Self::assignment_request(id, &job) {
            Some(request) => (
                T::Providers::offers_considered(&request),
                T::Providers::assign(&request),
            ),
            None => (0, None),
        };
        match assignment {
            Some(assignment) => Self::assign(id, job, assignment, now),
            None => {
                let next_try = Self::next_try(&job, until, now);
                Self::deposit_event(Event::NoTaker { job: id, next_try });
                Self::put_due(id, job, next_try);
            }
        }
        offers
    }

    fn assign(
        id: JobId,
        mut job: JobOf<T>,
        assignment: Assignment<T::AccountId, BalanceOf<T>>,
        now: BlockNumberFor<T>,
    ) {
        let Assignment {
            provider,
            price,
            exposure,
        } = assignment;
        let deadline = now.saturating_add(job.terms.claim_deadline);
        AssignedTo::<T>::insert(&provider, id, ());
        Self::deposit_event(Event::Assigned {
            job: id,
            provider: provider.clone(),
            price,
            exposure,
            attempt: Self::attempt(&job).saturating_add(1),
            deadline,
        });
        job.exposure = exposure;
        job.state = JobState::Assigned {
            provider,
            price,
            deadline,
        };
        Self::put_due(id, job, Self::after(deadline));
    }

    /// The block of the next look for a provider, at most the one after `until`. A job that has waited
    /// for long is looked at less often, so that jobs that nobody takes leave room to the others.
    fn next_try(job: &JobOf<T>, until: BlockNumberFor<T>, now: BlockNumberFor<T>) -> BlockNumberFor<T> {
        let since = until.saturating_sub(job.terms.queue_deadline);
        let half = now
            .saturating_sub(since)
            .checked_div(&2u32.into())
            .unwrap_or_default();
        now.saturating_add(job.terms.assign_retry.max(half))
            .min(Self::after(until))
    }

    /// What `job` asks of the providers. `None` where nobody may have it now.
    fn assignment_request(
        id: JobId,
        job: &JobOf<T>,
    ) -> Option<AssignmentRequest<'_, T::AccountId, BalanceOf<T>>> {
        let steps = T::Versions::terms(job.version)?.max_steps;
        if T::Versions::awaited(job.version, Self::now()) == Awaited::Missing {
            return None;
        }
        Some(AssignmentRequest {
            version: job.version,
            steps,
            max_price: job.max_price,
            exposure_factor: job.terms.exposure_factor,
            min_exposure: job.terms.min_exposure,
            named: job.named.as_ref(),
            excluded: &job.tried,
            seed: Self::seed(id, Self::attempt(job)),
        })
    }

    /// The parent block is younger than the request, so that who knows the source's next values
    /// still cannot choose a provider by choosing when to request.
    fn seed(id: JobId, attempt: u8) -> H256 {
        let (random, _) = T::Randomness::random_seed();
        let parent = frame_system::Pallet::<T>::parent_hash();
        H256((b"assay:assign", random, parent, id, attempt).using_encoded(blake2_256))
    }

    /// Assignments of `job` that failed.
    pub(crate) fn attempt(job: &JobOf<T>) -> u8 {
        u8::try_from(job.tried.len()).unwrap_or(u8::MAX)
    }

    /// Ends the assignment of a provider that did not claim in time.
    pub(crate) fn time_out(id: JobId, job: JobOf<T>, provider: T::AccountId, now: BlockNumberFor<T>) {
        let penalty = job.terms.silence_penalty.mul_floor(job.exposure);
        let compensation = job.terms.compensation_share.mul_floor(penalty);
        let slashed = T::Providers::slash(&provider, penalty, Some((&job.requester, compensation)));
        T::Providers::release(&provider, job.version, job.exposure, ProviderOutcome::TimedOut);
        AssignedTo::<T>::remove(&provider, id);
        Self::deposit_event(Event::ProviderTimedOut {
            job: id,
            provider: provider.clone(),
            slashed,
        });
        Self::retry_without(id, job, provider, now);
    }

    /// Queues `job` again for others than `provider`, or ends it where nobody is left to ask.
    pub(crate) fn retry_without(
        id: JobId,
        mut job: JobOf<T>,
        provider: T::AccountId,
        now: BlockNumberFor<T>,
    ) {
        let listed = job.tried.try_push(provider).is_ok();
        if !listed || job.named.is_some() || Self::attempt(&job) >= job.terms.max_attempts {
            return Self::end_unanswered(id, job, JobOutcome::Expired);
        }
        let until = now.saturating_add(job.terms.queue_deadline);
        job.exposure = Zero::zero();
        job.state = JobState::Queued { until };
        Self::deposit_event(Event::Requeued { job: id, until });
        Self::put_due(id, job, Self::after(now));
    }
}
