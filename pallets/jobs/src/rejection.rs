//! Why a claim, or the return of a job, is refused, as the pool and the dispatch say it.

use crate::{Config, Error};
use assay_engine::claim::ClaimError;
use sp_runtime::transaction_validity::{InvalidTransaction, TransactionValidityError};

/// Why a claim, or the return of a job, is refused.
///
/// One without a signed sender is refused by the pool with `InvalidTransaction::Custom` and the
/// number given here. A claim from a signed sender fails with the [`Error`] of the same name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Rejection {
    /// [`Error::NotFound`].
    NotFound = 1,
    /// [`Error::NotAssigned`].
    NotAssigned = 2,
    /// [`Error::DeadlinePassed`].
    DeadlinePassed = 3,
    /// [`Error::WorkerNotFound`].
    WorkerNotFound = 4,
    /// [`Error::BadSignature`].
    BadSignature = 5,
    /// [`Error::ClaimTooLarge`].
    ClaimTooLarge = 6,
    /// [`Error::VersionNotFound`].
    VersionNotFound = 7,
    /// [`Error::WrongSteps`].
    WrongSteps = 8,
    /// [`Error::WrongOpening`].
    WrongOpening = 9,
    /// [`Error::WrongStart`].
    WrongStart = 10,
    /// [`Error::WrongEnd`].
    WrongEnd = 11,
    /// [`Error::WrongRoot`].
    WrongRoot = 12,
    /// [`Error::NotTerminal`].
    NotTerminal = 13,
    /// [`Error::WrongOutput`].
    WrongOutput = 14,
    /// [`Error::ParamsOnChain`].
    ParamsOnChain = 15,
}

impl From<Rejection> for u8 {
    fn from(rejection: Rejection) -> Self {
        rejection as u8
    }
}

impl From<Rejection> for TransactionValidityError {
    fn from(rejection: Rejection) -> Self {
        InvalidTransaction::Custom(rejection.into()).into()
    }
}

impl<T: Config> From<Rejection> for Error<T> {
    fn from(rejection: Rejection) -> Self {
        match rejection {
            Rejection::NotFound => Self::NotFound,
            Rejection::NotAssigned => Self::NotAssigned,
            Rejection::DeadlinePassed => Self::DeadlinePassed,
            Rejection::WorkerNotFound => Self::WorkerNotFound,
            Rejection::BadSignature => Self::BadSignature,
            Rejection::ClaimTooLarge => Self::ClaimTooLarge,
            Rejection::VersionNotFound => Self::VersionNotFound,
            Rejection::WrongSteps => Self::WrongSteps,
            Rejection::WrongOpening => Self::WrongOpening,
            Rejection::WrongStart => Self::WrongStart,
            Rejection::WrongEnd => Self::WrongEnd,
            Rejection::WrongRoot => Self::WrongRoot,
            Rejection::NotTerminal => Self::NotTerminal,
            Rejection::WrongOutput => Self::WrongOutput,
            Rejection::ParamsOnChain => Self::ParamsOnChain,
        }
    }
}

impl From<ClaimError> for Rejection {
    fn from(error: ClaimError) -> Self {
        match error {
            ClaimError::WrongSteps => Self::WrongSteps,
            ClaimError::WrongOpening => Self::WrongOpening,
            ClaimError::WrongStart => Self::WrongStart,
            ClaimError::WrongEnd => Self::WrongEnd,
            ClaimError::WrongRoot => Self::WrongRoot,
            ClaimError::NotTerminal => Self::NotTerminal,
            ClaimError::WrongOutput => Self::WrongOutput,
        }
    }
}
