//! Runs with the machine at every step, and every way to lie about them.
#![allow(dead_code)]

use crate::programs::{self, Run};
use assay_engine::{
    fraud::{FraudError, FraudProof, Trace},
    memory::{MemoryTree, Region},
    search::{Finding, Search},
    trace::{NodeId, TraceId, TraceTree},
    Executor, Hash, Machine, Program, State, Status, TrapReason, WasmiExecutor,
};
use codec::{Decode, Encode};
use std::rc::Rc;

pub const ID: TraceId = TraceId {
    author: [7; 32],
    job: 42,
};

/// A run of a program with the machine before each step and after the last.
pub struct Truth {
    pub run: Run,
    pub executor: WasmiExecutor,
    pub module: <WasmiExecutor as Executor>::Module,
    pub machines: Vec<Machine>,
    pub states: Vec<Hash>,
}

impl Truth {
    pub fn new(run: Run) -> Self {
        let executor = WasmiExecutor::new();
        let module = executor.load(&Program::from_checked(run.code.clone())).unwrap();
        let mut machine = Machine::new(&run.params, &run.input);
        let (mut machines, mut states) = (vec![], vec![]);
        loop {
            states.push(machine.state_hash());
            machines.push(machine.clone());
            if machine.step(&executor, &module).unwrap().is_none() {
                break;
            }
        }
        Self {
            run,
            executor,
            module,
            machines,
            states,
        }
    }

    pub fn steps(&self) -> u64 {
        self.states.len() as u64 - 1
    }

    /// What the chain finds with a proof of `step`, made for `tree`, of a trace of `steps` steps.
    pub fn prove(&self, step: u64, tree: &TraceTree, steps: u64) -> Result<u64, FraudError> {
        self.judge(self.proof_in(step, tree), tree.root(), steps)
    }

    /// A proof of `step`, made for `tree`.
    pub fn proof_in(&self, step: u64, tree: &TraceTree) -> FraudProof {
        let after = NodeId::leaf(step + 1);
        let leaf_after = (tree.node(after).unwrap(), tree.path_of(after));
        self.proof(step, tree.path(step), leaf_after)
    }

    pub fn proof(&self, step: u64, before: Vec<Hash>, after: (Hash, Vec<Hash>)) -> FraudProof {
        let mut machine = self.machines[step as usize].clone();
        FraudProof::record(&mut machine, &self.executor, &self.module, before, after).unwrap()
    }

    pub fn judge(&self, proof: FraudProof, root: Hash, steps: u64) -> Result<u64, FraudError> {
        let proof = FraudProof::decode(&mut &proof.encode()[..]).unwrap();
        let trace = Trace { id: ID, steps, root };
        proof.verify(&trace, &self.executor, &self.module)
    }

    /// Follows a trace with the given leaves down to its first false step and proves it.
    pub fn watch(&self, leaves: &[Hash]) -> Result<u64, FraudError> {
        let proof = self
            .proof_about(leaves)
            .ok_or(FraudError::StepIsRight { fuel: 0 })?;
        let root = TraceTree::over(leaves.to_vec()).root();
        self.judge(proof, root, leaves.len() as u64 - 1)
    }

    /// Follows a trace with the given leaves down to its first false step. `None` where it has none.
    pub fn proof_about(&self, leaves: &[Hash]) -> Option<FraudProof> {
        let tree = TraceTree::over(leaves.to_vec());
        let steps = leaves.len() as u64 - 1;
        let trace = Trace {
            id: ID,
            steps,
            root: tree.root(),
        };
        let search = Search::new(trace, &self.states);
        let mut shown = std::collections::BTreeMap::new();
        let mut asked = 0;
        loop {
            match search.find(|node, _| shown.get(&node).cloned()) {
                Finding::Hidden { node, hash, path } => {
                    assert!(node.can_be_revealed(steps), "{node:?}");
                    assert_eq!(tree.node(node), Some(hash));
                    assert_eq!(tree.path_of(node), path);
                    shown.insert(node, tree.reveal(node).unwrap());
                    asked += 1;
                    assert!(asked <= 3);
                }
                Finding::FalseStep {
                    step,
                    before,
                    leaf_after,
                    after,
                } => return Some(self.proof(step, before, (leaf_after, after))),
                Finding::Same => return None,
                Finding::WrongStart => panic!("the start is right"),
            }
        }
    }

    pub fn leaves(&self) -> Vec<Hash> {
        ID.leaves(&self.states).collect()
    }
}

/// A claim that gets in and is false: the trace is right up to a state, which is another one.
pub struct Lie {
    pub name: String,
    pub truth: Rc<Truth>,
    pub states: Vec<Hash>,
    /// The machine in the last state.
    pub end: Machine,
    /// The most steps that a run may have.
    pub max_steps: u64,
}

impl Lie {
    pub fn leaves(&self) -> Vec<Hash> {
        ID.leaves(&self.states).collect()
    }

    /// Whether the proof runs a step. Behind the halt there is none to run.
    pub fn has_step(&self) -> bool {
        self.states.len() <= self.truth.states.len()
    }

    /// Whether it is claimed that the run has no end.
    pub fn is_unfinished(&self) -> bool {
        self.end.status() == Status::Running
    }
}

/// Every kind of lie that gets in.
pub fn lies() -> Vec<Lie> {
    [false_ends(), runs_past_the_end(), answers_of_traps()]
        .into_iter()
        .flatten()
        .collect()
}

/// The machine of `truth` after step `index`, in another state or with another memory.
fn changed(truth: &Truth, index: usize, change: impl FnOnce(&mut State, &mut MemoryTree)) -> Machine {
    let mut machine = truth.machines[index].clone();
    let (mut state, mut memory) = (machine.state(), machine.memory().clone());
    change(&mut state, &mut memory);
    Machine::resume(&state, memory, index as u64)
}

/// The run up to step `index`, which ends in another state.
fn false_end(
    name: &str,
    truth: &Rc<Truth>,
    index: usize,
    change: impl FnOnce(&mut State, &mut MemoryTree),
) -> Lie {
    let mut end = changed(truth, index, change);
    let mut states = truth.states[..=index].to_vec();
    states[index] = end.state_hash();
    assert_ne!(states[index], truth.states[index], "{name}");
    Lie {
        name: name.into(),
        truth: truth.clone(),
        states,
        end,
        max_steps: 100,
    }
}

fn false_ends() -> Vec<Lie> {
    let halted = |len| Status::Halted { output_len: len };
    let trapped = |reason| Status::Trapped { reason };
    let truth = Rc::new(Truth::new(programs::counter_run(6)));
    assert_eq!(truth.steps(), 6);
    let in_state = |name: &str, index, change: &dyn Fn(&mut State)| {
        false_end(name, &truth, index, |state, _| change(state))
    };
    let in_memory = |name: &str, region: Region| {
        false_end(name, &truth, 6, |_, memory| {
            memory.write(region.start(), &[9]).unwrap()
        })
    };
    vec![
        in_memory("another answer", Region::Output),
        in_memory("another chunk of work", Region::Work),
        in_memory("other params", Region::Params),
        in_state("a shorter answer", 6, &|state| state.status = halted(1)),
        in_state("a longer answer", 6, &|state| state.status = halted(100)),
        in_state("no answer", 6, &|state| state.status = halted(0)),
        in_state("a trap instead of an answer", 6, &|state| {
            state.status = trapped(TrapReason::Unreachable);
        }),
        in_state("another pc at the end", 6, &|state| state.pc += 1),
        in_state("another length of the input", 6, &|state| state.input_len += 1),
        in_state("another length of the params", 6, &|state| state.params_len += 1),
        in_state("an early end", 3, &|state| state.status = halted(8)),
        in_state("an early trap", 3, &|state| {
            state.status = trapped(TrapReason::OutOfFuel);
        }),
    ]
}

fn runs_past_the_end() -> Vec<Lie> {
    let truth = Rc::new(Truth::new(programs::counter_run(6)));
    let past = |name: String, steps: usize, max_steps, change: fn(&mut State)| {
        let mut end = changed(&truth, 6, |state, _| change(state));
        let mut states = truth.states.clone();
        states.resize(steps + 1, end.state_hash());
        Lie {
            name,
            truth: truth.clone(),
            states,
            end,
            max_steps,
        }
    };
    let halted = [1, 2, 70].map(|more| {
        let name = format!("{more} steps past the halt");
        past(name, 6 + more, 100, |state| state.pc += 1)
    });
    let without_end = past("a run without end".into(), 10, 10, |state| {
        state.status = Status::Running;
    });
    halted.into_iter().chain([without_end]).collect()
}

fn answers_of_traps() -> Vec<Lie> {
    let statuses = [
        Status::Halted { output_len: 4 },
        Status::Trapped {
            reason: TrapReason::TooManyReads,
        },
    ];
    let mut lies = Vec::new();
    for selector in 0..programs::TRAPS.len() {
        let truth = Rc::new(Truth::new(programs::trap_run(selector)));
        let index = truth.states.len() - 1;
        for status in statuses {
            if truth.machines[index].status() == status {
                continue;
            }
            let name = format!("{} as {status:?}", truth.run.name);
            lies.push(false_end(&name, &truth, index, |state, _| state.status = status));
        }
    }
    lies
}
