//! What the runtime APIs answer.

use crate::*;
use alloc::vec::Vec;
use assay_primitives::{worker_key::WorkerId, OpenOffer, VersionId};
use frame_system::pallet_prelude::BlockNumberFor;
use sp_runtime::traits::Zero;

impl<T: Config> Pallet<T> {
    /// The provider `who`, for `ProvidersApi::provider`.
    pub fn provider_info(who: T::AccountId) -> Option<ProviderInfo<BalanceOf<T>, BlockNumberFor<T>>> {
        let record = Providers::<T>::get(&who)?;
        Some(ProviderInfo {
            free_stake: record.free_stake(),
            worker: record.worker,
            status: record.status,
            bonded: record.bonded,
            exposed: record.exposed,
            unbonding: record.unbonding.into_inner(),
            jobs: record.jobs,
            strikes: record.strikes,
            first_seen: record.first_seen,
            last_active: record.last_active,
            stats: record.stats,
            offers: OffersOf::<T>::get(&who).into_inner(),
        })
    }

    /// The provider for which `worker` signs, for `ProvidersApi::provider_of`.
    pub fn provider_of(worker: WorkerId) -> Option<T::AccountId> {
        ProviderOf::<T>::get(worker)
    }

    /// The offers of `version`, for `ProvidersApi::offers`.
    pub fn offer_infos(version: VersionId) -> Vec<OfferInfo<T::AccountId, BalanceOf<T>, BlockNumberFor<T>>> {
        Offers::<T>::get(version)
            .into_iter()
            .filter_map(|offer| {
                let record = Providers::<T>::get(&offer.provider)?;
                Some(OfferInfo {
                    takes_jobs: is_open(&offer, &record),
                    free_capacity: offer.free_capacity(),
                    provider: offer.provider,
                    price: offer.price,
                    capacity: offer.capacity,
                    free_stake: record.free_stake(),
                    first_seen: record.first_seen,
                    last_active: record.last_active,
                    stats: record.stats,
                })
            })
            .collect()
    }

    /// Who takes jobs of `version` now, and for what.
    pub(crate) fn open_offers(version: VersionId) -> Vec<OpenOffer<T::AccountId, BalanceOf<T>>> {
        Self::offer_infos(version)
            .into_iter()
            .filter(|offer| offer.takes_jobs)
            .map(|offer| OpenOffer {
                provider: offer.provider,
                price: offer.price,
                free_stake: offer.free_stake,
            })
            .collect()
    }
}

/// Whether `offer` takes a job now whose exposure is at most the free stake.
fn is_open<T: Config>(offer: &Offer<T::AccountId, BalanceOf<T>>, record: &Provider<T>) -> bool {
    offer.free_capacity() > 0 && record.takes_jobs() && !record.free_stake().is_zero()
}
