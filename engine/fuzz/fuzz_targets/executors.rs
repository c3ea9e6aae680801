//! Generated programs leave the same states in the interpreter and the JIT, and each of their steps
//! has a witness that leads there, too.
#![no_main]

#[path = "../../tests/generated/mod.rs"]
mod generated;

use assay_engine::{
    executor::{JitExecutor, StepStart},
    witness::StepWitness,
    Executor, Machine, Program, WasmiExecutor,
};
use libfuzzer_sys::fuzz_target;
use std::sync::OnceLock;

const STEPS: usize = 3;

fuzz_target!(|bytes: &[u8]| {
    static EXECUTORS: OnceLock<(WasmiExecutor, JitExecutor)> = OnceLock::new();
    let (interpreter, jit) = EXECUTORS.get_or_init(|| (WasmiExecutor::new(), JitExecutor::new().unwrap()));
    let Some(Ok(program)) = generated::module(bytes).map(Program::new) else {
        return;
    };
    let interpreted = interpreter.load(&program).unwrap();
    let compiled = jit.load(&program).unwrap();
    let mut expected = Machine::new(&[7; 5000], bytes.get(..100).unwrap_or(bytes));
    let mut found = expected.clone();
    for _ in 0..STEPS {
        let state = expected.state();
        if state.is_terminal() {
            break;
        }
        let start = StepStart {
            pc: state.pc,
            params_len: state.params_len,
            input_len: state.input_len,
            memory: &expected.memory().clone(),
        };
        let fuel = interpreter
            .run_step(&interpreted, start.clone())
            .unwrap()
            .fuel
            .unwrap();
        if let Some(bound) = jit.fuel_bound(&compiled, start).unwrap() {
            assert!(bound >= fuel);
        }
        let witness = StepWitness::record(&mut expected, interpreter, &interpreted).unwrap();
        found.step(jit, &compiled).unwrap();
        assert_eq!(expected.state(), found.state());
        assert_eq!(
            witness.verify(interpreter, &interpreted),
            Ok(Some(expected.state()))
        );
    }
});
