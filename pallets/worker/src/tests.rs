//! Tests of what survives a restart. `runtime/tests/worker.rs` tests the worker in the real runtime.

use crate::{
    claims::is_chosen,
    reason::Reason,
    record::{forget_others, job_lock_key, lock, Checkpoint, JobStore, Progress, Purpose, Written},
};
use assay_engine::{memory::Region, Executor, Hash, Machine, Program, Status, WasmiExecutor};
use assay_primitives::ClaimId;
use codec::Encode;
use sp_core::offchain::{testing::TestOffchainExt, OffchainDbExt, OffchainWorkerExt, StorageKind};
use sp_runtime::Perbill;
use std::collections::BTreeSet;

/// Adds one to a counter in work memory at each step, clears a chunk on the way, and halts at five.
const COUNTER: &str = r#"(module
    (import "assay" "read" (func $read (param i64 i32 i32)))
    (import "assay" "write" (func $write (param i64 i32 i32)))
    (import "assay" "halt" (func $halt (param i64)))
    (memory (export "memory") 1 1)
    (func (export "step") (param $pc i64) (result i64)
        (call $read (i64.const 0x20000000000) (i32.const 0) (i32.const 4))
        (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
        (call $write (i64.const 0x20000000000) (i32.const 0) (i32.const 4))
        ;; A chunk that is one after odd steps and zero after even ones.
        (i32.store (i32.const 8) (i32.and (i32.load (i32.const 0)) (i32.const 1)))
        (call $write (i64.const 0x20000002000) (i32.const 8) (i32.const 4))
        (call $write (i64.const 0x30000000000) (i32.const 0) (i32.const 4))
        (if (i32.eq (i32.load (i32.const 0)) (i32.const 5)) (then (call $halt (i64.const 4))))
        (i64.add (local.get $pc) (i64.const 1))))"#;

struct Runner {
    executor: WasmiExecutor,
    module: <WasmiExecutor as Executor>::Module,
}

impl Runner {
    fn new() -> Self {
        let program = Program::new(wat::parse_str(COUNTER).unwrap()).unwrap();
        let executor = WasmiExecutor::new();
        let module = executor.load(&program).unwrap();
        Self { executor, module }
    }

    fn run(&self, machine: &mut Machine, states: &mut Vec<Hash>, written: &mut Written, steps: usize) {
        for _ in 0..steps {
            let Some(run) = machine.step(&self.executor, &self.module).unwrap() else {
                return;
            };
            written.add(&run);
            states.push(machine.state_hash());
        }
    }
}

fn fresh() -> Machine {
    Machine::new(b"params", b"input")
}

fn externalities() -> sp_io::TestExternalities {
    externalities_with(TestOffchainExt::new().0)
}

fn externalities_with(offchain: TestOffchainExt) -> sp_io::TestExternalities {
    let mut ext = sp_io::TestExternalities::new_empty();
    ext.register_extension(OffchainDbExt::new(offchain.clone()));
    ext.register_extension(OffchainWorkerExt::new(offchain));
    ext
}

#[test]
fn run_resumed_at_any_step_ends_as_the_whole_run() {
    let runner = Runner::new();
    let mut whole = fresh();
    let mut expected = vec![whole.state_hash()];
    runner.run(&mut whole, &mut expected, &mut Written::default(), 9);
    assert_eq!(whole.status(), Status::Halted { output_len: 4 });

    for stop in 0..=5 {
        let (mut machine, mut written) = (fresh(), Written::default());
        let mut states = vec![machine.state_hash()];
        runner.run(&mut machine, &mut states, &mut written, stop);
        let checkpoint = written.checkpoint(&states, &mut machine).unwrap();

        let memory = fresh().memory().clone();
        let (mut machine, mut states, mut written) = checkpoint.resume(memory).unwrap();
        assert_eq!(machine.steps(), stop as u64);
        runner.run(&mut machine, &mut states, &mut written, 9);
        assert_eq!(states, expected, "stopped after {stop} steps");
        assert_eq!(machine.output(), Ok(Some(vec![5, 0, 0, 0])));
    }
}

#[test]
fn damaged_checkpoint_is_not_resumed() {
    let runner = Runner::new();
    let (mut machine, mut written) = (fresh(), Written::default());
    let mut states = vec![machine.state_hash()];
    runner.run(&mut machine, &mut states, &mut written, 3);
    let good = written.checkpoint(&states, &mut machine).unwrap();
    let resumes =
        |checkpoint: Checkpoint, machine: &mut Machine| checkpoint.resume(machine.memory().clone()).is_some();
    assert!(resumes(good.clone(), &mut fresh()));

    let mut other_chunk = good.clone();
    other_chunk.chunks[0].1.as_mut().unwrap()[0] ^= 1;
    assert!(!resumes(other_chunk, &mut fresh()));

    let mut no_states = good.clone();
    no_states.states.clear();
    assert!(!resumes(no_states, &mut fresh()));

    let mut other_input = Machine::new(b"params", b"other");
    assert!(!resumes(good, &mut other_input));
}

#[test]
fn checkpoint_is_not_made_where_it_would_be_too_large() {
    let (mut machine, mut written) = (fresh(), Written::default());
    let mut states = vec![machine.state_hash()];
    Runner::new().run(&mut machine, &mut states, &mut written, 3);
    // 8 MiB, three chunks of which are written.
    let most = (8 * 1024 * 1024 - 3 * 4096) / 32;
    assert!(written.checkpoint(&vec![[0; 32]; most], &mut machine).is_some());
    assert!(written
        .checkpoint(&vec![[0; 32]; most + 1], &mut machine)
        .is_none());
}

const TASK: Hash = [7; 32];

fn running() -> Progress {
    Progress::Running(Written::default().checkpoint(&[], &mut fresh()).unwrap())
}

#[test]
fn progress_survives_and_is_forgotten_with_its_job() {
    externalities().execute_with(|| {
        let (first, second) = (JobStore::new(1, TASK), JobStore::new(2, TASK));
        first.set_progress(Purpose::Claim, running());
        second.set_progress(Purpose::Claim, running());
        assert_eq!(JobStore::new(1, TASK).progress(Purpose::Claim), Some(running()));

        forget_others(&BTreeSet::from([2]));
        assert_eq!(first.progress(Purpose::Claim), None);
        assert_eq!(second.progress(Purpose::Claim), Some(running()));
    });
}

#[test]
fn progress_of_another_task_is_not_taken() {
    externalities().execute_with(|| {
        JobStore::new(1, TASK).set_progress(Purpose::Claim, running());
        assert_eq!(JobStore::new(1, [8; 32]).progress(Purpose::Claim), None);
    });
}

#[test]
fn job_that_a_worker_is_at_is_forgotten_later() {
    externalities().execute_with(|| {
        let store = JobStore::new(1, TASK);
        store.set_progress(Purpose::Claim, running());
        let key = job_lock_key(1);
        let mut lock = lock(&key);
        let guard = lock.try_lock().ok().unwrap();
        forget_others(&BTreeSet::new());
        assert_eq!(store.progress(Purpose::Claim), Some(running()));
        drop(guard);
        forget_others(&BTreeSet::new());
        assert_eq!(store.progress(Purpose::Claim), None);
    });
}

#[test]
fn each_purpose_has_its_own_record() {
    externalities().execute_with(|| {
        let store = JobStore::new(1, TASK);
        store.set_progress(Purpose::Trace, Progress::Right([7; 32]));
        assert_eq!(store.progress(Purpose::Claim), None);
        assert_eq!(store.progress(Purpose::Trace), Some(Progress::Right([7; 32])));
        forget_others(&BTreeSet::new());
        assert_eq!(store.progress(Purpose::Trace), None);
    });
}

#[test]
fn transaction_is_submitted_again_once_and_then_only_after_a_while_or_as_another() {
    externalities().execute_with(|| {
        let store = JobStore::new(1, TASK);
        for transaction in [[1; 32], [2; 32]] {
            assert!(store.may_submit(transaction));
            assert!(store.may_submit(transaction));
            assert!(!store.may_submit(transaction));
        }
    });
}

#[test]
fn reason_is_new_once() {
    externalities().execute_with(|| {
        let store = JobStore::new(1, TASK);
        assert!(store.is_new_reason(Reason::NoSlot));
        assert!(!store.is_new_reason(Reason::NoSlot));
        assert!(store.is_new_reason(Reason::SegmentNotFound(1)));
        assert!(store.is_new_reason(Reason::SegmentNotFound(2)));
    });
}

#[test]
fn lock_of_a_job_is_taken_once_until_it_is_dropped() {
    externalities().execute_with(|| {
        let key = job_lock_key(7);
        let (mut first, mut second) = (lock(&key), lock(&key));
        let guard = first.try_lock().ok().unwrap();
        assert!(second.try_lock().is_err());
        drop(guard);
        assert!(second.try_lock().is_ok());
        assert!(lock(&job_lock_key(8)).try_lock().is_ok());
    });
}

#[test]
fn output_region_is_part_of_a_checkpoint() {
    let runner = Runner::new();
    let (mut machine, mut written) = (fresh(), Written::default());
    let mut states = vec![machine.state_hash()];
    runner.run(&mut machine, &mut states, &mut written, 1);
    let checkpoint = written.checkpoint(&states, &mut machine).unwrap();
    let indices = checkpoint
        .chunks
        .iter()
        .map(|(index, _)| *index)
        .collect::<Vec<_>>();
    let (work, output) = (Region::Work.first_chunk(), Region::Output.first_chunk());
    assert_eq!(indices, [work, work + 2, output]);
}

#[test]
fn share_of_claims_is_another_on_each_node_and_the_same_after_a_restart() {
    let share = Perbill::from_percent(30);
    let claims = (0..1_000).map(|job| ClaimId { job, attempt: 0 });
    let chosen = |seed: u8| {
        let (offchain, state) = TestOffchainExt::new();
        state.write().seed = [seed; 32];
        let choose = || claims.clone().map(|id| is_chosen(id, share)).collect::<Vec<_>>();
        let chosen = externalities_with(offchain.clone()).execute_with(choose);
        // What the node drew first stays.
        state.write().seed = [9; 32];
        assert_eq!(externalities_with(offchain).execute_with(choose), chosen);
        chosen
    };
    let [first, second] = [1, 2].map(chosen);
    assert_ne!(first, second);
    for chosen in [first, second] {
        let count = chosen.into_iter().filter(|chosen| *chosen).count();
        assert!((250..350).contains(&count), "{count}");
    }
}

#[test]
fn damaged_record_is_not_read() {
    externalities().execute_with(|| {
        let store = JobStore::new(1, TASK);
        let states = vec![[1; 32], [2; 32], [3; 32]];
        store.set_progress(Purpose::Trace, Progress::Traced(states.clone()));
        assert_eq!(store.progress(Purpose::Trace), Some(Progress::Traced(states)));
        let key = (b"assay:worker", ("trace", 1u64)).encode();
        let kept = sp_io::offchain::local_storage_get(StorageKind::PERSISTENT, &key).unwrap();
        for bit in 0..8 * kept.len() {
            let mut damaged = kept.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            sp_io::offchain::local_storage_set(StorageKind::PERSISTENT, &key, &damaged);
            assert_eq!(store.progress(Purpose::Trace), None, "bit {bit}");
        }
    });
}
