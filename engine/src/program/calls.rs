//! The call graph: no recursion, and a bound on every chain of calls.

use super::ProgramError;
use crate::limits::{MAX_CALL_DEPTH, MAX_STACK_VALUES};
use alloc::{vec, vec::Vec};

/// What the graph knows of a function.
#[derive(Default)]
pub(super) struct Function {
    /// The most values its locals and operands hold at a time.
    pub values: u32,
    /// The functions it calls.
    pub calls: Vec<u32>,
}

/// All functions by index, imports first.
#[derive(Default)]
pub(super) struct CallGraph(Vec<Function>);

/// The longest chain of calls that starts at a function.
#[derive(Clone, Copy, Default)]
struct Chain {
    depth: u32,
    values: u32,
}

#[derive(Clone, Copy)]
enum Visit {
    New,
    Open,
    Done(Chain),
}

impl CallGraph {
    pub fn add(&mut self, function: Function) {
        self.0.push(function);
    }

    /// Depth first, without recursion: a function is done when all that it calls are.
    pub fn check(&self) -> Result<(), ProgramError> {
        let mut visits = vec![Visit::New; self.0.len()];
        for root in 0..self.0.len() {
            // The function, and how many of its calls were looked at.
            let mut stack = vec![(root, 0)];
            while let Some((index, seen)) = stack.pop() {
                let (Some(function), Some(visit)) = (self.0.get(index), visits.get_mut(index)) else {
                    return Err(ProgramError::Invalid);
                };
                if let (Visit::Done(_), 0) = (*visit, seen) {
                    continue;
                }
                *visit = Visit::Open;
                match function.calls.get(seen) {
                    Some(callee) => {
                        let callee = *callee as usize;
                        stack.push((index, seen + 1));
                        match visits.get(callee) {
                            Some(Visit::New) => stack.push((callee, 0)),
                            Some(Visit::Done(_)) => {}
                            _ => return Err(ProgramError::Recursion),
                        }
                    }
                    None => {
                        let chain = function.chain(&visits)?;
                        if let Some(visit) = visits.get_mut(index) {
                            *visit = Visit::Done(chain);
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

impl Function {
    fn chain(&self, visits: &[Visit]) -> Result<Chain, ProgramError> {
        let mut below = Chain::default();
        for callee in &self.calls {
            if let Some(Visit::Done(chain)) = visits.get(*callee as usize) {
                below.depth = below.depth.max(chain.depth);
                below.values = below.values.max(chain.values);
            }
        }
        let chain = Chain {
            depth: below.depth.saturating_add(1),
            values: below.values.saturating_add(self.values),
        };
        if chain.depth > MAX_CALL_DEPTH || chain.values > MAX_STACK_VALUES {
            return Err(ProgramError::StackTooDeep);
        }
        Ok(chain)
    }
}
