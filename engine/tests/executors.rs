//! The executors agree, state hash by state hash, and end where the programs say.

mod programs;

use assay_engine::{
    limits::{host_call_fuel, MAX_STEPS, STEP_FUEL},
    memory::MAX_PROOF_CHUNKS,
    state::TrapReason,
    Executor, Hash, Machine, Program, Status, WasmiExecutor,
};
use programs::{Expected, Run};

/// Runs to the end. Returns the state hashes before the first step and after each, and the machine.
fn run<E: Executor>(executor: &E, run: &Run) -> (Vec<Hash>, Machine) {
    let program = Program::new(run.code.clone()).expect("test programs pass the check");
    let module = executor.load(&program).expect("checked programs load");
    let mut machine = Machine::new(&run.params, &run.input);
    let mut hashes = vec![machine.state_hash()];
    while machine.steps() < MAX_STEPS {
        match machine
            .step(executor, &module)
            .expect("full memory is never pruned")
        {
            Some(_) => hashes.push(machine.state_hash()),
            None => break,
        }
    }
    (hashes, machine)
}

fn end(machine: &Machine) -> Expected {
    match machine.status() {
        Status::Halted { .. } => {
            let output = machine.output().expect("full memory is never pruned");
            Expected::Halted(output.expect("a halted machine has an output"), machine.steps())
        }
        Status::Trapped { reason } => Expected::Trapped(reason, machine.steps() - 1),
        Status::Running => panic!("still running after {} steps", machine.steps()),
    }
}

#[test]
fn every_program_ends_as_it_says_in_the_interpreter() {
    let executor = WasmiExecutor::new();
    for program in programs::all() {
        let (hashes, machine) = run(&executor, &program);
        assert_eq!(end(&machine), program.expected, "{}", program.name);
        assert_eq!(hashes.len() as u64, machine.steps() + 1, "{}", program.name);
    }
}

#[test]
fn programs_reach_every_trap_reason() {
    for reason in programs::ALL_REASONS {
        assert!(
            programs::all()
                .iter()
                .any(|run| matches!(&run.expected, Expected::Trapped(found, _) if *found == reason)),
            "{reason:?}"
        );
    }
}

#[test]
fn no_step_touches_more_chunks_than_a_proof_may_have() {
    let executor = WasmiExecutor::new();
    let mut most = 0;
    for run in programs::all() {
        let module = executor.load(&Program::new(run.code.clone()).unwrap()).unwrap();
        let mut machine = Machine::new(&run.params, &run.input);
        while let Some(step) = machine.step(&executor, &module).unwrap() {
            most = most.max(step.touched.len());
        }
    }
    assert_eq!(most, MAX_PROOF_CHUNKS);
}

#[test]
fn trapped_step_leaves_nothing_but_the_reason() {
    let executor = WasmiExecutor::new();
    for selector in 0..programs::TRAPS.len() {
        let run = programs::trap_run(selector);
        let program = Program::new(run.code.clone()).unwrap();
        let module = executor.load(&program).unwrap();
        let mut machine = Machine::new(&run.params, &run.input);
        machine.step(&executor, &module).unwrap();
        let before = machine.state();
        machine.step(&executor, &module).unwrap();
        let after = machine.state();
        assert_eq!(
            (after.pc, after.memory_root),
            (before.pc, before.memory_root),
            "{}",
            run.name
        );
        assert!(after.is_terminal() && !before.is_terminal(), "{}", run.name);
    }
}

#[test]
fn ended_machine_takes_no_step() {
    let executor = WasmiExecutor::new();
    for program in [programs::counter_run(2), programs::trap_run(0)] {
        let (hashes, mut machine) = run(&executor, &program);
        let module = executor.load(&Program::new(program.code).unwrap()).unwrap();
        assert!(machine.step(&executor, &module).unwrap().is_none());
        assert_eq!(Some(&machine.state_hash()), hashes.last());
        assert_eq!(machine.steps() + 1, hashes.len() as u64);
    }
}

/// The fuel of a step of `fuel.wat`, and whether it ran out.
fn burn<E: Executor>(executor: &E, module: &E::Module, turns: u32, more: u8) -> (Option<u64>, Status) {
    let input = [&turns.to_le_bytes()[..], &[more]].concat();
    let mut machine = Machine::new(&[], &input);
    let run = machine.step(executor, module).unwrap().unwrap();
    (run.fuel, machine.status())
}

/// Turns and units with which a step of `fuel.wat` takes `fuel`.
fn turns_for(fuel: u64) -> (u32, u8) {
    let executor = WasmiExecutor::new();
    let module = executor.load(&Program::new(programs::fuel()).unwrap()).unwrap();
    let fuel_of = |turns, more| burn(&executor, &module, turns, more).0.unwrap();
    let once = fuel_of(1, 0);
    let turn = fuel_of(2, 0) - once;
    assert_eq!(fuel_of(1, 15) - once, 15);
    assert!(turn < 16, "units do not reach from turn to turn");
    let turns = 1 + (fuel - once) / turn;
    let more = (fuel - once) % turn;
    (turns as u32, more as u8)
}

#[test]
fn step_may_use_all_its_fuel_and_not_one_unit_more() {
    let executor = WasmiExecutor::new();
    let module = executor.load(&Program::new(programs::fuel()).unwrap()).unwrap();
    let (turns, more) = turns_for(STEP_FUEL);
    assert_eq!(
        burn(&executor, &module, turns, more),
        (Some(STEP_FUEL), Status::Running)
    );
    let (turns, more) = turns_for(STEP_FUEL + 1);
    let trapped = Status::Trapped {
        reason: TrapReason::OutOfFuel,
    };
    assert_eq!(burn(&executor, &module, turns, more).1, trapped);
}

#[test]
fn host_call_costs_what_its_length_says_and_its_operators() {
    let executor = WasmiExecutor::new();
    let fuel_of = |len: i32| {
        let text = format!(
            r#"(module (import "assay" "read" (func $read (param i64 i32 i32)))
                 (memory (export "memory") 16 16)
                 (func (export "step") (param i64) (result i64)
                   (call $read (i64.const 0) (i32.const 0) (i32.const {len})) (i64.const 0)))"#
        );
        let program = Program::new(wat::parse_str(text).unwrap()).unwrap();
        let module = executor.load(&program).unwrap();
        let run = Machine::new(&[], &[]).step(&executor, &module).unwrap().unwrap();
        run.fuel.unwrap()
    };
    // Entering the function, four constants, and four for the call.
    for len in [0u32, 1, 4095, 4096, 200_000] {
        assert_eq!(fuel_of(len as i32), 9 + host_call_fuel(len.into()), "{len} bytes");
    }
}

#[cfg(feature = "jit")]
mod jit {
    use super::*;
    use assay_engine::executor::{JitExecutor, StepStart};

    #[test]
    fn jit_agrees_with_the_interpreter_on_every_state_of_every_program() {
        let (interpreter, jit) = (WasmiExecutor::new(), JitExecutor::new().unwrap());
        for program in programs::all() {
            let (expected, _) = run(&interpreter, &program);
            let (found, machine) = run(&jit, &program);
            for (index, (expected, found)) in expected.iter().zip(&found).enumerate() {
                assert_eq!(
                    expected,
                    found,
                    "{}, state {index}{}",
                    program.name,
                    operator(&program, index)
                );
            }
            assert_eq!(expected.len(), found.len(), "{}", program.name);
            assert_eq!(end(&machine), program.expected, "{}", program.name);
        }
    }

    /// The operator whose results are the first to differ.
    fn operator(program: &Run, state: usize) -> String {
        match programs::operators::operators().get(state.wrapping_sub(1)) {
            Some(operator) if program.name == "all operators" => format!(": {}", operator.text),
            _ => String::new(),
        }
    }

    #[test]
    fn jit_runs_out_of_fuel_where_the_interpreter_does() {
        let jit = JitExecutor::new().unwrap();
        let module = jit.load(&Program::new(programs::fuel()).unwrap()).unwrap();
        let trapped = Status::Trapped {
            reason: TrapReason::OutOfFuel,
        };
        for (fuel, expected) in [
            (STEP_FUEL - 1, Status::Running),
            (STEP_FUEL, Status::Running),
            (STEP_FUEL + 1, trapped),
        ] {
            let (turns, more) = turns_for(fuel);
            assert_eq!(burn(&jit, &module, turns, more).1, expected, "{fuel} units");
        }
    }

    /// The interpreter's fuel of a step and the JIT's bound on it.
    fn fuel_and_bound(body: &str) -> (u64, Option<u64>) {
        let text = format!(
            r#"(module (import "assay" "input_len" (func $input_len (result i64)))
                 (memory (export "memory") 2 2)
                 (func (export "step") (param i64) (result i64) (local i32) (local $v v128) {body} (i64.const 0)))"#
        );
        let program = Program::new(wat::parse_str(text).unwrap()).unwrap();
        let (interpreter, jit) = (WasmiExecutor::new(), JitExecutor::new().unwrap());
        let module = interpreter.load(&program).unwrap();
        let mut machine = Machine::new(&[], &[1]);
        let start = StepStart {
            pc: 0,
            params_len: 0,
            input_len: 1,
            memory: &machine.memory().clone(),
        };
        let fuel = interpreter
            .run_step(&module, start.clone())
            .unwrap()
            .fuel
            .unwrap();
        let bound = jit.fuel_bound(&jit.load(&program).unwrap(), start).unwrap();
        (fuel, bound)
    }

    #[test]
    fn what_takes_long_costs_more() {
        let (none, _) = fuel_and_bound("");
        for (body, units) in [
            ("(drop (f32x4.add (local.get $v) (local.get $v)))", 3),
            ("(drop (f32x4.mul (local.get $v) (local.get $v)))", 4),
            ("(drop (f32x4.div (local.get $v) (local.get $v)))", 4),
            ("(drop (f32x4.sqrt (local.get $v)))", 6),
            ("(drop (f64x2.sqrt (local.get $v)))", 4),
            ("(drop (call $input_len))", 4 + host_call_fuel(0)),
        ] {
            let (fuel, bound) = fuel_and_bound(body);
            assert_eq!((fuel - none, bound), (units, Some(fuel)), "{body}");
        }
    }

    #[test]
    fn jit_counts_exactly_what_the_interpreter_counts_where_every_branch_is_taken() {
        let turn = "(local.set 1 (i32.add (local.get 1) (i32.const 1)))";
        for body in [
            "".to_string(),
            turn.repeat(5),
            "(drop (call $input_len))".into(),
            "(drop (f32x4.sqrt (f32x4.div (local.get $v) (f32x4.mul (local.get $v) (local.get $v)))))"
                .repeat(3),
            "(drop (f64x2.sqrt (f64x2.div (local.get $v) (f64x2.mul (local.get $v) (local.get $v)))))"
                .repeat(3),
            "(drop (select (i32.const 1) (i32.const 2) (local.get 1)))".repeat(3),
            "(i32.store offset=65536 (i32.const 0) (i32.const 1))".repeat(3),
            "(i64.store8 offset=65535 (i32.const 0) (i64.const 1))".repeat(3),
            format!("(loop {turn} (br_if 0 (i32.lt_u (local.get 1) (i32.const 9))))"),
            format!(
                "(loop (loop {turn} (br_if 0 (i32.and (local.get 1) (i32.const 3))))
                   {turn} (br_if 0 (i32.lt_u (local.get 1) (i32.const 90))))"
            ),
            format!("(block (br_if 0 (local.get 1)) {turn} (br_table 0 0 (local.get 1)))"),
        ] {
            let (fuel, bound) = fuel_and_bound(&body);
            assert_eq!(bound, Some(fuel), "{body}");
        }
    }

    #[test]
    fn jit_counts_no_less_than_the_interpreter_for_what_is_never_reached() {
        let cost = "(local.set 1 (i32.add (local.get 1) (i32.const 1)))".repeat(50);
        for body in [
            format!("(block (br 0) {cost})"),
            format!("(block (br 0) (loop {cost}))"),
            format!("(block (br 0) (if (local.get 1) (then {cost}) (else {cost})))"),
            format!("(block (br_if 0 (i32.const 1)) (loop {cost}))"),
            format!("(if (i32.const 1) (then {cost}))"),
            format!("(if (i32.const 0) (then {cost}))"),
            format!("(if (i32.const 0) (then {cost}) (else {cost}))"),
            format!("(if (i32.const 1) (then {cost}) (else {cost}))"),
            format!("(if (i32.const 1) (then {cost} (return (i64.const 1))) (else {cost}))"),
            // Behind a branch that is always taken, but not evidently so.
            format!("(block (br_if 0 (i32.eqz (local.get 1))) (if (i32.const 1) (then {cost})))"),
            format!("(block (br_if 0 (i32.eqz (local.get 1))) (br 0) (loop {cost}))"),
            format!("(block (br_if 0 (i32.eqz (local.get 1))) (loop (br 1) (loop (loop {cost}))))"),
            format!("(if (local.get 1) (then {cost}) (else (br 0) (loop {cost})))"),
        ] {
            let (fuel, bound) = fuel_and_bound(&body);
            assert!(
                bound.is_some_and(|bound| bound >= fuel),
                "{fuel} {bound:?} {body}"
            );
        }
    }

    #[test]
    fn jit_hands_a_program_that_cannot_be_metered_to_the_interpreter() {
        let text = r#"(module (memory (export "memory") 1 1)
             (global (export "assay:fuel") (mut i64) (i64.const 9))
             (func (export "step") (param i64) (result i64) (i64.add (local.get 0) (i64.const 3))))"#;
        let program = Program::new(wat::parse_str(text).unwrap()).unwrap();
        let jit = JitExecutor::new().unwrap();
        let module = jit.load(&program).unwrap();
        let mut machine = Machine::new(&[], &[]);
        let run = machine.step(&jit, &module).unwrap().unwrap();
        assert_eq!(machine.state().pc, 3);
        assert_eq!(run.fuel, Some(4));
    }

    #[test]
    fn jit_runs_steps_that_end_well_by_itself() {
        // Otherwise the agreement above would be the interpreter's with itself.
        let jit = JitExecutor::new().unwrap();
        let halting = |run: &Run| matches!(run.expected, Expected::Halted(..));
        let mut handed_over = Vec::new();
        for program in programs::all().into_iter().filter(halting) {
            let module = jit.load(&Program::new(program.code).unwrap()).unwrap();
            let mut machine = Machine::new(&program.params, &program.input);
            while let Some(run) = machine.step(&jit, &module).unwrap() {
                if run.fuel.is_some() {
                    handed_over.push(format!("{}, step {}", program.name, machine.steps()));
                }
            }
        }
        assert_eq!(handed_over, Vec::<String>::new());
    }
}
