//! The witness of one step: everything that is needed to run it again.

use crate::{
    executor::{Executor, ExecutorError, StepRun},
    machine::Machine,
    memory::{Proof, ProofError},
    state::State,
};
use codec::{Decode, DecodeWithMemTracking, Encode};
use scale_info::TypeInfo;

/// The state before a step and the chunks that the step touches.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct StepWitness {
    /// The preimage of the state hash before the step.
    pub state: State,
    /// The touched chunks, proven against the state's memory root.
    pub memory: Proof,
}

/// Why a witness decides nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WitnessError {
    /// The nodes are not a proof.
    BadProof(ProofError),
    /// The proof is of another memory than the state's.
    WrongRoot,
    /// There is no next step to record.
    Terminal,
    /// The step touches a chunk that the witness does not hold.
    Incomplete,
    /// The program's code does not load.
    BadModule,
}

impl From<ExecutorError> for WitnessError {
    fn from(error: ExecutorError) -> Self {
        match error {
            ExecutorError::Pruned => Self::Incomplete,
            ExecutorError::BadModule => Self::BadModule,
        }
    }
}

impl StepWitness {
    /// Runs the next step of `machine` and witnesses it.
    ///
    /// Fails with [`WitnessError::Terminal`] where there is no next step.
    pub fn record<E: Executor>(
        machine: &mut Machine,
        executor: &E,
        module: &E::Module,
    ) -> Result<Self, WitnessError> {
        let mut before = machine.clone();
        let run = machine.step(executor, module)?.ok_or(WitnessError::Terminal)?;
        let state = before.state();
        let memory = before
            .memory()
            .prove(&run.touched)
            .map_err(|_| WitnessError::Incomplete)?;
        Ok(Self { state, memory })
    }

    /// Runs the step. Returns the state after it, or `None` where no state follows: whatever a trace has
    /// behind a terminal state is false.
    ///
    /// Trusts nothing: the memory must have the root that the state names. That of a terminal state is of
    /// no account.
    pub fn verify<E: Executor>(
        self,
        executor: &E,
        module: &E::Module,
    ) -> Result<Option<State>, WitnessError> {
        Ok(self.run(executor, module)?.map(|(state, _)| state))
    }

    /// The same, with what the step did.
    pub fn run<E: Executor>(
        self,
        executor: &E,
        module: &E::Module,
    ) -> Result<Option<(State, StepRun)>, WitnessError> {
        if self.state.is_terminal() {
            return Ok(None);
        }
        let mut memory = self.memory.into_tree().map_err(WitnessError::BadProof)?;
        if memory.root() != self.state.memory_root {
            return Err(WitnessError::WrongRoot);
        }
        let mut machine = Machine::resume(&self.state, memory, 0);
        let run = machine.step(executor, module)?;
        Ok(run.map(|run| (machine.state(), run)))
    }
}
