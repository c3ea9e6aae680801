use crate::{mock::*, Error, Event, UnbondingChunk};
use assay_primitives::{ProviderOutcome, Providers as _};
use frame_support::{assert_noop, assert_ok};
use sp_runtime::TokenError;

fn signed(who: AccountId) -> RuntimeOrigin {
    RuntimeOrigin::signed(who)
}

#[test]
fn bond_more_adds_free_stake() {
    ExtBuilder::default()
        .provider(1, LEAST_BOND)
        .build_and_execute(|| {
            assert_ok!(Providers::bond_more(signed(1), 7));
            assert_eq!(
                (record(1).bonded, record(1).free_stake()),
                (LEAST_BOND + 7, LEAST_BOND + 7)
            );
            assert_eq!(held_bond(1), LEAST_BOND + 7);
            assert_eq!(
                events(),
                [Event::Bonded {
                    provider: 1,
                    amount: 7
                }]
            );
        });
}

#[test]
fn bond_more_fails_for_strangers_nothing_and_missing_funds() {
    ExtBuilder::default()
        .provider(1, LEAST_BOND)
        .build_and_execute(|| {
            assert_noop!(Providers::bond_more(signed(2), 7), Error::<Test>::NotRegistered);
            assert_noop!(Providers::bond_more(signed(1), 0), Error::<Test>::ZeroAmount);
            assert_noop!(
                Providers::bond_more(signed(1), ENDOWMENT),
                TokenError::FundsUnavailable
            );
        });
}

#[test]
fn bond_more_reaches_min_bond_after_a_slash() {
    ExtBuilder::default()
        .provider(1, LEAST_BOND)
        .build_and_execute(|| {
            slash(1, 300, None);
            assert_noop!(Providers::bond_more(signed(1), 299), Error::<Test>::BondTooLow);
            assert_ok!(Providers::bond_more(signed(1), 300));
            assert_eq!(record(1).bonded, LEAST_BOND);
        });
}

#[test]
fn unbond_moves_stake_that_backs_no_job() {
    ExtBuilder::default()
        .provider(1, 2_000)
        .offer(1, 1, 1)
        .build_and_execute(|| {
            assign_to(1, 1, 400);
            assert_ok!(Providers::unbond(signed(1), 1_000));

            let record = record(1);
            assert_eq!(
                (record.bonded, record.stake(), record.free_stake()),
                (1_000, 2_000, 600)
            );
            assert_eq!(
                record.unbonding.into_inner(),
                [UnbondingChunk {
                    amount: 1_000,
                    unlocks_at: 101
                }]
            );
            assert_eq!(held_bond(1), 2_000);
            assert_eq!(
                events(),
                [Event::Unbonding {
                    provider: 1,
                    amount: 1_000,
                    unlocks_at: 101
                }]
            );
        });
}

#[test]
fn unbond_takes_the_free_stake_and_not_one_planck_more() {
    ExtBuilder::default()
        .provider(1, 2_000)
        .offer(1, 1, 1)
        .build_and_execute(|| {
            assign_to(1, 1, 1_500);
            assert_noop!(Providers::unbond(signed(1), 501), Error::<Test>::FreeStakeTooLow);
            assert_ok!(Providers::unbond(signed(1), 500));
            assert_eq!(record(1).free_stake(), 0);
            assert_noop!(Providers::unbond(signed(1), 1), Error::<Test>::FreeStakeTooLow);
        });
}

#[test]
fn unbond_leaves_min_bond_or_nothing() {
    ExtBuilder::default().provider(1, 1_500).build_and_execute(|| {
        assert_noop!(Providers::unbond(signed(1), 501), Error::<Test>::BondTooLow);
        assert_noop!(Providers::unbond(signed(1), 1_499), Error::<Test>::BondTooLow);
        assert_ok!(Providers::unbond(signed(1), 500));
        assert_ok!(Providers::unbond(signed(1), 1_000));
        assert_eq!(record(1).bonded, 0);
    });
}

#[test]
fn unbond_of_everything_fails_with_offers() {
    ExtBuilder::default()
        .provider(1, 1_500)
        .offer(1, 1, 1)
        .build_and_execute(|| {
            assert_noop!(Providers::unbond(signed(1), 1_500), Error::<Test>::HasOffers);
            assert_ok!(Providers::remove_offer(signed(1), 1));
            assert_ok!(Providers::unbond(signed(1), 1_500));
        });
}

#[test]
fn unbond_fails_for_strangers_and_nothing() {
    ExtBuilder::default()
        .provider(1, LEAST_BOND)
        .build_and_execute(|| {
            assert_noop!(Providers::unbond(signed(2), 7), Error::<Test>::NotRegistered);
            assert_noop!(Providers::unbond(signed(1), 0), Error::<Test>::ZeroAmount);
        });
}

#[test]
fn unbond_merges_chunks_of_a_block_and_bounds_those_of_many() {
    ExtBuilder::default().provider(1, 5_000).build_and_execute(|| {
        for _ in 0..2 {
            for _ in 0..5 {
                assert_ok!(Providers::unbond(signed(1), 10));
            }
            skip(1);
        }
        assert_ok!(Providers::unbond(signed(1), 10));
        assert_eq!(
            record(1).unbonding.into_inner(),
            [
                UnbondingChunk {
                    amount: 50,
                    unlocks_at: 101
                },
                UnbondingChunk {
                    amount: 50,
                    unlocks_at: 102
                },
                UnbondingChunk {
                    amount: 10,
                    unlocks_at: 103
                },
            ]
        );
        skip(1);
        assert_noop!(Providers::unbond(signed(1), 10), Error::<Test>::TooManyUnbonding);
        skip(97);
        assert_ok!(Providers::withdraw(signed(1)));
        assert_ok!(Providers::unbond(signed(1), 10));
    });
}

#[test]
fn withdraw_waits_for_the_block_in_which_a_chunk_unlocks() {
    ExtBuilder::default().provider(1, 2_000).build_and_execute(|| {
        assert_ok!(Providers::unbond(signed(1), 400));
        skip(10);
        assert_ok!(Providers::unbond(signed(1), 600));
        skip(89);
        assert_noop!(Providers::withdraw(signed(1)), Error::<Test>::NothingToWithdraw);
        skip(1);
        events();

        assert_ok!(Providers::withdraw(signed(1)));

        assert_eq!(
            events(),
            [Event::Withdrawn {
                provider: 1,
                amount: 400
            }]
        );
        assert_eq!(
            record(1).unbonding.into_inner(),
            [UnbondingChunk {
                amount: 600,
                unlocks_at: 111
            }]
        );
        assert_eq!((held_bond(1), free(1)), (1_600, ENDOWMENT - 1_600));
        assert_noop!(Providers::withdraw(signed(1)), Error::<Test>::NothingToWithdraw);
    });
}

#[test]
fn withdraw_of_the_last_stake_removes_the_provider() {
    ExtBuilder::default().provider(1, 2_000).build_and_execute(|| {
        assert_ok!(Providers::unbond(signed(1), 2_000));
        skip(100);
        assert_ok!(Providers::withdraw(signed(1)));
        assert_eq!(crate::Providers::<Test>::get(1), None);
        assert_eq!(crate::ProviderOf::<Test>::get(worker(1)), None);
        assert_eq!(free(1), ENDOWMENT);
        assert_noop!(Providers::withdraw(signed(1)), Error::<Test>::NotRegistered);
    });
}

#[test]
fn withdraw_of_the_last_stake_keeps_a_provider_with_offers() {
    ExtBuilder::default()
        .provider(1, 2_000)
        .offer(1, 1, 1)
        .build_and_execute(|| {
            assert_ok!(Providers::unbond(signed(1), 1_000));
            slash(1, 1_000, None);
            skip(100);
            assert_ok!(Providers::withdraw(signed(1)));
            assert_eq!(record(1).stake(), 0);
            assert!(offer(1, 1).is_some());
        });
}

#[test]
fn withdraw_fails_while_a_slash_leaves_jobs_nothing_but_unbonding_stake() {
    ExtBuilder::default()
        .provider(1, 2_000)
        .offer(1, 1, 2)
        .build_and_execute(|| {
            assign_to(1, 1, 500);
            assign_to(1, 1, 100);
            assert_ok!(Providers::unbond(signed(1), 1_000));
            slash(1, 1_000, None);
            crate::Pallet::<Test>::release(&1, 1, 500, ProviderOutcome::Disproved);
            assert_eq!((record(1).bonded, record(1).exposed), (0, 100));
            skip(100);
            assert_noop!(Providers::withdraw(signed(1)), Error::<Test>::FreeStakeTooLow);
            release(1, ProviderOutcome::Completed);
            assert_ok!(Providers::withdraw(signed(1)));
        });
}
