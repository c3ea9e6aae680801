//! The interpreter and the JIT agree on random programs. `engine/fuzz` searches further.
#![cfg(feature = "jit")]

#[path = "generated/mod.rs"]
mod generated;
mod programs;

use assay_engine::{
    executor::{JitExecutor, StepStart},
    Executor, Machine, Program, Status, WasmiExecutor,
};
use generated::random_bytes;

/// Modules to compare, unless `GENERATED_MODULES` says how many.
const MODULES: u64 = 3000;
const STEPS: u64 = 3;

fn modules() -> u64 {
    std::env::var("GENERATED_MODULES").map_or(MODULES, |count| count.parse().expect("a number"))
}

/// Both executors, and what they met so far.
struct Comparison {
    interpreter: WasmiExecutor,
    jit: JitExecutor,
    programs: u64,
    /// Steps that went on.
    went_on: u64,
    /// Of these, steps that the JIT ran itself.
    compiled: u64,
    /// Steps that ended in a trap.
    trapped: u64,
}

impl Comparison {
    fn new() -> Self {
        Self {
            interpreter: WasmiExecutor::new(),
            jit: JitExecutor::new().unwrap(),
            programs: 0,
            went_on: 0,
            compiled: 0,
            trapped: 0,
        }
    }

    /// Runs some steps in both, and holds state against state and fuel against its bound.
    fn run(&mut self, seed: u64, program: &Program) {
        let interpreted = self.interpreter.load(program).unwrap();
        let compiled = self.jit.load(program).unwrap();
        let (params, input) = (random_bytes(!seed, 5000), random_bytes(seed << 32, 100));
        let mut expected = Machine::new(&params, &input);
        let mut found = expected.clone();
        self.programs += 1;
        for step in 0..STEPS {
            let state = expected.state();
            let start = StepStart {
                pc: state.pc,
                params_len: state.params_len,
                input_len: state.input_len,
                memory: &expected.memory().clone(),
            };
            let bound = self.jit.fuel_bound(&compiled, start).unwrap();
            let run = expected.step(&self.interpreter, &interpreted).unwrap().unwrap();
            let found_run = found.step(&self.jit, &compiled).unwrap().unwrap();
            assert_eq!(expected.state(), found.state(), "seed {seed}, step {step}");
            if let (Some(bound), Some(fuel)) = (bound, run.fuel) {
                assert!(bound >= fuel, "seed {seed}, step {step}: {bound} of {fuel} units");
            }
            if expected.status() != Status::Running {
                self.trapped += 1;
                break;
            }
            self.went_on += 1;
            self.compiled += u64::from(found_run.fuel.is_none());
        }
    }

    /// Otherwise the agreement would be the interpreter's with itself.
    fn assert_mostly_compiled(&self) {
        let Self {
            programs,
            went_on,
            compiled,
            trapped,
            ..
        } = self;
        println!(
            "{programs} programs, {went_on} steps went on, {compiled} of them compiled, {trapped} ended"
        );
        assert!(
            compiled * 10 > went_on * 9,
            "the JIT ran {compiled} of {went_on} steps itself"
        );
    }
}

#[test]
fn jit_agrees_with_the_interpreter_on_generated_modules() {
    let mut comparison = Comparison::new();
    let modules = modules();
    for (seed, code) in generated::modules(0..modules) {
        if let Ok(program) = Program::new(code) {
            comparison.run(seed, &program);
        }
    }
    comparison.assert_mostly_compiled();
    // Enough of either kind for the agreement to mean something.
    let Comparison {
        programs,
        went_on,
        trapped,
        ..
    } = comparison;
    assert!(
        programs * 3 > modules,
        "{programs} of {modules} modules are programs"
    );
    assert!(
        went_on > modules / 4 && trapped > modules / 20,
        "{went_on} {trapped}"
    );
}

#[test]
fn jit_agrees_with_the_interpreter_on_random_programs_dense_with_fusions() {
    let mut comparison = Comparison::new();
    for seed in 0..modules() {
        let program = Program::new(programs::random::program(seed)).unwrap();
        comparison.run(seed, &program);
    }
    comparison.assert_mostly_compiled();
    assert_eq!(comparison.trapped, 0);
}
