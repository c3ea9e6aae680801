//! Any bytes that decode to a witness give a state or an error, and no other witness of the same
//! state gives another state.
#![no_main]

use assay_engine::{witness::StepWitness, Executor, Machine, Program, State, WasmiExecutor};
use codec::Decode;
use libfuzzer_sys::fuzz_target;
use std::sync::OnceLock;

type Module = <WasmiExecutor as Executor>::Module;

fn honest() -> &'static (WasmiExecutor, Module, State, State) {
    static HONEST: OnceLock<(WasmiExecutor, Module, State, State)> = OnceLock::new();
    HONEST.get_or_init(|| {
        let code = wat::parse_str(include_str!("../../tests/programs/counter.wat")).unwrap();
        let executor = WasmiExecutor::new();
        let module = executor.load(&Program::new(code).unwrap()).unwrap();
        let mut machine = Machine::new(&[1, 2, 3], &[9, 0, 0, 0]);
        let before = machine.state();
        machine.step(&executor, &module).unwrap();
        let after = machine.state();
        (executor, module, before, after)
    })
}

fuzz_target!(|bytes: &[u8]| {
    let (executor, module, before, after) = honest();
    if let Ok(witness) = StepWitness::decode(&mut &bytes[..]) {
        let same = witness.state == *before;
        let verdict = witness.verify(executor, module);
        assert!(!same || verdict.is_err() || verdict.as_ref() == Ok(after));
    }
});
