//! Runs, one after the other on each of some threads. A run that was asked for twice runs once.

use std::collections::HashMap;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use assay_engine::claim::Claim;
use assay_engine::executor::ExecutorError;
use assay_engine::fraud::FraudProof;
use assay_engine::memory::{pieces, MemoryTree, Region};
use assay_engine::trace::TraceId;
use assay_engine::{Executor, Hash, Machine, Program, Status, WasmiExecutor};
use assay_service::{Refusal, Reply, Work, MAX_STEPS};

use super::counts::Counts;
use super::say;
use crate::executors::{ExecutorKind, Stepper};
use crate::run::Written;
use crate::trace::Tracer;

/// A run about which nobody has asked for so long is given up.
const PATIENCE: Duration = Duration::from_secs(120);
/// Runs that are kept. Those that were asked for longest ago go first.
const KEPT: usize = 64;
/// Steps between two looks at whether anybody still waits.
const STEPS_BETWEEN: u64 = 64;

/// What a run is of.
#[derive(Clone)]
pub struct Job {
    /// The program.
    pub program: Arc<Program>,
    /// The params, in a memory.
    pub params: MemoryTree,
    /// Bytes of params.
    pub params_len: u64,
    /// The input.
    pub input: Vec<u8>,
    /// The most steps.
    pub max_steps: u64,
}

/// Names a run: its hash, and the step whose witness is wanted, if not the whole trace.
pub type Key = (Hash, Option<u64>);

/// What came out.
enum Found {
    /// Of a whole run: the state hashes, and a machine that holds the last state and the output.
    Trace { states: Vec<Hash>, last: Box<Machine> },
    /// A step's witness.
    Witness(Box<assay_engine::witness::StepWitness>),
}

enum Stage {
    Queued(Box<Job>),
    Running(u64),
    Done(Result<Arc<Found>, Refusal>),
}

struct Entry {
    stage: Stage,
    since: Instant,
    /// When somebody asked last.
    asked: Instant,
}

/// The runs.
pub struct Runs {
    entries: Mutex<HashMap<Key, Entry>>,
    /// What was done; not what is on.
    done: Mutex<Counts>,
    changed: Condvar,
    executor: Option<ExecutorKind>,
    written_max: usize,
}

impl Runs {
    /// Runs on `threads` threads, by `executor` or by what is fastest for each program. A run may write `written_max` bytes.
    pub fn start(threads: usize, executor: Option<ExecutorKind>, written_max: usize) -> Arc<Self> {
        let runs = Arc::new(Self {
            entries: Mutex::default(),
            done: Mutex::default(),
            changed: Condvar::new(),
            executor,
            written_max,
        });
        for _ in 0..threads {
            let runs = runs.clone();
            std::thread::spawn(move || loop {
                runs.work();
            });
        }
        runs
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<Key, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was done, and what is on.
    pub fn counts(&self) -> Counts {
        let mut counts = *self.done.lock().unwrap_or_else(PoisonError::into_inner);
        for entry in self.entries().values() {
            match entry.stage {
                Stage::Queued(_) => counts.queued += 1,
                Stage::Running(_) => counts.running += 1,
                Stage::Done(_) => {}
            }
        }
        counts
    }

    /// Counts what came of a run, up to a step if one is named.
    fn count(&self, found: Option<&Result<Found, Refusal>>, step: Option<u64>, time: Duration) {
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        done.time += time;
        match found {
            Some(Ok(Found::Trace { states, .. })) => {
                done.traces += 1;
                done.steps += states.len() as u64 - 1;
            }
            Some(Ok(Found::Witness(_))) => {
                done.witnesses += 1;
                done.steps += step.unwrap_or_default();
            }
            Some(Err(_)) => done.refused += 1,
            None => done.given_up += 1,
        }
    }

    /// Whether the run is known, so that nothing has to be loaded for it.
    pub fn knows(&self, key: &Key) -> bool {
        self.entries().contains_key(key)
    }

    /// The trace of a run, waited for up to `until`, as the claim bound to `id`. `job` is what is run, where it is not known.
    pub fn claim(&self, key: Key, job: Option<Job>, id: TraceId, until: Instant) -> Reply {
        self.answer(key, job, until, |found| match found {
            Found::Trace { states, last } => Claim::new(id, states, &mut last.clone())
                .map_or(Reply::Refused(Refusal::TooLong), Reply::Claim),
            Found::Witness(_) => Reply::Refused(Refusal::NoSuchStep),
        })
    }

    /// The state hashes of a run, waited for up to `until`.
    pub fn states(&self, key: Key, job: Option<Job>, until: Instant) -> Reply {
        self.answer(key, job, until, |found| match found {
            Found::Trace { states, .. } => Reply::States(states.clone()),
            Found::Witness(_) => Reply::Refused(Refusal::NoSuchStep),
        })
    }

    /// A step's witness, waited for up to `until`.
    pub fn witness(&self, key: Key, job: Option<Job>, until: Instant) -> Reply {
        self.answer(key, job, until, |found| match found {
            Found::Witness(witness) => Reply::Witness((**witness).clone()),
            Found::Trace { .. } => Reply::Refused(Refusal::NoSuchStep),
        })
    }

    fn answer(
        &self,
        key: Key,
        job: Option<Job>,
        until: Instant,
        read: impl FnOnce(&Found) -> Reply,
    ) -> Reply {
        let mut entries = self.entries();
        if let (Some(job), false) = (job, entries.contains_key(&key)) {
            let stage = Stage::Queued(Box::new(job));
            let now = Instant::now();
            let entry = Entry {
                stage,
                since: now,
                asked: now,
            };
            entries.insert(key, entry);
            forget_oldest(&mut entries);
            self.changed.notify_all();
        }
        loop {
            let now = Instant::now();
            let work = match entries.get_mut(&key) {
                // Given up while it was waited for.
                None => return Reply::Working(Work::Queued),
                Some(entry) => {
                    entry.asked = now;
                    match &entry.stage {
                        Stage::Done(Ok(found)) => {
                            let found = found.clone();
                            drop(entries);
                            return read(&found);
                        }
                        Stage::Done(Err(refusal)) => return Reply::Refused(*refusal),
                        Stage::Queued(_) => Work::Queued,
                        Stage::Running(steps) => Work::Running(*steps),
                    }
                }
            };
            if now >= until {
                return Reply::Working(work);
            }
            let waited = self.changed.wait_timeout(entries, until - now);
            entries = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Does the run that was asked for first.
    fn work(&self) {
        let mut entries = self.entries();
        let (key, job) = loop {
            let queued = entries
                .iter_mut()
                .filter(|(_, entry)| matches!(entry.stage, Stage::Queued(_)));
            let first = queued.min_by_key(|(_, entry)| entry.since);
            if let Some((key, entry)) = first {
                if let Stage::Queued(job) = std::mem::replace(&mut entry.stage, Stage::Running(0)) {
                    break (*key, job);
                }
            }
            entries = self.changed.wait(entries).unwrap_or_else(PoisonError::into_inner);
        };
        drop(entries);
        let begin = Instant::now();
        let run = AssertUnwindSafe(|| self.run(&key, *job));
        // A thread that goes down would leave those that ask waiting.
        let found = catch_unwind(run).unwrap_or(Some(Err(Refusal::Failed)));
        self.count(found.as_ref(), key.1, begin.elapsed());
        let mut entries = self.entries();
        match found {
            Some(found) => {
                if let Some(entry) = entries.get_mut(&key) {
                    entry.stage = Stage::Done(found.map(Arc::new));
                }
            }
            None => {
                entries.remove(&key);
            }
        }
        self.changed.notify_all();
    }

    /// `None` where nobody waits for it any more.
    fn run(&self, key: &Key, job: Job) -> Option<Result<Found, Refusal>> {
        let begin = Instant::now();
        let kind = self
            .executor
            .unwrap_or_else(|| ExecutorKind::fastest(&job.program));
        let name = &crate::package::Hash(key.0).to_string()[..10];
        let found = match kind.load(&job.program) {
            Ok(stepper) => self.trace(key, job, &*stepper)?,
            Err(_) => Err(Refusal::BadProgram),
        };
        let seconds = begin.elapsed().as_secs_f64();
        match &found {
            Ok(Found::Trace { states, .. }) => {
                say(&format!(
                    "run {name}: {} steps in {seconds:.3} s by {kind}",
                    states.len() - 1
                ));
            }
            Ok(Found::Witness(_)) => {
                let step = key.1.unwrap_or_default();
                say(&format!(
                    "run {name}: the witness of step {step} in {seconds:.3} s by {kind}"
                ));
            }
            Err(refusal) => say(&format!("run {name}: {refusal}")),
        }
        Some(found)
    }

    fn trace(&self, key: &Key, job: Job, stepper: &dyn Stepper) -> Option<Result<Found, Refusal>> {
        let program = job.program.clone();
        let max_steps = job.max_steps;
        let mut machine = Machine::with_params(job.params, job.params_len, &job.input);
        let tracer = Tracer::start(key.1.is_none());
        tracer.add(&machine);
        let end = key.1.unwrap_or(max_steps).min(max_steps);
        let mut written = Written::default();
        while machine.status() == Status::Running && machine.steps() < end {
            if machine.steps() == MAX_STEPS {
                return Some(Err(Refusal::TooLong));
            }
            if machine.steps().is_multiple_of(STEPS_BETWEEN) && !self.goes_on(key, machine.steps()) {
                return None;
            }
            let run = match stepper.step(&mut machine) {
                Ok(Some(run)) => run,
                Ok(None) => break,
                Err(ExecutorError::BadModule) => return Some(Err(Refusal::BadProgram)),
                Err(ExecutorError::Pruned) => return Some(Err(Refusal::NoParams)),
            };
            if written.add(&run) > self.written_max {
                return Some(Err(Refusal::TooLarge));
            }
            tracer.add(&machine);
        }
        Some(match key.1 {
            Some(step) => witness(machine, step, &program),
            None => last_of(&mut machine).map(|last| Found::Trace {
                states: tracer.finish(),
                last,
            }),
        })
    }

    /// Notes how far a run is. False where nobody waits for it.
    fn goes_on(&self, key: &Key, steps: u64) -> bool {
        match self.entries().get_mut(key) {
            Some(entry) if entry.asked.elapsed() < PATIENCE => {
                entry.stage = Stage::Running(steps);
                true
            }
            _ => false,
        }
    }
}

/// What a claim takes of a machine that has ended. What it computed with goes.
fn last_of(machine: &mut Machine) -> Result<Box<Machine>, Refusal> {
    let state = machine.state();
    let output_len = match state.status {
        Status::Halted { output_len } => output_len as usize,
        _ => 0,
    };
    let output = pieces(Region::Output.start(), output_len).map(|piece| piece.chunk);
    let proof = machine.memory().prove(&output.collect());
    let proof = proof.map_err(|_| Refusal::NoParams)?;
    let memory = proof.into_tree().map_err(|_| Refusal::NoParams)?;
    Ok(Box::new(Machine::resume(&state, memory, machine.steps())))
}

/// The witness of the step that comes next. The interpreter says what it touches.
fn witness(mut machine: Machine, step: u64, program: &Program) -> Result<Found, Refusal> {
    if machine.steps() != step {
        return Err(Refusal::NoSuchStep);
    }
    let executor = WasmiExecutor::new();
    let module = executor.load(program).map_err(|_| Refusal::BadProgram)?;
    let proof = FraudProof::record(&mut machine, &executor, &module, Vec::new(), Default::default());
    let witness = proof.map_err(|_| Refusal::BadProgram)?.witness;
    Ok(Found::Witness(Box::new(witness)))
}

fn forget_oldest(entries: &mut HashMap<Key, Entry>) {
    while entries.len() > KEPT {
        let ended = entries
            .iter()
            .filter(|(_, entry)| !matches!(entry.stage, Stage::Running(_)));
        let Some(oldest) = ended.min_by_key(|(_, entry)| entry.asked).map(|(key, _)| *key) else {
            return;
        };
        entries.remove(&oldest);
    }
}
