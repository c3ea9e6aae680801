use crate::{mock::*, OfferInfo, ProviderInfo, Stats, Status, UnbondingChunk};
use assay_primitives::{Price, Providers as _};
use frame_support::assert_ok;

fn signed(who: AccountId) -> RuntimeOrigin {
    RuntimeOrigin::signed(who)
}

#[test]
fn provider_info_shows_stake_jobs_and_offers() {
    ExtBuilder::default()
        .provider(1, 3_000)
        .offer(1, 1, 1)
        .offer(1, 2, 1)
        .build_and_execute(|| {
            skip(1);
            assign_to(1, 1, 400);
            assert_ok!(Providers::unbond(signed(1), 1_000));
            assert_ok!(Providers::pause(signed(1)));
            assert_eq!(
                Providers::provider_info(1),
                Some(ProviderInfo {
                    worker: worker(1),
                    status: Status::Paused,
                    bonded: 2_000,
                    exposed: 400,
                    free_stake: 1_600,
                    unbonding: vec![UnbondingChunk {
                        amount: 1_000,
                        unlocks_at: 102
                    }],
                    jobs: 1,
                    strikes: 0,
                    first_seen: 1,
                    last_active: 2,
                    stats: Stats::default(),
                    offers: vec![1, 2],
                })
            );
            assert_eq!(Providers::provider_info(2), None);
        });
}

#[test]
fn provider_of_finds_a_provider_by_its_key() {
    ExtBuilder::default().provider(1, 3_000).build_and_execute(|| {
        assert_eq!(Providers::provider_of(worker(1)), Some(1));
        assert_eq!(Providers::provider_of(worker(2)), None);
    });
}

#[test]
fn worker_is_known_for_providers_alone() {
    ExtBuilder::default().provider(1, 3_000).build_and_execute(|| {
        assert_eq!(crate::Pallet::<Test>::worker(&1), Some(worker(1)));
        assert_eq!(crate::Pallet::<Test>::worker(&2), None);
    });
}

#[test]
fn offer_infos_show_who_takes_jobs_and_offers_only_those() {
    ExtBuilder::default()
        .provider(1, 3_000)
        .offer(1, 1, 3)
        .provider(2, 1_000)
        .offer(2, 1, 1)
        .provider(3, 1_000)
        .offer(3, 1, 1)
        .provider(4, 1_000)
        .offer(4, 1, 1)
        .build_and_execute(|| {
            // 1 has capacity left, 2 has none, 3 is paused, and nothing of 4's stake is free.
            assert_ok!(Providers::set_offer(signed(4), 1, Price::default(), 2));
            assign_to(1, 1, 500);
            assign_to(2, 1, 500);
            assign_to(4, 1, 1_000);
            assert_ok!(Providers::pause(signed(3)));

            let infos = Providers::offer_infos(1);
            assert_eq!(
                infos[0],
                OfferInfo {
                    provider: 1,
                    price: Price::default(),
                    capacity: 3,
                    free_capacity: 2,
                    free_stake: 2_500,
                    takes_jobs: true,
                    first_seen: 1,
                    last_active: 1,
                    stats: Stats::default(),
                }
            );
            let takes_jobs = infos
                .iter()
                .map(|info| (info.provider, info.takes_jobs))
                .collect::<Vec<_>>();
            assert_eq!(takes_jobs, [(1, true), (2, false), (3, false), (4, false)]);
            let offers = crate::Pallet::<Test>::offers(1);
            assert_eq!(offers.iter().map(|offer| offer.provider).collect::<Vec<_>>(), [1]);
            assert_eq!(offers[0].price, Price::default());
            assert_eq!(crate::Pallet::<Test>::offers(2), []);
        });
}
