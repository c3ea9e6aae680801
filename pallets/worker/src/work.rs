//! One block's work: finds the jobs, runs them, claims.

use crate::{
    reason::Reason,
    record::{forget_others, job_lock_key, lock, slot_lock_keys, JobStore, Record},
    run::run,
    Config, Pallet, LOG_TARGET,
};
use alloc::{boxed::Box, collections::BTreeSet, vec::Vec};
use assay_engine::{claim::Claim, Status};
use assay_primitives::{worker_key::WorkerId, JobId};
use frame_system::{
    offchain::{CreateAuthorizedTransaction, SubmitTransaction},
    pallet_prelude::BlockNumberFor,
};
use sp_runtime::{RuntimeAppPublic, Saturating};

/// Blocks after which a claim that is not in state is submitted again.
const RESUBMIT_AFTER: u32 = 5;

/// A job that waits for a claim by one of the node's keys.
struct Assigned<T: Config> {
    job: JobId,
    provider: T::AccountId,
    worker: WorkerId,
}

impl<T: Config> Pallet<T> {
    /// Works on every job that is assigned to a provider whose worker key the node has.
    pub(crate) fn work(now: BlockNumberFor<T>) {
        let assigned = Self::assigned_jobs();
        forget_others(&assigned.iter().map(|assigned| assigned.job).collect());
        for assigned in &assigned {
            let job = assigned.job;
            if let Err(reason) = Self::work_on(assigned, now) {
                if JobStore::new(job).is_new_reason(reason) {
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
                if seen.insert(job) {
                    assigned.push(Assigned {
                        job,
                        provider: provider.clone(),
                        worker: worker.clone(),
                    });
                }
            }
        }
        assigned
    }

    /// Brings a job one stage on. A job that another block's worker has is left to it.
    fn work_on(assigned: &Assigned<T>, now: BlockNumberFor<T>) -> Result<(), Reason> {
        let job = assigned.job;
        let key = job_lock_key(job);
        let mut job_lock = lock(&key);
        let Ok(mut job_guard) = job_lock.try_lock() else {
            return Ok(());
        };
        let checkpoint = match JobStore::new(job).record() {
            Some(Record::Claimed { claim, submitted }) => {
                let waits = submitted.is_some_and(|block: BlockNumberFor<T>| {
                    now < block.saturating_add(RESUBMIT_AFTER.into())
                });
                return if waits {
                    Ok(())
                } else {
                    Self::submit(assigned, *claim, now)
                };
            }
            Some(Record::Running(checkpoint)) => Some(checkpoint),
            None => None,
        };
        for slot in slot_lock_keys() {
            let mut slot_lock = lock(&slot);
            let Ok(mut slot_guard) = slot_lock.try_lock() else {
                continue;
            };
            let claim = run::<T>(job, &assigned.provider, checkpoint, || {
                let _ = (job_guard.extend_lock(), slot_guard.extend_lock());
            })?;
            return Self::submit(assigned, claim, now);
        }
        Err(Reason::NoSlot)
    }

    fn submit(assigned: &Assigned<T>, claim: Claim, now: BlockNumberFor<T>) -> Result<(), Reason> {
        let job = assigned.job;
        let payload = pallet_jobs::Pallet::<T>::claim_payload(job, &claim);
        let signature = assigned.worker.sign(&payload).ok_or(Reason::NoSignature)?;
        let call = pallet_jobs::Call::<T>::claim {
            job,
            claim: claim.clone(),
            signature,
        };
        let transaction =
            <T as CreateAuthorizedTransaction<pallet_jobs::Call<T>>>::create_authorized_transaction(
                call.into(),
            );
        SubmitTransaction::<T, pallet_jobs::Call<T>>::submit_transaction(transaction)
            .map_err(|_| Reason::NotSubmitted)?;
        log::info!(target: LOG_TARGET, "job {job}: claimed {} steps, {}", claim.steps, ending(&claim));
        JobStore::new(job).set_record(&Record::Claimed {
            claim: Box::new(claim),
            submitted: Some(now),
        });
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
