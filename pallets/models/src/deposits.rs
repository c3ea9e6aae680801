//! What is held of whom.

use crate::*;
use codec::Encode;
use frame_support::traits::{fungible::MutateHold, tokens::Precision, Get};
use sp_runtime::{
    traits::{SaturatedConversion, Saturating, Zero},
    DispatchResult,
};

impl<T: Config> Pallet<T> {
    /// Plancks for a record with `bytes` in state.
    pub(crate) fn deposit_for_state(bytes: usize) -> BalanceOf<T> {
        Self::deposit_for(bytes.saturated_into(), T::ByteDeposit::get())
    }

    /// Plancks for a record that stores `value`.
    pub(crate) fn deposit_for_value(value: &impl Encode) -> BalanceOf<T> {
        Self::deposit_for_state(value.encoded_size())
    }

    /// Plancks for params of `len` bytes.
    pub(crate) fn deposit_for_params(len: u64) -> BalanceOf<T> {
        Self::deposit_for(len.saturated_into(), T::ParamsByteDeposit::get())
    }

    /// Saturates: more than anybody has, so that the hold fails.
    fn deposit_for(bytes: BalanceOf<T>, each: BalanceOf<T>) -> BalanceOf<T> {
        each.saturating_mul(bytes).saturating_add(T::BaseDeposit::get())
    }

    pub(crate) fn hold(reason: HoldReason, who: &T::AccountId, amount: BalanceOf<T>) -> DispatchResult {
        if amount.is_zero() {
            return Ok(());
        }
        T::Currency::hold(&reason.into(), who, amount)
    }

    /// Gives back what is left of a deposit. A removal does not fail over a hold that something
    /// else has taken from.
    pub(crate) fn release_deposit(
        reason: HoldReason,
        who: &T::AccountId,
        amount: BalanceOf<T>,
    ) -> DispatchResult {
        if amount.is_zero() {
            return Ok(());
        }
        T::Currency::release(&reason.into(), who, amount, Precision::BestEffort)?;
        Ok(())
    }
}
