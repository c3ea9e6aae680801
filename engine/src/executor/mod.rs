//! Executors: what runs one step.
//!
//! All executors agree on every [`StepEnd`], fuel and NaNs included. The interpreter is the
//! authority, natively and inside a runtime; any other executor hands it the steps of which it
//! cannot be sure.

mod access;
mod costs;
mod guard;
#[cfg(feature = "jit")]
mod jit;
mod wasmi;

pub use self::wasmi::{instantiates, LoadedModule, WasmiExecutor};
pub use access::{Access, Writes};
#[cfg(feature = "jit")]
pub use jit::{JitExecutor, JitModule};

use crate::{
    memory::{MemoryTree, Pruned},
    state::TrapReason,
    Program,
};

/// How a step ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StepEnd {
    /// The program goes on at `pc`.
    Continue {
        /// The argument of the next step.
        pc: u64,
        /// What the step wrote.
        writes: Writes,
    },
    /// The program ended.
    Halted {
        /// Bytes of the output region that are the output.
        output_len: u32,
        /// What the step wrote.
        writes: Writes,
    },
    /// The step trapped.
    Trapped(TrapReason),
}

/// What a step starts from.
#[derive(Clone)]
pub struct StepStart<'a> {
    /// The argument of `step`.
    pub pc: u64,
    /// Bytes of params.
    pub params_len: u64,
    /// Bytes of input.
    pub input_len: u64,
    /// The memory.
    pub memory: &'a MemoryTree,
}

/// A step that was run.
#[derive(Clone, Debug)]
pub struct StepRun {
    /// How it ended.
    pub end: StepEnd,
    /// The chunks that it read or wrote: what a witness of the step must hold.
    pub touched: alloc::collections::BTreeSet<u32>,
    /// Fuel that the interpreter counts for the step, or `None` where another executor ran it.
    pub fuel: Option<u64>,
}

/// Why a step could not be run to an end that means anything.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ExecutorError {
    /// The step touched a chunk that the memory does not hold: a witness leaves something out.
    Pruned,
    /// The module cannot be compiled or instantiated. It did not pass the program check.
    BadModule,
}

impl From<Pruned> for ExecutorError {
    fn from(_: Pruned) -> Self {
        Self::Pruned
    }
}

/// Runs single steps, each in a fresh instance.
pub trait Executor {
    /// A program, compiled.
    type Module;

    /// Compiles a program.
    fn load(&self, program: &Program) -> Result<Self::Module, ExecutorError>;

    /// Runs one step. The memory itself is not changed: the end says what was written.
    fn run_step(&self, module: &Self::Module, start: StepStart) -> Result<StepRun, ExecutorError>;
}
