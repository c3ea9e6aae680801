//! Runs a program step after step and commits to the state after each.

use crate::{
    executor::{Executor, ExecutorError, StepEnd, StepRun, StepStart},
    memory::{MemoryTree, Pruned, Region},
    state::{State, Status},
    Hash,
};
use alloc::vec::Vec;

/// A machine between two steps.
///
/// A clone is cheap: memory is shared until one of the two writes.
#[derive(Clone)]
pub struct Machine {
    pc: u64,
    status: Status,
    params_len: u64,
    input_len: u64,
    memory: MemoryTree,
    steps: u64,
}

impl Machine {
    /// A machine before its first step.
    pub fn new(params: &[u8], input: &[u8]) -> Self {
        let mut memory = MemoryTree::new();
        // Only a pruned tree refuses a write.
        let _ = memory.write(Region::Params.start(), params);
        Self::with_params(memory, params.len() as u64, input)
    }

    /// A machine before its first step, on params that stand in `memory` already.
    ///
    /// One tree of params serves any number of machines.
    pub fn with_params(mut memory: MemoryTree, params_len: u64, input: &[u8]) -> Self {
        let _ = memory.write(Region::Input.start(), input);
        Self {
            pc: 0,
            status: Status::Running,
            params_len,
            input_len: input.len() as u64,
            memory,
            steps: 0,
        }
    }

    /// The machine whose state is `state` and whose memory is `memory`, which may be pruned.
    pub fn resume(state: &State, memory: MemoryTree, steps: u64) -> Self {
        Self {
            pc: state.pc,
            status: state.status,
            params_len: state.params_len,
            input_len: state.input_len,
            memory,
            steps,
        }
    }

    /// Steps run so far.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Whether the machine goes on.
    pub fn status(&self) -> Status {
        self.status
    }

    /// The memory.
    pub fn memory(&mut self) -> &mut MemoryTree {
        &mut self.memory
    }

    /// The state. Hashes what was written since it was last asked for.
    pub fn state(&mut self) -> State {
        State {
            pc: self.pc,
            status: self.status,
            params_len: self.params_len,
            input_len: self.input_len,
            memory_root: self.memory.root(),
        }
    }

    /// The hash of [`Self::state`].
    pub fn state_hash(&mut self) -> Hash {
        self.state().hash()
    }

    /// Runs one step. `None`, and nothing happens, where the machine has ended.
    pub fn step<E: Executor>(
        &mut self,
        executor: &E,
        module: &E::Module,
    ) -> Result<Option<StepRun>, ExecutorError> {
        if self.status != Status::Running {
            return Ok(None);
        }
        let start = StepStart {
            pc: self.pc,
            params_len: self.params_len,
            input_len: self.input_len,
            memory: &self.memory,
        };
        let run = executor.run_step(module, start)?;
        let writes = match &run.end {
            StepEnd::Continue { pc, writes } => {
                self.pc = *pc;
                Some(writes)
            }
            StepEnd::Halted { output_len, writes } => {
                self.status = Status::Halted {
                    output_len: *output_len,
                };
                Some(writes)
            }
            StepEnd::Trapped(reason) => {
                self.status = Status::Trapped { reason: *reason };
                None
            }
        };
        if let Some(writes) = writes {
            self.memory.put_chunks(writes.clone())?;
        }
        self.steps = self.steps.saturating_add(1);
        Ok(Some(run))
    }

    /// The output of a machine that halted.
    pub fn output(&self) -> Result<Option<Vec<u8>>, Pruned> {
        match self.status {
            Status::Halted { output_len } => self
                .memory
                .read(Region::Output.start(), output_len as usize)
                .map(Some),
            _ => Ok(None),
        }
    }
}
