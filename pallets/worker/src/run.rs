//! Runs one job to its claim.

use crate::{
    params,
    reason::Reason,
    record::{Checkpoint, Progress, Written},
    work::Assigned,
    Config, LOG_TARGET,
};
use alloc::{boxed::Box, vec, vec::Vec};
use assay_engine::{
    claim::Claim, executor::ExecutorError, trace::TraceId, Executor, Hash, Machine, Program, Status,
    WasmiExecutor,
};
use sp_core::offchain::{Duration, Timestamp};
use sp_io::offchain::timestamp;

/// Milliseconds between two checkpoints.
const CHECKPOINT_INTERVAL: u64 = 2_000;

impl From<ExecutorError> for Reason {
    fn from(_: ExecutorError) -> Self {
        Self::BadProgram
    }
}

/// A run between two steps.
struct Run {
    machine: Machine,
    states: Vec<Hash>,
    written: Written,
}

/// Runs a job from its last checkpoint to its claim, or to `end`: then there is a checkpoint to go on
/// from, and no claim. Stops where `alive`, asked every [`CHECKPOINT_INTERVAL`], says no.
pub(crate) fn run<T: Config>(
    assigned: &Assigned<T>,
    checkpoint: Option<Checkpoint>,
    end: Timestamp,
    mut alive: impl FnMut() -> bool,
) -> Result<Option<Claim>, Reason> {
    let (job, store) = (assigned.job, &assigned.store);
    let version = pallet_models::Versions::<T>::get(assigned.version)
        .ok_or(Reason::VersionNotFound(assigned.version))?;
    let code = pallet_models::Pallet::<T>::program_code(version.program).ok_or(Reason::ProgramNotFound)?;
    let executor = WasmiExecutor::new();
    let module = executor.load(&Program::from_checked(code))?;

    let mut run = start(assigned, &version, checkpoint)?;
    log::info!(
        target: LOG_TARGET,
        "job {job}: running version {} from step {}", assigned.version, run.machine.steps()
    );
    let mut next_checkpoint = after_interval();
    while run.machine.status() == Status::Running && run.machine.steps() < version.max_steps {
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
            Some(checkpoint) => store.set_progress(Progress::Running(checkpoint)),
            None if now >= end => {
                store.set_progress(Progress::TooLarge);
                return Err(Reason::TooLarge);
            }
            None => {}
        }
        log::info!(target: LOG_TARGET, "job {job}: step {}", run.machine.steps());
        if now >= end {
            return Ok(None);
        }
        next_checkpoint = after_interval();
    }
    let id = TraceId {
        author: assigned.provider.clone().into(),
        job,
    };
    let claim = Claim::new(id, &run.states, &mut run.machine).ok_or(Reason::NoClaim)?;
    store.set_progress(Progress::Claimed {
        claim: Box::new(claim.clone()),
        submitted: None,
    });
    Ok(Some(claim))
}

fn after_interval() -> Timestamp {
    timestamp().add(Duration::from_millis(CHECKPOINT_INTERVAL))
}

/// The run at its checkpoint, or at the start where there is none that fits.
fn start<T: Config>(
    assigned: &Assigned<T>,
    version: &pallet_models::VersionRecordOf<T>,
    checkpoint: Option<Checkpoint>,
) -> Result<Run, Reason> {
    let job = assigned.job;
    let input = pallet_jobs::Inputs::<T>::get(job).ok_or(Reason::InputNotFound)?;
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
