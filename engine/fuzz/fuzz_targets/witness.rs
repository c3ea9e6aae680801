//! A witness whose nodes are changed gives the state that follows, or an error. One whose state names
//! the changed nodes' own root gives what the step makes of that memory.
#![no_main]

use arbitrary::{Arbitrary, Unstructured};
use assay_engine::{
    memory::ProofNode,
    witness::{StepWitness, WitnessError},
    Executor, Machine, Program, State, WasmiExecutor,
};
use libfuzzer_sys::fuzz_target;
use std::sync::OnceLock;

type Module = <WasmiExecutor as Executor>::Module;

struct Honest {
    executor: WasmiExecutor,
    module: Module,
    witness: StepWitness,
    after: State,
}

/// The third step of a program that reads back what the first two wrote.
fn honest() -> &'static Honest {
    static HONEST: OnceLock<Honest> = OnceLock::new();
    HONEST.get_or_init(|| {
        let code = wat::parse_str(include_str!("../../tests/programs/counter.wat")).unwrap();
        let executor = WasmiExecutor::new();
        let module = executor.load(&Program::new(code).unwrap()).unwrap();
        let mut machine = Machine::new(&[1, 2, 3], &[9, 0, 0, 0]);
        machine.step(&executor, &module).unwrap();
        machine.step(&executor, &module).unwrap();
        let witness = StepWitness::record(&mut machine, &executor, &module).unwrap();
        let after = machine.state();
        Honest {
            executor,
            module,
            witness,
            after,
        }
    })
}

/// One change of a proof's nodes.
#[derive(Arbitrary)]
enum Change {
    Zero(u8),
    Pruned(u8, [u8; 32]),
    PrunedByte(u8, u8, u8),
    Chunk(u8, Vec<u8>),
    ChunkByte(u8, u16, u8),
    Branch(u8),
    Remove(u8),
    Copy(u8, u8),
    Swap(u8, u8),
}

fn apply(change: Change, nodes: &mut Vec<ProofNode>) {
    if nodes.is_empty() {
        return;
    }
    let len = nodes.len();
    let at = |index: u8| usize::from(index) % len;
    match change {
        Change::Zero(index) => nodes[at(index)] = ProofNode::Zero,
        Change::Pruned(index, hash) => nodes[at(index)] = ProofNode::Pruned(hash),
        Change::Chunk(index, bytes) => nodes[at(index)] = ProofNode::Chunk(bytes),
        Change::Branch(index) => nodes[at(index)] = ProofNode::Branch,
        Change::PrunedByte(index, byte, value) => {
            if let ProofNode::Pruned(hash) = &mut nodes[at(index)] {
                hash[usize::from(byte % 32)] = value;
            }
        }
        Change::ChunkByte(index, byte, value) => {
            if let ProofNode::Chunk(bytes) = &mut nodes[at(index)] {
                let len = bytes.len().max(1);
                if let Some(byte) = bytes.get_mut(usize::from(byte) % len) {
                    *byte = value;
                }
            }
        }
        Change::Remove(index) => drop(nodes.remove(at(index))),
        Change::Copy(from, to) => nodes.insert(at(to), nodes[at(from)].clone()),
        Change::Swap(one, other) => nodes.swap(at(one), at(other)),
    }
}

fuzz_target!(|bytes: &[u8]| {
    let honest = honest();
    let (executor, module) = (&honest.executor, &honest.module);
    let mut changed = honest.witness.clone();
    let mut bytes = Unstructured::new(bytes);
    while let Ok(change) = Change::arbitrary(&mut bytes) {
        apply(change, &mut changed.memory.nodes);
        if bytes.is_empty() {
            break;
        }
    }
    let verdict = changed.clone().verify(executor, module);
    assert!(verdict.is_err() || verdict == Ok(Some(honest.after.clone())));

    // Any memory is one that a state may name.
    let Ok(mut memory) = changed.memory.clone().into_tree() else {
        return;
    };
    let mut machine = Machine::resume(&changed.state, memory.clone(), 0);
    changed.state.memory_root = memory.root();
    let expected = match machine.step(executor, module) {
        Ok(_) => Ok(Some(machine.state())),
        Err(error) => Err(WitnessError::from(error)),
    };
    assert_eq!(changed.verify(executor, module), expected);
});
