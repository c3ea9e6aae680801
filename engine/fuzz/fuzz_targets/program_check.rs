//! Any bytes give a verdict, and what passes loads in every executor.
#![no_main]

use assay_engine::{executor::JitExecutor, Executor, Program, WasmiExecutor};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(program) = Program::new(bytes.to_vec()) {
        assert!(WasmiExecutor::new().load(&program).is_ok());
        assert!(JitExecutor::new().unwrap().load(&program).is_ok());
    }
});
