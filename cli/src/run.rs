//! Executes a package on this machine.

use std::collections::HashSet;

use assay_engine::executor::StepEnd;
use assay_engine::limits::CHUNK_LEN;
use assay_engine::{Executor, Hash, Machine, Program, Status, TrapReason, WasmiExecutor};

use crate::package::Package;

/// The most bytes of memory that a run may write, in chunks of 4096 bytes.
pub const WRITTEN_MAX: usize = 1 << 30;

/// What a run gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The output region's bytes.
    pub output: Vec<u8>,
    /// Steps that ran.
    pub steps: u64,
    /// Fuel that the steps used.
    pub fuel: u64,
    /// Fuel of the step that used most.
    pub greatest_fuel: u64,
}

/// Why a run gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The program breaks a rule of the step machine.
    #[error("the program cannot run: {0}")]
    Program(#[from] assay_engine::ProgramError),
    /// The interpreter refused.
    #[error("the interpreter failed: {0:?}")]
    Executor(assay_engine::executor::ExecutorError),
    /// A step trapped.
    #[error("step {step} trapped: {reason:?}")]
    Trapped {
        /// Number of the step.
        step: u64,
        /// Why.
        reason: TrapReason,
    },
    /// The program writes more than [`WRITTEN_MAX`].
    #[error("step {0} writes more memory than the {WRITTEN_MAX} bytes that a run may write here")]
    MemoryExceeded(u64),
    /// The program does not end.
    #[error("no answer after {0} steps")]
    Endless(u64),
}

/// A package that is ready to run any number of times.
pub struct Runner<'a> {
    package: &'a Package,
    executor: WasmiExecutor,
    module: <WasmiExecutor as Executor>::Module,
}

impl<'a> Runner<'a> {
    /// Compiles the package's program.
    pub fn new(package: &'a Package) -> Result<Self, RunError> {
        let program = Program::new(package.program.clone())?;
        let executor = WasmiExecutor::new();
        let module = executor.load(&program).map_err(RunError::Executor)?;
        Ok(Self {
            package,
            executor,
            module,
        })
    }

    /// Runs the package on an input; fails after as many steps as the manifest says, or where it writes more than
    /// [`WRITTEN_MAX`].
    pub fn run(&self, input: &[u8]) -> Result<Answer, RunError> {
        self.run_within(input, WRITTEN_MAX)
    }

    /// As [`Self::run`], with another limit on the bytes written.
    pub fn run_within(&self, input: &[u8], written_max: usize) -> Result<Answer, RunError> {
        self.run_watched(input, written_max, |_| ())
    }

    /// As [`Self::run`], and the hashes of the state before the first step and after each.
    pub fn run_traced(&self, input: &[u8]) -> Result<(Answer, Vec<Hash>), RunError> {
        let mut states = Vec::new();
        let answer = self.run_watched(input, WRITTEN_MAX, |machine| states.push(machine.state_hash()))?;
        Ok((answer, states))
    }

    /// `watch` sees the machine before the first step and after each.
    fn run_watched(
        &self,
        input: &[u8],
        written_max: usize,
        mut watch: impl FnMut(&mut Machine),
    ) -> Result<Answer, RunError> {
        let mut machine = Machine::new(&self.package.params, input);
        watch(&mut machine);
        let (mut fuel, mut greatest_fuel) = (0, 0);
        let mut written = HashSet::new();
        while machine.steps() < self.package.manifest.steps {
            let run = machine
                .step(&self.executor, &self.module)
                .map_err(RunError::Executor)?;
            let Some(run) = run else { break };
            let used = run.fuel.unwrap_or_default();
            fuel += used;
            greatest_fuel = used.max(greatest_fuel);
            if let StepEnd::Continue { writes, .. } = &run.end {
                written.extend(writes.keys().copied());
            }
            if written.len() * CHUNK_LEN > written_max {
                return Err(RunError::MemoryExceeded(machine.steps() - 1));
            }
            watch(&mut machine);
            if machine.status() != Status::Running {
                break;
            }
        }
        let steps = machine.steps();
        if let Status::Trapped { reason } = machine.status() {
            return Err(RunError::Trapped {
                step: steps - 1,
                reason,
            });
        }
        // A whole memory is never pruned.
        let output = machine.output().ok().flatten().ok_or(RunError::Endless(steps))?;
        Ok(Answer {
            output,
            steps,
            fuel,
            greatest_fuel,
        })
    }
}
