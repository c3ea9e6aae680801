//! The ways in which systems like this one broke.

use crate::{mock::*, *};
use assay_engine::search::Finding;
use frame_support::{assert_noop, assert_ok};

#[test]
fn move_in_the_last_block_leaves_the_other_a_whole_clock() {
    ExtBuilder.build_and_execute(|| {
        let trial = claim(0, 2000, Some(1501));
        run_to(WINDOW_END);
        assert_ok!(trial.challenge(&CAROL));
        let mut until = WINDOW_END + MOVE;
        for _ in 0..2 {
            let Finding::Hidden { node, .. } = trial.look() else {
                panic!("something is hidden")
            };
            run_to(until);
            assert_ok!(trial.ask(&CAROL, node));
            until += REVEAL;
            run_to(until);
            assert_ok!(trial.reveal(node).expect("in time"));
            until += MOVE;
        }
        run_to(until);
        assert_ok!(trial.prove(&CAROL, 1500));
        assert_eq!(trial.judged(), Some(Some(CAROL)));
        assert!(until <= WINDOW_END + terms().longest());
    });
}

#[test]
fn clock_of_one_challenge_is_not_that_of_another() {
    ExtBuilder.build_and_execute(|| {
        let trial = claim(0, 5, Some(3));
        assert_ok!(trial.challenge(&CAROL));
        run_to(1 + MOVE);
        assert_ok!(trial.challenge(&CHRIS));
        // The first is abandoned; the second has all its time.
        run_to(1 + MOVE + MOVE);
        assert_eq!(endings(), [(CAROL, Ending::Abandoned)]);
        assert_eq!(trial.holds(), 1);
        assert_ok!(trial.prove(&CHRIS, 2));
    });
}

#[test]
fn beating_a_challenger_does_not_confirm_the_claim() {
    ExtBuilder.build_and_execute(|| {
        let trial = claim(0, 5, Some(3));
        assert_ok!(trial.challenge(&CAROL));
        run_to(2 + MOVE);
        assert_eq!(endings(), [(CAROL, Ending::Abandoned)]);
        assert_ok!(trial.prove(&DAVE, 2));
    });
}

#[test]
fn bond_does_not_move_before_the_challenge_ends() {
    ExtBuilder.build_and_execute(|| {
        let trial = claim(0, 2000, Some(1501));
        assert_ok!(trial.challenge(&CAROL));
        for _ in 0..2 {
            let Finding::Hidden { node, .. } = trial.look() else {
                panic!("something is hidden")
            };
            assert_ok!(trial.ask(&CAROL, node));
            assert_eq!((held(&CAROL), free(&CAROL)), (BOND, FUNDS - BOND));
            assert_ok!(trial.reveal(node).expect("owed"));
            assert_eq!((held(&CAROL), free(&CAROL)), (BOND, FUNDS - BOND));
        }
        assert_ok!(trial.prove(&CAROL, 1500));
        assert_eq!((held(&CAROL), free(&CAROL)), (BOND, FUNDS - BOND));
        assert_ok!(trial.settle(&CAROL));
        assert_eq!(free(&CAROL), FUNDS);
    });
}

#[test]
fn challenger_of_a_right_claim_finds_nothing_to_ask_and_loses() {
    ExtBuilder.build_and_execute(|| {
        let trial = claim(0, 2000, None);
        assert_eq!(trial.look(), Finding::Same);
        assert_ok!(trial.challenge(&CAROL));
        assert_ok!(trial.ask(&CAROL, trial.root()));
        assert_ok!(trial.reveal(trial.root()).expect("owed"));
        for step in [0, 1000, 1999] {
            assert_noop!(trial.prove(&CAROL, step), Error::<Test>::StepIsRight);
        }
        run_to(2 + REVEAL + MOVE);
        assert_eq!(endings(), [(CAROL, Ending::Abandoned)]);
        assert_eq!(trial.judged(), None);
    });
}

#[test]
fn four_challengers_side_by_side_end_as_soon_as_one() {
    ExtBuilder.build_and_execute(|| {
        let trial = claim(0, 2000, None);
        let challengers = (20..24)
            .map(|seed| AccountId::new([seed; 32]))
            .collect::<Vec<_>>();
        for who in &challengers {
            assert_ok!(<Balances as frame_support::traits::fungible::Mutate<_>>::mint_into(who, FUNDS));
            assert_ok!(trial.challenge(who));
        }
        // Each asks as late as it can; one answer serves all.
        run_to(1 + MOVE);
        for who in &challengers {
            assert_ok!(trial.ask(who, trial.root()));
        }
        run_to(1 + MOVE + REVEAL);
        assert_ok!(trial.reveal(trial.root()).expect("owed"));
        run_to(2 + MOVE + REVEAL + MOVE);
        assert_eq!(trial.holds(), 0);
        assert_eq!(endings().len(), 4);
        assert!(1 + MOVE + REVEAL + MOVE <= 1 + terms().longest());
    });
}
