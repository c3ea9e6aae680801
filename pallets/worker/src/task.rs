//! A run that the worker does: for a claim of its own, or to compare with another's.

use crate::{
    reason::Reason,
    record::{job_lock_key, lock, slot_lock_keys, JobStore, Progress, Purpose, MAX_CHECKPOINT_LEN},
    run::{run, Run},
    Config,
};
use alloc::vec::Vec;
use assay_engine::{limits::ENGINE_VERSION, Hash, Machine};
use assay_primitives::{JobId, VersionId};
use codec::Encode;
use sp_core::offchain::Timestamp;
use sp_io::hashing::blake2_256;

/// What is run.
pub(crate) struct Task<T: Config> {
    pub job: JobId,
    /// Whose the trace is.
    pub provider: T::AccountId,
    pub version: VersionId,
    /// The version of the engine by whose rules it runs.
    engine: u16,
    pub store: JobStore,
}

/// How far a run came.
pub(crate) enum Outcome<R> {
    /// To its end.
    Done(R),
    /// Not to its end; a later block's worker goes on. Or another worker is at it.
    Later,
}

impl<T: Config> Task<T> {
    /// The run of `job` as `provider` has it, by the rules of version `engine` of the engine.
    pub fn new(job: JobId, provider: T::AccountId, record: &pallet_jobs::JobOf<T>, engine: u16) -> Self {
        // After a fork the same number can be another job.
        let task = (engine, &provider, record.version, record.input_hash).using_encoded(blake2_256);
        Self {
            job,
            provider,
            version: record.version,
            engine,
            store: JobStore::new(job, task),
        }
    }

    /// Does something with the job while no other worker does.
    pub fn alone<R>(
        &self,
        act: impl FnOnce(&mut dyn FnMut() -> bool) -> Result<Outcome<R>, Reason>,
    ) -> Result<Outcome<R>, Reason> {
        let key = job_lock_key(self.job);
        let mut lock = lock(&key);
        let Ok(mut guard) = lock.try_lock() else {
            return Ok(Outcome::Later);
        };
        act(&mut || guard.extend_lock().is_ok())
    }

    /// Runs the job for `purpose` up to step `until`, from where it was left, in one of the slots.
    pub fn run(
        &self,
        purpose: Purpose,
        until: u64,
        end: Timestamp,
        alive: &mut dyn FnMut() -> bool,
    ) -> Result<Outcome<Run>, Reason> {
        // What was kept of a run by other rules can be shown; it cannot be run again.
        if self.engine != ENGINE_VERSION {
            return Err(Reason::OtherEngine(self.engine));
        }
        let checkpoint = match self.store.progress(purpose) {
            Some(Progress::Running(checkpoint)) => Some(checkpoint),
            Some(Progress::TooLarge) => return Err(Reason::TooLarge),
            _ => None,
        };
        for slot in slot_lock_keys() {
            let mut slot_lock = lock(&slot);
            let Ok(mut slot_guard) = slot_lock.try_lock() else {
                continue;
            };
            let alive = || alive() && slot_guard.extend_lock().is_ok();
            return run(self, purpose, checkpoint, until, end, alive);
        }
        Err(Reason::NoSlot)
    }

    /// The state hashes of the whole run.
    pub fn states(&self, end: Timestamp) -> Result<Outcome<Vec<Hash>>, Reason> {
        if let Some(Progress::Traced(states)) = self.store.progress(Purpose::Trace) {
            return Ok(Outcome::Done(states));
        }
        self.alone(|alive| {
            let Outcome::Done(run) = self.run(Purpose::Trace, u64::MAX, end, alive)? else {
                return Ok(Outcome::Later);
            };
            self.keep_states(&run.states)?;
            Ok(Outcome::Done(run.states))
        })
    }

    /// Keeps the state hashes of the whole run, for a dispute.
    pub fn keep_states(&self, states: &[Hash]) -> Result<(), Reason> {
        if states.len().saturating_mul(size_of::<Hash>()) > MAX_CHECKPOINT_LEN {
            return Err(Reason::TooLarge);
        }
        self.store
            .set_progress(Purpose::Trace, Progress::Traced(states.to_vec()));
        Ok(())
    }

    /// The machine before `step`, counted from 0.
    pub fn machine_before(&self, step: u64, end: Timestamp) -> Result<Outcome<Machine>, Reason> {
        self.alone(|alive| {
            Ok(match self.run(Purpose::Proof, step, end, alive)? {
                Outcome::Done(run) if run.machine.steps() == step => Outcome::Done(run.machine),
                // The checkpoint was for a later step: of a claim on another fork.
                Outcome::Done(_) => {
                    self.store.clear_progress(Purpose::Proof);
                    Outcome::Later
                }
                Outcome::Later => Outcome::Later,
            })
        })
    }
}
