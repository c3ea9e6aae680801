//! Challenges: who may make one, and when.

use crate::{mock::*, *};
use assay_primitives::ClaimId;
use frame_support::{assert_noop, assert_ok};

#[test]
fn challenge_takes_the_bond_and_holds_the_claim() {
    ExtBuilder.build_and_execute(|| {
        let trial = claim(0, 5, None);
        assert_ok!(trial.challenge(&CAROL));
        assert_eq!(held(&CAROL), BOND);
        assert_eq!(trial.holds(), 1);
        assert_eq!(
            last_event(),
            Event::Challenged {
                claim: trial.id,
                challenger: CAROL,
                bond: BOND,
                until: 1 + MOVE,
            }
        );
        assert_ok!(trial.challenge(&CHRIS));
        assert_eq!(trial.holds(), 2);
        let views = Disputes::challenges_of(trial.id);
        assert_eq!(views.len(), 2);
        assert!(views
            .iter()
            .all(|view| view.standing == Some(Standing::Challenger { until: 1 + MOVE })));
    });
}

#[test]
fn challenge_is_in_time_in_the_windows_last_block_and_not_after_it() {
    ExtBuilder.build_and_execute(|| {
        let trial = claim(0, 5, None);
        run_to(WINDOW_END);
        assert_ok!(trial.challenge(&CAROL));
        run_to(WINDOW_END + 1);
        // Held by one it is still there, and takes no other.
        assert!(trial.challenge(&CHRIS).is_err());
        let other = claim(1, 5, None);
        assert_noop!(other.challenge(&CHRIS), Error::<Test>::ClaimNotFound);
    });
}

#[test]
fn challenge_of_ones_own_claim_or_of_none_or_twice_fails() {
    ExtBuilder.build_and_execute(|| {
        let trial = claim(0, 5, None);
        assert_noop!(trial.challenge(&PAUL), Error::<Test>::OwnClaim);
        assert_ok!(trial.challenge(&CAROL));
        assert_noop!(trial.challenge(&CAROL), Error::<Test>::AlreadyChallenged);
        for claim in [ClaimId { job: 9, attempt: 0 }, ClaimId { job: 0, attempt: 1 }] {
            let call = Call::challenge { claim };
            assert_noop!(dispatch(&CAROL, call), Error::<Test>::ClaimNotFound);
        }
    });
}

#[test]
fn challenge_without_the_bond_fails_and_holds_nothing() {
    ExtBuilder.build_and_execute(|| {
        let trial = claim(0, 5, None);
        assert_noop!(trial.challenge(&NOBODY), Error::<Test>::InsufficientFunds);
        assert!(Challenges::<Test>::iter().next().is_none());
    });
}

#[test]
fn funds_that_are_frozen_are_no_bond() {
    use frame_support::traits::{LockableCurrency, WithdrawReasons};
    ExtBuilder.build_and_execute(|| {
        let trial = claim(0, 5, None);
        Balances::set_lock(*b"vesting ", &CAROL, FUNDS - BOND + 1, WithdrawReasons::all());
        assert_noop!(trial.challenge(&CAROL), Error::<Test>::InsufficientFunds);
        Balances::set_lock(*b"vesting ", &CAROL, FUNDS - BOND, WithdrawReasons::all());
        assert_ok!(trial.challenge(&CAROL));
    });
}
