//! What the worker keeps between blocks, and across restarts, in the node's off-chain database.

use crate::reason::Reason;
use alloc::{boxed::Box, collections::BTreeSet, vec::Vec};
use assay_engine::{
    claim::Claim,
    executor::{StepEnd, StepRun},
    memory::{Chunk, MemoryTree},
    Hash, Machine, State,
};
use assay_primitives::JobId;
use codec::{Decode, Encode};
use sp_runtime::offchain::{
    storage::StorageValueRef,
    storage_lock::{StorageLock, Time},
    Duration,
};

/// Milliseconds after which the lock of a worker that died is free. Longer than any step takes.
const LOCK_TIME: u64 = 20_000;
/// Jobs that run at the same time.
const SLOTS: u8 = 4;

/// How far a job is on this node.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
pub(crate) enum Record<BlockNumber> {
    /// Some steps are run.
    Running(Checkpoint),
    /// The run is finished.
    Claimed {
        /// What is claimed.
        claim: Box<Claim>,
        /// The block in which the claim was submitted last.
        submitted: Option<BlockNumber>,
    },
}

/// A machine between two steps, without what can be read from the chain again.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
pub(crate) struct Checkpoint {
    /// The state hashes up to here.
    pub states: Vec<Hash>,
    /// The state. Its hash is the last of `states`.
    pub state: State,
    /// The chunks that were written so far.
    pub chunks: Vec<(u32, Option<Box<Chunk>>)>,
}

/// Keeps count of the chunks that a run wrote, which is what a checkpoint must hold.
#[derive(Default)]
pub(crate) struct Written(BTreeSet<u32>);

impl Written {
    /// Counts what a step wrote.
    pub fn add(&mut self, run: &StepRun) {
        if let StepEnd::Continue { writes, .. } | StepEnd::Halted { writes, .. } = &run.end {
            self.0.extend(writes.keys());
        }
    }

    /// The checkpoint of `machine`.
    pub fn checkpoint(&self, states: &[Hash], machine: &mut Machine) -> Checkpoint {
        let state = machine.state();
        let memory = machine.memory();
        let chunk = |index| {
            (
                index,
                memory.chunk(index).ok().flatten().map(|chunk| Box::new(*chunk)),
            )
        };
        Checkpoint {
            states: states.to_vec(),
            state,
            chunks: self.0.iter().copied().map(chunk).collect(),
        }
    }
}

impl Checkpoint {
    /// The machine that goes on here, in `memory` with params and input. `None` where the checkpoint is
    /// not of this job, or damaged.
    pub fn resume(self, mut memory: MemoryTree) -> Option<(Machine, Vec<Hash>, Written)> {
        let written = Written(self.chunks.iter().map(|(index, _)| *index).collect());
        let chunks = self
            .chunks
            .into_iter()
            .filter_map(|(index, chunk)| Some((index, chunk?)));
        memory.put_chunks(chunks.collect()).ok()?;
        let steps = u64::try_from(self.states.len()).ok()?.checked_sub(1)?;
        let mut machine = Machine::resume(&self.state, memory, steps);
        (self.states.last() == Some(&machine.state_hash())).then_some((machine, self.states, written))
    }
}

/// The off-chain storage of one job.
pub(crate) struct JobStore(JobId);

fn key(parts: impl Encode) -> Vec<u8> {
    (b"assay:worker", parts).encode()
}

impl JobStore {
    /// The storage of `job`. The job is remembered, so that [`forget_others`] finds it.
    pub fn new(job: JobId) -> Self {
        let known = key("jobs");
        let _ = StorageValueRef::persistent(&known).mutate::<Vec<JobId>, (), _>(|jobs| {
            let mut jobs = jobs.ok().flatten().unwrap_or_default();
            if !jobs.contains(&job) {
                jobs.push(job);
            }
            Ok(jobs)
        });
        Self(job)
    }

    /// How far the job is.
    pub fn record<BlockNumber: Decode>(&self) -> Option<Record<BlockNumber>> {
        StorageValueRef::persistent(&key(("run", self.0)))
            .get()
            .ok()
            .flatten()
    }

    /// Keeps how far the job is.
    pub fn set_record<BlockNumber: Encode>(&self, record: &Record<BlockNumber>) {
        StorageValueRef::persistent(&key(("run", self.0))).set(record);
    }

    /// Keeps `reason`. True where it is another one than before.
    pub fn is_new_reason(&self, reason: Reason) -> bool {
        let place = key(("reason", self.0));
        let place = StorageValueRef::persistent(&place);
        let is_new = place.get::<Reason>().ok().flatten() != Some(reason);
        if is_new {
            place.set(&reason);
        }
        is_new
    }

    /// Drops all that is kept of the job.
    fn clear(self) {
        for name in ["run", "reason", "lock"] {
            StorageValueRef::persistent(&key((name, self.0))).clear();
        }
    }
}

/// Drops what is kept of jobs that `keep` does not name.
pub(crate) fn forget_others(keep: &BTreeSet<JobId>) {
    let known = key("jobs");
    let mut gone = Vec::new();
    let _ = StorageValueRef::persistent(&known).mutate::<Vec<JobId>, (), _>(|jobs| {
        let (kept, dropped) = jobs
            .ok()
            .flatten()
            .unwrap_or_default()
            .into_iter()
            .partition(|job| keep.contains(job));
        gone = dropped;
        Ok(kept)
    });
    for job in gone {
        JobStore(job).clear();
    }
}

/// Makes sure that nobody else runs what it locks, until it is dropped.
pub(crate) type Lock<'a> = StorageLock<'a, Time>;

/// The key of a job's lock.
pub(crate) fn job_lock_key(job: JobId) -> Vec<u8> {
    key(("lock", job))
}

/// The keys of the slots' locks.
pub(crate) fn slot_lock_keys() -> impl Iterator<Item = Vec<u8>> {
    (0..SLOTS).map(|slot| key(("slot", slot)))
}

/// A lock that a worker that dies holds for [`LOCK_TIME`] at most.
pub(crate) fn lock(key: &[u8]) -> Lock<'_> {
    StorageLock::with_deadline(key, Duration::from_millis(LOCK_TIME))
}
