//! The native twin of the network program: the same source, compiled into this tool.
//!
//! It comes to the same states as the interpreter, and hands it every step of which it cannot be sure: one that fails, that
//! might pass a limit, or that stores a NaN, whose bits a processor does not choose as the interpreter does.

mod bounds;
mod memory;

use std::cell::RefCell;

use assay_engine::executor::{ExecutorError, LoadedModule, StepEnd, StepRun, StepStart};
use assay_engine::limits::MAX_OUTPUT_LEN;
use assay_engine::memory::MemoryTree;
use assay_engine::{Executor, Program, WasmiExecutor};
use assay_network::{run_step_on, Next, ARENA_WORDS};
use assay_network_plan::{Field, Header, Op, Step};

use crate::NETWORK_PROGRAM;
use memory::View;

/// Runs the network program natively, and any other by the interpreter.
pub struct NativeExecutor {
    interpreter: WasmiExecutor,
    arena: RefCell<Vec<u64>>,
}

/// A program for [`NativeExecutor`].
pub struct NativeModule {
    interpreted: LoadedModule,
    has_twin: bool,
}

impl NativeExecutor {
    /// An executor.
    pub fn new() -> Self {
        Self {
            interpreter: WasmiExecutor::new(),
            arena: RefCell::new(vec![0; ARENA_WORDS]),
        }
    }

    /// The step by the twin. `None` where the interpreter must say.
    fn natively(&self, start: &StepStart) -> Option<StepRun> {
        let (op, step) = planned(start.memory, start.pc)?;
        if !bounds::is_certain(&op, &step) {
            return None;
        }
        let mut view = View::new(start, bounds::stores_floats(&op));
        let mut arena = self.arena.borrow_mut();
        let next = run_step_on(&mut view, &mut arena, start.pc).ok()?;
        let (touched, writes) = view.finish()?;
        let end = match next {
            Next::Step(pc) => StepEnd::Continue { pc, writes },
            Next::Halt(len) => {
                let output_len = u32::try_from(len).ok().filter(|len| *len <= MAX_OUTPUT_LEN)?;
                StepEnd::Halted { output_len, writes }
            }
        };
        Some(StepRun {
            end,
            touched,
            fuel: None,
        })
    }
}

impl Default for NativeExecutor {
    fn default() -> Self {
        Self::new()
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

/// What a plan says of a step.
fn planned(memory: &MemoryTree, pc: u64) -> Option<(Op, Step)> {
    let header = Header::decode(&memory.read(0, Header::LEN).ok()?).ok()?;
    if pc >= u64::from(header.steps) {
        return None;
    }
    let step = record(memory, header.steps_offset, pc, Step::LEN)?;
    let step = Step::get(&step).ok()?;
    let op = record(memory, header.ops_offset, step.op.into(), Op::LEN)?;
    Some((Op::decode(&op).ok()?, step))
}

fn record(memory: &MemoryTree, table: u64, index: u64, len: usize) -> Option<Vec<u8>> {
    let address = table.checked_add(index.checked_mul(len as u64)?)?;
    assay_engine::memory::Region::of(address, len as u64)?;
    memory.read(address, len).ok()
}
