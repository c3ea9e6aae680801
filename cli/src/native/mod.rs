//! The native twin of the network program: the same source, compiled into this tool.
//!
//! It comes to the same states as the interpreter, and hands it every step of which it cannot be sure: one that fails, that
//! might pass a limit, or that stores a NaN, whose bits a processor does not choose as the interpreter does.

//!
//! The steps come one after the other, and the tiles of an operator mostly do not depend on one another: they run ahead, on all
//! cores.

mod ahead;
mod bounds;
mod memory;
mod twin;

use std::cell::RefCell;

use assay_engine::executor::{ExecutorError, LoadedModule, StepRun, StepStart};
use assay_engine::{Executor, Program, WasmiExecutor};

use crate::NETWORK_PROGRAM;
use ahead::Ahead;

/// Runs the network program natively, and any other by the interpreter.
pub struct NativeExecutor {
    interpreter: WasmiExecutor,
    /// Threads besides the caller's.
    helpers: usize,
    ahead: RefCell<Option<Ahead>>,
}

/// A program for [`NativeExecutor`].
pub struct NativeModule {
    interpreted: LoadedModule,
    has_twin: bool,
}

impl NativeExecutor {
    /// An executor that computes on up to `threads` threads.
    pub fn new(threads: usize) -> Self {
        Self {
            interpreter: WasmiExecutor::new(),
            helpers: threads.saturating_sub(1),
            ahead: RefCell::new(None),
        }
    }

    /// The step by the twin. `None` where the interpreter must say.
    fn natively(&self, start: &StepStart) -> Option<StepRun> {
        let early = (self.helpers > 0).then(|| self.run_ahead(start)).flatten();
        early.or_else(|| Some(twin::run_step(start)?.into_run()))
    }

    /// The step and those beside it.
    fn run_ahead(&self, start: &StepStart) -> Option<StepRun> {
        let mut ahead = self.ahead.borrow_mut();
        if !ahead.as_ref().is_some_and(|ahead| ahead.is_at(start.pc)) {
            *ahead = Ahead::begin(start, self.helpers);
        }
        let run = ahead.as_mut()?.next(start);
        // What has ended holds a memory.
        ahead.take_if(|ahead| ahead.is_over());
        run
    }
}

impl Executor for NativeExecutor {
    type Module = NativeModule;

    fn load(&self, program: &Program) -> Result<NativeModule, ExecutorError> {
        Ok(NativeModule {
            interpreted: self.interpreter.load(program)?,
            has_twin: has_twin(program),
        })
    }

    fn run_step(&self, module: &NativeModule, start: StepStart) -> Result<StepRun, ExecutorError> {
        if module.has_twin {
            if let Some(run) = self.natively(&start) {
                return Ok(run);
            }
        }
        self.interpreter.run_step(&module.interpreted, start)
    }
}

/// Whether a program is the one whose source is a part of this tool.
pub fn has_twin(program: &Program) -> bool {
    program.code() == NETWORK_PROGRAM
}
