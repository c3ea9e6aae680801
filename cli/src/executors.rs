//! What runs a package's steps on this machine.

use assay_engine::executor::{ExecutorError, JitExecutor, StepRun};
use assay_engine::{Executor, Machine, Program, WasmiExecutor};

use crate::native::{has_twin, NativeExecutor};

/// A way to run steps. All of them come to the same states.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ExecutorKind {
    /// The interpreter, which is the authority, and counts fuel.
    #[default]
    Wasmi,
    /// Machine code. It does not count fuel.
    Jit,
    /// The network program's own source, compiled into this tool; the interpreter for other programs.
    Native,
}

/// A program that is ready to run.
pub trait Stepper {
    /// Runs the next step of `machine`. `None` where it has ended.
    fn step(&self, machine: &mut Machine) -> Result<Option<StepRun>, ExecutorError>;
}

/// An executor and what it made of a program.
struct Loaded<E: Executor> {
    executor: E,
    module: E::Module,
}

impl<E: Executor> Stepper for Loaded<E> {
    fn step(&self, machine: &mut Machine) -> Result<Option<StepRun>, ExecutorError> {
        machine.step(&self.executor, &self.module)
    }
}

impl ExecutorKind {
    /// All of them, the authority first.
    pub const ALL: [Self; 3] = [Self::Wasmi, Self::Jit, Self::Native];

    /// The one that runs a program in the least time.
    pub fn fastest(program: &Program) -> Self {
        match has_twin(program) {
            true => Self::Native,
            false => Self::Jit,
        }
    }

    /// Compiles a program. The twin computes on all cores.
    pub fn load(self, program: &Program) -> Result<Box<dyn Stepper>, ExecutorError> {
        self.load_for(program, rayon::current_num_threads())
    }

    /// Compiles a program. The twin computes on up to `threads` threads, the others on one.
    pub fn load_for(self, program: &Program, threads: usize) -> Result<Box<dyn Stepper>, ExecutorError> {
        match self {
            Self::Wasmi => loaded(WasmiExecutor::new(), program),
            Self::Jit => loaded(JitExecutor::new()?, program),
            Self::Native => loaded(NativeExecutor::new(threads), program),
        }
    }
}

fn loaded<E>(executor: E, program: &Program) -> Result<Box<dyn Stepper>, ExecutorError>
where
    E: Executor + 'static,
    E::Module: 'static,
{
    let module = executor.load(program)?;
    Ok(Box::new(Loaded { executor, module }))
}

impl std::fmt::Display for ExecutorKind {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(match self {
            Self::Wasmi => "wasmi",
            Self::Jit => "jit",
            Self::Native => "native",
        })
    }
}
