//! Runs a job, a slice at a time.

use crate::{
    params,
    reason::Reason,
    record::{Checkpoint, Progress, Purpose, Written},
    task::{Outcome, Task},
    work::SLICE,
    Config, LOG_TARGET,
};
use alloc::{vec, vec::Vec};
use assay_engine::{executor::ExecutorError, Executor, Hash, Machine, Program, Status, WasmiExecutor};
use sp_core::offchain::{Duration, Timestamp};
use sp_io::offchain::timestamp;

/// Milliseconds between two checkpoints.
const CHECKPOINT_INTERVAL: u64 = 2_000;
/// Milliseconds of one block's worker that a run must have had before it counts as too long for one.
const WHOLE_SLICE: u64 = SLICE - 1_000;

impl From<ExecutorError> for Reason {
    fn from(_: ExecutorError) -> Self {
        Self::BadProgram
    }
}

/// A run between two steps.
pub(crate) struct Run {
    pub machine: Machine,
    pub states: Vec<Hash>,
    written: Written,
}

/// Runs `task` from its last checkpoint until it ends or has run `until` steps, or to `end`: then there is a
/// checkpoint to go on from. Stops where `alive`, asked every [`CHECKPOINT_INTERVAL`], says no.
pub(crate) fn run<T: Config>(
    task: &Task<T>,
    purpose: Purpose,
    checkpoint: Option<Checkpoint>,
    until: u64,
    end: Timestamp,
    mut alive: impl FnMut() -> bool,
) -> Result<Outcome<Run>, Reason> {
    let (job, store) = (task.job, &task.store);
    let version = task.version()?;
    let (executor, module) = load::<T>(&version)?;
    let mut run = start(task, &version, checkpoint)?;
    log::info!(
        target: LOG_TARGET,
        "job {job}: running version {} from step {}{purpose}", task.version, run.machine.steps()
    );
    let until = until.min(version.max_steps);
    let whole_slice = timestamp().add(Duration::from_millis(WHOLE_SLICE));
    let mut next_checkpoint = after_interval();
    while run.machine.status() == Status::Running && run.machine.steps() < until {
        let Some(step) = run.machine.step(&executor, &module)? else {
            break;
        };
        run.written.add(&step);
        run.states.push(run.machine.state_hash());
        let now = timestamp();
        if now < next_checkpoint && now < end {
            continue;
        }
        if !alive() {
            return Err(Reason::LockLost);
        }
        let kept = run.written.checkpoint(&run.states, &mut run.machine);
        match kept {
            Some(checkpoint) => store.set_progress(purpose, Progress::Running(checkpoint)),
            None if now >= end && now >= whole_slice => {
                store.set_progress(purpose, Progress::TooLarge);
                return Err(Reason::TooLarge);
            }
            // Either it goes on, or other runs left it too little time.
            None => {}
        }
        log::info!(target: LOG_TARGET, "job {job}: step {}{purpose}", run.machine.steps());
        if now >= end {
            return Ok(Outcome::Later);
        }
        next_checkpoint = after_interval();
    }
    Ok(Outcome::Done(run))
}

/// The program of `version`, compiled.
pub(crate) fn load<T: Config>(
    version: &pallet_models::VersionRecordOf<T>,
) -> Result<(WasmiExecutor, <WasmiExecutor as Executor>::Module), Reason> {
    let code = pallet_models::Pallet::<T>::program_code(version.program).ok_or(Reason::ProgramNotFound)?;
    let executor = WasmiExecutor::new();
    let module = executor.load(&Program::from_checked(code))?;
    Ok((executor, module))
}

fn after_interval() -> Timestamp {
    timestamp().add(Duration::from_millis(CHECKPOINT_INTERVAL))
}

/// The run at its checkpoint, or at the start where there is none that fits.
fn start<T: Config>(
    task: &Task<T>,
    version: &pallet_models::VersionRecordOf<T>,
    checkpoint: Option<Checkpoint>,
) -> Result<Run, Reason> {
    let job = task.job;
    let input = task.input()?;
    let params = params::load(version.params, version.params_root, version.params_len)?;
    let mut machine = Machine::with_params(params, version.params_len, &input);
    let first = machine.state_hash();
    if let Some(checkpoint) = checkpoint.filter(|checkpoint| checkpoint.states.first() == Some(&first)) {
        if let Some((machine, states, written)) = checkpoint.resume(machine.memory().clone()) {
            return Ok(Run {
                machine,
                states,
                written,
            });
        }
        log::warn!(target: LOG_TARGET, "job {job}: its checkpoint is damaged, starting over");
    }
    Ok(Run {
        machine,
        states: vec![first],
        written: Written::default(),
    })
}
