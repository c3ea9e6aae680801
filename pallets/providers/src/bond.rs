//! Stake on its way in and out.

use crate::*;
use frame_support::{
    ensure,
    pallet_prelude::DispatchResult,
    traits::{fungible::MutateHold, tokens::Precision, Get},
};
use sp_runtime::{
    traits::{CheckedAdd, Saturating, Zero},
    ArithmeticError, DispatchError,
};

impl<T: Config> Pallet<T> {
    pub(crate) fn do_bond_more(who: T::AccountId, amount: BalanceOf<T>) -> DispatchResult {
        let mut record = Self::record(&who)?;
        ensure!(!amount.is_zero(), Error::<T>::ZeroAmount);
        Self::add_bond(&who, &mut record, amount)?;
        ensure!(record.bonded >= T::MinBond::get(), Error::<T>::BondTooLow);
        Providers::<T>::insert(&who, record);
        Self::deposit_event(Event::Bonded {
            provider: who,
            amount,
        });
        Ok(())
    }

    /// Holds `amount` and adds it to the bond.
    pub(crate) fn add_bond(
        who: &T::AccountId,
        record: &mut Provider<T>,
        amount: BalanceOf<T>,
    ) -> DispatchResult {
        T::Currency::hold(&HoldReason::Bond.into(), who, amount)?;
        record.bonded = record
            .bonded
            .checked_add(&amount)
            .ok_or(ArithmeticError::Overflow)?;
        Ok(())
    }

    pub(crate) fn do_unbond(who: T::AccountId, amount: BalanceOf<T>) -> DispatchResult {
        let mut record = Self::record(&who)?;
        ensure!(!amount.is_zero(), Error::<T>::ZeroAmount);
        ensure!(amount <= record.free_stake(), Error::<T>::FreeStakeTooLow);
        record.bonded = record.bonded.saturating_sub(amount);
        if record.bonded.is_zero() {
            ensure!(
                OffersOf::<T>::decode_len(&who).unwrap_or(0) == 0,
                Error::<T>::HasOffers
            );
        } else {
            ensure!(record.bonded >= T::MinBond::get(), Error::<T>::BondTooLow);
        }

        let unlocks_at = frame_system::Pallet::<T>::block_number().saturating_add(T::UnbondingPeriod::get());
        match record.unbonding.last_mut() {
            Some(chunk) if chunk.unlocks_at == unlocks_at => {
                chunk.amount = chunk
                    .amount
                    .checked_add(&amount)
                    .ok_or(ArithmeticError::Overflow)?;
            }
            _ => record
                .unbonding
                .try_push(UnbondingChunk { amount, unlocks_at })
                .map_err(|_| Error::<T>::TooManyUnbonding)?,
        }
        Providers::<T>::insert(&who, record);
        Self::deposit_event(Event::Unbonding {
            provider: who,
            amount,
            unlocks_at,
        });
        Ok(())
    }

    pub(crate) fn do_withdraw(who: T::AccountId) -> DispatchResult {
        let mut record = Self::record(&who)?;
        let amount = Self::release_matured(&who, &mut record)?;
        ensure!(!amount.is_zero(), Error::<T>::NothingToWithdraw);
        // Where there is no offer there is no job: a job keeps its offer from being removed.
        if record.stake().is_zero() && OffersOf::<T>::decode_len(&who).unwrap_or(0) == 0 {
            Self::delete_provider(who, &record);
        } else {
            Providers::<T>::insert(&who, record);
        }
        Ok(())
    }

    /// Releases the chunks whose time has come: those that unlock in this block or before. Returns
    /// the sum.
    pub(crate) fn release_matured(
        who: &T::AccountId,
        record: &mut Provider<T>,
    ) -> Result<BalanceOf<T>, DispatchError> {
        let now = frame_system::Pallet::<T>::block_number();
        let before = record.unbonding_total();
        record.unbonding.retain(|chunk| chunk.unlocks_at > now);
        let amount = before.saturating_sub(record.unbonding_total());
        if amount.is_zero() {
            return Ok(amount);
        }
        // A slash that was larger than its job's exposure may have left other jobs with no more
        // than the unbonding stake.
        ensure!(record.stake() >= record.exposed, Error::<T>::FreeStakeTooLow);
        T::Currency::release(&HoldReason::Bond.into(), who, amount, Precision::Exact)?;
        Self::deposit_event(Event::Withdrawn {
            provider: who.clone(),
            amount,
        });
        Ok(amount)
    }
}
