//! What a runtime's configuration has to fulfill.

use crate::*;
use frame_support::traits::{fungible::Inspect, Get};

impl<T: Config> Pallet<T> {
    pub(crate) fn do_integrity_test() {
        let least = T::Currency::minimum_balance();
        assert!(
            T::UnbondingPeriod::get() > T::LongestJob::get(),
            "UnbondingPeriod is not longer than LongestJob: stake could leave before it is slashed"
        );
        assert!(
            T::MinBond::get() >= least && T::OfferDeposit::get() >= least,
            "MinBond or OfferDeposit is below the existential deposit: a refund could fail"
        );
        assert!(
            T::MaxUnbonding::get() > 0,
            "MaxUnbonding is zero: no stake can leave"
        );
        assert!(
            T::MaxOffersPerVersion::get() > 0,
            "MaxOffersPerVersion is zero: nothing can be offered"
        );
        assert!(
            T::MaxOffersPerProvider::get() > 0,
            "MaxOffersPerProvider is zero: nothing can be offered"
        );
        assert!(
            T::MaxStrikes::get() > 0,
            "MaxStrikes is zero: a provider would never be active"
        );

        let budget = T::BlockWeights::get().max_block.div(4);
        let worst = [
            ("assign", T::WeightInfo::assign(T::MaxOffersPerVersion::get())),
            ("release", T::WeightInfo::release()),
            ("slash", T::WeightInfo::slash(T::MaxUnbonding::get())),
            ("register", T::WeightInfo::register()),
            (
                "set_offer",
                T::WeightInfo::set_offer().max(T::WeightInfo::set_offer_evicting()),
            ),
            ("withdraw", T::WeightInfo::withdraw()),
            ("set_worker", T::WeightInfo::set_worker()),
            ("deregister", T::WeightInfo::deregister()),
            ("bond_more", T::WeightInfo::bond_more()),
            ("unbond", T::WeightInfo::unbond()),
            ("remove_offer", T::WeightInfo::remove_offer()),
            ("remove_stale_offer", T::WeightInfo::remove_stale_offer()),
            ("pause", T::WeightInfo::pause()),
            ("resume", T::WeightInfo::resume()),
        ];
        for (what, weight) in worst {
            assert!(
                weight.all_lte(budget),
                "{what} needs {weight:?}, more than a quarter of a block: {budget:?}"
            );
        }
    }
}
