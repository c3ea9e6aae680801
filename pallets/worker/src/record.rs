//! What the worker keeps between blocks, and across restarts, in the node's off-chain database.

use crate::reason::Reason;
use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use assay_engine::{
    claim::Claim,
    executor::{StepEnd, StepRun},
    limits::CHUNK_LEN,
    memory::{Chunk, MemoryTree},
    Hash, Machine, State,
};
use assay_primitives::{ClaimId, JobId, VersionId};
use codec::{Decode, Encode};
use core::fmt;
use sp_core::offchain::Timestamp;
use sp_io::hashing::blake2_256;
use sp_runtime::offchain::{
    storage::StorageValueRef,
    storage_lock::{StorageLock, Time},
    Duration,
};

/// Milliseconds after which the lock of a worker that died is free. Longer than any step takes.
const LOCK_TIME: u64 = 20_000;
/// Jobs that run at the same time.
const SLOTS: u8 = 4;
/// Bytes of chunks and state hashes in a checkpoint. The runtime encodes it in one piece of memory, of
/// which the largest that it can have takes 32 MiB.
pub(crate) const MAX_CHECKPOINT_LEN: usize = 8 * 1024 * 1024;
/// Milliseconds without a later block after which a lower one is taken for the newest.
const REVERTED_AFTER: u64 = 60_000;
/// Milliseconds between two attempts to submit a transaction, from the second on.
const RESUBMIT_AFTER: u64 = 10_000;

/// What a run is for. Each has its own record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Purpose {
    /// To claim.
    Claim,
    /// To have all state hashes, for a dispute.
    Trace,
    /// To have the machine before a step.
    Proof,
}

impl Purpose {
    const ALL: [Self; 3] = [Self::Claim, Self::Trace, Self::Proof];

    fn name(self) -> &'static str {
        match self {
            Self::Claim => "run",
            Self::Trace => "trace",
            Self::Proof => "proof",
        }
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Claim => Ok(()),
            Self::Trace => f.write_str(", to compare"),
            Self::Proof => f.write_str(", for a proof"),
        }
    }
}

/// How far a run is on this node.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
pub(crate) enum Progress {
    /// Some steps are run.
    Running(Checkpoint),
    /// The run is finished, and this is claimed.
    Claimed(Box<Claim>),
    /// The run is finished. Its state hashes.
    Traced(Vec<Hash>),
    /// Another's claim, with this trace root, is what the node's own run gives.
    Right(Hash),
    /// The run is longer than a slice, and too large for a checkpoint.
    TooLarge,
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

    /// The checkpoint of `machine`. `None` where it would have more than [`MAX_CHECKPOINT_LEN`] bytes.
    pub fn checkpoint(&self, states: &[Hash], machine: &mut Machine) -> Option<Checkpoint> {
        let chunks = self.0.len().saturating_mul(CHUNK_LEN);
        let hashes = states.len().saturating_mul(size_of::<Hash>());
        if chunks.saturating_add(hashes) > MAX_CHECKPOINT_LEN {
            return None;
        }
        let state = machine.state();
        let memory = machine.memory();
        let chunk = |index| {
            (
                index,
                memory.chunk(index).ok().flatten().map(|chunk| Box::new(*chunk)),
            )
        };
        Some(Checkpoint {
            states: states.to_vec(),
            state,
            chunks: self.0.iter().copied().map(chunk).collect(),
        })
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

/// The transaction that was submitted last for a job.
#[derive(Encode, Decode)]
struct Sent {
    transaction: Hash,
    /// Whether more than once.
    again: bool,
    at: Timestamp,
}

/// The off-chain storage of one job.
pub(crate) struct JobStore {
    job: JobId,
    /// Names what the job asks of whom.
    task: Hash,
}

fn key(parts: impl Encode) -> Vec<u8> {
    (b"assay:worker", parts).encode()
}

/// What is kept at `key`. `None` where it does not decode, too.
pub(crate) fn read<V: Decode>(key: &[u8]) -> Option<V> {
    StorageValueRef::persistent(key).get().ok().flatten()
}

impl JobStore {
    /// The storage of `job`. The job is remembered, so that [`forget_others`] finds it.
    pub fn new(job: JobId, task: Hash) -> Self {
        let known = key("jobs");
        let _ = StorageValueRef::persistent(&known).mutate::<Vec<JobId>, (), _>(|jobs| {
            let mut jobs = jobs.ok().flatten().unwrap_or_default();
            if jobs.contains(&job) {
                return Err(());
            }
            jobs.push(job);
            Ok(jobs)
        });
        Self { job, task }
    }

    fn progress_key(&self, purpose: Purpose) -> Vec<u8> {
        key((purpose.name(), self.job))
    }

    /// Names the task and `progress`, so that nothing is read that was damaged, or belongs to another task.
    fn seal(&self, progress: &Progress) -> Hash {
        (self.task, progress).using_encoded(blake2_256)
    }

    /// How far the run for `purpose` is.
    pub fn progress(&self, purpose: Purpose) -> Option<Progress> {
        let (seal, progress) = read::<(Hash, Progress)>(&self.progress_key(purpose))?;
        (seal == self.seal(&progress)).then_some(progress)
    }

    /// Forgets how far the run for `purpose` is.
    pub fn clear_progress(&self, purpose: Purpose) {
        StorageValueRef::persistent(&self.progress_key(purpose)).clear();
    }

    /// Keeps how far the run for `purpose` is.
    pub fn set_progress(&self, purpose: Purpose, progress: Progress) {
        let seal = self.seal(&progress);
        StorageValueRef::persistent(&self.progress_key(purpose)).set(&(seal, progress));
    }

    /// Whether a transaction with this hash is to be submitted now. Counts as submitted from now on.
    ///
    /// The block after the first attempt has a second one, if what is submitted did not come into state: a pool may drop
    /// what it takes while it is busy with the block that allows it. The next ones come after [`RESUBMIT_AFTER`] each.
    pub fn may_submit(&self, transaction: Hash) -> bool {
        let place = key(("sent", self.job));
        let now = sp_io::offchain::timestamp();
        let last = read::<Sent>(&place).filter(|sent| sent.transaction == transaction);
        let waits = |sent: &Sent| sent.again && now < sent.at.add(Duration::from_millis(RESUBMIT_AFTER));
        if last.as_ref().is_some_and(waits) {
            return false;
        }
        let again = last.is_some();
        StorageValueRef::persistent(&place).set(&Sent {
            transaction,
            again,
            at: now,
        });
        true
    }

    /// Keeps that the node has an open challenge of `claim`, in which the next move comes up to block `until`.
    pub fn set_challenged<BlockNumber: Encode>(&self, claim: ClaimId, until: BlockNumber) {
        let place = key(("challenged", self.job));
        StorageValueRef::persistent(&place).set(&(claim, until));
    }

    /// Whether the node had a challenge of `claim`, and the time of its last known move has passed by block `now`. One that
    /// is gone before its time was on another fork.
    pub fn has_lost<BlockNumber: Decode + Ord>(&self, claim: ClaimId, now: BlockNumber) -> bool {
        read::<(ClaimId, BlockNumber)>(&key(("challenged", self.job)))
            .is_some_and(|(challenged, until)| challenged == claim && now > until)
    }

    /// The reason that was kept last.
    pub fn last_reason(&self) -> Option<Reason> {
        read(&key(("reason", self.job)))
    }

    /// Keeps `reason`. True where it is another one than before.
    pub fn is_new_reason(&self, reason: Reason) -> bool {
        let is_new = self.last_reason() != Some(reason);
        if is_new {
            StorageValueRef::persistent(&key(("reason", self.job))).set(&reason);
        }
        is_new
    }
}

/// Keeps what the compute server fails with, `None` where it does not. True where it is another state than before; that it
/// answers is news only after that it did not.
pub(crate) fn is_new_state_of_server(trouble: Option<Reason>) -> bool {
    let place = key("server");
    let is_new = read::<Reason>(&place) != trouble;
    match trouble {
        Some(reason) if is_new => StorageValueRef::persistent(&place).set(&reason),
        None if is_new => StorageValueRef::persistent(&place).clear(),
        _ => {}
    }
    is_new
}

/// A chunk of a version's params.
type ChunkOf = (VersionId, u32);

/// When the node tried to show chunks last, of those that are still asked for.
pub(crate) struct Shown(BTreeMap<ChunkOf, Timestamp>);

impl Shown {
    /// What is kept of the chunks that are `asked` for.
    pub fn of(asked: BTreeSet<ChunkOf>) -> Self {
        let place = key("shown");
        let kept = read::<BTreeMap<ChunkOf, Timestamp>>(&place).unwrap_or_default();
        let len = kept.len();
        let kept = kept.into_iter().filter(|(chunk, _)| asked.contains(chunk));
        let kept = kept.collect::<BTreeMap<_, _>>();
        if kept.is_empty() && len > 0 {
            StorageValueRef::persistent(&place).clear();
        }
        Self(kept)
    }

    /// Whether it is time to try: for the first time, or once more.
    pub fn may_show(&self, chunk: ChunkOf) -> bool {
        let now = sp_io::offchain::timestamp();
        let waits = |at: &Timestamp| now < at.add(Duration::from_millis(RESUBMIT_AFTER));
        !self.0.get(&chunk).is_some_and(waits)
    }

    /// Keeps that the node tries now.
    pub fn note(&mut self, chunk: ChunkOf) {
        self.0.insert(chunk, sp_io::offchain::timestamp());
        StorageValueRef::persistent(&key("shown")).set(&self.0);
    }
}

/// The key of the lock of what shows chunks.
pub(crate) fn shown_lock_key() -> Vec<u8> {
    key(("lock", "shown"))
}

/// Drops what is kept of jobs that `keep` does not name, but for those that a worker is still at.
pub(crate) fn forget_others(keep: &BTreeSet<JobId>) {
    let known = key("jobs");
    let jobs = read::<Vec<JobId>>(&known).unwrap_or_default();
    let gone = jobs
        .into_iter()
        .filter(|job| !keep.contains(job) && forget(*job))
        .collect::<BTreeSet<_>>();
    if gone.is_empty() {
        return;
    }
    let _ = StorageValueRef::persistent(&known).mutate::<Vec<JobId>, (), _>(|jobs| {
        let mut jobs = jobs.ok().flatten().unwrap_or_default();
        jobs.retain(|job| !gone.contains(job));
        Ok(jobs)
    });
}

/// Drops what is kept of `job`. False where a worker is at it.
fn forget(job: JobId) -> bool {
    let key_of_lock = job_lock_key(job);
    let mut lock = lock(&key_of_lock);
    let Ok(_guard) = lock.try_lock() else {
        return false;
    };
    let names = Purpose::ALL.map(Purpose::name);
    for name in names.into_iter().chain(["reason", "sent", "challenged"]) {
        StorageValueRef::persistent(&key((name, job))).clear();
    }
    true
}

/// Whether no worker of a later block than `now` has begun lately.
///
/// The workers of several blocks run side by side and begin in any order, and each sees the state of
/// its own block: what an older one would do is out of date. "Lately", so that a chain that was
/// reverted goes on.
pub(crate) fn is_newest<BlockNumber: Ord + Copy + Encode + Decode>(now: BlockNumber) -> bool {
    let time = sp_io::offchain::timestamp();
    let newest = key("newest");
    StorageValueRef::persistent(&newest)
        .mutate::<(BlockNumber, Timestamp), (), _>(|newest| match newest {
            Ok(Some((block, at))) if block > now && time.diff(&at).millis() < REVERTED_AFTER => Err(()),
            _ => Ok((now, time)),
        })
        .is_ok()
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
