//! One block's work: finds the jobs, runs them, claims.

use crate::{
    reason::Reason,
    record::{forget_others, is_newest, job_lock_key, lock, slot_lock_keys, JobStore, Progress},
    run::run,
    Config, Pallet, LOG_TARGET,
};
use alloc::{boxed::Box, collections::BTreeSet, vec::Vec};
use assay_engine::{claim::Claim, Status};
use assay_primitives::{worker_key::WorkerId, JobId, VersionId};
use codec::Encode;
use frame_system::{
    offchain::{CreateAuthorizedTransaction, SubmitTransaction},
    pallet_prelude::BlockNumberFor,
};
use sp_core::offchain::{Duration, Timestamp};
use sp_io::{hashing::blake2_256, offchain::timestamp};
use sp_runtime::RuntimeAppPublic;

/// Milliseconds after which the worker of a block leaves what is unfinished to that of a later one,
/// which sees what became of the job.
const SLICE: u64 = 10_000;
/// Milliseconds after which a claim that is not in state is submitted again.
const RESUBMIT_AFTER: u64 = 30_000;

/// A job that waits for a claim by one of the node's keys.
pub(crate) struct Assigned<T: Config> {
    pub job: JobId,
    pub provider: T::AccountId,
    pub version: VersionId,
    worker: WorkerId,
    pub store: JobStore,
}

impl<T: Config> Pallet<T> {
    /// Works on every job that is assigned to a provider whose worker key the node has.
    pub(crate) fn work(now: BlockNumberFor<T>) {
        if !is_newest(now) {
            return;
        }
        let assigned = Self::assigned_jobs();
        forget_others(&assigned.iter().map(|assigned| assigned.job).collect());
        let end = timestamp().add(Duration::from_millis(SLICE));
        for assigned in &assigned {
            if timestamp() >= end || !is_newest(now) {
                return;
            }
            let job = assigned.job;
            if let Err(reason) = Self::work_on(assigned, end) {
                if assigned.store.is_new_reason(reason) {
                    log::warn!(target: LOG_TARGET, "job {job}: not taken: {reason}");
                }
            }
        }
    }

    fn assigned_jobs() -> Vec<Assigned<T>> {
        let mut seen = BTreeSet::new();
        let mut assigned = Vec::new();
        for worker in WorkerId::all() {
            let Some(provider) = pallet_providers::ProviderOf::<T>::get(&worker) else {
                continue;
            };
            for job in pallet_jobs::AssignedTo::<T>::iter_key_prefix(&provider) {
                let Some(record) = pallet_jobs::Jobs::<T>::get(job).filter(|_| seen.insert(job)) else {
                    continue;
                };
                // After a fork the same number can be another job.
                let task = (&provider, record.version, record.input_hash).using_encoded(blake2_256);
                assigned.push(Assigned {
                    job,
                    provider: provider.clone(),
                    version: record.version,
                    worker: worker.clone(),
                    store: JobStore::new(job, task),
                });
            }
        }
        assigned
    }

    /// Brings a job one stage on. A job that another block's worker has is left to it.
    fn work_on(assigned: &Assigned<T>, end: Timestamp) -> Result<(), Reason> {
        let key = job_lock_key(assigned.job);
        let mut job_lock = lock(&key);
        let Ok(mut job_guard) = job_lock.try_lock() else {
            return Ok(());
        };
        let checkpoint = match assigned.store.progress() {
            Some(Progress::Claimed { claim, submitted }) => {
                let waits =
                    submitted.is_some_and(|at| timestamp() < at.add(Duration::from_millis(RESUBMIT_AFTER)));
                return if waits {
                    Ok(())
                } else {
                    Self::submit(assigned, *claim)
                };
            }
            Some(Progress::TooLarge) => return Err(Reason::TooLarge),
            Some(Progress::Running(checkpoint)) => Some(checkpoint),
            None => None,
        };
        for slot in slot_lock_keys() {
            let mut slot_lock = lock(&slot);
            let Ok(mut slot_guard) = slot_lock.try_lock() else {
                continue;
            };
            let alive = || job_guard.extend_lock().is_ok() && slot_guard.extend_lock().is_ok();
            return match run(assigned, checkpoint, end, alive)? {
                Some(claim) => Self::submit(assigned, claim),
                None => Ok(()),
            };
        }
        Err(Reason::NoSlot)
    }

    fn submit(assigned: &Assigned<T>, claim: Claim) -> Result<(), Reason> {
        let job = assigned.job;
        // Before the attempt: one that fails is not repeated in every block.
        assigned.store.set_progress(Progress::Claimed {
            claim: Box::new(claim.clone()),
            submitted: Some(timestamp()),
        });
        let payload = pallet_jobs::Pallet::<T>::claim_payload(job, &claim);
        let signature = assigned.worker.sign(&payload).ok_or(Reason::NoSignature)?;
        let (steps, ending) = (claim.steps, ending(&claim));
        let call = pallet_jobs::Call::<T>::claim {
            job,
            claim,
            signature,
        };
        let transaction =
            <T as CreateAuthorizedTransaction<pallet_jobs::Call<T>>>::create_authorized_transaction(
                call.into(),
            );
        SubmitTransaction::<T, pallet_jobs::Call<T>>::submit_transaction(transaction)
            .map_err(|_| Reason::NotSubmitted)?;
        log::info!(target: LOG_TARGET, "job {job}: claimed {steps} steps, {ending}");
        Ok(())
    }
}

fn ending(claim: &Claim) -> alloc::string::String {
    match claim.end.status {
        Status::Halted { output_len } => alloc::format!("an answer of {output_len} bytes"),
        Status::Trapped { reason } => alloc::format!("a trap: {reason:?}"),
        Status::Running => "unfinished".into(),
    }
}
