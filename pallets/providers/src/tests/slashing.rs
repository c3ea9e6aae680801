use crate::{mock::*, Event, UnbondingChunk};
use frame_support::{assert_ok, traits::fungible::Inspect};

fn signed(who: AccountId) -> RuntimeOrigin {
    RuntimeOrigin::signed(who)
}

/// A provider with a bond of 2000 and chunks of 500 and 500.
fn unbonding() -> ExtBuilder {
    ExtBuilder::default().provider(1, 3_000)
}

fn unbond_twice() {
    assert_ok!(Providers::unbond(signed(1), 500));
    skip(1);
    assert_ok!(Providers::unbond(signed(1), 500));
    events();
}

#[test]
fn slash_without_beneficiary_burns_bonded_stake_first() {
    unbonding().build_and_execute(|| {
        unbond_twice();
        let issuance = Balances::total_issuance();

        assert_eq!(slash(1, 1_200, None), 1_200);

        let record = record(1);
        assert_eq!((record.bonded, record.unbonding_total()), (800, 1_000));
        assert_eq!((held_bond(1), record.stats.slashed), (1_800, 1_200));
        assert_eq!(Balances::total_issuance(), issuance - 1_200);
        assert_eq!(
            events(),
            [Event::Slashed {
                provider: 1,
                amount: 1_200,
                beneficiary: None,
                rewarded: 0,
                burned: 1_200
            }]
        );
    });
}

#[test]
fn slash_past_the_bond_takes_unbonding_stake_the_oldest_first() {
    unbonding().build_and_execute(|| {
        unbond_twice();
        assert_eq!(slash(1, 2_600, None), 2_600);
        let record = record(1);
        assert_eq!(record.bonded, 0);
        assert_eq!(
            record.unbonding.into_inner(),
            [UnbondingChunk {
                amount: 400,
                unlocks_at: 102
            }]
        );
    });
}

#[test]
fn slash_takes_no_more_than_the_stake() {
    unbonding().offer(1, 1, 1).build_and_execute(|| {
        unbond_twice();
        let free_before = free(1);
        assert_eq!(slash(1, 10_000, Some((2, 10_000))), 3_000);
        assert_eq!((record(1).stake(), held_bond(1)), (0, 0));
        assert_eq!((free(1), held_deposits(1)), (free_before, DEPOSIT));
        assert_eq!(free(2), ENDOWMENT + 3_000);
    });
}

#[test]
fn slash_pays_the_reward_and_burns_the_rest() {
    ExtBuilder::default().provider(1, 2_000).build_and_execute(|| {
        let issuance = Balances::total_issuance();
        assert_eq!(slash(1, 1_000, Some((2, 300))), 1_000);
        assert_eq!(free(2), ENDOWMENT + 300);
        assert_eq!(Balances::total_issuance(), issuance - 700);
        assert_eq!(
            events(),
            [Event::Slashed {
                provider: 1,
                amount: 1_000,
                beneficiary: Some(2),
                rewarded: 300,
                burned: 700
            }]
        );
    });
}

#[test]
fn slash_pays_no_more_than_it_takes() {
    ExtBuilder::default().provider(1, 2_000).build_and_execute(|| {
        let issuance = Balances::total_issuance();
        assert_eq!(slash(1, 200, Some((2, 300))), 200);
        assert_eq!(free(2), ENDOWMENT + 200);
        assert_eq!(Balances::total_issuance(), issuance);
    });
}

#[test]
fn slash_creates_the_account_of_a_new_beneficiary() {
    ExtBuilder::default().provider(1, 2_000).build_and_execute(|| {
        assert_eq!(slash(1, 100, Some((77, ED))), 100);
        assert_eq!(free(77), ED);
    });
}

#[test]
fn slash_burns_a_reward_below_the_existential_deposit() {
    ExtBuilder::default().provider(1, 2_000).build_and_execute(|| {
        let issuance = Balances::total_issuance();
        assert_eq!(slash(1, 100, Some((77, ED - 1))), 100);
        assert_eq!(free(77), 0);
        assert_eq!(Balances::total_issuance(), issuance - 100);
        assert_eq!(held_bond(1), 1_900);
        assert_eq!(
            events(),
            [Event::Slashed {
                provider: 1,
                amount: 100,
                beneficiary: Some(77),
                rewarded: 0,
                burned: 100
            }]
        );
    });
}

#[test]
fn slash_that_rewards_the_provider_itself_still_costs_it_the_rest() {
    ExtBuilder::default().provider(1, 2_000).build_and_execute(|| {
        let before = Balances::total_balance(&1);
        assert_eq!(slash(1, 1_000, Some((1, 300))), 1_000);
        assert_eq!(Balances::total_balance(&1), before - 700);
        assert_eq!((record(1).bonded, held_bond(1)), (1_000, 1_000));
    });
}

#[test]
fn slash_ignores_freezes() {
    ExtBuilder::default().provider(1, 2_000).build_and_execute(|| {
        frame_system::Account::<Test>::mutate(1, |account| account.data.frozen = ENDOWMENT);
        assert_eq!(slash(1, 2_000, Some((2, 500))), 2_000);
        assert_eq!((held_bond(1), free(2)), (0, ENDOWMENT + 500));
    });
}

#[test]
fn slash_of_nothing_says_nothing() {
    ExtBuilder::default().provider(1, 2_000).build_and_execute(|| {
        assert_eq!(slash(1, 0, Some((2, 300))), 0);
        assert_eq!(slash(5, 100, Some((2, 300))), 0);
        slash(1, 2_000, None);
        events();
        assert_eq!(slash(1, 100, Some((2, 300))), 0);
        assert_eq!(events(), []);
        assert_eq!(free(2), ENDOWMENT);
    });
}
