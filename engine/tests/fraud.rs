//! One false leaf anywhere loses, and a right trace loses to nothing.

mod programs;

use assay_engine::{
    claim::{Claim, ClaimError, ClaimTerms, Ending},
    fraud::{FraudError, FraudProof, Trace},
    limits::{MAX_PUBLIC_STEPS, REVEAL_LEVELS},
    memory::{MemoryTree, Region},
    search::{Finding, Search},
    trace::{NodeId, TraceId, TraceTree},
    witness::WitnessError,
    Executor, Hash, Machine, Program, State, Status, TrapReason, WasmiExecutor,
};
use codec::{Decode, Encode};
use programs::Run;

const ID: TraceId = TraceId {
    author: [7; 32],
    job: 42,
};

/// A run of a program with the machine before each step and after the last.
struct Truth {
    run: Run,
    executor: WasmiExecutor,
    module: <WasmiExecutor as Executor>::Module,
    machines: Vec<Machine>,
    states: Vec<Hash>,
}

impl Truth {
    fn new(run: Run) -> Self {
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

    fn steps(&self) -> u64 {
        self.states.len() as u64 - 1
    }

    /// What the chain finds with a proof of `step`, made for `tree`, of a trace of `steps` steps.
    fn prove(&self, step: u64, tree: &TraceTree, steps: u64) -> Result<u64, FraudError> {
        let after = NodeId::leaf(step + 1);
        let leaf_after = (tree.node(after).unwrap(), tree.path_of(after));
        let proof = self.proof(step, tree.path(step), leaf_after);
        self.judge(proof, tree.root(), steps)
    }

    fn proof(&self, step: u64, before: Vec<Hash>, after: (Hash, Vec<Hash>)) -> FraudProof {
        let mut machine = self.machines[step as usize].clone();
        FraudProof::record(&mut machine, &self.executor, &self.module, before, after).unwrap()
    }

    fn judge(&self, proof: FraudProof, root: Hash, steps: u64) -> Result<u64, FraudError> {
        let proof = FraudProof::decode(&mut &proof.encode()[..]).unwrap();
        let trace = Trace { id: ID, steps, root };
        proof.verify(&trace, &self.executor, &self.module)
    }

    /// Follows a trace with the given leaves down to its first false step and proves it.
    fn watch(&self, leaves: &[Hash]) -> Result<u64, FraudError> {
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
            match search.find(|hash| shown.get(hash).cloned()) {
                Finding::Hidden { node, hash, path } => {
                    assert!(node.can_be_revealed(steps), "{node:?}");
                    assert_eq!(tree.node(node), Some(hash));
                    assert_eq!(tree.path_of(node), path);
                    shown.insert(hash, tree.reveal(node).unwrap());
                    asked += 1;
                    assert!(asked <= 3);
                }
                Finding::FalseStep {
                    step,
                    before,
                    leaf_after,
                    after,
                } => {
                    let proof = self.proof(step, before, (leaf_after, after));
                    return self.judge(proof, tree.root(), steps);
                }
                Finding::Same => {
                    return Err(FraudError::StepIsRight { fuel: 0 });
                }
                Finding::WrongStart => panic!("the start is right"),
            }
        }
    }

    fn leaves(&self) -> Vec<Hash> {
        ID.leaves(&self.states).collect()
    }
}

fn all() -> impl Iterator<Item = Truth> {
    let long = [2, 63, 64, 65, 2000].map(programs::counter_run);
    programs::all().into_iter().chain(long).map(Truth::new)
}

#[test]
fn no_proof_over_any_step_of_a_right_trace_wins() {
    for truth in all() {
        let tree = TraceTree::new(ID, &truth.states);
        for step in 0..truth.steps() {
            let found = truth.prove(step, &tree, truth.steps());
            assert!(
                matches!(found, Err(FraudError::StepIsRight { fuel }) if fuel > 0),
                "{}, step {step}: {found:?}",
                truth.run.name
            );
        }
        assert_eq!(
            truth.watch(&truth.leaves()),
            Err(FraudError::StepIsRight { fuel: 0 })
        );
    }
}

#[test]
fn each_false_leaf_of_each_trace_loses_to_the_proof_of_the_step_before_it() {
    for truth in all() {
        let steps = truth.steps();
        for index in 1..=steps {
            let mut leaves = truth.leaves();
            leaves[index as usize] = ID.leaf(index, &[0xee; 32]);
            let tree = TraceTree::over(leaves);
            let name = &truth.run.name;
            assert!(
                truth.prove(index - 1, &tree, steps).is_ok(),
                "{name}, leaf {index}"
            );
            // The step before that, and the one after the next, are right.
            for right in [index.checked_sub(2), Some(index + 1).filter(|step| *step < steps)] {
                let found = right.map(|step| truth.prove(step, &tree, steps));
                assert!(
                    matches!(found, None | Some(Err(FraudError::StepIsRight { .. }))),
                    "{name}, leaf {index}: {found:?}"
                );
            }
        }
    }
}

#[test]
fn search_finds_each_false_leaf_of_a_long_trace() {
    let truth = Truth::new(programs::counter_run(1500));
    for index in (1..=1500).step_by(37).chain([1023, 1024, 1025, 1500]) {
        let mut leaves = truth.leaves();
        // Whoever lies once goes on from the lie.
        for (later, leaf) in leaves.iter_mut().enumerate().skip(index) {
            *leaf = ID.leaf(later as u64, &[0xee; 32]);
        }
        assert!(truth.watch(&leaves).is_ok(), "leaf {index}");
    }
}

#[test]
fn search_asks_for_as_many_nodes_as_the_tree_has_reveals() {
    for (steps, reveals) in [(64, 1), (1023, 1), (1024, 2), (1500, 2)] {
        let truth = Truth::new(programs::counter_run(steps));
        let mut leaves = truth.leaves();
        leaves[steps as usize] = [1; 32];
        let tree = TraceTree::over(leaves);
        let trace = Trace {
            id: ID,
            steps: steps.into(),
            root: tree.root(),
        };
        let search = Search::new(trace, &truth.states);
        let mut shown = std::collections::BTreeMap::new();
        while let Finding::Hidden { node, hash, .. } = search.find(|hash| shown.get(hash).cloned()) {
            let nodes = tree.reveal(node).unwrap();
            assert!(nodes.len() <= 1 << REVEAL_LEVELS);
            shown.insert(hash, nodes);
        }
        assert_eq!(shown.len(), reveals, "{steps} steps");
    }
}

#[test]
fn what_is_shown_falsely_counts_as_hidden() {
    let truth = Truth::new(programs::counter_run(70));
    let mut leaves = truth.leaves();
    leaves[9] = [1; 32];
    let tree = TraceTree::over(leaves);
    let trace = Trace {
        id: ID,
        steps: 70,
        root: tree.root(),
    };
    let search = Search::new(trace, &truth.states);
    let mut nodes = tree.reveal(NodeId::root(70)).unwrap();
    nodes[9] = truth.leaves()[9];
    assert!(matches!(
        search.find(|_| Some(nodes.clone())),
        Finding::Hidden { .. }
    ));
    nodes.pop();
    assert!(matches!(
        search.find(|_| Some(nodes.clone())),
        Finding::Hidden { .. }
    ));
}

#[test]
fn own_run_that_starts_elsewhere_accuses_nobody() {
    let truth = Truth::new(programs::counter_run(5));
    let other = Truth::new(programs::counter_run(6));
    let trace = Trace {
        id: ID,
        steps: 5,
        root: TraceTree::new(ID, &truth.states).root(),
    };
    let search = Search::new(trace, &other.states);
    assert_eq!(search.find(|_| Some(truth.leaves())), Finding::WrongStart);
}

/// A claim that verifies and whose states are `states`, of which `end` is the last, with what its memory
/// has as output.
fn false_claim(
    truth: &Truth,
    states: &[Hash],
    mut end: Machine,
    max_steps: u64,
) -> Result<Ending, ClaimError> {
    let mut params = MemoryTree::new();
    params.write(Region::Params.start(), &truth.run.params).unwrap();
    let steps = states.len() as u64 - 1;
    let mut claim = Claim::new(
        ID,
        states,
        &mut Machine::resume(&end.state(), end.memory().clone(), steps),
    )
    .unwrap();
    claim.end = end.state();
    claim.verify(&ClaimTerms {
        author: ID.author,
        job: ID.job,
        params_root: params.region_root(Region::Params).unwrap(),
        params_len: truth.run.params.len() as u64,
        input: &truth.run.input,
        max_steps,
    })
}

/// The machine of `truth` after step `index`, in another state or with another memory.
fn changed(truth: &Truth, index: usize, change: impl FnOnce(&mut State, &mut MemoryTree)) -> Machine {
    let mut machine = truth.machines[index].clone();
    let (mut state, mut memory) = (machine.state(), machine.memory().clone());
    change(&mut state, &mut memory);
    Machine::resume(&state, memory, index as u64)
}

/// Every lie of a provider whose claim gets in: the trace is right up to a state, which is another one.
#[test]
fn claims_that_are_false_in_any_way_get_in_and_lose() {
    let halted = |len| Status::Halted { output_len: len };
    let trapped = |reason| Status::Trapped { reason };
    type Change = Box<dyn Fn(&mut State, &mut MemoryTree)>;
    let lies: Vec<(&str, usize, Change)> = vec![
        (
            "another answer",
            6,
            Box::new(|_, memory| memory.write(Region::Output.start(), &[9]).unwrap()),
        ),
        (
            "a shorter answer",
            6,
            Box::new(move |state, _| state.status = halted(1)),
        ),
        (
            "a longer answer",
            6,
            Box::new(move |state, _| state.status = halted(100)),
        ),
        ("no answer", 6, Box::new(move |state, _| state.status = halted(0))),
        (
            "a trap instead of an answer",
            6,
            Box::new(move |state, _| {
                state.status = trapped(TrapReason::Unreachable);
            }),
        ),
        ("another pc at the end", 6, Box::new(|state, _| state.pc += 1)),
        (
            "another length of the input",
            6,
            Box::new(|state, _| state.input_len += 1),
        ),
        (
            "another length of the params",
            6,
            Box::new(|state, _| state.params_len += 1),
        ),
        (
            "another chunk of work",
            6,
            Box::new(|_, memory| memory.write(Region::Work.start(), &[9]).unwrap()),
        ),
        (
            "other params",
            6,
            Box::new(|_, memory| memory.write(Region::Params.start(), &[9]).unwrap()),
        ),
        (
            "an early end",
            3,
            Box::new(move |state, _| state.status = halted(8)),
        ),
        (
            "an early trap",
            3,
            Box::new(move |state, _| state.status = trapped(TrapReason::OutOfFuel)),
        ),
    ];
    let truth = Truth::new(programs::counter_run(6));
    assert_eq!(truth.steps(), 6);
    for (name, index, change) in lies {
        let mut end = changed(&truth, index, change);
        let mut states = truth.states[..=index].to_vec();
        states[index] = end.state_hash();
        assert_ne!(states[index], truth.states[index], "{name}");
        let ending = false_claim(&truth, &states, end, 100);
        assert!(ending.is_ok(), "{name}: {ending:?}");
        let leaves = ID.leaves(&states).collect::<Vec<_>>();
        assert!(truth.watch(&leaves).is_ok(), "{name}");
    }
}

#[test]
fn claim_that_runs_past_the_halt_gets_in_and_loses() {
    let truth = Truth::new(programs::counter_run(6));
    let end = changed(&truth, 6, |state, _| state.pc += 1);
    for more in [1, 2, 70] {
        let mut states = truth.states.clone();
        states.resize(states.len() + more, end.clone().state_hash());
        let ending = false_claim(&truth, &states, end.clone(), 100);
        assert!(ending.is_ok(), "{ending:?}");
        let leaves = ID.leaves(&states).collect::<Vec<_>>();
        // The proof runs nothing: no step follows the halt.
        assert_eq!(truth.watch(&leaves), Ok(0));
    }
}

#[test]
fn claim_of_a_run_without_end_loses_at_its_halt() {
    let truth = Truth::new(programs::counter_run(6));
    let end = changed(&truth, 6, |state, _| state.status = Status::Running);
    let mut states = truth.states.clone();
    states.resize(11, end.clone().state_hash());
    assert_eq!(false_claim(&truth, &states, end, 10), Ok(Ending::Unfinished));
    assert_eq!(truth.watch(&ID.leaves(&states).collect::<Vec<_>>()), Ok(0));
}

#[test]
fn claim_of_an_answer_where_the_program_traps_gets_in_and_loses() {
    for selector in 0..programs::TRAPS.len() {
        let truth = Truth::new(programs::trap_run(selector));
        let index = truth.states.len() - 1;
        for status in [
            Status::Halted { output_len: 4 },
            Status::Trapped {
                reason: TrapReason::TooManyReads,
            },
        ] {
            let mut end = changed(&truth, index, |state, _| state.status = status);
            let mut states = truth.states.clone();
            states[index] = end.state_hash();
            if states == truth.states {
                continue;
            }
            assert!(false_claim(&truth, &states, end, 100).is_ok());
            assert!(
                truth.watch(&ID.leaves(&states).collect::<Vec<_>>()).is_ok(),
                "{}",
                truth.run.name
            );
        }
    }
}

#[test]
fn claim_with_a_wrong_start_does_not_get_in() {
    let truth = Truth::new(programs::counter_run(6));
    let mut states = truth.states.clone();
    states[0] = truth.states[1];
    let end = truth.machines[6].clone();
    assert_eq!(
        false_claim(&truth, &states, end, 100),
        Err(ClaimError::WrongStart)
    );
}

#[test]
fn proof_that_is_not_about_the_trace_is_refused() {
    let truth = Truth::new(programs::counter_run(70));
    let mut leaves = truth.leaves();
    leaves[9] = [1; 32];
    let tree = TraceTree::over(leaves);
    let root = tree.root();
    let after = (tree.node(NodeId::leaf(9)).unwrap(), tree.path(9));
    let proof = truth.proof(8, tree.path(8), after);
    assert!(truth.judge(proof.clone(), root, 70).is_ok());

    let found = |change: &dyn Fn(&mut FraudProof)| {
        let mut proof = proof.clone();
        change(&mut proof);
        truth.judge(proof, root, 70).unwrap_err()
    };
    assert_eq!(found(&|proof| proof.step = 70), FraudError::StepOutOfRange);
    assert_eq!(found(&|proof| proof.step = u64::MAX), FraudError::StepOutOfRange);
    assert_eq!(found(&|proof| proof.step = 9), FraudError::WrongBefore);
    assert_eq!(
        found(&|proof| proof.witness.state.pc += 1),
        FraudError::WrongBefore
    );
    assert_eq!(found(&|proof| proof.before[0][0] ^= 1), FraudError::WrongBefore);
    assert_eq!(
        found(&|proof| proof.before.push([0; 32])),
        FraudError::WrongBefore
    );
    assert_eq!(found(&|proof| proof.leaf_after[0] ^= 1), FraudError::WrongAfter);
    assert_eq!(found(&|proof| proof.after[6][0] ^= 1), FraudError::WrongAfter);
    assert!(matches!(
        found(&|proof| proof.witness.memory.nodes.truncate(1)),
        FraudError::Witness(WitnessError::BadProof(_))
    ));
    assert_eq!(
        found(&|proof| proof.witness.memory = Machine::new(&[], &[])
            .memory()
            .prove(&Default::default())
            .unwrap()),
        FraudError::Witness(WitnessError::WrongRoot)
    );
    // A proof against one provider says nothing of another's trace of the same states.
    let other = TraceId {
        author: [8; 32],
        ..ID
    };
    let trace = Trace {
        id: other,
        steps: 70,
        root,
    };
    let found = proof.verify(&trace, &truth.executor, &truth.module);
    assert_eq!(found, Err(FraudError::WrongBefore));
    assert!(truth.steps() > MAX_PUBLIC_STEPS);
}
