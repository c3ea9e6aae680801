//! The engine in a runtime agrees with the native engine: state hash by state hash, verdict by
//! verdict, unit of fuel by unit of fuel.

#[path = "../../tests/generated/mod.rs"]
mod generated;
mod host;
#[path = "../../tests/programs/mod.rs"]
mod programs;
#[path = "../../tests/truth/mod.rs"]
mod truth;

use assay_engine::{
    fraud::FraudProof, limits::STEP_FUEL, memory::ProofNode, trace::TraceTree, witness::StepWitness,
    Executor, Hash, Machine, Program, ProgramError, Status, TrapReason, WasmiExecutor,
};
use host::Host;
use truth::ID;

type Trace = Option<(Vec<Hash>, Status)>;

/// Up to `most` steps natively: the state hashes, the last status and a witness of each step.
fn native(code: &[u8], params: &[u8], input: &[u8], most: u64) -> (Vec<Hash>, Status, Vec<StepWitness>) {
    let executor = WasmiExecutor::new();
    let module = executor.load(&Program::new(code.to_vec()).unwrap()).unwrap();
    let mut machine = Machine::new(params, input);
    let (mut hashes, mut witnesses) = (vec![machine.state_hash()], vec![]);
    while machine.status() == Status::Running && machine.steps() < most {
        witnesses.push(StepWitness::record(&mut machine, &executor, &module).unwrap());
        hashes.push(machine.state_hash());
    }
    (hashes, machine.status(), witnesses)
}

#[test]
fn every_state_of_every_program_has_the_same_hash_in_a_runtime() {
    let host = Host::shared();
    for run in programs::all() {
        let (expected, expected_status, _) = native(&run.code, &run.params, &run.input, u64::MAX);
        let trace: Trace = host.call("trace", (&run.code, &run.params, &run.input, u64::MAX));
        let (found, status) = trace.unwrap_or_else(|| panic!("{} does not run", run.name));
        for (index, (expected, found)) in expected.iter().zip(&found).enumerate() {
            assert_eq!(expected, found, "{}, state {index}", run.name);
        }
        assert_eq!(found.len(), expected.len(), "{}", run.name);
        assert_eq!(status, expected_status, "{}", run.name);
    }
}

#[test]
fn witness_of_every_step_of_every_program_verifies_in_a_runtime() {
    let host = Host::shared();
    for run in programs::all() {
        let (hashes, _, witnesses) = native(&run.code, &run.params, &run.input, u64::MAX);
        for (index, (witness, after)) in witnesses.iter().zip(&hashes[1..]).enumerate() {
            let found: Result<Option<Hash>, String> = host.call("verify", (&run.code, witness));
            assert_eq!(found, Ok(Some(*after)), "{}, step {index}", run.name);
        }
    }
}

/// What a runtime finds with `proof` in a trace of `steps` steps.
fn prove(code: &[u8], steps: u64, tree: &TraceTree, proof: FraudProof) -> Result<u64, String> {
    Host::shared().call("prove", (code, ID.author, ID.job, steps, tree.root(), proof))
}

#[test]
fn each_false_leaf_loses_and_each_right_one_wins_in_a_runtime() {
    let long = programs::counter_run(2000);
    for run in programs::all().into_iter().chain([long]) {
        let (states, _, witnesses) = native(&run.code, &run.params, &run.input, u64::MAX);
        let steps = witnesses.len() as u64;
        let right = ID.leaves(&states).collect::<Vec<_>>();
        for (index, witness) in (0..).zip(witnesses) {
            let prove_with = |leaf_after| {
                let mut leaves = right.clone();
                leaves[index + 1] = leaf_after;
                let (tree, step) = (TraceTree::over(leaves), index as u64);
                let proof = FraudProof {
                    step,
                    witness: witness.clone(),
                    before: tree.path(step),
                    leaf_after,
                    after: tree.path(step + 1),
                };
                prove(&run.code, steps, &tree, proof)
            };
            let name = &run.name;
            let honest = prove_with(right[index + 1]).unwrap_err();
            assert!(
                honest.starts_with("StepIsRight"),
                "{name}, step {index}: {honest}"
            );
            let proven = prove_with([0xee; 32]);
            assert!(
                proven.as_ref().is_ok_and(|fuel| *fuel > 0),
                "{name}, step {index}: {proven:?}"
            );
        }
    }
}

#[test]
fn claims_that_are_false_in_any_way_lose_in_a_runtime() {
    for lie in truth::lies() {
        let leaves = lie.leaves();
        let proof = lie.truth.proof_about(&leaves).unwrap();
        let tree = TraceTree::over(leaves.clone());
        let proven = prove(&lie.truth.run.code, leaves.len() as u64 - 1, &tree, proof);
        let expected = lie.truth.watch(&leaves).unwrap();
        assert_eq!(proven, Ok(expected), "{}", lie.name);
    }
}

#[test]
fn forged_witness_is_refused_in_a_runtime() {
    let host = Host::shared();
    let run = programs::counter_run(3);
    let (_, _, mut witnesses) = native(&run.code, &run.params, &run.input, u64::MAX);
    let witness = witnesses.pop().unwrap();
    let verify =
        |witness: &StepWitness| -> Result<Option<Hash>, String> { host.call("verify", (&run.code, witness)) };
    let mut changed = witness.clone();
    for node in &mut changed.memory.nodes {
        if let ProofNode::Chunk(bytes) = node {
            bytes[0] ^= 1;
        }
    }
    assert_eq!(verify(&changed), Err("WrongRoot".into()));
    let mut cut = witness.clone();
    cut.memory.nodes.pop();
    assert_eq!(verify(&cut), Err("BadProof(Truncated)".into()));
    let mut ended = witness;
    ended.state.status = Status::Halted { output_len: 0 };
    assert_eq!(verify(&ended), Ok(None));
}

#[test]
fn step_uses_the_same_fuel_in_a_runtime_up_to_the_limit() {
    let host = Host::shared();
    let code = programs::fuel();
    let executor = WasmiExecutor::new();
    let module = executor.load(&Program::new(code.clone()).unwrap()).unwrap();
    let input = |turns: u64, more: u64| [&(turns as u32).to_le_bytes()[..], &[more as u8]].concat();
    let native = |turns, more| {
        let mut machine = Machine::new(&[], &input(turns, more));
        machine.step(&executor, &module).unwrap().unwrap().fuel.unwrap()
    };
    let nested = |turns, more| {
        let fuel: Option<u64> = host.call("step", (&code, input(turns, more)));
        fuel.unwrap()
    };
    let once = native(1, 0);
    let turn = native(2, 0) - once;
    for fuel in [once, once + 7, 1_000_000, STEP_FUEL] {
        let (turns, more) = (1 + (fuel - once) / turn, (fuel - once) % turn);
        assert_eq!(native(turns, more), fuel);
        assert_eq!(nested(turns, more), fuel);
    }
    let (turns, more) = (1 + (STEP_FUEL + 1 - once) / turn, (STEP_FUEL + 1 - once) % turn);
    let trace: Trace = host.call("trace", (&code, Vec::<u8>::new(), input(turns, more), 1u64));
    assert_eq!(
        trace.unwrap().1,
        Status::Trapped {
            reason: TrapReason::OutOfFuel
        }
    );
}

#[test]
fn program_check_gives_the_same_verdict_in_a_runtime() {
    let host = Host::shared();
    let mut modules = programs::all()
        .into_iter()
        .map(|run| run.code)
        .collect::<Vec<_>>();
    let step = r#"(func (export "step") (param i64) (result i64) local.get 0)"#;
    let memory = r#"(memory (export "memory") 1 1)"#;
    for text in [
        format!("(module {memory} {step} (func $f call $f))"),
        format!("(module {memory} {step} (func (local {})))", "i32 ".repeat(65)),
        format!("(module {memory} {step} (table 0 0 funcref))"),
        format!("(module {memory} {step} (data (i32.const -1) \"x\"))"),
        format!("(module {step})"),
        format!("(module {memory})"),
    ] {
        modules.push(wat::parse_str(text).unwrap());
    }
    modules.push(b"\0asm".to_vec());
    for code in modules {
        let expected = Program::new(code.clone()).map(|program| program.hash());
        let found: Result<Hash, ProgramError> = host.call("check", code);
        assert_eq!(found, expected);
    }
}

#[test]
fn built_guest_programs_agree_in_a_runtime() {
    let dist = concat!(env!("CARGO_MANIFEST_DIR"), "/../../programs/dist");
    let host = Host::shared();
    for program in ["checksum", "network"] {
        let code = std::fs::read(format!("{dist}/{program}.wasm")).unwrap();
        let (params, input) = (vec![1; 9000], vec![2; 3000]);
        let (expected, expected_status, _) = native(&code, &params, &input, 4);
        let trace: Trace = host.call("trace", (&code, &params, &input, 4u64));
        assert_eq!(trace, Some((expected, expected_status)), "{program}");
    }
}

/// Random programs to compare.
const PROGRAMS: u64 = 300;

#[test]
fn random_programs_leave_the_same_states_in_a_runtime() {
    let host = Host::shared();
    for seed in 0..PROGRAMS {
        let code = programs::random::program(seed);
        let input = seed.to_le_bytes();
        let (expected, expected_status, _) = native(&code, &[], &input, programs::random::STEPS);
        let trace: Trace = host.call(
            "trace",
            (&code, Vec::<u8>::new(), &input[..], programs::random::STEPS),
        );
        assert_eq!(trace, Some((expected, expected_status)), "seed {seed}");
    }
}

/// Generated modules to compare.
const MODULES: u64 = 300;

#[test]
fn generated_modules_leave_the_same_states_in_a_runtime() {
    let host = Host::shared();
    let (mut programs, mut went_on, mut trapped) = (0, 0, 0);
    for (seed, code) in generated::modules(0..MODULES) {
        if Program::new(code.clone()).is_err() {
            continue;
        }
        programs += 1;
        let params = generated::random_bytes(!seed, 5000);
        let input = generated::random_bytes(seed << 32, 100);
        let (expected, expected_status, _) = native(&code, &params, &input, 3);
        match expected_status {
            Status::Trapped { .. } => trapped += 1,
            _ => went_on += 1,
        }
        let trace: Trace = host.call("trace", (&code, &params, &input, 3u64));
        assert_eq!(trace, Some((expected, expected_status)), "seed {seed}");
    }
    assert!(
        programs * 4 > MODULES,
        "{programs} of {MODULES} modules are programs"
    );
    assert!(
        went_on > 20 && trapped > 5,
        "{went_on} went on, {trapped} trapped"
    );
}
