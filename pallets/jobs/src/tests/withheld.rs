//! Params that cannot be had: jobs that are given back, claims that nobody can check.

use crate::{
    mock::{Jobs, *},
    *,
};
use assay_primitives::{worker_key::WorkerSignature, Claims, JobOutcome};
use frame_support::{assert_noop, assert_ok, pallet_prelude::TransactionSource, traits::Authorize};
use sp_core::Pair;

fn declined_by(provider: &AccountId, job: u64) -> WorkerSignature {
    worker(provider).sign(&Jobs::decline_payload(job))
}

fn decline(job: u64) -> Call<Test> {
    let signature = declined_by(&provider_of(job), job);
    Call::decline { job, signature }
}

/// A job for a version whose params the chain has not seen.
fn assigned_external() -> u64 {
    make_external();
    assigned(&ALICE, ANSWER)
}

#[test]
fn declined_job_goes_on_to_another_and_costs_nobody() {
    ExtBuilder::default()
        .providers(&[PAUL, PETE])
        .build_and_execute(|| {
            let job = assigned_external();
            let first = provider_of(job);
            let before = (stake(&first), free(&ALICE));
            events();
            assert_ok!(dispatch(&CAROL, decline(job)));
            let found = events();
            assert!(found.contains(&Event::Declined {
                job,
                provider: first.clone()
            }));
            assert_eq!((stake(&first), free(&ALICE)), before);
            assert_eq!(exposed(&first), 0);
            run_blocks(1);
            let second = provider_of(job);
            assert_ne!(second, first);
            assert_ok!(submit(job));
            run_to(40);
            assert_eq!(receipt(job).outcome, JobOutcome::Answered);
        });
}

#[test]
fn provider_that_declines_gets_no_job_of_the_version_until_it_offers_anew() {
    ExtBuilder::default()
        .providers(&[PAUL, PETE])
        .build_and_execute(|| {
            let job = assigned_external();
            let provider = provider_of(job);
            assert_ok!(dispatch(&CAROL, decline(job)));
            let offers = pallet_providers::Offers::<Test>::get(VERSION);
            let of_provider = offers.iter().find(|offer| offer.provider == provider).unwrap();
            assert_eq!(of_provider.capacity, 0);
            assert_eq!(of_provider.in_flight, 0);
            run_blocks(1);
            assert_ok!(submit(job));
            for _ in 0..5 {
                run_blocks(20);
                assert_ne!(provider_of(claimed(&BOB, ANSWER)), provider);
            }
            set_price(&provider, PRICE);
            let offers = pallet_providers::Offers::<Test>::get(VERSION);
            assert!(offers.iter().all(|offer| offer.capacity > 0));
        });
}

#[test]
fn decline_is_taken_without_a_sender_and_once() {
    ExtBuilder::default().build_and_execute(|| {
        let job = assigned_external();
        let call = decline(job);
        let authorized = call.authorize(TransactionSource::External).unwrap();
        let (validity, _) = authorized.unwrap();
        assert_eq!(validity.provides.len(), 1);
        assert!(validity.longevity > 0);
        let origin: RuntimeOrigin = frame_system::RawOrigin::Authorized.into();
        let Call::decline { signature, .. } = call.clone() else {
            unreachable!()
        };
        assert_ok!(Jobs::decline(origin, job, signature));
        assert!(call.authorize(TransactionSource::External).unwrap().is_err());
    });
}

#[test]
fn wrong_declines_fail_by_name() {
    ExtBuilder::default().build_and_execute(|| {
        let on_chain = assigned(&ALICE, ANSWER);
        assert_fails(&CAROL, decline(on_chain), Error::<Test>::ParamsOnChain);
        let job = assigned_external();
        let provider = provider_of(job);
        let other = [PAUL, PETE, PIA]
            .into_iter()
            .find(|other| *other != provider)
            .unwrap();
        let signature = declined_by(&other, job);
        assert_fails(
            &CAROL,
            Call::decline { job, signature },
            Error::<Test>::BadSignature,
        );
        let signature = declined_by(&provider, on_chain);
        assert_fails(
            &CAROL,
            Call::decline { job, signature },
            Error::<Test>::BadSignature,
        );
        let signature = declined_by(&provider, 99);
        assert_fails(
            &CAROL,
            Call::decline { job: 99, signature },
            Error::<Test>::NotFound,
        );
        let late = decline(job);
        System::set_block_number(1_000);
        assert_fails(&CAROL, late, Error::<Test>::DeadlinePassed);
    });
}

#[test]
fn claimed_job_cannot_be_declined() {
    ExtBuilder::default().build_and_execute(|| {
        let job = assigned_external();
        let call = decline(job);
        assert_ok!(submit(job));
        assert_fails(&CAROL, call, Error::<Test>::NotAssigned);
    });
}

#[test]
fn frozen_version_takes_no_jobs_until_the_part_is_shown() {
    ExtBuilder::default().build_and_execute(|| {
        make_external();
        ask_chunk(0);
        run_blocks(CHUNK_TIME);
        request(&ALICE, ANSWER);
        run_blocks(1);
        let origin = RuntimeOrigin::signed(ALICE);
        let refused = Jobs::request(origin, VERSION, input(ANSWER, 7), PRICE, None);
        assert_noop!(refused, Error::<Test>::VersionFrozen);
        assert_eq!(Jobs::quote(VERSION, None), vec![]);
        show_chunks();
        assert_ne!(Jobs::quote(VERSION, None), vec![]);
        request(&ALICE, ANSWER);
    });
}

#[test]
fn job_of_a_version_that_is_frozen_while_it_waits_is_not_assigned() {
    ExtBuilder::default().build_and_execute(|| {
        make_external();
        ask_chunk(0);
        run_blocks(CHUNK_TIME);
        let job = request(&ALICE, ANSWER);
        run_blocks(1);
        assert!(matches!(state(job), JobState::Queued { .. }));
        show_chunks();
        run_blocks(3);
        assert_eq!(provider_of(job), PAUL);
    });
}

#[test]
fn claim_waits_for_what_was_asked_in_its_window_and_is_paid_when_it_is_shown() {
    ExtBuilder::default().build_and_execute(|| {
        let job = assigned_external();
        assert_ok!(submit(job));
        let JobState::Claimed { window_end, .. } = state(job) else {
            panic!("claimed")
        };
        run_to(window_end);
        ask_chunk(0);
        run_to(window_end + 1);
        assert!(matches!(state(job), JobState::Claimed { .. }));
        assert_noop!(Jobs::do_advance(job), Error::<Test>::NotDue);
        // What is asked after the window does not count.
        ask_chunk(1);
        run_to(window_end + CHUNK_TIME);
        show_chunks();
        run_to(window_end + CHUNK_TIME + 1);
        assert_eq!(receipt(job).outcome, JobOutcome::Answered);
    });
}

#[test]
fn claim_is_not_paid_where_what_was_asked_in_its_window_is_not_shown() {
    ExtBuilder::default().build_and_execute(|| {
        let job = assigned_external();
        let provider = provider_of(job);
        let before = stake(&provider);
        assert_ok!(submit(job));
        ask_chunk(0);
        events();
        run_to(System::block_number() + CHUNK_TIME + 1);
        assert!(events().contains(&Event::Unverifiable {
            job,
            provider: provider.clone()
        }));
        let receipt = receipt(job);
        assert_eq!((receipt.outcome, receipt.paid), (JobOutcome::Expired, 0));
        assert_eq!(stake(&provider), before);
        assert_eq!(exposed(&provider), 0);
        assert!(!Outputs::<Test>::contains_key(job));
    });
}

#[test]
fn what_is_asked_after_the_window_does_not_hold_a_claim() {
    ExtBuilder::default().build_and_execute(|| {
        let job = assigned_external();
        assert_ok!(submit(job));
        let JobState::Claimed { window_end, .. } = state(job) else {
            panic!("claimed")
        };
        assert_ok!(Jobs::hold(claim_id(job)));
        run_to(window_end + 1);
        ask_chunk(0);
        assert_ok!(Jobs::unhold(claim_id(job)));
        run_blocks(1);
        assert_eq!(receipt(job).outcome, JobOutcome::Answered);
    });
}
