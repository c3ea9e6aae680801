//! The agenda: which job gets attention in which block.
//!
//! Every open job has exactly one entry, at the block after the last one of its present state, save
//! for a job whose claim is held: it gets its entry back with the end of the last hold. A claim of a
//! version whose params are asked for gets another entry for the end of that. A finished job has an
//! entry as long as its output stays in state.

use crate::{types::*, weights::WeightInfo, Agenda, Config, Error, Jobs, NextDue, Pallet};
use assay_agenda::Pace;
use assay_primitives::{Awaited, JobId, JobOutcome, Providers, Versions};
use frame_support::{ensure, traits::Get, weights::Weight};
use frame_system::pallet_prelude::BlockNumberFor;
use sp_runtime::{
    traits::{One, Saturating},
    DispatchResult,
};

impl<T: Config> Pallet<T> {
    pub(crate) fn now() -> BlockNumberFor<T> {
        frame_system::Pallet::<T>::block_number()
    }

    /// Stores `job` with its next attention in block `due`.
    pub(crate) fn put_due(id: JobId, mut job: JobOf<T>, due: BlockNumberFor<T>) {
        Agenda::<T>::insert(due, id, ());
        job.due = Some(due);
        Jobs::<T>::insert(id, job);
    }

    /// Takes the entry of `job` off the agenda.
    pub(crate) fn unschedule(id: JobId, job: &JobOf<T>) {
        if let Some(due) = job.due {
            Agenda::<T>::remove(due, id);
        }
    }

    /// The most weight that the agenda may take of a block: a quarter, in each dimension.
    pub(crate) fn agenda_limit() -> Weight {
        <T as frame_system::Config>::BlockWeights::get()
            .max_block
            .saturating_div(4)
    }

    /// The weight of the heaviest entry.
    pub(crate) fn heaviest_due() -> Weight {
        T::WeightInfo::due_assign(T::Providers::max_offers())
            .max(T::WeightInfo::due_expire())
            .max(T::WeightInfo::due_time_out())
            .max(T::WeightInfo::due_finalize())
            .max(T::WeightInfo::due_prune())
    }

    /// Serves what is due, with at most `limit` and [`Self::agenda_limit`] of weight. Returns the weight.
    pub(crate) fn serve_agenda(now: BlockNumberFor<T>, limit: Weight) -> Weight {
        assay_agenda::serve::<_, _, NextDue<T>, Agenda<T>>(now, limit, Self::pace(), |id| {
            Self::serve(id, now)
        })
    }

    /// What the agenda may take of a block.
    pub(crate) fn pace() -> Pace {
        Pace {
            limit: Self::agenda_limit(),
            most: T::MaxDuePerBlock::get(),
            base: T::WeightInfo::agenda_base(),
            look: T::WeightInfo::agenda_look(),
            heaviest: Self::heaviest_due(),
        }
    }

    /// Does what is due with `id`, whose entry is off the agenda. Returns the weight.
    pub(crate) fn serve(id: JobId, now: BlockNumberFor<T>) -> Weight {
        let Some(job) = Jobs::<T>::get(id) else {
            Self::prune_output(id);
            return T::WeightInfo::due_prune();
        };
        match job.state.clone() {
            JobState::Queued { until } if now <= until => {
                let offers = Self::try_assign(id, job, until, now);
                T::WeightInfo::due_assign(offers)
            }
            JobState::Queued { .. } => {
                Self::end_unanswered(id, job, JobOutcome::Expired);
                T::WeightInfo::due_expire()
            }
            JobState::Assigned { provider, .. } => {
                Self::time_out(id, job, provider, now);
                T::WeightInfo::due_time_out()
            }
            JobState::Claimed {
                provider,
                price,
                claim,
                window_end,
                ..
            } => {
                match T::Versions::awaited(job.version, window_end) {
                    Awaited::Nothing => Self::finalize(id, job, provider, price, claim),
                    Awaited::Until(until) => Self::put_due(id, job, Self::after(until)),
                    Awaited::Missing => Self::end_unverifiable(id, job, provider),
                }
                T::WeightInfo::due_finalize()
            }
        }
    }

    /// Does what is due with `id` while the agenda is behind.
    ///
    /// An assignment is left to the agenda: a caller that chooses its block chooses its randomness.
    pub(crate) fn do_advance(id: JobId) -> DispatchResult {
        let job = Jobs::<T>::get(id).ok_or(Error::<T>::NotFound)?;
        let now = Self::now();
        let ended = match job.state {
            JobState::Queued { until } => now > until,
            JobState::Assigned { deadline, .. } => now > deadline,
            JobState::Claimed { holds, .. } => holds == 0 && job.due.is_some_and(|due| now >= due),
        };
        ensure!(ended, Error::<T>::NotDue);
        Self::unschedule(id, &job);
        Self::serve(id, now);
        Ok(())
    }

    /// The block after `block`.
    pub(crate) fn after(block: BlockNumberFor<T>) -> BlockNumberFor<T> {
        block.saturating_add(One::one())
    }
}
