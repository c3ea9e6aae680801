//! A witness of any step of any program gives the state after it; a forged one never does.

mod programs;

use assay_engine::{
    memory::{Proof, ProofError, ProofNode, Region},
    program::Program,
    witness::{StepWitness, WitnessError},
    Executor, Hash, Machine, State, Status, TrapReason, WasmiExecutor,
};
use codec::{Decode, Encode};

/// A witness, the hash of the state it starts from and the hash of the state it must lead to.
struct Step {
    before: Hash,
    witness: StepWitness,
    after: Hash,
}

fn steps(run: &programs::Run) -> Vec<Step> {
    let executor = WasmiExecutor::new();
    let module = executor.load(&Program::new(run.code.clone()).unwrap()).unwrap();
    let mut machine = Machine::new(&run.params, &run.input);
    let mut steps = Vec::new();
    while machine.status() == Status::Running {
        let before = machine.state_hash();
        let witness = StepWitness::record(&mut machine, &executor, &module).unwrap();
        let after = machine.state_hash();
        steps.push(Step {
            before,
            witness,
            after,
        });
    }
    steps
}

#[test]
fn witness_of_every_step_of_every_program_leads_to_the_state_after_it() {
    let executor = WasmiExecutor::new();
    for run in programs::all() {
        let module = executor.load(&Program::new(run.code.clone()).unwrap()).unwrap();
        for (index, step) in steps(&run).into_iter().enumerate() {
            assert_eq!(
                step.witness.state.hash(),
                step.before,
                "{}, step {index}",
                run.name
            );
            let encoded = step.witness.encode();
            let decoded = StepWitness::decode(&mut &encoded[..]).unwrap();
            let after = decoded.verify(&executor, &module).unwrap().unwrap();
            assert_eq!(after.hash(), step.after, "{}, step {index}", run.name);
        }
    }
}

#[test]
fn witness_with_a_changed_node_is_of_another_memory() {
    let executor = WasmiExecutor::new();
    let run = programs::counter_run(3);
    let module = executor.load(&Program::new(run.code.clone()).unwrap()).unwrap();
    let witness = steps(&run).pop().unwrap().witness;
    let mut kinds = [0; 3];
    for index in 0..witness.memory.nodes.len() {
        let mut forged = witness.clone();
        match &mut forged.memory.nodes[index] {
            ProofNode::Zero => {
                forged.memory.nodes[index] = ProofNode::Pruned([0; 32]);
                kinds[0] += 1;
            }
            ProofNode::Pruned(hash) => {
                hash[31] ^= 1;
                kinds[1] += 1;
            }
            ProofNode::Chunk(bytes) => {
                bytes[0] ^= 1;
                kinds[2] += 1;
            }
            ProofNode::Branch => continue,
        }
        assert_eq!(
            forged.verify(&executor, &module),
            Err(WitnessError::WrongRoot),
            "node {index}"
        );
    }
    assert!(kinds.iter().all(|count| *count > 0), "{kinds:?}");
}

#[test]
fn witness_that_leaves_out_a_touched_chunk_is_incomplete() {
    let executor = WasmiExecutor::new();
    let run = programs::counter_run(3);
    let module = executor.load(&Program::new(run.code.clone()).unwrap()).unwrap();
    let mut machine = Machine::new(&run.params, &run.input);
    // After two steps the sum is no longer zero.
    machine.step(&executor, &module).unwrap();
    machine.step(&executor, &module).unwrap();
    let mut before = machine.clone();
    let touched = machine.step(&executor, &module).unwrap().unwrap().touched;
    let state = before.state();
    assert!(touched.len() >= 3);
    let mut left_out = 0;
    for chunk in &touched {
        let mut others = touched.clone();
        others.remove(chunk);
        let memory = before.memory().prove(&others).unwrap();
        if before.memory().chunk(*chunk).unwrap().is_none() {
            // Zeros on the way to another chunk are proven anyway.
            continue;
        }
        left_out += 1;
        let witness = StepWitness {
            state: state.clone(),
            memory,
        };
        assert_eq!(witness.verify(&executor, &module), Err(WitnessError::Incomplete));
    }
    assert!(left_out >= 2);
}

#[test]
fn witness_with_any_field_of_its_state_changed_starts_from_another_state() {
    let step = steps(&programs::counter_run(3)).pop().unwrap();
    let changes: [fn(&mut State); 5] = [
        |state| state.pc += 1,
        |state| state.params_len += 1,
        |state| state.input_len += 1,
        |state| state.memory_root[0] ^= 1,
        |state| {
            state.status = Status::Trapped {
                reason: TrapReason::Unreachable,
            }
        },
    ];
    for change in changes {
        let mut state = step.witness.state.clone();
        change(&mut state);
        assert_ne!(state.hash(), step.before);
    }
}

#[test]
fn terminal_state_has_a_witness_that_no_state_follows_and_no_step_to_record() {
    let executor = WasmiExecutor::new();
    for run in [programs::counter_run(1), programs::trap_run(0)] {
        let module = executor.load(&Program::new(run.code.clone()).unwrap()).unwrap();
        let mut machine = Machine::new(&run.params, &run.input);
        while machine.step(&executor, &module).unwrap().is_some() {}
        let state = machine.state();
        for memory in [
            machine.memory().prove(&Default::default()).unwrap(),
            Proof::default(),
        ] {
            let state = state.clone();
            assert_eq!(StepWitness { state, memory }.verify(&executor, &module), Ok(None));
        }
        assert_eq!(
            StepWitness::record(&mut machine, &executor, &module),
            Err(WitnessError::Terminal)
        );
    }
}

/// What a chain does with a proof of fraud: whether the pair of leaves at `index` of `trace` is false.
fn disproves(trace: &[Hash], index: usize, witness: StepWitness, run: &programs::Run) -> bool {
    let executor = WasmiExecutor::new();
    let module = executor.load(&Program::new(run.code.clone()).unwrap()).unwrap();
    assert_eq!(witness.state.hash(), trace[index]);
    let after = witness.verify(&executor, &module).unwrap();
    after.map(|state| state.hash()) != Some(trace[index + 1])
}

#[test]
fn trace_that_goes_on_after_a_terminal_state_is_disproved_at_that_state() {
    let run = programs::counter_run(1);
    let executor = WasmiExecutor::new();
    let module = executor.load(&Program::new(run.code.clone()).unwrap()).unwrap();
    let mut machine = Machine::new(&run.params, &run.input);
    let start = machine.state_hash();
    let step = StepWitness::record(&mut machine, &executor, &module).unwrap();
    let halted = machine.state();
    machine.memory().write(Region::Output.start(), b"forged").unwrap();
    let forged = machine.state();
    assert!(halted.is_terminal() && forged.is_terminal() && halted != forged);

    let end = StepWitness {
        state: halted.clone(),
        memory: Proof::default(),
    };
    let trace = [start, halted.hash(), forged.hash()];
    assert!(!disproves(&trace, 0, step, &run), "the first step is true");
    assert!(disproves(&trace, 1, end.clone(), &run));
    // Nor does a terminal state follow itself.
    assert!(disproves(&[start, halted.hash(), halted.hash()], 1, end, &run));
}

#[test]
fn witness_whose_nodes_are_no_tree_is_refused() {
    let executor = WasmiExecutor::new();
    let run = programs::counter_run(1);
    let module = executor.load(&Program::new(run.code.clone()).unwrap()).unwrap();
    let mut witness = steps(&run).pop().unwrap().witness;
    witness.memory.nodes.pop();
    assert_eq!(
        witness.verify(&executor, &module),
        Err(WitnessError::BadProof(ProofError::Truncated))
    );
}
