//! What providers offer to run.

use crate::*;
use assay_primitives::{Price, VersionId, Versions};
use frame_support::{
    ensure,
    pallet_prelude::{DispatchResult, Weight},
    traits::{fungible::MutateHold, tokens::Precision, Get},
};
use sp_runtime::{traits::Zero, DispatchError};

/// How an offer found its place.
pub(crate) enum Placement {
    /// It was there, or the list had room.
    Free,
    /// Another offer was evicted.
    Evicting,
}

impl Placement {
    /// The weight of the `set_offer` that ended so.
    pub(crate) fn weight<T: Config>(&self) -> Weight {
        match self {
            Self::Free => T::WeightInfo::set_offer(),
            Self::Evicting => T::WeightInfo::set_offer_evicting(),
        }
    }
}

impl<T: Config> Pallet<T> {
    pub(crate) fn do_set_offer(
        who: T::AccountId,
        version: VersionId,
        price: Price<BalanceOf<T>>,
        capacity: u16,
    ) -> Result<Placement, DispatchError> {
        let record = Self::record(&who)?;
        ensure!(record.bonded >= T::MinBond::get(), Error::<T>::BondTooLow);
        let terms = T::Versions::terms(version).ok_or(Error::<T>::VersionNotFound)?;
        ensure!(!terms.deprecated, Error::<T>::VersionDeprecated);
        Self::place_offer(who, &record, version, price, capacity)
    }

    /// Makes or changes an offer without a look at the version.
    pub(crate) fn place_offer(
        who: T::AccountId,
        record: &Provider<T>,
        version: VersionId,
        price: Price<BalanceOf<T>>,
        capacity: u16,
    ) -> Result<Placement, DispatchError> {
        let mut offers = Offers::<T>::get(version);
        let placement = match offers.iter_mut().find(|offer| offer.provider == who) {
            Some(offer) => {
                offer.price = price;
                offer.capacity = capacity;
                Placement::Free
            }
            None => {
                let placement = Self::make_room(&mut offers, version, &who, place(record, capacity))?;
                let deposit = T::OfferDeposit::get();
                T::Currency::hold(&HoldReason::Offer.into(), &who, deposit)?;
                OffersOf::<T>::try_append(&who, version).map_err(|_| Error::<T>::TooManyOffers)?;
                offers
                    .try_push(Offer {
                        provider: who.clone(),
                        price,
                        capacity,
                        in_flight: 0,
                        deposit,
                    })
                    .map_err(|_| Error::<T>::OffersFull)?;
                placement
            }
        };
        Offers::<T>::insert(version, offers);
        Self::deposit_event(Event::OfferSet {
            provider: who,
            version,
            price,
            capacity,
        });
        Ok(placement)
    }

    /// Evicts an offer where `offers` is full: the idle one with the smallest claim to its place, if
    /// that is less than the `stake` with which `who` claims one.
    fn make_room(
        offers: &mut OffersOfVersion<T>,
        version: VersionId,
        who: &T::AccountId,
        stake: BalanceOf<T>,
    ) -> Result<Placement, DispatchError> {
        if !offers.is_full() {
            return Ok(Placement::Free);
        }
        let (index, least) = offers
            .iter()
            .enumerate()
            .filter(|(_, offer)| offer.in_flight == 0)
            .map(|(index, offer)| (index, Self::claim_to_place(offer)))
            .min_by_key(|(_, stake)| *stake)
            .ok_or(Error::<T>::OffersFull)?;
        ensure!(stake > least, Error::<T>::OffersFull);
        let evicted = offers.remove(index);
        Self::settle_removed(version, &evicted)?;
        Self::deposit_event(Event::OfferEvicted {
            provider: evicted.provider,
            version,
            by: who.clone(),
        });
        Ok(Placement::Evicting)
    }

    /// Plancks of bond by which an offer defends its place.
    fn claim_to_place(offer: &Offer<T::AccountId, BalanceOf<T>>) -> BalanceOf<T> {
        Providers::<T>::get(&offer.provider).map_or_else(Zero::zero, |record| place(&record, offer.capacity))
    }

    pub(crate) fn do_remove_offer(who: T::AccountId, version: VersionId) -> DispatchResult {
        let mut offers = Offers::<T>::get(version);
        let index = offers
            .iter()
            .position(|offer| offer.provider == who)
            .ok_or(Error::<T>::OfferNotFound)?;
        ensure!(
            offers.get(index).is_some_and(|offer| offer.in_flight == 0),
            Error::<T>::OfferInUse
        );
        let removed = offers.remove(index);
        Self::settle_removed(version, &removed)?;
        if offers.is_empty() {
            Offers::<T>::remove(version);
        } else {
            Offers::<T>::insert(version, offers);
        }
        Self::deposit_event(Event::OfferRemoved {
            provider: who,
            version,
        });
        Ok(())
    }

    pub(crate) fn do_remove_stale_offer(version: VersionId, provider: T::AccountId) -> DispatchResult {
        ensure!(T::Versions::terms(version).is_none(), Error::<T>::OfferNotStale);
        Self::do_remove_offer(provider, version)
    }

    /// Returns the deposit of an offer that left its version's list, and takes the version off its
    /// provider's list.
    fn settle_removed(version: VersionId, offer: &Offer<T::AccountId, BalanceOf<T>>) -> DispatchResult {
        OffersOf::<T>::mutate_exists(&offer.provider, |slot| {
            *slot = slot.take().and_then(|mut versions| {
                versions.retain(|other| *other != version);
                (!versions.is_empty()).then_some(versions)
            });
        });
        T::Currency::release(
            &HoldReason::Offer.into(),
            &offer.provider,
            offer.deposit,
            Precision::Exact,
        )?;
        Ok(())
    }
}

/// Plancks of bond by which a provider claims a place for an offer: none where it takes no jobs.
fn place<T: Config>(record: &Provider<T>, capacity: u16) -> BalanceOf<T> {
    if capacity > 0 && record.takes_jobs() {
        record.bonded
    } else {
        Zero::zero()
    }
}
