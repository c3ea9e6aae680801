//! The ways in which systems like this one broke, and where each is tested.
//!
//! | way | test |
//! | --- | --- |
//! | a last-second move that wins by the clock | `move_in_the_last_block_leaves_the_other_a_whole_clock`, and all of `clocks` |
//! | an all-zero subtree read as "does not exist" | `chunk_of_zeros_is_a_value_that_a_proof_shows` |
//! | metadata that is not bound to the commitment | the engine's `claims`: `short_claim_with_one_part_changed_fails_by_name`, and that for a long one |
//! | a bond that moves on a progress path | `bond_does_not_move_before_the_challenge_ends` |
//! | an inherited timer | `clock_of_one_challenge_is_not_that_of_another` |
//! | a u8 cast | `only_nodes_of_the_tree_can_be_asked_for_whatever_their_numbers` |
//! | on-chain and off-chain machines that drift apart | the engine's `executors` and `nested` |
//! | a challenger that disputes a correct claim | `challenger_of_a_right_claim_finds_nothing_to_ask_and_loses` |
//! | self-challenge to free the stake | `pallet-jobs`: `who_slashes_itself_loses_at_least_half`, `stake_cannot_leave_while_a_claim_is_disputed` |
//! | copying another's result | `pallet-jobs`: `anothers_trace_of_the_same_job_is_useless` |
//! | withholding the trace | `endings`: `provider_that_does_not_reveal_in_time_is_judged` |
//! | withholding the input | it is in state until the job ends: `pallet-jobs`: `input_stays_in_state_as_long_as_a_claim_is_disputed` |
//! | withholding the weights | `pallet-jobs`: all of `withheld` |

use crate::{mock::*, *};
use assay_engine::{limits::MAX_STEPS, memory::ProofNode, search::Finding, trace::NodeId};
use frame_support::{assert_noop, assert_ok};
use sp_core::H256;

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
        assert_eq!(trial.judged(), Some(CAROL));
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

#[test]
fn chunk_of_zeros_is_a_value_that_a_proof_shows() {
    ExtBuilder.build_and_execute(|| {
        let trial = claim(0, 5, Some(1));
        // The first step reads what nobody has written.
        let proof = trial.proof(0);
        let zeros = proof.witness.memory.nodes.iter();
        let zeros = zeros.filter(|node| matches!(node, ProofNode::Zero)).count();
        assert!(zeros > 0);
        // Hashes of zeros, or nothing, are not the same.
        for node in [ProofNode::Pruned([0; 32]), ProofNode::Chunk(vec![])] {
            let mut forged = proof.clone();
            for zero in forged.witness.memory.nodes.iter_mut() {
                if *zero == ProofNode::Zero {
                    *zero = node.clone();
                }
            }
            let forged = Call::prove_fraud {
                claim: trial.id,
                proof: forged,
            };
            assert_noop!(dispatch(&CAROL, forged), Error::<Test>::WrongWitness);
        }
        assert_ok!(trial.prove(&CAROL, 0));
    });
}

#[test]
fn only_nodes_of_the_tree_can_be_asked_for_whatever_their_numbers() {
    let numbers = [
        0,
        1,
        255,
        256,
        1 << 16,
        u64::from(u32::MAX),
        1 << 32,
        1 << 40,
        u64::MAX,
    ];
    ExtBuilder.build_and_execute(|| {
        let trial = claim(0, 100, Some(60));
        assert_ok!(trial.challenge(&CAROL));
        for height in 0..=u8::MAX {
            for index in numbers {
                let node = NodeId { height, index };
                if node == trial.root() {
                    continue;
                }
                let ask = Call::ask {
                    claim: trial.id,
                    node,
                    hash: H256(trial.tree.root()),
                    path: Default::default(),
                };
                assert_noop!(dispatch(&CAROL, ask), Error::<Test>::WrongNode);
            }
        }
        assert_ok!(trial.ask(&CAROL, trial.root()));
    });
    // The longest trace: three heights, and every index that is below.
    for height in 0..=u8::MAX {
        for index in numbers {
            let expected = match height {
                10 | 20 | 30 => index < 1 << (30 - height),
                _ => false,
            };
            assert_eq!(
                NodeId { height, index }.can_be_revealed(MAX_STEPS),
                expected,
                "{height}, {index}"
            );
        }
    }
}
