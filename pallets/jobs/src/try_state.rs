//! What holds between any two calls.

use crate::{
    types::*, Agenda, AssignedTo, Config, HoldReason, Inputs, Jobs, NextDue, NextJobId, Outputs, Pallet,
    Parameters, Receipts,
};
use alloc::collections::{BTreeMap, BTreeSet};
use assay_primitives::{JobId, JobOutcome, Versions};
use frame_support::{ensure, traits::fungible::InspectHold};
use sp_core::H256;
use sp_io::hashing::blake2_256;
use sp_runtime::{
    traits::{Saturating, Zero},
    TryRuntimeError,
};

impl<T: Config> Pallet<T> {
    /// Checks every invariant of the pallet's state.
    pub fn do_try_state() -> Result<(), TryRuntimeError> {
        Self::check_parameters(&Parameters::<T>::get()).map_err(|_| "parameters are valid")?;
        Self::check_money()?;
        Self::check_agenda()?;
        Self::check_data()?;
        Self::check_index()
    }

    /// What is held is what open jobs account for.
    fn check_money() -> Result<(), TryRuntimeError> {
        let mut held = BTreeMap::<T::AccountId, (BalanceOf<T>, BalanceOf<T>)>::new();
        for job in Jobs::<T>::iter_values() {
            let entry = held.entry(job.requester).or_insert((Zero::zero(), Zero::zero()));
            entry.0 = entry.0.saturating_add(job.max_fee);
            entry.1 = entry.1.saturating_add(job.deposit);
        }
        // Who has no open job any more has nothing on hold either.
        for receipt in Receipts::<T>::iter_values() {
            held.entry(receipt.requester)
                .or_insert((Zero::zero(), Zero::zero()));
        }
        for (who, (escrow, deposit)) in held {
            ensure!(
                T::Fungible::balance_on_hold(&HoldReason::Escrow.into(), &who) == escrow,
                "escrow on hold is the sum over open jobs"
            );
            ensure!(
                T::Fungible::balance_on_hold(&HoldReason::Storage.into(), &who) == deposit,
                "deposit on hold is the sum over open jobs"
            );
        }
        Ok(())
    }

    /// Each open job and each retained output is on the agenda once, and no block behind the cursor
    /// has an entry.
    fn check_agenda() -> Result<(), TryRuntimeError> {
        let mut entries = BTreeMap::new();
        for (block, id) in Agenda::<T>::iter_keys() {
            ensure!(
                NextDue::<T>::get().is_none_or(|next| block >= next),
                "the cursor passed no entry"
            );
            ensure!(entries.insert(id, block).is_none(), "a job is on the agenda once");
        }
        for (id, job) in Jobs::<T>::iter() {
            ensure!(
                entries.remove(&id) == job.due,
                "an open job is on the agenda when it is due"
            );
            let latest = match &job.state {
                JobState::Queued { until } => Some(Self::after(*until)),
                JobState::Assigned { deadline, .. } => Some(Self::after(*deadline)),
                JobState::Claimed { holds, .. } if *holds > 0 => None,
                // Later than the window's end only by the block after the last hold, or where it had to wait for
                // external params.
                JobState::Claimed { window_end, .. } => {
                    ensure!(job.due > Some(*window_end), "no claim is due inside its window");
                    let external =
                        T::Versions::terms(job.version).is_some_and(|version| !version.params_on_chain);
                    let latest = Self::after(Self::now().max(*window_end));
                    if external {
                        job.due.max(Some(latest))
                    } else {
                        Some(latest)
                    }
                }
            };
            match latest {
                Some(latest) => {
                    ensure!(
                        job.due.is_some_and(|due| due <= latest),
                        "a job is due when its state ends"
                    )
                }
                None => ensure!(job.due.is_none(), "a held claim is not due"),
            }
        }
        for id in entries.into_keys() {
            ensure!(
                Outputs::<T>::contains_key(id),
                "what else is on the agenda is an output"
            );
            ensure!(
                Receipts::<T>::contains_key(id),
                "the output is that of a finished job"
            );
        }
        Ok(())
    }

    /// Inputs, outputs and receipts are those of the jobs that need them.
    fn check_data() -> Result<(), TryRuntimeError> {
        let next = NextJobId::<T>::get();
        let mut with_output = BTreeSet::<JobId>::new();
        for (id, job) in Jobs::<T>::iter() {
            ensure!(id < next, "ids are below the counter");
            ensure!(!Receipts::<T>::contains_key(id), "an open job has no receipt");
            let input = Inputs::<T>::get(id).ok_or("an open job has its input")?;
            ensure!(
                H256(blake2_256(&input)) == job.input_hash,
                "the input is the one requested"
            );
            Self::check_provider(&job)?;
            if let JobState::Claimed {
                claim:
                    ClaimSummary {
                        ending: ClaimEnding::Answer,
                        output_hash,
                        ..
                    },
                ..
            } = job.state
            {
                let output = Outputs::<T>::get(id).ok_or("an answered claim has its output")?;
                ensure!(
                    H256(blake2_256(&output)) == output_hash,
                    "the output is the one claimed"
                );
                with_output.insert(id);
            }
        }
        ensure!(
            Inputs::<T>::iter_keys().all(Jobs::<T>::contains_key),
            "an input is that of an open job"
        );
        let scheduled = Agenda::<T>::iter_keys()
            .map(|(_, id)| id)
            .collect::<BTreeSet<_>>();
        for (id, output) in Outputs::<T>::iter() {
            if with_output.contains(&id) {
                continue;
            }
            ensure!(
                !Jobs::<T>::contains_key(id),
                "an open job without an answer has no output"
            );
            ensure!(
                scheduled.contains(&id),
                "the output of a finished job is going to be removed"
            );
            let receipt = Receipts::<T>::get(id).ok_or("a finished job has a receipt")?;
            ensure!(
                receipt.outcome == JobOutcome::Answered,
                "only an answer leaves an output"
            );
            let hash = receipt.claim.map(|claim| claim.output_hash);
            ensure!(
                hash == Some(H256(blake2_256(&output))),
                "the output is the one in the receipt"
            );
        }
        ensure!(
            Receipts::<T>::iter_keys().all(|id| id < next),
            "ids are below the counter"
        );
        Ok(())
    }

    /// A job has a provider that it may have, or none and locks nothing.
    fn check_provider(job: &JobOf<T>) -> Result<(), TryRuntimeError> {
        ensure!(
            Self::attempt(job) < job.terms.max_attempts,
            "an open job has an attempt left"
        );
        let (JobState::Assigned { provider, .. } | JobState::Claimed { provider, .. }) = &job.state else {
            ensure!(job.exposure.is_zero(), "a job without a provider locks nothing");
            return Ok(());
        };
        ensure!(
            job.exposure >= job.terms.min_exposure,
            "a provider puts at risk what the terms say"
        );
        ensure!(
            !job.tried.contains(provider),
            "a provider that failed a job has it not again"
        );
        ensure!(
            job.named.as_ref().is_none_or(|named| named == provider),
            "a job is with the provider that it names"
        );
        Ok(())
    }

    /// The index holds the assigned jobs, and no others.
    fn check_index() -> Result<(), TryRuntimeError> {
        let mut index = AssignedTo::<T>::iter_keys().collect::<BTreeSet<_>>();
        for (id, job) in Jobs::<T>::iter() {
            if let JobState::Assigned { provider, .. } = job.state {
                ensure!(index.remove(&(provider, id)), "an assigned job is in the index");
            }
        }
        ensure!(index.is_empty(), "what is in the index is assigned");
        Ok(())
    }
}
