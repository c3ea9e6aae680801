//! Runs one job to its claim.

use crate::{
    params,
    reason::Reason,
    record::{Checkpoint, JobStore, Record, Written},
    Config, LOG_TARGET,
};
use alloc::{boxed::Box, vec, vec::Vec};
use assay_engine::{
    claim::Claim, executor::ExecutorError, trace::TraceId, Executor, Hash, Machine, Program, Status,
    WasmiExecutor,
};
use assay_primitives::{JobId, VersionTerms, Versions as _};
use frame_system::pallet_prelude::BlockNumberFor;
use sp_runtime::offchain::Duration;

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

/// Runs `job` for `provider` from its last checkpoint to the end. Calls `alive` after each step.
pub(crate) fn run<T: Config>(
    job: JobId,
    provider: &T::AccountId,
    checkpoint: Option<Checkpoint>,
    mut alive: impl FnMut(),
) -> Result<Claim, Reason> {
    let version = pallet_jobs::Jobs::<T>::get(job)
        .ok_or(Reason::InputNotFound)?
        .version;
    let terms = pallet_models::Pallet::<T>::terms(version).ok_or(Reason::VersionNotFound(version))?;
    let code = pallet_models::Pallet::<T>::program_code(terms.program).ok_or(Reason::ProgramNotFound)?;
    let executor = WasmiExecutor::new();
    let module = executor.load(&Program::from_checked(code))?;

    let mut run = start::<T>(job, &terms, version, checkpoint)?;
    log::info!(target: LOG_TARGET, "job {job}: running version {version} from step {}", run.machine.steps());
    let store = JobStore::new(job);
    let mut next_checkpoint = after_interval();
    while run.machine.status() == Status::Running && run.machine.steps() < terms.max_steps {
        let Some(step) = run.machine.step(&executor, &module)? else {
            break;
        };
        run.written.add(&step);
        run.states.push(run.machine.state_hash());
        alive();
        if sp_io::offchain::timestamp() >= next_checkpoint {
            let checkpoint = run.written.checkpoint(&run.states, &mut run.machine);
            store.set_record(&Record::<BlockNumberFor<T>>::Running(checkpoint));
            log::info!(target: LOG_TARGET, "job {job}: step {}", run.machine.steps());
            next_checkpoint = after_interval();
        }
    }
    let id = TraceId {
        author: provider.clone().into(),
        job,
    };
    let claim = Claim::new(id, &run.states, &mut run.machine).ok_or(Reason::NoClaim)?;
    store.set_record(&Record::<BlockNumberFor<T>>::Claimed {
        claim: Box::new(claim.clone()),
        submitted: None,
    });
    Ok(claim)
}

fn after_interval() -> sp_core::offchain::Timestamp {
    sp_io::offchain::timestamp().add(Duration::from_millis(CHECKPOINT_INTERVAL))
}

/// The run at its checkpoint, or at the start where there is none that fits.
fn start<T: Config>(
    job: JobId,
    terms: &VersionTerms<T::AccountId>,
    version: assay_primitives::VersionId,
    checkpoint: Option<Checkpoint>,
) -> Result<Run, Reason> {
    let record = pallet_models::Versions::<T>::get(version).ok_or(Reason::VersionNotFound(version))?;
    let input = pallet_jobs::Inputs::<T>::get(job).ok_or(Reason::InputNotFound)?;
    let params = params::load(record.params, terms.params_root, terms.params_len)?;
    let mut machine = Machine::with_params(params, terms.params_len, &input);
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
