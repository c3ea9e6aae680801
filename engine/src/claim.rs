//! Claims: what a provider says it computed.
//!
//! A claim commits to the state after every step and opens the first and the last of them. Its
//! verification runs no step: it makes sure that the trace starts where the job starts, that it ends
//! in a terminal state, that the output is what that state holds, and that all of it is bound to the
//! provider and the job. What cannot be right never gets in; what is wrong in between is for a
//! dispute.

use crate::{
    limits::{MAX_OUTPUT_LEN, MAX_PUBLIC_STEPS, MAX_STEPS},
    memory::{pieces, MemoryTree, Proof, Region},
    state::{State, Status, TrapReason},
    trace::{root_of_path, NodeId, TraceId, TraceTree},
    Hash, Machine,
};
use alloc::{collections::BTreeSet, vec::Vec};
use codec::{Decode, DecodeWithMemTracking, Encode};
use scale_info::TypeInfo;

/// How a claim opens its trace.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub enum Opening {
    /// All leaves, for traces of up to [`MAX_PUBLIC_STEPS`] steps. Not the state hashes below them: who has
    /// the same job would make its own leaves of those, and never compute.
    #[codec(index = 0)]
    Whole(Vec<Hash>),
    /// The paths of the first and the last leaf. For longer traces.
    #[codec(index = 1)]
    Ends {
        /// The siblings of leaf 0, lowest first.
        first: Vec<Hash>,
        /// The siblings of leaf `n`, lowest first.
        last: Vec<Hash>,
    },
}

/// What a provider says it computed.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct Claim {
    /// Steps of the trace.
    pub steps: u64,
    /// The trace root.
    pub trace_root: Hash,
    /// The ends of the trace.
    pub opening: Opening,
    /// The state after the last step.
    pub end: State,
    /// The output's chunks, proven against the memory root of `end`. Empty where there is no output.
    pub output: Proof,
}

/// What a claim is checked against.
#[derive(Clone, Debug)]
pub struct ClaimTerms<'a> {
    /// The provider's account.
    pub author: [u8; 32],
    /// The job.
    pub job: u64,
    /// Root of the version's params region.
    pub params_root: Hash,
    /// Bytes of params.
    pub params_len: u64,
    /// The job's input.
    pub input: &'a [u8],
    /// The most steps that the version allows.
    pub max_steps: u64,
}

/// How a claimed run ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ending {
    /// With this output.
    Answer(Vec<u8>),
    /// The program trapped.
    Trapped(TrapReason),
    /// The version's last allowed step was run and the program goes on.
    Unfinished,
}

/// Why a claim cannot be right.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub enum ClaimError {
    /// No step, or more than the version allows.
    WrongSteps,
    /// The trace is opened in the way of a shorter or longer one: with a wrong number of hashes, or with a
    /// state after the last one.
    WrongOpening,
    /// The trace does not start with the state in which the job starts.
    WrongStart,
    /// The trace does not end with the state that the claim shows.
    WrongEnd,
    /// The trace root is another one.
    WrongRoot,
    /// The trace ends in a state that has a next step.
    NotTerminal,
    /// The output's proof is broken, or proves something else.
    WrongOutput,
}

impl ClaimTerms<'_> {
    fn trace_id(&self) -> TraceId {
        TraceId {
            author: self.author,
            job: self.job,
        }
    }

    /// The hash of the state before the first step.
    pub fn start(&self) -> Hash {
        // A fresh tree refuses no write outside the params.
        let mut memory = MemoryTree::at_start(self.params_root, self.input).unwrap_or_default();
        State {
            pc: 0,
            status: Status::Running,
            params_len: self.params_len,
            input_len: self.input.len() as u64,
            memory_root: memory.root(),
        }
        .hash()
    }
}

impl Claim {
    /// The claim for a run: the state hashes `S_0 .. S_n` and the machine after the last step.
    ///
    /// `None` where the hashes are not one more than the machine's steps.
    pub fn new(id: TraceId, states: &[Hash], machine: &mut Machine) -> Option<Self> {
        let steps = machine.steps();
        if u64::try_from(states.len()).ok()? != steps.checked_add(1)? {
            return None;
        }
        let tree = TraceTree::new(id, states);
        let opening = if steps <= MAX_PUBLIC_STEPS {
            Opening::Whole(id.leaves(states).collect())
        } else {
            Opening::Ends {
                first: tree.path(0),
                last: tree.path(steps),
            }
        };
        let end = machine.state();
        let output = match end.status {
            Status::Halted { output_len } => machine.memory().prove(&output_chunks(output_len)).ok()?,
            _ => Proof::default(),
        };
        Some(Self {
            steps,
            trace_root: tree.root(),
            opening,
            end,
            output,
        })
    }

    /// Checks all of the claim that can be checked without running a step.
    pub fn verify(&self, terms: &ClaimTerms) -> Result<Ending, ClaimError> {
        if self.steps == 0 || self.steps > terms.max_steps.min(MAX_STEPS) {
            return Err(ClaimError::WrongSteps);
        }
        self.verify_trace(terms)?;
        match self.end.status {
            Status::Halted { output_len } => self.verified_output(output_len).map(Ending::Answer),
            Status::Trapped { reason } if self.has_no_output() => Ok(Ending::Trapped(reason)),
            Status::Running if self.steps < terms.max_steps => Err(ClaimError::NotTerminal),
            Status::Running if self.has_no_output() => Ok(Ending::Unfinished),
            _ => Err(ClaimError::WrongOutput),
        }
    }

    fn has_no_output(&self) -> bool {
        self.output.nodes.is_empty()
    }

    fn verify_trace(&self, terms: &ClaimTerms) -> Result<(), ClaimError> {
        let (start, end) = (terms.start(), self.end.hash());
        let id = terms.trace_id();
        let roots = match &self.opening {
            Opening::Whole(leaves) => {
                let count = u64::try_from(leaves.len()).unwrap_or(u64::MAX);
                if self.steps > MAX_PUBLIC_STEPS || count != self.steps.saturating_add(1) {
                    return Err(ClaimError::WrongOpening);
                }
                if leaves.first() != Some(&id.leaf(0, &start)) {
                    return Err(ClaimError::WrongStart);
                }
                if leaves.last() != Some(&id.leaf(self.steps, &end)) {
                    return Err(ClaimError::WrongEnd);
                }
                let root = TraceTree::over(leaves.clone()).root();
                [(root, ClaimError::WrongRoot), (root, ClaimError::WrongRoot)]
            }
            Opening::Ends { first, last } => {
                if self.steps <= MAX_PUBLIC_STEPS {
                    return Err(ClaimError::WrongOpening);
                }
                let root = |index, state: &Hash, path: &[Hash]| {
                    root_of_path(self.steps, NodeId::leaf(index), id.leaf(index, state), path)
                        .ok_or(ClaimError::WrongOpening)
                };
                [
                    (root(0, &start, first)?, ClaimError::WrongStart),
                    (root(self.steps, &end, last)?, ClaimError::WrongEnd),
                ]
            }
        };
        for (root, error) in roots {
            if root != self.trace_root {
                return Err(error);
            }
        }
        Ok(())
    }

    fn verified_output(&self, output_len: u32) -> Result<Vec<u8>, ClaimError> {
        // No step ends so, but a provider may commit to any state.
        if output_len > MAX_OUTPUT_LEN {
            return Err(ClaimError::WrongOutput);
        }
        let mut memory = self
            .output
            .clone()
            .into_tree()
            .map_err(|_| ClaimError::WrongOutput)?;
        if memory.root() != self.end.memory_root {
            return Err(ClaimError::WrongOutput);
        }
        memory
            .read(Region::Output.start(), output_len as usize)
            .map_err(|_| ClaimError::WrongOutput)
    }
}

fn output_chunks(output_len: u32) -> BTreeSet<u32> {
    pieces(Region::Output.start(), output_len as usize)
        .map(|piece| piece.chunk)
        .collect()
}
