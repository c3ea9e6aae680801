//! What a run takes, here and in a dispute over it.

use assay_engine::executor::{StepEnd, StepRun};
use assay_engine::witness::StepWitness;
use codec::Encode;
use serde::Serialize;

use crate::chain::{proof_len, proof_weight, reveals, Weight};
use crate::package::Package;
use crate::run::{RunError, Runner};

/// The greatest value among a run's steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Greatest {
    /// The value.
    pub value: u64,
    /// The first step that has it.
    pub step: u64,
}

impl Greatest {
    fn note(&mut self, value: u64, step: u64) {
        if value > self.value {
            *self = Self { value, step };
        }
    }
}

/// What a run takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Profile {
    /// Steps that ran.
    pub steps: u64,
    /// Fuel of all steps.
    pub fuel: u64,
    /// Fuel of one step.
    pub step_fuel: Greatest,
    /// Chunks of memory that one step reads or writes.
    pub chunks_touched: Greatest,
    /// Chunks of memory that one step writes.
    pub chunks_written: Greatest,
    /// What a dispute takes.
    pub dispute: Dispute,
}

/// What a dispute over a run takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Dispute {
    /// Bytes of a step's fraud proof.
    pub proof_bytes: Greatest,
    /// Weight of the heaviest fraud proof.
    pub proof_weight: Weight,
    /// Reveals that come before the proof.
    pub reveals: u64,
}

/// Runs the package in the interpreter and looks at every step.
pub fn profile(package: &Package, input: &[u8]) -> Result<Profile, RunError> {
    let runner = Runner::new(package)?;
    let mut run = runner.start(input).with_progress();
    let code_len = package.program.len() as u64;
    let mut profile = Profile::default();
    loop {
        let step = run.machine().steps();
        let mut before = run.machine().clone();
        let Some(ran) = run.step()? else { break };
        let state = before.state();
        // A whole memory is never pruned.
        let memory = before.memory().prove(&ran.touched).unwrap_or_default();
        profile.note_step(step, &ran);
        let fuel = ran.fuel.unwrap_or_default();
        let witness = StepWitness { state, memory };
        profile.dispute.note_step(step, &witness, code_len, fuel);
    }
    let answer = run.finish()?;
    profile.steps = answer.steps;
    profile.fuel = answer.fuel;
    profile.dispute.note_end(answer.steps);
    Ok(profile)
}

impl Profile {
    fn note_step(&mut self, step: u64, ran: &StepRun) {
        self.step_fuel.note(ran.fuel.unwrap_or_default(), step);
        self.chunks_touched.note(ran.touched.len() as u64, step);
        if let StepEnd::Continue { writes, .. } | StepEnd::Halted { writes, .. } = &ran.end {
            self.chunks_written.note(writes.len() as u64, step);
        }
    }
}

impl Dispute {
    fn note_step(&mut self, step: u64, witness: &StepWitness, code_len: u64, fuel: u64) {
        self.proof_bytes.note(witness.encoded_size() as u64, step);
        self.proof_weight = self.proof_weight.max(proof_weight(code_len, witness, fuel));
    }

    /// The paths of the leaves depend on the length of the trace alone.
    fn note_end(&mut self, steps: u64) {
        self.proof_bytes.value = proof_len(self.proof_bytes.value, steps);
        self.reveals = reveals(steps);
    }
}
