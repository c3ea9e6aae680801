//! Settlement: who gets what at the end, and what stays.

use crate::{mock::*, *};
use assay_primitives::JobOutcome;
use codec::{Encode, MaxEncodedLen};
use frame_support::{assert_ok, traits::fungible::Mutate};
use sp_core::H256;
use sp_io::hashing::blake2_256;

#[test]
fn final_answer_pays_provider_owner_and_protocol() {
    ExtBuilder::default().build_and_execute(|| {
        let (provider, owner, protocol) = (free(&PAUL), free(&OWNER), free(&PROTOCOL));
        let job = claimed(&ALICE, ANSWER);
        run_to(10);
        assert!(matches!(state(job), JobState::Claimed { .. }));
        events();
        run_to(11);
        // 500 for the job and 10 for the one step: a tenth to the protocol, a fifth to the owner.
        assert_eq!(free(&PAUL), provider + 357);
        assert_eq!(free(&OWNER), owner + 102);
        assert_eq!(free(&PROTOCOL), protocol + 51);
        assert_eq!(free(&ALICE), FUNDS - 510);
        assert_eq!(exposed(&PAUL), 0);
        assert_eq!(stake(&PAUL), BOND);
        let settlement = Settlement {
            provider: 357,
            royalty: 102,
            protocol: 51,
            burnt: 0,
            refunded: 990,
        };
        let outcome = JobOutcome::Answered;
        assert_eq!(
            last_event(),
            Event::Finalized {
                job,
                outcome,
                provider: PAUL,
                settlement
            }
        );
        assert_eq!(Ended::get(), vec![(job, ALICE, outcome, vec![ANSWER, 7, 0, 0])]);
    });
}

#[test]
fn failed_run_pays_the_provider_without_royalty() {
    for (mode, steps) in [(TRAP, 1), (ENDLESS, 100)] {
        ExtBuilder::default().build_and_execute(|| {
            let (provider, owner) = (free(&PAUL), free(&OWNER));
            let job = claimed(&ALICE, mode);
            run_blocks(9);
            let payment = 500 + 10 * steps;
            assert_eq!(free(&PAUL), provider + payment - payment / 10);
            assert_eq!(free(&OWNER), owner);
            assert_eq!(free(&ALICE), FUNDS - payment);
            assert_eq!(receipt(job).outcome, JobOutcome::Failed);
            assert_eq!(receipt(job).paid, payment);
            assert!(!Outputs::<Test>::contains_key(job));
            assert_eq!(Ended::get(), vec![(job, ALICE, JobOutcome::Failed, vec![])]);
        });
    }
}

#[test]
fn payment_never_exceeds_the_fee() {
    ExtBuilder::default().build().execute_with(|| {
        let job = claimed(&ALICE, LONG);
        // As if the price had been agreed on otherwise.
        crate::Jobs::<Test>::mutate(job, |job| {
            if let Some(Job {
                state: JobState::Claimed { price, .. },
                ..
            }) = job
            {
                price.per_step = Balance::MAX;
            }
        });
        run_blocks(9);
        assert_eq!(receipt(job).paid, MAX_FEE);
        assert_eq!(free(&ALICE), FUNDS - MAX_FEE);
        check_state();
    });
}

#[test]
fn royalty_goes_to_the_owner_at_the_end() {
    ExtBuilder::default().build_and_execute(|| {
        claimed(&ALICE, ANSWER);
        let carol = free(&CAROL);
        assert_ok!(dispatch(
            &OWNER,
            pallet_models::Call::transfer_model {
                model: 0,
                new_owner: CAROL
            }
        ));
        run_blocks(9);
        assert_eq!(free(&CAROL), carol + 102);
    });
}

#[test]
fn share_that_its_receiver_cannot_take_goes_to_the_protocol() {
    ExtBuilder::default().build_and_execute(|| {
        let job = claimed(&ALICE, ANSWER);
        // 500 for the job and 10 for the step: the royalty of 102 is the first that can be below.
        crate::Jobs::<Test>::mutate(job, |job| {
            if let Some(Job {
                state: JobState::Claimed { price, .. },
                ..
            }) = job
            {
                price.per_job = 100;
            }
        });
        let protocol = free(&PROTOCOL);
        pallet_models::Models::<Test>::mutate(0, |model| {
            if let Some(model) = model {
                model.owner = NOBODY;
            }
        });
        run_blocks(9);
        assert_eq!(free(&NOBODY), 0);
        assert_eq!(free(&PROTOCOL), protocol + 11 + 22);
        let settlement = Settlement {
            provider: 77,
            royalty: 0,
            protocol: 33,
            burnt: 0,
            refunded: 1_390,
        };
        assert!(matches!(last_event(), Event::Finalized { settlement: found, .. } if found == settlement));
        pallet_models::Models::<Test>::mutate(0, |model| {
            if let Some(model) = model {
                model.owner = OWNER;
            }
        });
    });
}

#[test]
fn share_that_not_even_the_protocol_can_take_is_burnt() {
    ExtBuilder::default()
        .without_account(PROTOCOL)
        .build_and_execute(|| {
            let issued = Balances::total_issuance();
            let job = claimed(&ALICE, ANSWER);
            run_blocks(9);
            // 51 are below the existential deposit of the protocol's account.
            assert_eq!(Balances::total_issuance(), issued - 51);
            let settlement = Settlement {
                provider: 357,
                royalty: 102,
                protocol: 0,
                burnt: 51,
                refunded: 990,
            };
            assert!(
                matches!(last_event(), Event::Finalized { settlement: found, .. } if found == settlement)
            );
            assert_eq!(receipt(job).paid, 510);
        });
}

#[test]
fn funds_that_were_frozen_after_the_request_still_pay() {
    ExtBuilder::default().build_and_execute(|| {
        use frame_support::traits::{LockableCurrency, WithdrawReasons};
        let provider = free(&PAUL);
        claimed(&ALICE, ANSWER);
        Balances::set_lock(*b"vesting ", &ALICE, Balance::MAX, WithdrawReasons::all());
        run_blocks(9);
        assert_eq!(free(&PAUL), provider + 357);
    });
}

#[test]
fn requester_that_provides_owns_and_is_the_protocol_pays_itself() {
    ExtBuilder::default().build_and_execute(|| {
        let before = free(&PAUL);
        let job = request(&PAUL, ANSWER);
        run_blocks(1);
        assert_ok!(submit(job));
        run_blocks(9);
        assert_eq!(free(&PAUL), before - 510 + 357);
    });
}

#[test]
fn requester_with_nothing_but_its_existence_is_refunded() {
    ExtBuilder::default().build_and_execute(|| {
        assert_ok!(Balances::mint_into(&NOBODY, EXISTENTIAL + MAX_FEE + DEPOSIT));
        claimed(&NOBODY, ANSWER);
        assert_eq!(free(&NOBODY), EXISTENTIAL);
        run_blocks(9);
        assert_eq!(free(&NOBODY), EXISTENTIAL + DEPOSIT + 990);
    });
}

#[test]
fn receipt_tells_of_the_answer() {
    ExtBuilder::default().build_and_execute(|| {
        let job = assigned(&ALICE, ANSWER);
        let trace_root = H256(right_claim(job).trace_root);
        assert_ok!(submit(job));
        run_to(11);
        assert_eq!(
            receipt(job),
            Receipt {
                requester: ALICE,
                version: VERSION,
                input_hash: H256(blake2_256(&input(ANSWER, 7))),
                outcome: JobOutcome::Answered,
                paid: 510,
                finished_at: 11,
                claim: Some(FinalClaim {
                    provider: PAUL,
                    steps: 1,
                    trace_root,
                    output_hash: H256(blake2_256(&[ANSWER, 7, 0, 0])),
                }),
            }
        );
        assert!(receipt(job).encoded_size() <= MAX_RECEIPT_LEN);
    });
}

#[test]
fn receipt_takes_at_most_200_bytes() {
    assert!(ReceiptOf::<Test>::max_encoded_len() <= 200);
}

#[test]
fn finished_job_leaves_the_receipt_alone_after_the_retention_period() {
    ExtBuilder::default().build_and_execute(|| {
        let job = claimed(&ALICE, ANSWER);
        run_to(11);
        assert!(!crate::Jobs::<Test>::contains_key(job));
        assert!(!Inputs::<Test>::contains_key(job));
        // Final in block 11, retained through 17.
        run_to(17);
        assert!(Outputs::<Test>::contains_key(job));
        run_to(18);
        assert!(!Outputs::<Test>::contains_key(job));
        assert_eq!(last_event(), Event::OutputPruned { job });
        assert_eq!(Agenda::<Test>::iter_keys().count(), 0);
        assert!(Receipts::<Test>::contains_key(job));
    });
}
