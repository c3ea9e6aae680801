//! Judges: one for each version of the engine by whose rules a claim may have been made.
//!
//! A claim is judged by the rules that held when it came in, whatever the runtime is by then. A version leaves
//! [`is_known`] only when no claim of it can be open any more.

use crate::{Config, Error};
use alloc::vec::Vec;
use assay_engine::{
    fraud::{FraudError, OpenedProof},
    limits::{ENGINE_VERSION, STEP_FUEL},
    Executor, Program, WasmiExecutor,
};
use frame_support::ensure;

/// What running a step showed.
pub(crate) struct Judgement<T> {
    /// `Ok` where the trace is false.
    pub result: Result<(), Error<T>>,
    /// Fuel that the step used, or the most that it may have.
    pub fuel: u64,
}

// Claims of today's version must find their judge, and so must those of the version before.
const _: () = assert!(
    ENGINE_VERSION == 1,
    "the judge of version 1 stays, beside one for the new version"
);

/// Whether there is a judge for claims of this version, be it today's or not.
const fn is_known(engine_version: u16) -> bool {
    matches!(engine_version, 1)
}

/// Fails where no judge is left for claims of this version.
pub(crate) fn ensure_known<T: Config>(engine_version: u16) -> Result<(), Error<T>> {
    ensure!(is_known(engine_version), Error::<T>::UnknownEngine);
    Ok(())
}

/// Runs the step of `proof` by the rules of version 1.
pub(crate) fn judge<T: Config>(code: Vec<u8>, proof: OpenedProof) -> Judgement<T> {
    let executor = WasmiExecutor::new();
    let Ok(module) = executor.load(&Program::from_checked(code)) else {
        return Judgement {
            result: Err(Error::<T>::WrongWitness),
            fuel: 0,
        };
    };
    match proof.verify(&executor, &module) {
        Ok(fuel) => Judgement { result: Ok(()), fuel },
        Err(error) => {
            let fuel = match error {
                FraudError::StepIsRight { fuel } => fuel,
                // The step may have run up to where it touched what the witness leaves out.
                _ => STEP_FUEL,
            };
            Judgement {
                result: Err(error.into()),
                fuel,
            }
        }
    }
}

impl<T> From<FraudError> for Error<T> {
    fn from(error: FraudError) -> Self {
        match error {
            FraudError::StepOutOfRange => Self::StepOutOfRange,
            FraudError::WrongBefore => Self::WrongBefore,
            FraudError::WrongAfter => Self::WrongAfter,
            FraudError::Witness(_) => Self::WrongWitness,
            FraudError::StepIsRight { .. } => Self::StepIsRight,
        }
    }
}
