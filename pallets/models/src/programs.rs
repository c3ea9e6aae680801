//! Programs: content-addressed code.

use crate::*;
use alloc::vec::Vec;
use assay_engine::{Program, ProgramError};
use frame_support::ensure;
use sp_core::H256;
use sp_runtime::{traits::SaturatedConversion, DispatchResult};

impl<T: Config> Pallet<T> {
    pub(crate) fn do_upload_program(owner: T::AccountId, code: Vec<u8>) -> DispatchResult {
        let program = Program::new(code).map_err(Error::<T>::from)?;
        let hash = H256(program.hash());
        ensure!(
            !Programs::<T>::contains_key(hash),
            Error::<T>::ProgramAlreadyExists
        );
        let code = Code::try_from(program.code().to_vec()).map_err(|_| Error::<T>::ProgramTooLarge)?;

        let len = code.len().saturated_into();
        let deposit = Self::deposit_for_state(code.len());
        Self::hold(HoldReason::Program, &owner, deposit)?;
        ProgramCode::<T>::insert(hash, code);
        Programs::<T>::insert(
            hash,
            ProgramRecord {
                owner: owner.clone(),
                deposit,
                len,
                refs: 0,
            },
        );
        Self::deposit_event(Event::ProgramUploaded {
            program: hash,
            owner,
            len,
        });
        Ok(())
    }

    pub(crate) fn do_remove_program(who: T::AccountId, program: H256) -> DispatchResult {
        let record = Programs::<T>::get(program).ok_or(Error::<T>::ProgramNotFound)?;
        ensure!(record.owner == who, Error::<T>::NotOwner);
        ensure!(record.refs == 0, Error::<T>::ProgramInUse);

        Self::release_deposit(HoldReason::Program, &record.owner, record.deposit)?;
        ProgramCode::<T>::remove(program);
        Programs::<T>::remove(program);
        Self::deposit_event(Event::ProgramRemoved { program });
        Ok(())
    }
}

impl<T> From<ProgramError> for Error<T> {
    fn from(rule: ProgramError) -> Self {
        match rule {
            ProgramError::TooLarge => Self::ProgramTooLarge,
            ProgramError::Invalid => Self::InvalidProgram,
            ProgramError::UnknownImport => Self::UnknownImport,
            ProgramError::WrongExports => Self::WrongExports,
            ProgramError::MemoryShape => Self::MemoryShape,
            ProgramError::MemoryGrow => Self::MemoryGrow,
            ProgramError::Table => Self::Table,
            ProgramError::StartFunction => Self::StartFunction,
            ProgramError::Recursion => Self::Recursion,
            ProgramError::StackTooDeep => Self::StackTooDeep,
            ProgramError::TooManyLocals => Self::TooManyLocals,
            ProgramError::TooManyGlobals => Self::TooManyGlobals,
            ProgramError::TooMuchData => Self::TooMuchData,
            ProgramError::LaneStoreOffset => Self::LaneStoreOffset,
            ProgramError::NotInstantiable => Self::NotInstantiable,
        }
    }
}
