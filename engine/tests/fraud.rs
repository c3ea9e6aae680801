//! One false leaf anywhere loses, and a right trace loses to nothing.

mod programs;
mod truth;

use assay_engine::{
    claim::{Claim, ClaimError, ClaimTerms, Ending},
    fraud::{FraudError, FraudProof, Trace},
    limits::{MAX_PUBLIC_STEPS, REVEAL_LEVELS},
    memory::{MemoryTree, ProofNode, Region},
    search::{Finding, Search},
    trace::{NodeId, TraceId, TraceTree},
    witness::WitnessError,
    Hash, Machine,
};
use truth::{lies, Truth, ID};

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
        while let Finding::Hidden { node, .. } = search.find(|node, _| shown.get(&node).cloned()) {
            let nodes = tree.reveal(node).unwrap();
            assert!(nodes.len() <= 1 << REVEAL_LEVELS);
            shown.insert(node, nodes);
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
        search.find(|_, _| Some(nodes.clone())),
        Finding::Hidden { .. }
    ));
    nodes.pop();
    assert!(matches!(
        search.find(|_, _| Some(nodes.clone())),
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
    assert_eq!(search.find(|_, _| Some(truth.leaves())), Finding::WrongStart);
}

/// What becomes of a claim of these states, of which `end` is the last, with what its memory has as output.
fn checked(truth: &Truth, states: &[Hash], mut end: Machine, max_steps: u64) -> Result<Ending, ClaimError> {
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

#[test]
fn claims_that_are_false_in_any_way_get_in_and_lose() {
    for lie in lies() {
        let ending = checked(&lie.truth, &lie.states, lie.end.clone(), lie.max_steps);
        assert!(ending.is_ok(), "{}: {ending:?}", lie.name);
        assert_eq!(
            ending == Ok(Ending::Unfinished),
            lie.is_unfinished(),
            "{}",
            lie.name
        );
        let proven = lie.truth.watch(&lie.leaves());
        assert!(
            proven.is_ok_and(|fuel| lie.has_step() == (fuel > 0)),
            "{}: {proven:?}",
            lie.name
        );
    }
}

#[test]
fn forged_witness_of_a_right_step_proves_nothing() {
    for truth in all().filter(|truth| truth.steps() <= 65) {
        let tree = TraceTree::new(ID, &truth.states);
        for step in 0..truth.steps() {
            let proof = truth.proof_in(step, &tree);
            for (index, forged) in forgeries(&truth, step, &proof).into_iter().enumerate() {
                let found = truth.judge(forged, tree.root(), truth.steps());
                assert!(
                    matches!(
                        found,
                        Err(FraudError::Witness(_) | FraudError::StepIsRight { .. })
                    ),
                    "{}, step {step}, forgery {index}: {found:?}",
                    truth.run.name
                );
            }
        }
    }
}

/// The proof with each node of its memory changed, and with each chunk that it has left out.
fn forgeries(truth: &Truth, step: u64, proof: &FraudProof) -> Vec<FraudProof> {
    let mut forgeries = Vec::new();
    for index in 0..proof.witness.memory.nodes.len() {
        let mut forged = proof.clone();
        match &mut forged.witness.memory.nodes[index] {
            node @ ProofNode::Zero => *node = ProofNode::Pruned([0; 32]),
            node @ ProofNode::Branch => *node = ProofNode::Zero,
            ProofNode::Pruned(hash) => hash[0] ^= 1,
            ProofNode::Chunk(bytes) => bytes[0] ^= 1,
        }
        forgeries.push(forged);
    }
    let mut before = truth.machines[step as usize].clone();
    let touched = before
        .clone()
        .step(&truth.executor, &truth.module)
        .unwrap()
        .unwrap()
        .touched;
    for chunk in &touched {
        let others = touched.iter().filter(|other| *other != chunk).copied().collect();
        let mut forged = proof.clone();
        forged.witness.memory = before.memory().prove(&others).unwrap();
        forgeries.push(forged);
    }
    forgeries
}

#[test]
fn claim_with_a_wrong_start_does_not_get_in() {
    let truth = Truth::new(programs::counter_run(6));
    let mut states = truth.states.clone();
    states[0] = truth.states[1];
    let end = truth.machines[6].clone();
    assert_eq!(checked(&truth, &states, end, 100), Err(ClaimError::WrongStart));
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
