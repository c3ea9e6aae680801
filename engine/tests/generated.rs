//! The interpreter and the JIT agree on random programs. `engine/fuzz` searches further.
#![cfg(feature = "jit")]

#[path = "generated/mod.rs"]
mod generated;

use assay_engine::{
    executor::{JitExecutor, StepStart},
    Executor, Machine, Program, Status, WasmiExecutor,
};

/// Modules to compare, unless `GENERATED_MODULES` says how many.
const MODULES: u64 = 3000;
const STEPS: u64 = 3;

/// Bytes without end, from a seed (SplitMix64).
fn random_bytes(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    (0..len.div_ceil(8))
        .flat_map(|_| next().to_le_bytes())
        .take(len)
        .collect()
}

#[test]
fn jit_agrees_with_the_interpreter_on_random_programs() {
    let (interpreter, jit) = (WasmiExecutor::new(), JitExecutor::new().unwrap());
    let modules =
        std::env::var("GENERATED_MODULES").map_or(MODULES, |count| count.parse().expect("a number"));
    let (mut programs, mut went_on, mut trapped) = (0, 0, 0);
    for seed in 0..modules {
        let Some(code) = generated::module(&random_bytes(seed, 4096)) else {
            continue;
        };
        let Ok(program) = Program::new(code) else {
            continue;
        };
        programs += 1;
        let interpreted = interpreter.load(&program).unwrap();
        let compiled = jit.load(&program).unwrap();
        let (params, input) = (random_bytes(!seed, 5000), random_bytes(seed << 32, 100));
        let mut expected = Machine::new(&params, &input);
        let mut found = expected.clone();
        for step in 0..STEPS {
            let state = expected.state();
            let start = StepStart {
                pc: state.pc,
                params_len: state.params_len,
                input_len: state.input_len,
                memory: &expected.memory().clone(),
            };
            let bound = jit.fuel_bound(&compiled, start).unwrap();
            let run = expected.step(&interpreter, &interpreted).unwrap();
            found.step(&jit, &compiled).unwrap();
            assert_eq!(expected.state(), found.state(), "seed {seed}, step {step}");
            if let (Some(bound), Some(fuel)) = (bound, run.and_then(|run| run.fuel)) {
                assert!(bound >= fuel, "seed {seed}, step {step}: {bound} of {fuel} units");
            }
            match expected.status() {
                Status::Running => went_on += 1,
                _ => {
                    trapped += 1;
                    break;
                }
            }
        }
    }
    // Enough of either kind for the agreement to mean something.
    println!("{programs} programs, {went_on} steps went on, {trapped} ended");
    assert!(
        programs * 3 > modules,
        "{programs} of {modules} modules are programs"
    );
    assert!(
        went_on > modules / 4 && trapped > modules / 20,
        "{went_on} {trapped}"
    );
}
