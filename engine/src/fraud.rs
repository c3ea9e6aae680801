//! Fraud proofs: one step of a trace that does not follow from the one before it.
//!
//! A trace is false exactly if some adjacent pair of its states does not follow by the program. The
//! first such pair has a state before it that is right, so who ran the program knows its preimage. The
//! state after it needs none: it is enough that the trace has another leaf there than the right one.

use crate::{
    executor::Executor,
    trace::{root_of_path, NodeId, TraceId},
    witness::{StepWitness, WitnessError},
    Hash, Machine,
};
use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode};
use scale_info::TypeInfo;

/// What a claim commits to, and what a proof is checked against.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Trace {
    /// Whose trace it is, of which job.
    pub id: TraceId,
    /// Steps of the trace.
    pub steps: u64,
    /// The trace root.
    pub root: Hash,
}

impl From<WitnessError> for FraudError {
    fn from(error: WitnessError) -> Self {
        Self::Witness(error)
    }
}

/// A proof that leaf `step + 1` of a trace does not follow from leaf `step`.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct FraudProof {
    /// The step, counted from 0.
    pub step: u64,
    /// The state before the step, and what the step touches.
    pub witness: StepWitness,
    /// The siblings of leaf `step`, lowest first.
    pub before: Vec<Hash>,
    /// Leaf `step + 1` of the trace.
    pub leaf_after: Hash,
    /// The siblings of that leaf, lowest first.
    pub after: Vec<Hash>,
}

/// Why a proof proves nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FraudError {
    /// The trace has no such step.
    StepOutOfRange,
    /// The state is not the one before the step, or its path is not one of this trace.
    WrongBefore,
    /// The leaf is not the one after the step, or its path is not one of this trace.
    WrongAfter,
    /// The witness does not let the step run.
    Witness(WitnessError),
    /// The step is right: the trace has what follows by the program.
    StepIsRight {
        /// Fuel of the step.
        fuel: u64,
    },
}

impl FraudProof {
    /// Proves `step` of `trace`, by running it on `machine`, which stands before it.
    ///
    /// `before` and `after` are the paths of the leaves around it, and `leaf_after` what the trace has
    /// there. Nothing is checked but that there is a step to run.
    pub fn record<E: Executor>(
        machine: &mut Machine,
        executor: &E,
        module: &E::Module,
        before: Vec<Hash>,
        (leaf_after, after): (Hash, Vec<Hash>),
    ) -> Result<Self, WitnessError> {
        let step = machine.steps();
        let state = machine.state();
        let witness = if state.is_terminal() {
            StepWitness {
                state,
                memory: Default::default(),
            }
        } else {
            StepWitness::record(machine, executor, module)?
        };
        Ok(Self {
            step,
            witness,
            before,
            leaf_after,
            after,
        })
    }

    /// Checks that the proof is about `trace`, which takes no step.
    pub fn open(self, trace: &Trace) -> Result<OpenedProof, FraudError> {
        if self.step >= trace.steps {
            return Err(FraudError::StepOutOfRange);
        }
        let before = trace.id.leaf(self.step, &self.witness.state.hash());
        let root = root_of_path(trace.steps, NodeId::leaf(self.step), before, &self.before);
        if root != Some(trace.root) {
            return Err(FraudError::WrongBefore);
        }
        let after = self.step.saturating_add(1);
        let root = root_of_path(trace.steps, NodeId::leaf(after), self.leaf_after, &self.after);
        if root != Some(trace.root) {
            return Err(FraudError::WrongAfter);
        }
        Ok(OpenedProof {
            id: trace.id,
            after,
            witness: self.witness,
            leaf_after: self.leaf_after,
        })
    }

    /// [`Self::open`], then [`OpenedProof::verify`].
    pub fn verify<E: Executor>(
        self,
        trace: &Trace,
        executor: &E,
        module: &E::Module,
    ) -> Result<u64, FraudError> {
        self.open(trace)?.verify(executor, module)
    }
}

/// A proof that is about a trace: what is left is to run the step.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OpenedProof {
    id: TraceId,
    /// The index of the leaf after the step.
    after: u64,
    witness: StepWitness,
    leaf_after: Hash,
}

impl OpenedProof {
    /// Runs the step. Where the trace is proven false, gives the step's fuel: none where no step follows
    /// and the trace goes on.
    pub fn verify<E: Executor>(self, executor: &E, module: &E::Module) -> Result<u64, FraudError> {
        let Some((state, run)) = self.witness.run(executor, module)? else {
            return Ok(0);
        };
        let fuel = run.fuel.unwrap_or_default();
        if self.id.leaf(self.after, &state.hash()) == self.leaf_after {
            return Err(FraudError::StepIsRight { fuel });
        }
        Ok(fuel)
    }
}
