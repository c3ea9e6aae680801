//! How jobs find providers, and what their end does to them.

use crate::*;
use alloc::vec::Vec;
use assay_primitives::{
    worker_key::WorkerId, Assignment, AssignmentRequest, OpenOffer, ProviderOutcome, VersionId,
};
use codec::Encode;
use frame_support::traits::Get;
use sp_core::{H256, U256};
use sp_runtime::traits::{AtLeast32BitUnsigned, Saturating, UniqueSaturatedInto};

/// Separates the choice of a provider from other uses of the same randomness.
const CHOICE_CONTEXT: &[u8; 12] = b"assay-assign";

impl<T: Config> assay_primitives::Providers<T::AccountId, BalanceOf<T>> for Pallet<T> {
    /// Weighs `T::WeightInfo::assign` of the offers considered.
    fn assign(
        request: &AssignmentRequest<T::AccountId, BalanceOf<T>>,
    ) -> Option<Assignment<T::AccountId, BalanceOf<T>>> {
        Self::do_assign(request)
    }

    /// Weighs `T::WeightInfo::release()`.
    fn release(
        provider: &T::AccountId,
        version: VersionId,
        exposure: BalanceOf<T>,
        outcome: ProviderOutcome,
    ) {
        Self::do_release(provider, version, exposure, outcome)
    }

    /// Weighs at most `T::WeightInfo::slash(T::MaxUnbonding)`.
    fn slash(
        provider: &T::AccountId,
        amount: BalanceOf<T>,
        beneficiary: Option<(&T::AccountId, BalanceOf<T>)>,
    ) -> BalanceOf<T> {
        Self::do_slash(provider, amount, beneficiary)
    }

    fn worker(provider: &T::AccountId) -> Option<WorkerId> {
        Providers::<T>::get(provider).map(|record| record.worker)
    }

    fn offers(version: VersionId) -> Vec<OpenOffer<T::AccountId, BalanceOf<T>>> {
        Self::open_offers(version)
    }

    fn offers_considered(request: &AssignmentRequest<T::AccountId, BalanceOf<T>>) -> u32 {
        let offers = Offers::<T>::get(request.version);
        let considered = offers.iter().filter(|offer| is_considered(offer, request));
        considered.count().unique_saturated_into()
    }

    fn max_offers() -> u32 {
        T::MaxOffersPerVersion::get()
    }

    #[cfg(feature = "runtime-benchmarks")]
    fn benchmark_provider(who: &T::AccountId, worker: WorkerId, version: VersionId, exposure: BalanceOf<T>) {
        crate::benchmarking::provider_with_offer::<T>(who, worker, version, exposure);
        crate::benchmarking::fill_unbonding::<T>(who, T::MaxUnbonding::get());
    }

    #[cfg(feature = "runtime-benchmarks")]
    fn benchmark_fill_offers(version: VersionId, count: u32, exposure: BalanceOf<T>) {
        crate::benchmarking::fill_offers::<T>(version, count, exposure);
    }
}

/// A provider that fits a request.
struct Candidate<T: Config> {
    account: T::AccountId,
    record: Provider<T>,
    /// Plancks to lock for the job.
    exposure: BalanceOf<T>,
}

impl<T: Config> Pallet<T> {
    fn do_assign(
        request: &AssignmentRequest<T::AccountId, BalanceOf<T>>,
    ) -> Option<Assignment<T::AccountId, BalanceOf<T>>> {
        let mut offers = Offers::<T>::get(request.version);
        let mut candidates = offers
            .iter()
            .filter_map(|offer| Self::candidate(offer, request))
            .collect::<Vec<_>>();
        let index = Self::choose(&candidates, request)?;
        let Candidate {
            account,
            mut record,
            exposure,
        } = candidates.swap_remove(index);

        let offer = offers.iter_mut().find(|offer| offer.provider == account)?;
        offer.in_flight = offer.in_flight.saturating_add(1);
        let price = offer.price;
        record.jobs = record.jobs.saturating_add(1);
        record.exposed = record.exposed.saturating_add(exposure);
        record.last_active = frame_system::Pallet::<T>::block_number();
        Offers::<T>::insert(request.version, offers);
        Providers::<T>::insert(&account, record);
        Some(Assignment {
            provider: account,
            price,
            exposure,
        })
    }

    /// The provider of `offer` where it fits `request`.
    fn candidate(
        offer: &Offer<T::AccountId, BalanceOf<T>>,
        request: &AssignmentRequest<T::AccountId, BalanceOf<T>>,
    ) -> Option<Candidate<T>> {
        if !is_considered(offer, request) {
            return None;
        }
        let fee = offer.price.checked_total(request.steps)?;
        let exposure = fee
            .saturating_mul(request.exposure_factor.into())
            .max(request.min_exposure);
        let record = Providers::<T>::get(&offer.provider)?;
        let fits = record.takes_jobs() && record.free_stake() >= exposure;
        fits.then(|| Candidate {
            account: offer.provider.clone(),
            record,
            exposure,
        })
    }

    /// The index of one of `candidates`, each with a chance proportional to its free stake: none
    /// where nothing is free.
    ///
    /// The 256 bits of a hash of the seed are reduced modulo the sum of the free stakes, which has
    /// at most 128 bits: no provider's chance is off by more than one part in 2^128.
    fn choose(
        candidates: &[Candidate<T>],
        request: &AssignmentRequest<T::AccountId, BalanceOf<T>>,
    ) -> Option<usize> {
        let total = candidates
            .iter()
            .fold(0u128, |sum, candidate| sum.saturating_add(chance(candidate)));
        let mut ticket = ticket(request.seed, request.version).checked_rem(U256::from(total))?;
        for (index, candidate) in candidates.iter().enumerate() {
            match ticket.checked_sub(U256::from(chance(candidate))) {
                Some(rest) => ticket = rest,
                None => return Some(index),
            }
        }
        None
    }

    fn do_release(
        provider: &T::AccountId,
        version: VersionId,
        exposure: BalanceOf<T>,
        outcome: ProviderOutcome,
    ) {
        Offers::<T>::mutate_extant(version, |offers| {
            match offers.iter_mut().find(|offer| offer.provider == *provider) {
                Some(offer) => {
                    offer.in_flight = offer.in_flight.saturating_sub(1);
                    if outcome == ProviderOutcome::Declined {
                        offer.capacity = 0;
                    }
                }
                None => log::error!(target: LOG_TARGET, "{provider:?} has no offer of {version} to release"),
            }
        });
        let Some(mut record) = Providers::<T>::get(provider) else {
            log::error!(target: LOG_TARGET, "{provider:?} is no provider to release");
            return;
        };
        record.jobs = record.jobs.saturating_sub(1);
        record.exposed = record.exposed.saturating_sub(exposure);
        record.last_active = frame_system::Pallet::<T>::block_number();
        match outcome {
            ProviderOutcome::Completed => {
                record.stats.completed = record.stats.completed.saturating_add(1);
                record.strikes = 0;
            }
            ProviderOutcome::TimedOut => {
                record.stats.timed_out = record.stats.timed_out.saturating_add(1);
                record.strikes = record.strikes.saturating_add(1);
                if record.status == Status::Active && record.strikes >= T::MaxStrikes::get() {
                    record.status = Status::Suspended;
                    Self::deposit_event(Event::Suspended {
                        provider: provider.clone(),
                    });
                }
            }
            ProviderOutcome::Disproved => record.stats.disproved = record.stats.disproved.saturating_add(1),
            ProviderOutcome::Released | ProviderOutcome::Declined => {
                record.stats.released = record.stats.released.saturating_add(1)
            }
        }
        Providers::<T>::insert(provider, record);
    }
}

/// Whether nothing about `offer` itself stands against `request`.
fn is_considered<AccountId: PartialEq, Balance: AtLeast32BitUnsigned + Copy>(
    offer: &Offer<AccountId, Balance>,
    request: &AssignmentRequest<AccountId, Balance>,
) -> bool {
    request.named.is_none_or(|named| offer.provider == *named)
        && offer.free_capacity() > 0
        && !request.excluded.contains(&offer.provider)
        && offer.price.is_within(&request.max_price)
}

/// The weight of `candidate` in the choice.
fn chance<T: Config>(candidate: &Candidate<T>) -> u128 {
    candidate.record.free_stake().unique_saturated_into()
}

/// A number of 256 bits for a choice. The seed is hashed, so that one with structure serves too.
fn ticket(seed: H256, version: VersionId) -> U256 {
    U256::from_big_endian(&sp_io::hashing::blake2_256(
        &(CHOICE_CONTEXT, seed, version).encode(),
    ))
}
