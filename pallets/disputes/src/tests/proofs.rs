//! Fraud proofs and their reward.

use crate::{mock::*, *};
use assay_engine::memory::ProofNode;
use frame_support::{
    assert_noop, assert_ok,
    dispatch::{GetDispatchInfo, Pays},
};
use sp_runtime::traits::Dispatchable;

#[test]
fn proof_needs_no_challenge_and_rewards_the_prover() {
    ExtBuilder.build_and_execute(|| {
        let trial = claim(0, 5, Some(3));
        assert_ok!(trial.prove(&DAVE, 2));
        assert_eq!(trial.judged(), Some(DAVE));
        let Event::FraudProven {
            step,
            prover,
            rewarded,
            fuel,
            ..
        } = last_event()
        else {
            panic!("fraud was proven")
        };
        assert_eq!((step, prover, rewarded), (2, DAVE, DAVE));
        assert!(fuel > 0);
    });
}

#[test]
fn proof_over_each_false_leaf_wins_and_over_no_right_step() {
    ExtBuilder.build_and_execute(|| {
        for lie in 1..=5 {
            let trial = claim(lie, 5, Some(lie));
            for step in 0..lie - 1 {
                assert_noop!(trial.prove(&DAVE, step), Error::<Test>::StepIsRight);
            }
            assert_ok!(trial.prove(&DAVE, lie - 1));
        }
        let honest = claim(9, 5, None);
        for step in 0..5 {
            assert_noop!(honest.prove(&DAVE, step), Error::<Test>::StepIsRight);
        }
    });
}

#[test]
fn proof_costs_nothing_where_it_wins_and_gives_back_the_weight_that_it_did_not_use() {
    ExtBuilder.build_and_execute(|| {
        let call = |trial: &Trial, step| {
            RuntimeCall::Disputes(Call::prove_fraud {
                claim: trial.id,
                proof: trial.proof(step),
            })
        };
        let trial = claim(0, 5, Some(3));
        let most = call(&trial, 2).get_dispatch_info().call_weight;
        let won = call(&trial, 2)
            .dispatch(RuntimeOrigin::signed(DAVE))
            .expect("the step is false");
        assert_eq!(won.pays_fee, Pays::No);
        let used = won.actual_weight.expect("less than the most");
        assert!(used.all_lt(most) || used.ref_time() * 3 < most.ref_time());

        let honest = claim(1, 5, None);
        let lost = call(&honest, 2)
            .dispatch(RuntimeOrigin::signed(DAVE))
            .expect_err("the step is right");
        assert_eq!(lost.post_info.pays_fee, Pays::Yes);
        assert_eq!(lost.post_info.actual_weight, Some(used));
        // Refused before anything is run.
        let mut proof = honest.proof(2);
        proof.before[0][0] ^= 1;
        let refused = RuntimeCall::Disputes(Call::prove_fraud {
            claim: honest.id,
            proof,
        })
        .dispatch(RuntimeOrigin::signed(DAVE))
        .expect_err("the path is wrong");
        assert_eq!(refused.error, Error::<Test>::WrongBefore.into());
        assert!(refused.post_info.actual_weight.expect("less").ref_time() < used.ref_time());
    });
}

#[test]
fn proof_whose_witness_is_broken_costs_the_whole_step() {
    ExtBuilder.build_and_execute(|| {
        let trial = claim(0, 5, Some(3));
        let mut proof = trial.proof(2);
        for node in &mut proof.witness.memory.nodes {
            if let ProofNode::Chunk(bytes) = node {
                bytes[0] ^= 1;
            }
        }
        let call = RuntimeCall::Disputes(Call::prove_fraud {
            claim: trial.id,
            proof,
        });
        let most = call.get_dispatch_info().call_weight;
        let failed = call.dispatch(RuntimeOrigin::signed(DAVE)).expect_err("broken");
        assert_eq!(failed.error, Error::<Test>::WrongWitness.into());
        let used = failed.post_info.actual_weight.expect("known");
        assert!(used.ref_time() > most.ref_time() / 2);
    });
}

#[test]
fn proof_that_is_not_about_the_claim_is_refused() {
    ExtBuilder.build_and_execute(|| {
        let trial = claim(0, 5, Some(3));
        let other = claim(1, 5, Some(3));
        let refused = |claim, proof, error: Error<Test>| {
            assert_noop!(dispatch(&DAVE, Call::prove_fraud { claim, proof }), error);
        };
        // The same states, but of another job.
        refused(other.id, trial.proof(2), Error::WrongBefore);
        let mut proof = trial.proof(2);
        proof.step = 5;
        refused(trial.id, proof, Error::StepOutOfRange);
        let mut proof = trial.proof(2);
        proof.leaf_after = [1; 32];
        refused(trial.id, proof, Error::WrongAfter);
        let mut proof = trial.proof(2);
        proof.witness.memory.nodes = vec![ProofNode::Zero; 128 * NODES_PER_CHUNK + 1];
        refused(trial.id, proof, Error::ProofTooLarge);
        let mut proof = trial.proof(2);
        proof.witness.memory.nodes = vec![ProofNode::Chunk(vec![0; 4096]); 129];
        refused(trial.id, proof, Error::ProofTooLarge);
        PROGRAMS.take();
        refused(trial.id, trial.proof(2), Error::ProgramNotFound);
    });
}

#[test]
fn claim_by_rules_that_are_gone_is_not_judged_by_others() {
    ExtBuilder.build_and_execute(|| {
        let trial = claim(0, 5, Some(3));
        CLAIMS.with_borrow_mut(|claims| claims.get_mut(&trial.id).unwrap().claim.engine_version = 99);
        assert_noop!(trial.prove(&DAVE, 2), Error::<Test>::UnknownEngine);
    });
}

#[test]
fn proof_is_in_time_as_long_as_the_claim_can_be_judged() {
    ExtBuilder.build_and_execute(|| {
        let trial = claim(0, 5, Some(3));
        let held = claim(1, 5, Some(3));
        System::set_block_number(WINDOW_END);
        assert_ok!(held.challenge(&CAROL));
        System::set_block_number(WINDOW_END + 1);
        assert_noop!(trial.prove(&DAVE, 2), Error::<Test>::ClaimNotFound);
        assert_ok!(held.prove(&CAROL, 2));
        assert_noop!(held.prove(&CAROL, 2), Error::<Test>::ClaimNotFound);
    });
}

#[test]
fn who_challenged_in_an_earlier_block_is_rewarded_for_its_own_proof() {
    ExtBuilder.build_and_execute(|| {
        let trial = claim(0, 5, Some(3));
        assert_ok!(trial.challenge(&CAROL));
        assert_ok!(trial.challenge(&CHRIS));
        run_to(2);
        assert_ok!(trial.prove(&CHRIS, 2));
        assert_eq!(trial.judged(), Some(CHRIS));
    });
}

#[test]
fn who_copies_the_proof_of_a_challenger_does_not_take_its_reward() {
    ExtBuilder.build_and_execute(|| {
        let trial = claim(0, 5, Some(3));
        assert_ok!(trial.challenge(&CAROL));
        assert_ok!(trial.challenge(&CHRIS));
        run_to(2);
        assert_ok!(trial.prove(&DAVE, 2));
        assert_eq!(trial.judged(), Some(CAROL));

        // Nor where it challenges in the very block.
        let trial = claim(1, 5, Some(3));
        assert_ok!(trial.challenge(&CAROL));
        run_to(3);
        assert_ok!(trial.challenge(&DAVE));
        assert_ok!(trial.prove(&DAVE, 2));
        assert_eq!(trial.judged(), Some(CAROL));
    });
}

#[test]
fn who_challenges_in_the_block_of_the_proof_does_not_take_the_reward() {
    ExtBuilder.build_and_execute(|| {
        let trial = claim(0, 5, Some(3));
        assert_ok!(trial.challenge(&CAROL));
        assert_ok!(trial.prove(&DAVE, 2));
        assert_eq!(trial.judged(), Some(DAVE));
    });
}

#[test]
fn place_of_a_first_challenger_that_gave_up_goes_to_another() {
    ExtBuilder.build_and_execute(|| {
        let trial = claim(0, 5, Some(3));
        assert_ok!(trial.challenge(&CAROL));
        run_to(2);
        assert_ok!(trial.challenge(&CHRIS));
        run_to(2 + MOVE);
        assert_eq!(endings(), vec![(CAROL, Ending::Abandoned)]);
        assert_ok!(trial.prove(&DAVE, 2));
        assert_eq!(trial.judged(), Some(CHRIS));
        assert_ok!(trial.settle(&CHRIS));
        assert!(FirstChallenger::<Test>::iter().next().is_none());
    });
}
