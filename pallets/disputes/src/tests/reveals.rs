//! Reveals: what is asked for, and shown.

use crate::{mock::*, *};
use assay_engine::{
    search::Finding,
    trace::{shown_key, NodeId},
};
use codec::Encode;
use frame_support::{assert_noop, assert_ok};
use sp_core::H256;
use sp_runtime::transaction_validity::InvalidTransaction;

#[test]
fn node_that_was_asked_for_is_shown_to_everybody() {
    ExtBuilder.build_and_execute(|| {
        let trial = claim(0, 100, Some(60));
        let root = trial.root();
        for who in [CAROL, CHRIS] {
            assert_ok!(trial.challenge(&who));
            assert_ok!(trial.ask(&who, root));
        }
        assert_eq!(
            last_event(),
            Event::Asked {
                claim: trial.id,
                challenger: CHRIS,
                node: root,
                hash: H256(trial.tree.root()),
                shown: false,
                until: 1 + REVEAL,
            }
        );
        assert_eq!(Disputes::owed_reveals(trial.id).len(), 1);
        run_to(4);
        assert_ok!(trial.reveal(root).expect("the pool takes it"));
        assert_eq!(
            last_event(),
            Event::Shown {
                claim: trial.id,
                node: root,
                hashes: 101,
            }
        );
        assert!(Disputes::owed_reveals(trial.id).is_empty());
        let standing = |view: ChallengeInfo<_, _, _>| view.standing;
        let standings = Disputes::challenges_of(trial.id).into_iter().map(standing);
        let expected = Some(Standing::Challenger { until: 4 + MOVE });
        assert_eq!(standings.collect::<Vec<_>>(), vec![expected; 2]);
        assert!(matches!(trial.look(), Finding::FalseStep { step: 59, .. }));
    });
}

#[test]
fn what_is_shown_goes_to_the_off_chain_databases() {
    let mut ext = ExtBuilder.build();
    let (key, hashes) = ext.execute_with(|| {
        let trial = claim(0, 100, None);
        assert_ok!(trial.challenge(&CAROL));
        assert_ok!(trial.ask(&CAROL, trial.root()));
        assert_ok!(trial.reveal(trial.root()).expect("the pool takes it"));
        (
            shown_key(100, trial.root(), &trial.tree.root()),
            trial.shown(trial.root()),
        )
    });
    ext.persist_offchain_overlay();
    let kept = ext.offchain_db().get(&key);
    assert_eq!(kept, Some(hashes.encode()));
}

#[test]
fn three_reveals_go_down_a_trace_of_a_million_steps_and_more() {
    ExtBuilder.build_and_execute(|| {
        // Nobody runs it: only the tree's shape counts.
        let steps = (1 << 21) + 5;
        let tree = |node: NodeId| node.can_be_revealed(steps);
        let mut node = NodeId::leaf(steps);
        let mut reveals = 0;
        while let Some(above) = node.revealed_by(steps) {
            assert!(tree(above));
            node = above;
            reveals += 1;
        }
        assert_eq!(reveals, 3);
    });
}

#[test]
fn two_reveals_find_the_false_step_of_a_trace_of_2000() {
    ExtBuilder.build_and_execute(|| {
        let trial = claim(0, 2000, Some(1501));
        assert_ok!(trial.challenge(&CAROL));
        for _ in 0..2 {
            let Finding::Hidden { node, .. } = trial.look() else {
                panic!("something is hidden")
            };
            assert_ok!(trial.ask(&CAROL, node));
            assert_noop!(trial.ask(&CAROL, node), Error::<Test>::NotYourTurn);
            run_to(System::block_number() + REVEAL);
            assert_ok!(trial.reveal(node).expect("the pool takes it"));
            run_to(System::block_number() + MOVE);
        }
        assert!(matches!(trial.look(), Finding::FalseStep { step: 1500, .. }));
        assert_ok!(trial.prove(&CAROL, 1500));
        assert_eq!(trial.judged(), Some(CAROL));
        assert_ok!(trial.settle(&CAROL));
        assert!(Reveals::<Test>::iter().next().is_none());
        assert_eq!(free(&CAROL), FUNDS);
    });
}

#[test]
fn ask_is_in_time_in_its_last_block_and_not_after_it() {
    ExtBuilder.build_and_execute(|| {
        let trial = claim(0, 100, None);
        assert_ok!(trial.challenge(&CAROL));
        assert_ok!(trial.challenge(&CHRIS));
        run_to(1 + MOVE);
        assert_ok!(trial.ask(&CAROL, trial.root()));
        // The agenda is behind.
        System::set_block_number(2 + MOVE);
        assert_noop!(trial.ask(&CHRIS, trial.root()), Error::<Test>::DeadlinePassed);
    });
}

#[test]
fn ask_that_cannot_be_answered_or_needs_no_answer_fails() {
    ExtBuilder.build_and_execute(|| {
        let trial = claim(0, 2000, None);
        let root = trial.root();
        assert_noop!(trial.ask(&CAROL, root), Error::<Test>::ChallengeNotFound);
        assert_ok!(trial.challenge(&CAROL));
        for (height, index) in [(0, 5), (10, 0), (1, 1024), (2, 0), (200, 0), (1, u64::MAX)] {
            let node = NodeId { height, index };
            assert_noop!(trial.ask(&CAROL, node), Error::<Test>::WrongNode);
        }
        let call = |hash, path: Vec<H256>| Call::ask {
            claim: trial.id,
            node: root,
            hash,
            path: path.try_into().expect("short"),
        };
        let error = Error::<Test>::WrongPath;
        assert_noop!(dispatch(&CAROL, call(H256([1; 32]), vec![])), error);
        let error = Error::<Test>::WrongPath;
        assert_noop!(
            dispatch(&CAROL, call(H256(trial.tree.root()), vec![H256([1; 32])])),
            error
        );
        let short = claim(1, 64, None);
        assert_ok!(short.challenge(&CAROL));
        assert_noop!(short.ask(&CAROL, short.root()), Error::<Test>::TraceIsPublic);
    });
}

#[test]
fn node_cannot_be_asked_for_twice() {
    ExtBuilder.build_and_execute(|| {
        let trial = claim(0, 100, None);
        assert_ok!(trial.challenge(&CAROL));
        assert_ok!(trial.ask(&CAROL, trial.root()));
        assert_ok!(trial.reveal(trial.root()).expect("the pool takes it"));
        assert_noop!(trial.ask(&CAROL, trial.root()), Error::<Test>::AlreadyAsked);
    });
}

#[test]
fn who_asks_in_time_for_what_was_just_shown_has_time_for_its_next_move() {
    ExtBuilder.build_and_execute(|| {
        let trial = claim(0, 100, Some(60));
        assert_ok!(trial.challenge(&CAROL));
        assert_ok!(trial.challenge(&CHRIS));
        assert_ok!(trial.ask(&CAROL, trial.root()));
        // Both in the last block that Chris has.
        run_to(1 + MOVE);
        assert_ok!(trial.reveal(trial.root()).expect("the pool takes it"));
        assert_ok!(trial.ask(&CHRIS, trial.root()));
        assert_eq!(
            last_event(),
            Event::Asked {
                claim: trial.id,
                challenger: CHRIS,
                node: trial.root(),
                hash: H256(trial.tree.root()),
                shown: true,
                until: 1 + 2 * MOVE,
            }
        );
        assert_noop!(trial.ask(&CHRIS, trial.root()), Error::<Test>::AlreadyAsked);
        run_to(1 + 2 * MOVE);
        assert!(endings().is_empty());
        assert_ok!(trial.prove(&CHRIS, 59));
        assert_eq!(trial.judged(), Some(CHRIS));
    });
}

#[test]
fn reveal_is_in_time_in_its_last_block_and_not_after_it() {
    ExtBuilder.build_and_execute(|| {
        for (job, late) in [(0, 0), (1, 1)] {
            let trial = claim(job, 100, None);
            assert_ok!(trial.challenge(&CAROL));
            assert_ok!(trial.ask(&CAROL, trial.root()));
            System::set_block_number(System::block_number() + REVEAL + late);
            assert_eq!(trial.reveal(trial.root()).is_ok(), late == 0);
        }
    });
}

#[test]
fn reveal_of_other_hashes_or_what_nobody_asked_for_is_refused() {
    ExtBuilder.build_and_execute(|| {
        let trial = claim(0, 2000, None);
        let root = trial.root();
        let signed = |node, hashes: Vec<H256>| {
            let call = Call::reveal {
                claim: trial.id,
                node,
                hashes: hashes.try_into().expect("few"),
            };
            dispatch(&DAVE, call)
        };
        assert_ok!(trial.challenge(&CAROL));
        assert_noop!(signed(root, trial.shown(root)), Error::<Test>::NotAsked);
        assert_ok!(trial.ask(&CAROL, root));
        let mut forged = trial.shown(root);
        forged[5] = H256([1; 32]);
        assert_noop!(signed(root, forged.clone()), Error::<Test>::WrongHashes);
        // The number that the README tells to count.
        let refused = |number| Some(InvalidTransaction::Custom(number).into());
        assert_eq!(reveal(trial.id, root, forged).err(), refused(14));
        let short = trial.shown(root)[1..].to_vec();
        assert_noop!(signed(root, short), Error::<Test>::WrongHashes);
        assert_ok!(signed(root, trial.shown(root)));
        assert_noop!(signed(root, trial.shown(root)), Error::<Test>::AlreadyShown);
        assert_eq!(reveal(trial.id, root, trial.shown(root)).err(), refused(12));
    });
}

#[test]
fn pool_takes_one_reveal_of_a_node_while_it_is_owed() {
    ExtBuilder.build_and_execute(|| {
        let trial = claim(0, 100, None);
        assert_ok!(trial.challenge(&CAROL));
        assert_ok!(trial.ask(&CAROL, trial.root()));
        run_to(3);
        let (validity, result) = reveal(trial.id, trial.root(), trial.shown(trial.root())).expect("owed");
        assert_ok!(result);
        assert_eq!(validity.provides.len(), 1);
        assert_eq!(validity.longevity, REVEAL - 2 + 1);
        assert!(reveal(trial.id, trial.root(), trial.shown(trial.root())).is_err());
    });
}
