//! A run that the node does: for a claim of its own, or to compare with another's. By its compute server where it has one,
//! and else by the worker itself.

use crate::{
    reason::Reason,
    record::{job_lock_key, lock, slot_lock_keys, JobStore, Progress, Purpose, MAX_CHECKPOINT_LEN},
    run::{load, run, Run},
    server::{Server, WAIT},
    Config,
};
use alloc::{string::String, vec::Vec};
use assay_engine::{
    claim::{Claim, ClaimTerms},
    fraud::FraudProof,
    limits::{ENGINE_VERSION, MAX_PUBLIC_STEPS},
    trace::{TraceId, TraceTree},
    witness::StepWitness,
    Hash, Machine,
};
use assay_primitives::{JobId, VersionId};
use assay_service::{Ask, ParamsRef, Question, Reply, Source};
use codec::Encode;
use pallet_models::VersionRecordOf;
use sp_core::offchain::Timestamp;
use sp_io::hashing::blake2_256;

/// What is run.
pub(crate) struct Task<T: Config> {
    pub job: JobId,
    /// Whose the trace is.
    pub provider: T::AccountId,
    pub version: VersionId,
    /// The version of the engine by whose rules it runs.
    engine: u16,
    pub store: JobStore,
    /// Milliseconds for which the compute server is waited for at a time.
    pub wait: u32,
    /// Whether there is no more time to wait for it, if the worker can do it as well.
    pub is_late: bool,
}

/// How far a run came.
pub(crate) enum Outcome<R> {
    /// To its end.
    Done(R),
    /// Not to its end; a later block's worker goes on. Or another worker is at it.
    Later,
}

impl<T: Config> Task<T> {
    /// The run of `job` as `provider` has it, by the rules of version `engine` of the engine.
    pub fn new(job: JobId, provider: T::AccountId, record: &pallet_jobs::JobOf<T>, engine: u16) -> Self {
        // After a fork the same number can be another job.
        let task = (engine, &provider, record.version, record.input_hash).using_encoded(blake2_256);
        Self {
            job,
            provider,
            version: record.version,
            engine,
            store: JobStore::new(job, task),
            wait: WAIT,
            is_late: false,
        }
    }

    fn trace_id(&self) -> TraceId {
        TraceId {
            author: self.provider.clone().into(),
            job: self.job,
        }
    }

    /// The version as it is in state.
    pub fn version(&self) -> Result<VersionRecordOf<T>, Reason> {
        pallet_models::Versions::<T>::get(self.version).ok_or(Reason::VersionNotFound(self.version))
    }

    /// The job's input as it is in state.
    pub fn input(&self) -> Result<Vec<u8>, Reason> {
        let input = pallet_jobs::Inputs::<T>::get(self.job).ok_or(Reason::InputNotFound)?;
        Ok(input.into_inner())
    }

    /// Does something with the job while no other worker does.
    fn alone<R>(
        &self,
        act: impl FnOnce(&mut dyn FnMut() -> bool) -> Result<Outcome<R>, Reason>,
    ) -> Result<Outcome<R>, Reason> {
        let key = job_lock_key(self.job);
        let mut lock = lock(&key);
        let Ok(mut guard) = lock.try_lock() else {
            return Ok(Outcome::Later);
        };
        act(&mut || guard.extend_lock().is_ok())
    }

    /// Does something that takes long, in one of the slots.
    fn in_slot<R>(
        alive: &mut dyn FnMut() -> bool,
        act: impl FnOnce(&mut dyn FnMut() -> bool) -> Result<R, Reason>,
    ) -> Result<R, Reason> {
        for slot in slot_lock_keys() {
            let mut slot_lock = lock(&slot);
            let Ok(mut slot_guard) = slot_lock.try_lock() else {
                continue;
            };
            return act(&mut || alive() && slot_guard.extend_lock().is_ok());
        }
        Err(Reason::NoSlot)
    }

    /// Runs the job for `purpose` up to step `until`, from where it was left.
    fn run(
        &self,
        purpose: Purpose,
        until: u64,
        end: Timestamp,
        alive: &mut dyn FnMut() -> bool,
    ) -> Result<Outcome<Run>, Reason> {
        // What was kept of a run by other rules can be shown; it cannot be run again.
        if self.engine != ENGINE_VERSION {
            return Err(Reason::OtherEngine(self.engine));
        }
        let checkpoint = match self.store.progress(purpose) {
            Some(Progress::Running(checkpoint)) => Some(checkpoint),
            Some(Progress::TooLarge) => return Err(Reason::TooLarge),
            _ => None,
        };
        Self::in_slot(alive, |alive| run(self, purpose, checkpoint, until, end, alive))
    }

    /// What the compute server answers, as `read` takes it from its reply and finds it right. `None` where the worker has to do
    /// it: there is no server, or it fails, or it is late. Params that are not on chain the worker cannot have, and waits.
    fn ask<R>(
        &self,
        question: Question,
        end: Timestamp,
        alive: &mut dyn FnMut() -> bool,
        read: impl FnOnce(Reply) -> Option<R>,
    ) -> Result<Option<Outcome<R>>, Reason> {
        let Some(server) = Server::configured() else {
            return Ok(None);
        };
        let version = self.version()?;
        let ask = self.question(&version, question)?;
        let asked = Self::in_slot(alive, |alive| server.ask::<T>(&ask, version.params, end, alive));
        let answer = match asked {
            Ok(Outcome::Later) => Ok(Outcome::Later),
            Ok(Outcome::Done(reply)) => read(reply).map(Outcome::Done).ok_or(Reason::ServerWrong),
            Err(reason) => Err(reason),
        };
        let can_run = version.params.is_some();
        match answer {
            Ok(outcome) => {
                server.note(None);
                let is_over = matches!(outcome, Outcome::Later) && self.is_late && can_run;
                Ok(Some(outcome).filter(|_| !is_over))
            }
            Err(reason @ (Reason::NoSlot | Reason::LockLost)) => Err(reason),
            Err(reason) => {
                server.note(Some(reason).filter(|reason| reason.is_trouble()));
                match can_run {
                    false => Err(reason),
                    // It fetches them from its own disk.
                    true if reason.is_wait() && !self.is_late => Ok(Some(Outcome::Later)),
                    true => Ok(None),
                }
            }
        }
    }

    fn question(&self, version: &VersionRecordOf<T>, question: Question) -> Result<Ask, Reason> {
        Ok(Ask {
            run: assay_service::Run {
                engine: self.engine,
                program: version.program.0,
                params: params_of::<T>(version),
                input: self.input()?,
                max_steps: version.max_steps,
            },
            source: source_of::<T>(self.version, version),
            question,
            wait: self.wait,
        })
    }

    /// The claim. For a hidden trace its state hashes are kept first: who cannot reveal its trace loses.
    pub fn claim(&self, end: Timestamp) -> Result<Outcome<Claim>, Reason> {
        self.alone(|alive| {
            if let Some(Progress::Claimed(claim)) = self.store.progress(Purpose::Claim) {
                return Ok(Outcome::Done(*claim));
            }
            let claim = match self.claim_of_server(end, alive)? {
                Some(outcome) => outcome,
                None => self.own_claim(end, alive)?,
            };
            if let Outcome::Done(claim) = &claim {
                let progress = Progress::Claimed(claim.clone().into());
                self.store.set_progress(Purpose::Claim, progress);
            }
            Ok(claim)
        })
    }

    fn own_claim(&self, end: Timestamp, alive: &mut dyn FnMut() -> bool) -> Result<Outcome<Claim>, Reason> {
        let Outcome::Done(mut run) = self.run(Purpose::Claim, u64::MAX, end, alive)? else {
            return Ok(Outcome::Later);
        };
        let claim = Claim::new(self.trace_id(), &run.states, &mut run.machine).ok_or(Reason::NoClaim)?;
        if claim.steps > MAX_PUBLIC_STEPS {
            self.keep_states(&run.states)
                .inspect_err(|_| self.store.set_progress(Purpose::Claim, Progress::TooLarge))?;
        }
        Ok(Outcome::Done(claim))
    }

    fn claim_of_server(
        &self,
        end: Timestamp,
        alive: &mut dyn FnMut() -> bool,
    ) -> Result<Option<Outcome<Claim>>, Reason> {
        let question = Question::claim(self.trace_id());
        let claim = match self.ask(question, end, alive, |reply| self.checked_claim(reply))? {
            Some(Outcome::Done(claim)) => claim,
            other => return Ok(other),
        };
        if claim.steps <= MAX_PUBLIC_STEPS {
            return Ok(Some(Outcome::Done(claim)));
        }
        let states = self.ask(Question::States, end, alive, |reply| match reply {
            Reply::States(states) => {
                (TraceTree::new(self.trace_id(), &states).root() == claim.trace_root).then_some(states)
            }
            _ => None,
        })?;
        Ok(match states {
            Some(Outcome::Done(states)) => {
                self.keep_states(&states)?;
                Some(Outcome::Done(claim))
            }
            Some(Outcome::Later) => Some(Outcome::Later),
            None => None,
        })
    }

    /// A claim that the chain will take.
    fn checked_claim(&self, reply: Reply) -> Option<Claim> {
        let Reply::Claim(claim) = reply else {
            return None;
        };
        if pallet_jobs::is_too_large(&claim) {
            return None;
        }
        let (version, input) = (self.version().ok()?, self.input().ok()?);
        claim.verify(&self.terms(&version, &input)).ok()?;
        Some(claim)
    }

    fn terms<'a>(&self, version: &VersionRecordOf<T>, input: &'a [u8]) -> ClaimTerms<'a> {
        ClaimTerms {
            author: self.provider.clone().into(),
            job: self.job,
            params_root: version.params_root.0,
            params_len: version.params_len,
            input,
            max_steps: version.max_steps,
        }
    }

    /// The state hashes of the whole run.
    pub fn states(&self, end: Timestamp) -> Result<Outcome<Vec<Hash>>, Reason> {
        if let Some(Progress::Traced(states)) = self.store.progress(Purpose::Trace) {
            return Ok(Outcome::Done(states));
        }
        self.alone(|alive| {
            let asked = self.ask(Question::States, end, alive, |reply| match reply {
                Reply::States(states) => self.starts_rightly(&states).then_some(states),
                _ => None,
            })?;
            let states = match asked {
                Some(outcome) => outcome,
                None => match self.run(Purpose::Trace, u64::MAX, end, alive)? {
                    Outcome::Done(run) => Outcome::Done(run.states),
                    Outcome::Later => Outcome::Later,
                },
            };
            if let Outcome::Done(states) = &states {
                self.keep_states(states)?;
            }
            Ok(states)
        })
    }

    fn starts_rightly(&self, states: &[Hash]) -> bool {
        let start = || Some(self.terms(&self.version().ok()?, &self.input().ok()?).start());
        states.first().is_some_and(|first| start() == Some(*first))
    }

    /// Keeps the state hashes of the whole run, for a dispute.
    fn keep_states(&self, states: &[Hash]) -> Result<(), Reason> {
        if states.len().saturating_mul(size_of::<Hash>()) > MAX_CHECKPOINT_LEN {
            return Err(Reason::TooLarge);
        }
        self.store
            .set_progress(Purpose::Trace, Progress::Traced(states.to_vec()));
        Ok(())
    }

    /// What runs `step` again, counted from 0.
    pub fn witness(&self, step: u64, end: Timestamp) -> Result<Outcome<StepWitness>, Reason> {
        self.alone(|alive| {
            let asked = self.ask(Question::Witness { step }, end, alive, |reply| match reply {
                Reply::Witness(witness) => Some(witness),
                _ => None,
            })?;
            if let Some(outcome) = asked {
                return Ok(outcome);
            }
            let Outcome::Done(mut machine) = self.machine_before(step, end, alive)? else {
                return Ok(Outcome::Later);
            };
            let (executor, module) = load::<T>(&self.version()?)?;
            let proof = FraudProof::record(&mut machine, &executor, &module, Vec::new(), Default::default());
            Ok(Outcome::Done(proof.map_err(|_| Reason::BadProgram)?.witness))
        })
    }

    /// The machine before `step`, counted from 0.
    fn machine_before(
        &self,
        step: u64,
        end: Timestamp,
        alive: &mut dyn FnMut() -> bool,
    ) -> Result<Outcome<Machine>, Reason> {
        Ok(match self.run(Purpose::Proof, step, end, alive)? {
            Outcome::Done(run) if run.machine.steps() == step => Outcome::Done(run.machine),
            // The checkpoint was for a later step: of a claim on another fork.
            Outcome::Done(_) => {
                self.store.clear_progress(Purpose::Proof);
                Outcome::Later
            }
            Outcome::Later => Outcome::Later,
        })
    }
}

/// A version's params, as the compute server knows them.
pub(crate) fn params_of<T: Config>(version: &VersionRecordOf<T>) -> ParamsRef {
    ParamsRef {
        root: version.params_root.0,
        len: version.params_len,
    }
}

/// Where the compute server gets a version's params.
pub(crate) fn source_of<T: Config>(id: VersionId, version: &VersionRecordOf<T>) -> Source {
    if version.params.is_some() {
        return Source::Node;
    }
    let details = pallet_models::Details::<T>::get(id).unwrap_or_default();
    let texts = details.locations.into_iter();
    Source::Locations(
        texts
            .filter_map(|location| String::from_utf8(location.into_inner()).ok())
            .collect(),
    )
}
