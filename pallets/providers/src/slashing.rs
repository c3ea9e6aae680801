//! How stake is lost.

use crate::*;
use frame_support::{
    storage::with_storage_layer,
    traits::{
        fungible::MutateHold,
        tokens::{Fortitude, Precision, Restriction},
    },
};
use sp_runtime::{
    traits::{Saturating, Zero},
    DispatchError,
};

impl<T: Config> Pallet<T> {
    /// Takes up to `amount` plancks of stake, pays up to the reward of it and burns the rest.
    ///
    /// A reward that its beneficiary cannot receive, for it would stay below the existential
    /// deposit, is burnt.
    pub(crate) fn do_slash(
        provider: &T::AccountId,
        amount: BalanceOf<T>,
        beneficiary: Option<(&T::AccountId, BalanceOf<T>)>,
    ) -> BalanceOf<T> {
        let Some(mut record) = Providers::<T>::get(provider) else {
            log::error!(target: LOG_TARGET, "{provider:?} is no provider to slash");
            return Zero::zero();
        };
        let amount = amount.min(record.stake());
        if amount.is_zero() {
            return amount;
        }
        let rewarded = beneficiary
            .map(|(account, reward)| Self::pay_reward(provider, account, reward.min(amount)))
            .unwrap_or_else(Zero::zero);
        let burned = Self::burn_stake(provider, amount.saturating_sub(rewarded));
        let taken = rewarded.saturating_add(burned);
        record.reduce_stake(taken);
        record.stats.slashed = record.stats.slashed.saturating_add(taken);
        Providers::<T>::insert(provider, record);
        Self::deposit_event(Event::Slashed {
            provider: provider.clone(),
            amount: taken,
            beneficiary: beneficiary.map(|(account, _)| account.clone()),
            rewarded,
            burned,
        });
        taken
    }

    /// Pays `reward` plancks of `provider`'s stake to the free balance of `account`. Returns what
    /// was paid: all or nothing.
    fn pay_reward(provider: &T::AccountId, account: &T::AccountId, reward: BalanceOf<T>) -> BalanceOf<T> {
        if reward.is_zero() {
            return reward;
        }
        with_storage_layer(|| {
            T::Currency::transfer_on_hold(
                &HoldReason::Bond.into(),
                provider,
                account,
                reward,
                Precision::Exact,
                Restriction::Free,
                Fortitude::Force,
            )
        })
        .unwrap_or_else(|_: DispatchError| Zero::zero())
    }

    /// Burns `amount` plancks of `provider`'s stake. Returns what was burnt.
    fn burn_stake(provider: &T::AccountId, amount: BalanceOf<T>) -> BalanceOf<T> {
        if amount.is_zero() {
            return amount;
        }
        with_storage_layer(|| {
            T::Currency::burn_held(
                &HoldReason::Bond.into(),
                provider,
                amount,
                Precision::BestEffort,
                Fortitude::Force,
            )
        })
        .unwrap_or_else(|error: DispatchError| {
            log::error!(target: LOG_TARGET, "{amount:?} of {provider:?} cannot be burnt: {error:?}");
            Zero::zero()
        })
    }
}
