//! Executes a package on this machine.

use std::collections::HashSet;

use assay_engine::executor::{ExecutorError, StepEnd, StepRun};
use assay_engine::limits::CHUNK_LEN;
use assay_engine::{Hash, Machine, Program, Status, TrapReason};

use crate::executors::{ExecutorKind, Stepper};
use crate::package::Package;
use crate::progress::Progress;
use crate::trace::Tracer;

/// The most bytes of memory that a run may write, in chunks of 4096 bytes.
pub const WRITTEN_MAX: usize = 1 << 30;

/// What a run gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The output region's bytes.
    pub output: Vec<u8>,
    /// Steps that ran.
    pub steps: u64,
    /// Fuel of those steps whose fuel was counted.
    pub fuel: u64,
    /// Fuel of the step among them that used most.
    pub greatest_fuel: u64,
    /// Steps whose fuel was not counted: the interpreter did not run them.
    pub uncounted: u64,
}

impl Answer {
    /// Fuel of the whole run, where all of it was counted.
    pub fn total_fuel(&self) -> Option<u64> {
        (self.uncounted == 0).then_some(self.fuel)
    }
}

/// Why a run gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The program breaks a rule of the step machine.
    #[error("the program cannot run: {0}")]
    Program(#[from] assay_engine::ProgramError),
    /// An executor refused.
    #[error("the executor {executor} failed: {error:?}")]
    Executor {
        /// Its name.
        executor: String,
        /// Why.
        error: ExecutorError,
    },
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
    name: String,
    stepper: Box<dyn Stepper + 'a>,
}

impl<'a> Runner<'a> {
    /// Compiles the package's program for the interpreter.
    pub fn new(package: &'a Package) -> Result<Self, RunError> {
        Self::with(package, ExecutorKind::Wasmi)
    }

    /// Compiles the package's program.
    pub fn with(package: &'a Package, kind: ExecutorKind) -> Result<Self, RunError> {
        let program = Program::new(package.program.clone())?;
        let name = kind.to_string();
        match kind.load(&program) {
            Ok(stepper) => Ok(Self::of(package, name, stepper)),
            Err(error) => Err(RunError::Executor {
                executor: name,
                error,
            }),
        }
    }

    /// Runs the package by something of one's own.
    pub fn of(package: &'a Package, name: String, stepper: Box<dyn Stepper + 'a>) -> Self {
        Self {
            package,
            name,
            stepper,
        }
    }

    /// What runs the steps.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs the package on an input; fails after as many steps as the manifest says, or where it writes more than
    /// [`WRITTEN_MAX`].
    pub fn run(&self, input: &[u8]) -> Result<Answer, RunError> {
        self.run_within(input, WRITTEN_MAX)
    }

    /// As [`Self::run`], with another limit on the bytes written.
    pub fn run_within(&self, input: &[u8], written_max: usize) -> Result<Answer, RunError> {
        let mut run = self.start(input);
        run.written_max = written_max;
        Ok(run.to_end(false)?.0)
    }

    /// As [`Self::run`], and the hashes of the state before the first step and after each.
    pub fn run_traced(&self, input: &[u8]) -> Result<(Answer, Vec<Hash>), RunError> {
        self.start(input).to_end(true)
    }

    /// A run before its first step.
    pub fn start(&self, input: &[u8]) -> Run<'_> {
        Run {
            runner: self,
            machine: Machine::new(&self.package.params, input),
            written: Written::default(),
            written_max: WRITTEN_MAX,
            fuel: 0,
            greatest_fuel: 0,
            uncounted: 0,
            progress: Progress::hidden(),
        }
    }
}

/// A run between two steps.
pub struct Run<'a> {
    runner: &'a Runner<'a>,
    machine: Machine,
    written: Written,
    written_max: usize,
    fuel: u64,
    greatest_fuel: u64,
    uncounted: u64,
    progress: Progress,
}

impl Run<'_> {
    /// The same run, which tells a terminal how far it is.
    pub fn with_progress(self) -> Self {
        Self {
            progress: Progress::new("step", self.steps_max()),
            ..self
        }
    }

    /// The machine.
    pub fn machine(&mut self) -> &mut Machine {
        &mut self.machine
    }

    /// Runs a step. `None` where the run has ended, or has as many steps as the manifest says.
    pub fn step(&mut self) -> Result<Option<StepRun>, RunError> {
        if self.machine.steps() >= self.steps_max() {
            return Ok(None);
        }
        let stepped = self.runner.stepper.step(&mut self.machine);
        let run = stepped.map_err(|error| RunError::Executor {
            executor: self.runner.name.clone(),
            error,
        })?;
        if let Some(run) = &run {
            self.count(run)?;
        }
        Ok(run)
    }

    /// Runs all steps that are left. With `traced`, also gives the hashes of the state before them and after each.
    pub fn to_end(mut self, traced: bool) -> Result<(Answer, Vec<Hash>), RunError> {
        let tracer = Tracer::start(traced);
        tracer.add(&self.machine);
        while self.step()?.is_some() {
            tracer.add(&self.machine);
        }
        Ok((self.finish()?, tracer.finish()))
    }

    /// What the run gave.
    pub fn finish(self) -> Result<Answer, RunError> {
        let steps = self.machine.steps();
        if let Status::Trapped { reason } = self.machine.status() {
            return Err(RunError::Trapped {
                step: steps.saturating_sub(1),
                reason,
            });
        }
        // A whole memory is never pruned.
        let output = self.machine.output().ok().flatten();
        Ok(Answer {
            output: output.ok_or(RunError::Endless(steps))?,
            steps,
            fuel: self.fuel,
            greatest_fuel: self.greatest_fuel,
            uncounted: self.uncounted,
        })
    }

    fn steps_max(&self) -> u64 {
        self.runner.package.manifest.steps
    }

    fn count(&mut self, run: &StepRun) -> Result<(), RunError> {
        match run.fuel {
            Some(fuel) => {
                self.fuel = self.fuel.saturating_add(fuel);
                self.greatest_fuel = self.greatest_fuel.max(fuel);
            }
            None => self.uncounted += 1,
        }
        let steps = self.machine.steps();
        self.progress.show(steps);
        match self.written.add(run) > self.written_max {
            true => Err(RunError::MemoryExceeded(steps.saturating_sub(1))),
            false => Ok(()),
        }
    }
}

/// The chunks that a run has written.
#[derive(Debug, Default)]
pub(crate) struct Written(HashSet<u32>);

impl Written {
    /// Counts what a step wrote. Returns the bytes of all chunks so far.
    pub fn add(&mut self, run: &StepRun) -> usize {
        if let StepEnd::Continue { writes, .. } = &run.end {
            self.0.extend(writes.keys().copied());
        }
        self.0.len() * CHUNK_LEN
    }
}
