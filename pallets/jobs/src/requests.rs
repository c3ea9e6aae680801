//! Requests and their cancellation.

use crate::{types::*, Config, Error, Event, HoldReason, Inputs, Jobs, NextJobId, Pallet, Parameters};
use alloc::vec::Vec;
use assay_primitives::{
    Awaited, JobId, JobOutcome, Price, Providers, RequestJobs, VersionId, VersionTerms, Versions,
};
use frame_support::{
    ensure,
    traits::{
        fungible::{Inspect, MutateHold},
        tokens::{Fortitude, Preservation},
    },
    transactional,
};
use sp_core::H256;
use sp_io::hashing::blake2_256;
use sp_runtime::{
    traits::{One, SaturatedConversion, Saturating, Zero},
    ArithmeticError, DispatchError, DispatchResult,
};

impl<T: Config> Pallet<T> {
    pub(crate) fn do_request(
        requester: &T::AccountId,
        version: VersionId,
        input: Vec<u8>,
        max_price: Price<BalanceOf<T>>,
        named: Option<T::AccountId>,
    ) -> Result<JobId, DispatchError> {
        let version_terms = T::Versions::terms(version).ok_or(Error::<T>::VersionNotFound)?;
        ensure!(!version_terms.deprecated, Error::<T>::VersionDeprecated);
        ensure!(
            T::Versions::awaited(version, Self::now()) != Awaited::Missing,
            Error::<T>::VersionFrozen
        );
        let input = Input::try_from(input).map_err(|_| Error::<T>::WrongInputLength)?;
        let input_len = input.len().saturated_into::<u32>();
        ensure!(input_len == version_terms.input_len, Error::<T>::WrongInputLength);
        if let Some(provider) = &named {
            ensure!(
                T::Providers::worker(provider).is_some(),
                Error::<T>::ProviderNotFound
            );
        }
        let terms = Parameters::<T>::get();
        Self::ensure_price(version, &version_terms, &terms, &max_price, named.as_ref())?;

        let max_fee = max_price.total(version_terms.max_steps);
        let deposit = terms.deposit(input_len);
        Self::ensure_can_spend(requester, max_fee.saturating_add(deposit))?;
        T::Fungible::hold(&HoldReason::Escrow.into(), requester, max_fee)?;
        T::Fungible::hold(&HoldReason::Storage.into(), requester, deposit)?;
        T::Versions::acquire(version)?;

        let id = NextJobId::<T>::get();
        NextJobId::<T>::put(id.checked_add(1).ok_or(ArithmeticError::Overflow)?);
        let now = Self::now();
        let job = Job {
            requester: requester.clone(),
            version,
            input_hash: H256(blake2_256(&input)),
            max_price,
            max_fee,
            deposit,
            named,
            tried: Default::default(),
            exposure: Zero::zero(),
            state: JobState::Queued {
                until: now.saturating_add(terms.queue_deadline),
            },
            due: None,
            terms,
        };
        Inputs::<T>::insert(id, input);
        Self::put_due(id, job, now.saturating_add(One::one()));
        Self::deposit_event(Event::Requested {
            job: id,
            requester: requester.clone(),
            version,
            max_fee,
            deposit,
        });
        Ok(id)
    }

    pub(crate) fn do_cancel(who: &T::AccountId, id: JobId) -> DispatchResult {
        let job = Jobs::<T>::get(id).ok_or(Error::<T>::NotFound)?;
        ensure!(job.requester == *who, Error::<T>::NotRequester);
        ensure!(
            matches!(job.state, JobState::Queued { .. }),
            Error::<T>::NotQueued
        );
        Self::unschedule(id, &job);
        Self::end_unanswered(id, job, JobOutcome::Cancelled);
        Ok(())
    }

    /// Where somebody can take the job now, somebody has to ask no more than `max_price`. Where nobody can, it may wait.
    fn ensure_price(
        version: VersionId,
        version_terms: &VersionTerms<T::AccountId>,
        terms: &ParametersOf<T>,
        max_price: &Price<BalanceOf<T>>,
        named: Option<&T::AccountId>,
    ) -> DispatchResult {
        let mut prices = Self::quotes(version, version_terms, terms, named)
            .map(|quote| quote.price)
            .peekable();
        let fits = prices.peek().is_none() || prices.any(|price| price.is_within(max_price));
        ensure!(fits, Error::<T>::PriceTooLow);
        Ok(())
    }

    /// Funds that a lock or freeze keeps from being spent cannot be put in escrow either, or a job
    /// would be a way around the lock.
    fn ensure_can_spend(who: &T::AccountId, amount: BalanceOf<T>) -> DispatchResult {
        let spendable = T::Fungible::reducible_balance(who, Preservation::Preserve, Fortitude::Polite);
        ensure!(amount <= spendable, Error::<T>::InsufficientFunds);
        Ok(())
    }
}

impl<T: Config> RequestJobs<T::AccountId, BalanceOf<T>> for Pallet<T> {
    #[transactional]
    fn request(
        requester: &T::AccountId,
        version: VersionId,
        input: Vec<u8>,
        max_price: Price<BalanceOf<T>>,
        provider: Option<T::AccountId>,
    ) -> Result<JobId, DispatchError> {
        Self::do_request(requester, version, input, max_price, provider)
    }
}
