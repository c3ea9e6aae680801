use crate::{mock::*, weights::WeightInfo, Error, Event, Offers, OffersOf};
use assay_primitives::{Price, ProviderOutcome, VersionId};
use frame_support::{
    assert_noop, assert_ok,
    dispatch::{DispatchResultWithPostInfo, GetDispatchInfo, Pays},
};
use sp_runtime::TokenError;

const PRICE: Price<Balance> = Price {
    per_job: 3,
    per_step: 2,
};

fn signed(who: AccountId) -> RuntimeOrigin {
    RuntimeOrigin::signed(who)
}

fn set_offer(who: AccountId, version: VersionId) -> DispatchResultWithPostInfo {
    Providers::set_offer(signed(who), version, PRICE, 1)
}

/// Version 1 with as many offers as it may have: by 1 to 4, with a stake of `who` times 1000.
fn full() -> ExtBuilder {
    (1..=4u64).fold(ExtBuilder::default(), |ext, who| {
        ext.provider(who, who * 1_000).offer(who, 1, 1)
    })
}

fn providers_of(version: VersionId) -> Vec<AccountId> {
    Offers::<Test>::get(version)
        .iter()
        .map(|offer| offer.provider)
        .collect()
}

#[test]
fn set_offer_holds_a_deposit_for_a_new_offer() {
    ExtBuilder::default()
        .provider(1, LEAST_BOND)
        .build_and_execute(|| {
            assert_ok!(Providers::set_offer(signed(1), 2, PRICE, 5));

            let offer = offer(1, 2).unwrap();
            assert_eq!((offer.price, offer.capacity, offer.in_flight), (PRICE, 5, 0));
            assert_eq!(OffersOf::<Test>::get(1).into_inner(), [2]);
            assert_eq!(held_deposits(1), DEPOSIT);
            assert_eq!(
                events(),
                [Event::OfferSet {
                    provider: 1,
                    version: 2,
                    price: PRICE,
                    capacity: 5
                }]
            );
        });
}

#[test]
fn set_offer_of_an_offered_version_changes_price_and_capacity_alone() {
    ExtBuilder::default()
        .provider(1, LEAST_BOND)
        .offer(1, 1, 5)
        .build_and_execute(|| {
            assign_to(1, 1, 100);
            OfferDeposit::set(DEPOSIT * 2);
            assert_ok!(Providers::set_offer(signed(1), 1, PRICE, 0));

            let offer = offer(1, 1).unwrap();
            assert_eq!((offer.price, offer.capacity, offer.in_flight), (PRICE, 0, 1));
            assert_eq!((offer.deposit, held_deposits(1)), (DEPOSIT, DEPOSIT));
            assert_eq!(OffersOf::<Test>::get(1).into_inner(), [1]);
            OfferDeposit::set(DEPOSIT);
        });
}

#[test]
fn set_offer_fails_for_strangers_and_unknown_or_deprecated_versions() {
    ExtBuilder::default()
        .provider(1, LEAST_BOND)
        .build_and_execute(|| {
            assert_noop!(set_offer(2, 1), Error::<Test>::NotRegistered);
            assert_noop!(set_offer(1, VERSIONS + 1), Error::<Test>::VersionNotFound);
            set_version(1, true);
            assert_noop!(set_offer(1, 1), Error::<Test>::VersionDeprecated);
        });
}

#[test]
fn set_offer_fails_below_min_bond() {
    ExtBuilder::default()
        .provider(1, LEAST_BOND)
        .build_and_execute(|| {
            slash(1, 1, None);
            assert_noop!(set_offer(1, 1), Error::<Test>::BondTooLow);
        });
}

#[test]
fn set_offer_fails_without_the_deposit() {
    ExtBuilder::default()
        .provider(1, LEAST_BOND)
        .build_and_execute(|| {
            set_free(1, ED + DEPOSIT - 1);
            assert_noop!(set_offer(1, 1), TokenError::FundsUnavailable);
            set_free(1, ED + DEPOSIT);
            assert_ok!(set_offer(1, 1));
        });
}

#[test]
fn set_offer_fails_past_the_most_offers_of_a_provider() {
    ExtBuilder::default()
        .provider(1, LEAST_BOND)
        .build_and_execute(|| {
            for version in 1..=MaxOffersPerProvider::get() {
                assert_ok!(set_offer(1, version));
            }
            let version = MaxOffersPerProvider::get() + 1;
            assert_noop!(set_offer(1, version), Error::<Test>::TooManyOffers);
            assert_ok!(Providers::remove_offer(signed(1), 2));
            assert_ok!(set_offer(1, version));
        });
}

#[test]
fn set_offer_evicts_the_smallest_stake_of_a_full_list() {
    full().provider(5, 1_001).build_and_execute(|| {
        assert_ok!(set_offer(5, 1));

        assert_eq!(providers_of(1), [2, 3, 4, 5]);
        assert!(!OffersOf::<Test>::contains_key(1));
        assert_eq!((held_deposits(1), held_deposits(5)), (0, DEPOSIT));
        assert_eq!(
            events(),
            [
                Event::OfferEvicted {
                    provider: 1,
                    version: 1,
                    by: 5
                },
                Event::OfferSet {
                    provider: 5,
                    version: 1,
                    price: PRICE,
                    capacity: 1
                },
            ]
        );
    });
}

#[test]
fn set_offer_evicts_nobody_of_equal_stake() {
    full().provider(5, 1_000).build_and_execute(|| {
        assert_noop!(set_offer(5, 1), Error::<Test>::OffersFull);
    });
}

#[test]
fn set_offer_evicts_nobody_for_an_offer_that_takes_no_jobs() {
    full().provider(5, 100_000).build_and_execute(|| {
        assert_noop!(
            Providers::set_offer(signed(5), 1, PRICE, 0),
            Error::<Test>::OffersFull
        );
        assert_ok!(Providers::pause(signed(5)));
        assert_noop!(set_offer(5, 1), Error::<Test>::OffersFull);
        assert_ok!(Providers::resume(signed(5)));
        assert_ok!(set_offer(5, 1));
    });
}

#[test]
fn set_offer_passes_over_busy_offers_when_it_evicts() {
    full().provider(5, 2_001).build_and_execute(|| {
        assign_to(1, 1, 100);
        assert_ok!(set_offer(5, 1));
        assert_eq!(providers_of(1), [1, 3, 4, 5]);
    });
}

#[test]
fn set_offer_evicts_nobody_where_all_are_busy() {
    full().provider(5, 100_000).build_and_execute(|| {
        for who in 1..=4 {
            assign_to(who, 1, 100);
        }
        assert_noop!(set_offer(5, 1), Error::<Test>::OffersFull);
    });
}

#[test]
fn set_offer_evicts_one_that_takes_no_jobs_whatever_its_stake() {
    full()
        .provider(5, LEAST_BOND)
        .provider(6, LEAST_BOND)
        .provider(7, LEAST_BOND)
        .build_and_execute(|| {
            assert_ok!(Providers::pause(signed(4)));
            assert_ok!(set_offer(5, 1));
            assert_eq!(providers_of(1), [1, 2, 3, 5]);

            assert_ok!(Providers::set_offer(signed(3), 1, PRICE, 0));
            assert_ok!(set_offer(6, 1));
            assert_eq!(providers_of(1), [1, 2, 5, 6]);

            slash(1, 1, None);
            assert_ok!(set_offer(7, 1));
            assert_eq!(providers_of(1), [2, 5, 6, 7]);
        });
}

#[test]
fn set_offer_of_a_full_list_still_changes_its_own_offers() {
    full().build_and_execute(|| {
        assert_ok!(Providers::set_offer(signed(1), 1, PRICE, 9));
        assert_eq!(offer(1, 1).unwrap().capacity, 9);
        assert_eq!(providers_of(1), [1, 2, 3, 4]);
    });
}

#[test]
fn set_offer_refunds_the_weight_of_an_eviction_that_was_not_needed() {
    full().provider(5, LEAST_BOND + 1).build_and_execute(|| {
        let declared = crate::Call::<Test>::set_offer {
            version: 1,
            price: PRICE,
            capacity: 1,
        }
        .get_dispatch_info()
        .call_weight;
        let cheap = set_offer(5, 2).unwrap().actual_weight.unwrap();
        let evicting = set_offer(5, 1).unwrap().actual_weight.unwrap();
        assert_eq!(cheap, <() as WeightInfo>::set_offer());
        assert_eq!(evicting, <() as WeightInfo>::set_offer_evicting());
        assert_eq!(evicting, declared);
        assert!(cheap.all_lt(declared));
    });
}

#[test]
fn remove_offer_returns_the_deposit() {
    ExtBuilder::default()
        .provider(1, LEAST_BOND)
        .offer(1, 1, 1)
        .offer(1, 2, 1)
        .build_and_execute(|| {
            assert_ok!(Providers::remove_offer(signed(1), 1));
            assert!(!Offers::<Test>::contains_key(1));
            assert_eq!(OffersOf::<Test>::get(1).into_inner(), [2]);
            assert_eq!(held_deposits(1), DEPOSIT);
            assert_eq!(
                events(),
                [Event::OfferRemoved {
                    provider: 1,
                    version: 1
                }]
            );

            assert_ok!(Providers::remove_offer(signed(1), 2));
            assert!(!OffersOf::<Test>::contains_key(1));
            assert_eq!((held_deposits(1), free(1)), (0, ENDOWMENT - LEAST_BOND));
        });
}

#[test]
fn remove_offer_fails_without_an_offer_and_with_a_job() {
    ExtBuilder::default()
        .provider(1, LEAST_BOND)
        .provider(2, LEAST_BOND)
        .offer(1, 1, 1)
        .build_and_execute(|| {
            assert_noop!(
                Providers::remove_offer(signed(2), 1),
                Error::<Test>::OfferNotFound
            );
            assert_noop!(
                Providers::remove_offer(signed(1), 2),
                Error::<Test>::OfferNotFound
            );
            assign_to(1, 1, 100);
            assert_noop!(Providers::remove_offer(signed(1), 1), Error::<Test>::OfferInUse);
            release(1, ProviderOutcome::Released);
            assert_ok!(Providers::remove_offer(signed(1), 1));
        });
}

#[test]
fn remove_stale_offer_lets_anyone_clean_up_after_a_removed_version() {
    ExtBuilder::default()
        .provider(1, LEAST_BOND)
        .offer(1, 1, 1)
        .build_and_execute(|| {
            remove_version(1);
            let post = Providers::remove_stale_offer(signed(8), 1, 1).unwrap();
            assert_eq!(post.pays_fee, Pays::No);
            assert_eq!(offer(1, 1), None);
            assert_eq!((held_deposits(1), free(1)), (0, ENDOWMENT - LEAST_BOND));
            assert_eq!(free(8), ENDOWMENT);
            assert_eq!(
                events(),
                [Event::OfferRemoved {
                    provider: 1,
                    version: 1
                }]
            );
        });
}

#[test]
fn remove_stale_offer_fails_while_the_version_exists_or_without_an_offer() {
    ExtBuilder::default()
        .provider(1, LEAST_BOND)
        .offer(1, 1, 1)
        .build_and_execute(|| {
            assert_noop!(
                Providers::remove_stale_offer(signed(8), 1, 1),
                Error::<Test>::OfferNotStale
            );
            set_version(1, true);
            assert_noop!(
                Providers::remove_stale_offer(signed(8), 1, 1),
                Error::<Test>::OfferNotStale
            );
            remove_version(1);
            assert_noop!(
                Providers::remove_stale_offer(signed(8), 1, 2),
                Error::<Test>::OfferNotFound
            );
        });
}
