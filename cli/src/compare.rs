//! Runs a package by several executors side by side, and says where they part.

use assay_engine::executor::StepRun;
use assay_engine::witness::StepWitness;
use assay_engine::{Executor, Hash, Machine, Program, WasmiExecutor};
use codec::{DecodeAll, Encode};

use crate::package::{self, Package};
use crate::progress::Progress;
use crate::run::{Answer, Run, RunError, Runner};

/// What a comparison found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Steps after which all states were the same.
    pub steps: u64,
    /// Steps whose witnesses were verified.
    pub witnesses: u64,
    /// Bytes of the greatest of those witnesses.
    pub greatest_witness: u64,
    /// Where the executors part.
    pub difference: Option<Difference>,
    /// The answer, where they do not.
    pub answer: Option<Answer>,
}

/// Where two executors part, or a witness fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The step, counted from 0.
    pub step: u64,
    /// The executor that is not like the first one, or whose witness fails.
    pub executor: String,
    /// What is different.
    pub what: What,
}

/// What is different.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// The state after the step.
    State {
        /// Hash of the first executor's.
        expected: Hash,
        /// Hash of this one's.
        actual: Hash,
    },
    /// It fails where the first one does not.
    Failed(String),
    /// Whoever runs the step on its witness, as the chain does, comes to another end.
    Witness(String),
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "step {}: {} ", self.step, self.executor)?;
        match &self.what {
            What::State { expected, actual } => {
                let [expected, actual] = [expected, actual].map(|hash| package::Hash(*hash));
                write!(f, "has the state {actual} after it, not {expected}")
            }
            What::Failed(error) => write!(f, "fails: {error}"),
            What::Witness(error) => write!(f, "has a wrong witness: {error}"),
        }
    }
}

/// Runs the package by all runners, the first of which is the authority. Compares the state after every step, and verifies
/// the witnesses of `witnesses_max` evenly chosen steps.
pub fn compare(
    package: &Package,
    runners: &[Runner],
    input: &[u8],
    witnesses_max: u64,
) -> Result<Comparison, RunError> {
    let verifier = Verifier::new(package)?;
    let mut chosen = Chosen::new(package.manifest.steps, witnesses_max);
    let mut progress = Progress::new("step", package.manifest.steps);
    let runs = runners.iter().map(|runner| (runner, runner.start(input)));
    let mut runs = runs.collect::<Vec<_>>();
    let mut comparison = Comparison::default();
    loop {
        let step = comparison.steps;
        let mut side_by_side = SideBySide {
            expected: None,
            verifier: chosen.take(step).then_some(&verifier),
            verified: None,
        };
        for (runner, run) in &mut runs {
            if let Err(what) = side_by_side.step(run)? {
                let executor = runner.name().to_string();
                comparison.difference = Some(Difference { step, executor, what });
                return Ok(comparison);
            }
        }
        if !side_by_side.went_on() {
            break;
        }
        comparison.count(&side_by_side);
        progress.show(comparison.steps);
    }
    if let Some((_, run)) = runs.into_iter().next() {
        comparison.answer = Some(run.finish()?);
    }
    Ok(comparison)
}

impl Comparison {
    fn count(&mut self, side_by_side: &SideBySide) {
        self.steps += 1;
        if let Some(witness) = &side_by_side.verified {
            self.witnesses += 1;
            self.greatest_witness = self.greatest_witness.max(witness.encoded_size() as u64);
        }
    }
}

/// One step of all runs.
struct SideBySide<'a> {
    /// What the first run has after the step: a state, or no step.
    expected: Option<Option<Hash>>,
    /// Where the step's witness is verified.
    verifier: Option<&'a Verifier>,
    /// The witness that was verified.
    verified: Option<StepWitness>,
}

impl SideBySide<'_> {
    /// Makes the step in `run`. An error of the first run is one of the package.
    fn step(&mut self, run: &mut Run) -> Result<Result<(), What>, RunError> {
        let before = self.verifier.map(|_| run.machine().clone());
        let ran = match run.step() {
            Ok(ran) => ran,
            Err(error) if self.expected.is_none() => return Err(error),
            Err(error) => return Ok(Err(What::Failed(error.to_string()))),
        };
        let state = ran.as_ref().map(|_| run.machine().state_hash());
        let expected = *self.expected.get_or_insert(state);
        if expected != state {
            return Ok(Err(What::State {
                expected: expected.unwrap_or_default(),
                actual: state.unwrap_or_default(),
            }));
        }
        Ok(match (before, ran, state) {
            (Some(before), Some(ran), Some(state)) => self.verify(before, &ran, state),
            _ => Ok(()),
        })
    }

    fn verify(&mut self, mut before: Machine, ran: &StepRun, state: Hash) -> Result<(), What> {
        let Some(verifier) = self.verifier else {
            return Ok(());
        };
        let witness = StepWitness {
            state: before.state(),
            // A whole memory is never pruned.
            memory: before.memory().prove(&ran.touched).unwrap_or_default(),
        };
        if self.verified.as_ref() != Some(&witness) {
            verifier.verify(&witness, state).map_err(What::Witness)?;
            self.verified = Some(witness);
        }
        Ok(())
    }

    /// Whether there was a step.
    fn went_on(&self) -> bool {
        matches!(self.expected, Some(Some(_)))
    }
}

/// Runs steps on their witnesses alone, in the interpreter, as the chain does.
struct Verifier {
    executor: WasmiExecutor,
    module: <WasmiExecutor as Executor>::Module,
}

impl Verifier {
    fn new(package: &Package) -> Result<Self, RunError> {
        let program = Program::new(package.program.clone())?;
        let executor = WasmiExecutor::new();
        let module = executor.load(&program).map_err(|error| RunError::Executor {
            executor: "wasmi".into(),
            error,
        })?;
        Ok(Self { executor, module })
    }

    /// Verifies that the step on `witness` ends in the state with the hash `expected`.
    fn verify(&self, witness: &StepWitness, expected: Hash) -> Result<(), String> {
        // What the chain gets is bytes.
        let bytes = witness.encode();
        let decoded = StepWitness::decode_all(&mut &bytes[..]).map_err(|error| error.to_string())?;
        let state = decoded.verify(&self.executor, &self.module);
        match state.map_err(|error| format!("{error:?}"))? {
            Some(state) if state.hash() == expected => Ok(()),
            Some(_) => Err("it leads to another state".into()),
            None => Err("it has no next step".into()),
        }
    }
}

/// Which of `total` steps are chosen, when `most` may be: all, or evenly many, the first and the last among them.
struct Chosen {
    total: u64,
    most: u64,
    /// How many were chosen.
    taken: u64,
}

impl Chosen {
    fn new(total: u64, most: u64) -> Self {
        Self {
            total,
            most: most.min(total),
            taken: 0,
        }
    }

    /// Whether `step` is chosen. Asked for one step after the other.
    fn take(&mut self, step: u64) -> bool {
        if self.taken == self.most {
            return false;
        }
        let gaps = u128::from(self.most).saturating_sub(1).max(1);
        let next = u128::from(self.taken) * u128::from(self.total.saturating_sub(1)) / gaps;
        let is_chosen = u128::from(step) == next;
        self.taken += u64::from(is_chosen);
        is_chosen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(total: u64, most: u64) -> Vec<u64> {
        let mut chosen = Chosen::new(total, most);
        (0..total).filter(|step| chosen.take(*step)).collect()
    }

    #[test]
    fn few_steps_are_all_chosen() {
        assert_eq!(chosen(5, 5), [0, 1, 2, 3, 4]);
        assert_eq!(chosen(5, 100), [0, 1, 2, 3, 4]);
        assert_eq!(chosen(1, 1), [0]);
    }

    #[test]
    fn many_steps_are_chosen_evenly_with_both_ends() {
        assert_eq!(chosen(10, 4), [0, 3, 6, 9]);
        assert_eq!(chosen(1000, 2), [0, 999]);
        assert_eq!(chosen(1000, 1), [0]);
        assert_eq!(chosen(1000, 0), [0; 0]);
        for (total, most) in [(999, 7), (1000, 999), (64, 63)] {
            let chosen = chosen(total, most);
            let ends = (chosen.len() as u64, chosen.last());
            assert_eq!(ends, (most, Some(&(total - 1))), "{total} {most}");
        }
    }
}
