//! Deadlines, and where bonds go.

use crate::{mock::*, *};
use frame_support::{assert_noop, assert_ok};

#[test]
fn challenger_that_does_not_move_loses_its_bond_mostly_to_the_provider() {
    ExtBuilder.build_and_execute(|| {
        let trial = claim(0, 5, None);
        assert_ok!(trial.challenge(&CAROL));
        run_to(1 + MOVE);
        assert_eq!(trial.holds(), 1);
        run_to(2 + MOVE);
        assert_eq!(trial.holds(), 0);
        assert_eq!(
            last_event(),
            Event::Ended {
                claim: trial.id,
                challenger: CAROL,
                ending: Ending::Abandoned,
                returned: 0,
                forfeited: BOND - BURNT,
                burnt: BURNT,
            }
        );
        assert_eq!(free(&CAROL), FUNDS - BOND);
        assert_eq!(free(&PAUL), FUNDS + BOND - BURNT);
        assert_eq!(Balances::total_issuance(), 4 * FUNDS - BURNT);
        assert_eq!(trial.judged(), None);
    });
}

#[test]
fn provider_that_does_not_reveal_in_time_is_judged() {
    ExtBuilder.build_and_execute(|| {
        let trial = claim(0, 100, None);
        assert_ok!(trial.challenge(&CAROL));
        assert_ok!(trial.ask(&CAROL, trial.root()));
        run_to(1 + REVEAL);
        assert_eq!(trial.judged(), None);
        run_to(2 + REVEAL);
        assert_eq!(trial.judged(), Some(CAROL));
        assert_eq!(endings(), [(CAROL, Ending::Withheld)]);
        assert_eq!(free(&CAROL), FUNDS);
        assert!(Reveals::<Test>::iter().next().is_none());
    });
}

#[test]
fn challenger_that_got_its_answer_and_proves_nothing_loses() {
    ExtBuilder.build_and_execute(|| {
        let trial = claim(0, 100, None);
        assert_ok!(trial.challenge(&CAROL));
        assert_ok!(trial.ask(&CAROL, trial.root()));
        run_to(2);
        assert_ok!(trial.reveal(trial.root()).expect("owed"));
        run_to(2 + REVEAL + MOVE);
        assert_eq!(endings(), [(CAROL, Ending::Abandoned)]);
        assert!(Reveals::<Test>::iter().next().is_none());
    });
}

#[test]
fn other_challengers_get_their_bonds_back_once_the_claim_is_judged() {
    ExtBuilder.build_and_execute(|| {
        let trial = claim(0, 5, Some(3));
        for who in [CAROL, CHRIS] {
            assert_ok!(trial.challenge(&who));
        }
        run_to(2);
        assert_ok!(trial.prove(&CAROL, 2));
        assert_ok!(trial.settle(&CAROL));
        assert_eq!(endings().pop(), Some((CAROL, Ending::ProvenFalse)));
        assert_eq!((held(&CAROL), held(&CHRIS)), (0, BOND));
        // The agenda does it where nobody does.
        run_to(2 + MOVE);
        assert_eq!(endings(), [(CHRIS, Ending::ProvenFalse)]);
        assert_eq!((free(&CAROL), free(&CHRIS)), (FUNDS, FUNDS));
    });
}

#[test]
fn settle_waits_for_the_deadline_and_works_while_the_agenda_is_behind() {
    ExtBuilder.build_and_execute(|| {
        let trial = claim(0, 5, None);
        assert_noop!(trial.settle(&CAROL), Error::<Test>::ChallengeNotFound);
        assert_ok!(trial.challenge(&CAROL));
        System::set_block_number(1 + MOVE);
        assert_noop!(trial.settle(&CAROL), Error::<Test>::NotDue);
        System::set_block_number(2 + MOVE);
        assert_ok!(trial.settle(&CAROL));
        assert_eq!(endings(), [(CAROL, Ending::Abandoned)]);
        assert_noop!(trial.settle(&CAROL), Error::<Test>::ChallengeNotFound);
    });
}

#[test]
fn agenda_that_is_behind_serves_all_in_the_end() {
    ExtBuilder.build_and_execute(|| {
        MaxDuePerBlock::set(1);
        let trial = claim(0, 5, None);
        for who in [CAROL, CHRIS, DAVE] {
            assert_ok!(trial.challenge(&who));
        }
        run_to(2 + MOVE);
        assert_eq!(trial.holds(), 2);
        run_to(4 + MOVE);
        assert_eq!(trial.holds(), 0);
    });
}

#[test]
fn reveal_stays_as_long_as_a_challenge_that_asked_for_it() {
    ExtBuilder.build_and_execute(|| {
        let trial = claim(0, 100, Some(60));
        assert_ok!(trial.challenge(&CAROL));
        assert_ok!(trial.ask(&CAROL, trial.root()));
        run_to(3);
        assert_ok!(trial.challenge(&CHRIS));
        assert_ok!(trial.ask(&CHRIS, trial.root()));
        assert_ok!(trial.reveal(trial.root()).expect("owed"));
        run_to(3 + MOVE);
        assert_ok!(trial.prove(&CHRIS, 59));
        assert_ok!(trial.settle(&CAROL));
        assert_eq!(
            Reveals::<Test>::get(trial.id, trial.root()).map(|reveal| reveal.askers),
            Some(1)
        );
        assert_ok!(trial.settle(&CHRIS));
        assert_eq!(Reveals::<Test>::get(trial.id, trial.root()), None);
    });
}
