//! What holds between blocks.

use crate::*;
use alloc::collections::{BTreeMap, BTreeSet};
use assay_primitives::VersionId;
use frame_support::{ensure, traits::fungible::InspectHold};
use sp_runtime::{
    traits::{Saturating, Zero},
    TryRuntimeError,
};

/// What a provider's offers add up to.
struct Sums<Balance> {
    jobs: u32,
    deposits: Balance,
    versions: BTreeSet<VersionId>,
}

impl<T: Config> Pallet<T> {
    /// Checks that the books of providers, offers and holds agree.
    pub fn do_try_state() -> Result<(), TryRuntimeError> {
        let sums = Self::check_offers()?;
        for (who, record) in Providers::<T>::iter() {
            Self::check_provider(&who, &record)?;
            let (jobs, deposits) = sums
                .get(&who)
                .map_or((0, Zero::zero()), |sum| (sum.jobs, sum.deposits));
            ensure!(
                record.jobs == jobs,
                "a provider's jobs are not those of its offers"
            );
            ensure!(
                T::Currency::balance_on_hold(&HoldReason::Offer.into(), &who) == deposits,
                "the deposits of a provider's offers are not what is held"
            );
        }
        for (who, versions) in OffersOf::<T>::iter() {
            ensure!(
                Providers::<T>::contains_key(&who),
                "offers without their provider"
            );
            let sum = sums
                .get(&who)
                .ok_or("a provider's offers are on no version's list")?;
            ensure!(
                versions.len() == sum.versions.len() && versions.iter().all(|v| sum.versions.contains(v)),
                "a provider's list of versions is not that of its offers"
            );
        }
        ensure!(
            sums.keys().all(OffersOf::<T>::contains_key),
            "an offer that its provider does not list"
        );
        ensure!(
            ProviderOf::<T>::iter().count() == Providers::<T>::iter().count(),
            "a worker key without its provider"
        );
        Ok(())
    }

    fn check_provider(who: &T::AccountId, record: &Provider<T>) -> Result<(), TryRuntimeError> {
        ensure!(
            ProviderOf::<T>::get(&record.worker).as_ref() == Some(who),
            "a provider whose worker key names another"
        );
        ensure!(
            T::Currency::balance_on_hold(&HoldReason::Bond.into(), who) == record.stake(),
            "a provider's stake is not what is held"
        );
        ensure!(
            record.exposed <= record.bonded,
            "more stake is exposed than is bonded"
        );
        ensure!(
            record.jobs > 0 || record.exposed.is_zero(),
            "stake is exposed to no job"
        );
        ensure!(
            record.unbonding.iter().all(|chunk| !chunk.amount.is_zero()),
            "an empty chunk unbonds"
        );
        Ok(())
    }

    /// Checks every version's list and sums it up per provider.
    fn check_offers() -> Result<BTreeMap<T::AccountId, Sums<BalanceOf<T>>>, TryRuntimeError> {
        let mut sums = BTreeMap::<T::AccountId, Sums<BalanceOf<T>>>::new();
        for (version, offers) in Offers::<T>::iter() {
            ensure!(!offers.is_empty(), "an empty list of offers");
            for offer in offers {
                let sum = sums.entry(offer.provider).or_insert_with(|| Sums {
                    jobs: 0,
                    deposits: Zero::zero(),
                    versions: BTreeSet::new(),
                });
                ensure!(
                    sum.versions.insert(version),
                    "two offers of a version by one provider"
                );
                sum.jobs = sum.jobs.saturating_add(u32::from(offer.in_flight));
                sum.deposits = sum.deposits.saturating_add(offer.deposit);
            }
        }
        Ok(sums)
    }
}
