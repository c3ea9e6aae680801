//! What clients ask.

use crate::{
    mock::{Jobs, *},
    *,
};
use assay_primitives::{Claims, JobOutcome, Price};
use frame_support::assert_ok;
use sp_core::H256;
use sp_io::hashing::blake2_256;

#[test]
fn quote_lists_offers_cheapest_first() {
    ExtBuilder::default()
        .providers(&[PAUL, PETE])
        .build_and_execute(|| {
            let price = Price {
                per_job: 1_000,
                per_step: 1,
            };
            set_price(&PETE, price);
            let pete = Quote {
                provider: PETE,
                price,
                max: 1_100,
                exposure: 2_200,
                deposit: 58,
            };
            let paul = Quote {
                provider: PAUL,
                price: PRICE,
                max: MAX_FEE,
                exposure: EXPOSURE,
                deposit: DEPOSIT,
            };
            assert_eq!(Jobs::quote(VERSION, None), vec![pete, paul.clone()]);
            assert_eq!(Jobs::quote(VERSION, Some(PAUL)), vec![paul]);
            assert_eq!(Jobs::quote(VERSION, Some(PIA)), vec![]);
            assert_eq!(Jobs::quote(9, None), vec![]);
        });
}

#[test]
fn quote_is_empty_where_nobody_takes_jobs_or_the_version_is_deprecated() {
    ExtBuilder::default()
        .providers(&[PAUL, PETE])
        .build_and_execute(|| {
            assert_ok!(dispatch(&PAUL, pallet_providers::Call::pause {}));
            assert_eq!(Jobs::quote(VERSION, None).len(), 1);
            assert_ok!(dispatch(
                &OWNER,
                pallet_models::Call::deprecate_version { version: VERSION }
            ));
            assert_eq!(Jobs::quote(VERSION, None), vec![]);
        });
}

#[test]
fn price_of_a_quote_is_never_too_low() {
    ExtBuilder::default().build_and_execute(|| {
        let quote = Jobs::quote(VERSION, None).remove(0);
        let job = request_with(&ALICE, ANSWER, quote.price, None);
        assert_eq!(held(HoldReason::Escrow, &ALICE), quote.max);
        assert_eq!(held(HoldReason::Storage, &ALICE), quote.deposit);
        run_blocks(1);
        assert_eq!(exposed(&PAUL), quote.exposure);
        assert!(matches!(state(job), JobState::Assigned { .. }));
    });
}

#[test]
fn job_info_follows_the_life_of_a_job() {
    ExtBuilder::default().build_and_execute(|| {
        assert_eq!(Jobs::job_info(0), None);
        let job = request(&ALICE, ANSWER);
        let queued = JobInfo {
            status: JobStatus::Queued,
            requester: ALICE,
            version: VERSION,
            input_hash: H256(blake2_256(&input(ANSWER, 7))),
            provider: None,
            attempts: Some(0),
            until: Some(11),
            max_fee: Some(MAX_FEE),
            paid: None,
            steps: None,
            ending: None,
            trace_root: None,
            output_hash: None,
            output: None,
            finished_at: None,
        };
        assert_eq!(Jobs::job_info(job), Some(queued.clone()));

        run_blocks(1);
        let assigned = JobInfo {
            status: JobStatus::Assigned,
            provider: Some(PAUL),
            attempts: Some(1),
            until: Some(7),
            ..queued
        };
        assert_eq!(Jobs::job_info(job), Some(assigned.clone()));
        assert_eq!(Jobs::assigned_to(&PAUL), vec![job]);

        let trace_root = H256(right_claim(job).trace_root);
        assert_ok!(submit(job));
        let pending = JobInfo {
            status: JobStatus::Pending,
            until: Some(10),
            paid: Some(510),
            steps: Some(1),
            ending: Some(ClaimEnding::Answer),
            trace_root: Some(trace_root),
            output_hash: Some(H256(blake2_256(&[ANSWER, 7, 0, 0]))),
            output: Some(vec![ANSWER, 7, 0, 0]),
            ..assigned
        };
        assert_eq!(Jobs::job_info(job), Some(pending.clone()));
        assert!(Jobs::assigned_to(&PAUL).is_empty());

        assert_ok!(Jobs::hold(claim_id(job)));
        let challenged = JobInfo {
            status: JobStatus::Challenged,
            until: None,
            ..pending.clone()
        };
        assert_eq!(Jobs::job_info(job), Some(challenged));
        assert_ok!(Jobs::unhold(claim_id(job)));

        run_to(11);
        let last = JobInfo {
            status: JobStatus::Final(JobOutcome::Answered),
            attempts: None,
            until: None,
            max_fee: None,
            ending: None,
            finished_at: Some(11),
            ..pending
        };
        assert_eq!(Jobs::job_info(job), Some(last.clone()));

        run_to(18);
        assert_eq!(Jobs::job_info(job), Some(JobInfo { output: None, ..last }));
    });
}
