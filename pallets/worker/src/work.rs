//! One block's work: finds what there is to do, and does it.

use crate::{
    account::own_providers,
    claims::{open_claims, OpenClaim},
    reason::Reason,
    record::{forget_others, is_newest},
    task::{Outcome, Task},
    Config, Pallet, LOG_TARGET,
};
use alloc::vec::Vec;
use assay_engine::{claim::Claim, limits::ENGINE_VERSION, Status};
use assay_primitives::worker_key::{WorkerId, WorkerSignature};
use frame_system::pallet_prelude::BlockNumberFor;
use pallet_jobs::JobState;
use sp_core::offchain::{Duration, Timestamp};
use sp_io::offchain::timestamp;
use sp_runtime::{
    traits::{SaturatedConversion, Saturating},
    RuntimeAppPublic,
};

/// Milliseconds after which the worker of a block leaves what is unfinished to that of a later one,
/// which sees what became of the job.
pub(crate) const SLICE: u64 = 10_000;

/// A job that waits for a claim by one of the node's keys.
pub(crate) struct Assigned<T: Config> {
    task: Task<T>,
    worker: WorkerId,
    /// Whether the chain has not seen its params.
    is_external: bool,
}

impl<T: Config> Assigned<T> {
    /// Whether the job is to be given back: this node does not get the params, or not in time.
    fn is_hopeless(&self, reason: Reason) -> bool {
        let never = matches!(reason, Reason::ParamsExternal | Reason::ServerRefused(_));
        let not_yet = reason.is_trouble() || reason.is_wait();
        self.is_external && (never || (self.task.is_late && not_yet))
    }
}

impl<T: Config> Pallet<T> {
    /// Works on every job that is assigned to a provider whose worker key the node has, then on disputes.
    pub(crate) fn work(now: BlockNumberFor<T>) {
        if !is_newest(now) {
            return;
        }
        // A keystore names them in any order, another one after a restart.
        let mut workers = WorkerId::all();
        workers.sort();
        let mut assigned = Self::assigned_jobs(&workers);
        // What takes long is another one first in each block.
        let turn = now.saturated_into::<usize>().checked_rem(assigned.len());
        assigned.rotate_left(turn.unwrap_or_default());
        let claims = open_claims::<T>(&workers);
        let assigned_ids = assigned.iter().map(|assigned| assigned.task.job);
        forget_others(
            &assigned_ids
                .chain(claims.iter().map(|claim| claim.task.job))
                .collect(),
        );
        let end = timestamp().add(Duration::from_millis(SLICE));
        let goes_on = || timestamp() < end && is_newest(now);
        // Who does not move in time in a dispute loses its stake or its bond. Long runs of other jobs wait.
        let (pressing, mut others) = claims.into_iter().partition::<Vec<_>, _>(Self::is_pressing);
        for claim in pressing.iter().take_while(|_| goes_on()) {
            Self::move_in(claim, end);
        }
        Self::show_chunks(&workers, end);
        for assigned in assigned.iter().take_while(|_| goes_on()) {
            let mut done = Self::work_on(assigned, end);
            if let Some(reason) = done.err().filter(|reason| assigned.is_hopeless(*reason)) {
                done = Self::decline(assigned, reason);
            }
            if let Err(reason) = done {
                note(&assigned.task, "not taken", reason);
            }
        }
        for claim in others.iter_mut().take_while(|_| goes_on()) {
            // Whoever makes a version that is slow to fetch must not keep the node from other claims.
            claim.task.wait = 0;
            Self::move_in(claim, end);
        }
        for worker in &workers {
            Self::settle_challenges(worker);
        }
    }

    /// Whether the node is in a dispute about a claim.
    fn is_pressing(claim: &OpenClaim<T>) -> bool {
        if claim.is_own {
            !pallet_disputes::Pallet::<T>::owed_reveals(claim.id).is_empty()
        } else {
            Self::own_standing(claim).is_some()
        }
    }

    /// Defends a claim of the node's own, or watches another's.
    fn move_in(claim: &OpenClaim<T>, end: Timestamp) {
        let (what, done) = if claim.is_own {
            ("not defended", Self::defend(claim, end))
        } else {
            ("not watched", Self::watch(claim, end))
        };
        if let Err(reason) = done {
            note(&claim.task, what, reason);
        }
    }

    fn assigned_jobs(workers: &[WorkerId]) -> Vec<Assigned<T>> {
        let mut assigned = Vec::new();
        for (provider, worker) in own_providers::<T>(workers) {
            for job in pallet_jobs::AssignedTo::<T>::iter_key_prefix(&provider) {
                let Some(record) = pallet_jobs::Jobs::<T>::get(job) else {
                    continue;
                };
                let version = pallet_models::Versions::<T>::get(record.version);
                let mut task = Task::new(job, provider.clone(), &record, ENGINE_VERSION);
                task.is_late = is_late::<T>(&record);
                assigned.push(Assigned {
                    task,
                    worker: worker.clone(),
                    is_external: version.is_some_and(|version| version.params.is_none()),
                });
            }
        }
        assigned
    }

    /// Brings a job one stage on. A job that another block's worker has is left to it.
    fn work_on(assigned: &Assigned<T>, end: Timestamp) -> Result<(), Reason> {
        match assigned.task.claim(end)? {
            Outcome::Done(claim) => Self::submit_claim(assigned, claim),
            Outcome::Later => Ok(()),
        }
    }

    /// Gives a job back whose params the node cannot have.
    fn decline(assigned: &Assigned<T>, reason: Reason) -> Result<(), Reason> {
        let job = assigned.task.job;
        let payload = pallet_jobs::Pallet::<T>::decline_payload(job);
        let call = |signature| pallet_jobs::Call::<T>::decline { job, signature };
        if Self::submit_signed_call(assigned, payload, call)? {
            log::warn!(target: LOG_TARGET, "job {job}: given back: {reason}");
        }
        Ok(())
    }

    fn submit_claim(assigned: &Assigned<T>, claim: Claim) -> Result<(), Reason> {
        let job = assigned.task.job;
        let payload = pallet_jobs::Pallet::<T>::claim_payload(job, &claim);
        let (steps, ending) = (claim.steps, ending(&claim));
        let call = |signature| pallet_jobs::Call::<T>::claim {
            job,
            claim,
            signature,
        };
        if Self::submit_signed_call(assigned, payload, call)? {
            log::info!(target: LOG_TARGET, "job {job}: claimed {steps} steps, {ending}");
        }
        Ok(())
    }

    /// Submits a call for which the worker key signs `payload`, where it is time to. Returns whether it is in the pool.
    fn submit_signed_call(
        assigned: &Assigned<T>,
        payload: [u8; 32],
        call: impl FnOnce(WorkerSignature) -> pallet_jobs::Call<T>,
    ) -> Result<bool, Reason> {
        // Before the attempt: one that fails is not repeated in every block.
        if !assigned.task.store.may_submit(payload) {
            return Ok(false);
        }
        let signature = assigned.worker.sign(&payload).ok_or(Reason::NoSignature)?;
        Self::submit_authorized(call(signature))?;
        Ok(true)
    }
}

/// Whether less than a quarter of the time for a claim of an assigned job is left.
fn is_late<T: Config>(record: &pallet_jobs::JobOf<T>) -> bool {
    let JobState::Assigned { deadline, .. } = record.state else {
        return false;
    };
    let left = deadline.saturating_sub(frame_system::Pallet::<T>::block_number());
    left.saturating_mul(4u32.into()) < record.terms.claim_deadline
}

/// Says once why something was not done.
fn note<T: Config>(task: &Task<T>, what: &str, reason: Reason) {
    if task.store.is_new_reason(reason) {
        log::warn!(target: LOG_TARGET, "job {}: {what}: {reason}", task.job);
    }
}

fn ending(claim: &Claim) -> alloc::string::String {
    match claim.end.status {
        Status::Halted { output_len } => alloc::format!("an answer of {output_len} bytes"),
        Status::Trapped { reason } => alloc::format!("a trap: {reason:?}"),
        Status::Running => "unfinished".into(),
    }
}
