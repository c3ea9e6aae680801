//! The engine compiled to WASM, as a runtime holds it: no `std`, the host's hashing, the host's
//! allocator. Not a runtime, and nothing that a chain uses: a blob for tests and measurements.
//!
//! | export | arguments | result |
//! | --- | --- | --- |
//! | `check` | code | its hash, or the rule that it breaks |
//! | `trace` | code, params, input, most steps | the state hashes and the last status |
//! | `verify` | code, encoded `StepWitness` | the state hash after the step, `None` after the last, or the error's name |
//! | `prove` | code, author, job, steps, trace root, encoded `FraudProof` | the step's fuel, or the error's name |
//! | `step` | code, input | fuel of the first step |
//!
//! Arguments and results are SCALE encoded.
#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

#[cfg(feature = "std")]
#[allow(dead_code)]
mod binary {
    include!(concat!(env!("OUT_DIR"), "/wasm_binary.rs"));
}

/// The blob, or `None` where `SKIP_WASM_BUILD` was set.
#[cfg(feature = "std")]
pub fn blob() -> Option<&'static [u8]> {
    binary::WASM_BINARY
}

#[cfg(not(feature = "std"))]
mod exports {
    // Brings the panic handler and the allocator.
    use sp_io as _;

    use alloc::{format, string::String, vec, vec::Vec};
    use assay_engine::{
        fraud::{FraudProof, Trace},
        trace::TraceId,
        witness::StepWitness,
        Executor, Hash, Machine, Program, ProgramError, Status, WasmiExecutor,
    };

    sp_core::wasm_export_functions! {
        fn check(code: Vec<u8>) -> Result<Hash, ProgramError> {
            Program::new(code).map(|program| program.hash())
        }

        fn trace(code: Vec<u8>, params: Vec<u8>, input: Vec<u8>, most: u64) -> Option<(Vec<Hash>, Status)> {
            let executor = WasmiExecutor::new();
            let module = executor.load(&Program::from_checked(code)).ok()?;
            let mut machine = Machine::new(&params, &input);
            let mut hashes = vec![machine.state_hash()];
            while machine.steps() < most && machine.step(&executor, &module).ok()?.is_some() {
                hashes.push(machine.state_hash());
            }
            Some((hashes, machine.status()))
        }

        fn verify(code: Vec<u8>, witness: StepWitness) -> Result<Option<Hash>, String> {
            let executor = WasmiExecutor::new();
            let module = executor
                .load(&Program::from_checked(code))
                .map_err(|error| format!("{error:?}"))?;
            let state = witness.verify(&executor, &module);
            let hash = state.map(|state| state.map(|state| state.hash()));
            hash.map_err(|error| format!("{error:?}"))
        }

        fn prove(code: Vec<u8>, author: Hash, job: u64, steps: u64, root: Hash, proof: FraudProof) -> Result<u64, String> {
            let executor = WasmiExecutor::new();
            let module = executor
                .load(&Program::from_checked(code))
                .map_err(|error| format!("{error:?}"))?;
            let trace = Trace { id: TraceId { author, job }, steps, root };
            proof.verify(&trace, &executor, &module).map_err(|error| format!("{error:?}"))
        }

        fn step(code: Vec<u8>, input: Vec<u8>) -> Option<u64> {
            let executor = WasmiExecutor::new();
            let module = executor.load(&Program::from_checked(code)).ok()?;
            Machine::new(&[], &input).step(&executor, &module).ok()??.fuel
        }
    }
}
