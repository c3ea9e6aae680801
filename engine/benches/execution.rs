//! What the trace costs: execution that never asks for a state hash, against execution that asks for
//! it after every step.
//!
//! `cargo bench -p assay-engine --features jit`

#![allow(missing_docs)]

#[path = "../tests/programs/mod.rs"]
mod programs;

use assay_engine::{executor::JitExecutor, Executor, Machine, Program, WasmiExecutor};
use criterion::{criterion_group, criterion_main, Criterion};
use programs::Run;

fn runs() -> Vec<Run> {
    let operators = programs::all()
        .into_iter()
        .find(|run| run.name == "all operators");
    [programs::counter_run(500), programs::dense_run(32)]
        .into_iter()
        .chain(operators)
        .collect()
}

fn compare<E: Executor>(criterion: &mut Criterion, name: &str, executor: &E) {
    for run in runs() {
        let module = executor.load(&Program::new(run.code).unwrap()).unwrap();
        let mut start = Machine::new(&run.params, &run.input);
        start.state_hash();
        let mut group = criterion.benchmark_group(format!("{name}, {}", run.name));
        group.sample_size(10);
        group.bench_function("plain", |bencher| {
            bencher.iter(|| {
                let mut machine = start.clone();
                while machine.step(executor, &module).unwrap().is_some() {}
                machine.status()
            })
        });
        group.bench_function("traced", |bencher| {
            bencher.iter(|| {
                let mut machine = start.clone();
                let mut hashes = vec![machine.state_hash()];
                while machine.step(executor, &module).unwrap().is_some() {
                    hashes.push(machine.state_hash());
                }
                hashes
            })
        });
        group.finish();
    }
}

fn execution(criterion: &mut Criterion) {
    compare(criterion, "interpreter", &WasmiExecutor::new());
    compare(criterion, "jit", &JitExecutor::new().unwrap());
}

criterion_group!(benches, execution);
criterion_main!(benches);
