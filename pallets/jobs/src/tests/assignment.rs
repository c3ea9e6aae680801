//! Assignments, timeouts and the queue.

use crate::{mock::*, *};
use assay_primitives::{JobOutcome, Price};
use frame_support::assert_ok;
use std::collections::BTreeSet;

fn pause(provider: &AccountId) {
    assert_ok!(dispatch(provider, pallet_providers::Call::pause {}));
}

fn resume(provider: &AccountId) {
    assert_ok!(dispatch(provider, pallet_providers::Call::resume {}));
}

#[test]
fn job_is_assigned_in_the_block_after_its_request() {
    ExtBuilder::default().build_and_execute(|| {
        let job = request(&ALICE, ANSWER);
        assert_eq!(exposed(&PAUL), 0);
        run_blocks(1);
        assert_eq!(
            state(job),
            JobState::Assigned {
                provider: PAUL,
                price: PRICE,
                deadline: 7
            }
        );
        assert!(AssignedTo::<Test>::contains_key(PAUL, job));
        assert_eq!(exposed(&PAUL), EXPOSURE);
        assert_eq!(
            last_event(),
            Event::Assigned {
                job,
                provider: PAUL,
                price: PRICE,
                exposure: EXPOSURE,
                attempt: 1,
                deadline: 7
            }
        );
    });
}

#[test]
fn exposure_has_a_floor_and_follows_the_price() {
    // The price of all the steps is 1,500, and the factor 2.
    for (floor, exposure) in [(2_999, 3_000), (3_001, 3_001)] {
        ExtBuilder::default()
            .rules(|rules| rules.min_exposure = floor)
            .build_and_execute(|| {
                let id = assigned(&ALICE, ANSWER);
                assert_eq!((job(id).exposure, exposed(&PAUL)), (exposure, exposure));
            });
    }
}

#[test]
fn requester_cannot_lock_more_stake_by_a_higher_price() {
    ExtBuilder::default().build_and_execute(|| {
        let high = Price {
            per_job: 1_000 * PRICE.per_job,
            per_step: 1_000 * PRICE.per_step,
        };
        let id = request_with(&ALICE, ANSWER, high, Some(PAUL));
        assert_eq!(job(id).exposure, 0);
        run_blocks(1);
        assert_eq!((job(id).exposure, exposed(&PAUL)), (EXPOSURE, EXPOSURE));
        // Nor is the silence of a provider worth more.
        run_to(8);
        assert_eq!(free(&ALICE), FUNDS + EXPOSURE / 40);
    });
}

#[test]
fn job_that_nobody_takes_is_looked_at_less_and_less_often() {
    ExtBuilder::default()
        .providers(&[])
        .rules(|rules| rules.queue_deadline = 100)
        .build_and_execute(|| {
            let id = request(&ALICE, ANSWER);
            let mut tries = Vec::new();
            while crate::Jobs::<Test>::contains_key(id) {
                run_blocks(1);
                let found = events()
                    .into_iter()
                    .any(|event| matches!(event, Event::NoTaker { .. }));
                tries.extend(found.then(System::block_number));
            }
            assert_eq!(tries, [2, 4, 6, 8, 11, 16, 23, 34, 50, 74]);
            assert_eq!(receipt(id).finished_at, 102);
        });
}

#[test]
fn choice_depends_on_randomness() {
    let chosen = |seed| {
        let mut provider = NOBODY;
        ExtBuilder::default()
            .providers(&[PAUL, PETE, PIA])
            .build_and_execute(|| {
                RandomSeed::set(seed);
                provider = provider_of(assigned(&ALICE, ANSWER));
            });
        provider
    };
    let all = (0..20).map(chosen).collect::<BTreeSet<_>>();
    assert_eq!(all.len(), 3);
    assert_eq!(chosen(1), chosen(1));
}

#[test]
fn choice_depends_on_the_parent_of_the_block_of_assignment() {
    let chosen = |parent: u8| {
        let mut provider = NOBODY;
        ExtBuilder::default()
            .providers(&[PAUL, PETE, PIA])
            .build_and_execute(|| {
                let job = request(&ALICE, ANSWER);
                System::initialize(&2, &sp_core::H256::repeat_byte(parent), &Default::default());
                poll(2);
                provider = provider_of(job);
            });
        provider
    };
    assert_eq!((0..20).map(chosen).collect::<BTreeSet<_>>().len(), 3);
}

#[test]
fn choice_depends_on_the_job() {
    ExtBuilder::default()
        .providers(&[PAUL, PETE, PIA])
        .build_and_execute(|| {
            let jobs = (0..5).map(|_| request(&ALICE, ANSWER)).collect::<Vec<_>>();
            run_blocks(1);
            let all = jobs.into_iter().map(provider_of).collect::<BTreeSet<_>>();
            assert!(all.len() > 1);
        });
}

#[test]
fn named_provider_gets_the_job() {
    ExtBuilder::default()
        .providers(&[PAUL, PETE, PIA])
        .build_and_execute(|| {
            let jobs = (0..4)
                .map(|_| request_with(&ALICE, ANSWER, PRICE, Some(PETE)))
                .collect::<Vec<_>>();
            run_blocks(1);
            assert!(jobs.into_iter().all(|job| provider_of(job) == PETE));
        });
}

#[test]
fn job_is_offered_again_until_somebody_takes_it() {
    ExtBuilder::default().build_and_execute(|| {
        pause(&PAUL);
        let job = request(&ALICE, ANSWER);
        run_to(2);
        assert_eq!(last_event(), Event::NoTaker { job, next_try: 4 });
        resume(&PAUL);
        run_to(3);
        assert_eq!(state(job), JobState::Queued { until: 11 });
        run_to(4);
        assert_eq!(provider_of(job), PAUL);
    });
}

#[test]
fn job_is_assigned_at_the_last_block_of_the_queue() {
    ExtBuilder::default()
        .rules(|rules| rules.assign_retry = 9)
        .build_and_execute(|| {
            pause(&PAUL);
            let job = request(&ALICE, ANSWER);
            run_to(10);
            resume(&PAUL);
            run_to(11);
            assert_eq!(provider_of(job), PAUL);
        });
}

#[test]
fn job_expires_whole_after_the_last_block_of_the_queue() {
    ExtBuilder::default().build_and_execute(|| {
        pause(&PAUL);
        let job = request(&ALICE, ANSWER);
        run_to(11);
        assert_eq!(state(job), JobState::Queued { until: 11 });
        run_to(12);
        assert_eq!(receipt(job).outcome, JobOutcome::Expired);
        assert_eq!(receipt(job).paid, 0);
        assert_eq!(free(&ALICE), FUNDS);
        let settlement = Settlement {
            refunded: MAX_FEE,
            ..Default::default()
        };
        assert_eq!(last_event(), Event::Expired { job, settlement });
        assert_eq!(Ended::get(), vec![(job, ALICE, JobOutcome::Expired, vec![])]);
    });
}

#[test]
fn price_stays_where_the_offer_changes_after_the_assignment() {
    ExtBuilder::default().build_and_execute(|| {
        let job = assigned(&ALICE, ANSWER);
        let price = Price {
            per_job: 1,
            per_step: 1,
        };
        set_price(&PAUL, price);
        assert!(matches!(state(job), JobState::Assigned { price, .. } if price == PRICE));
    });
}

#[test]
fn price_that_is_raised_between_request_and_assignment_is_not_paid() {
    ExtBuilder::default().build_and_execute(|| {
        let job = request(&ALICE, ANSWER);
        // All that is in escrow, whatever the steps that run.
        let all = Price {
            per_job: MAX_FEE,
            per_step: 0,
        };
        set_price(&PAUL, all);
        run_blocks(1);
        assert!(matches!(state(job), JobState::Queued { .. }));
        set_price(&PAUL, PRICE);
        run_blocks(2);
        assert_eq!(provider_of(job), PAUL);
    });
}

#[test]
fn silent_provider_is_slashed_and_another_gets_the_job() {
    ExtBuilder::default()
        .providers(&[PAUL, PETE])
        .build_and_execute(|| {
            let job = assigned(&ALICE, ANSWER);
            let silent = provider_of(job);
            let other = if silent == PAUL { PETE } else { PAUL };
            let (issued, before) = (Balances::total_issuance(), free(&ALICE));
            events();
            run_to(7);
            assert_eq!(provider_of(job), silent);
            run_to(8);
            assert_eq!(state(job), JobState::Queued { until: 18 });
            assert!(!AssignedTo::<Test>::contains_key(&silent, job));
            // A tenth of the exposure, a quarter of which compensates the requester.
            assert_eq!(stake(&silent), BOND - 300);
            assert_eq!(free(&ALICE), before + 75);
            assert_eq!(Balances::total_issuance(), issued - 225);
            assert_eq!(exposed(&silent), 0);
            let timed_out = Event::ProviderTimedOut {
                job,
                provider: silent,
                slashed: 300,
            };
            assert_eq!(events(), vec![timed_out, Event::Requeued { job, until: 18 }]);
            run_to(9);
            assert_eq!(provider_of(job), other);
            assert!(matches!(last_event(), Event::Assigned { attempt: 2, .. }));
        });
}

#[test]
fn silent_provider_does_not_get_the_job_again() {
    ExtBuilder::default().build_and_execute(|| {
        let job = assigned(&ALICE, ANSWER);
        run_to(18);
        assert_eq!(state(job), JobState::Queued { until: 18 });
        run_to(19);
        assert_eq!(receipt(job).outcome, JobOutcome::Expired);
    });
}

#[test]
fn job_expires_whole_after_the_last_attempt() {
    let rules = |rules: &mut ParametersOf<Test>| rules.max_attempts = 2;
    ExtBuilder::default()
        .providers(&[PAUL, PETE, PIA])
        .rules(rules)
        .build_and_execute(|| {
            let job = assigned(&ALICE, ANSWER);
            run_to(9);
            assert!(matches!(state(job), JobState::Assigned { deadline: 14, .. }));
            run_to(15);
            assert_eq!(receipt(job).outcome, JobOutcome::Expired);
            assert_eq!(free(&ALICE), FUNDS + 150);
            assert_eq!(held(HoldReason::Escrow, &ALICE), 0);
        });
}

#[test]
fn job_expires_where_its_named_provider_is_silent() {
    ExtBuilder::default()
        .providers(&[PAUL, PETE])
        .build_and_execute(|| {
            let job = request_with(&ALICE, ANSWER, PRICE, Some(PAUL));
            run_to(8);
            assert_eq!(receipt(job).outcome, JobOutcome::Expired);
        });
}

#[test]
fn stake_of_an_open_job_cannot_leave() {
    ExtBuilder::default().build_and_execute(|| {
        assigned(&ALICE, ANSWER);
        let unbond = pallet_providers::Call::unbond {
            amount: BOND - EXPOSURE + 1,
        };
        assert_fails(&PAUL, unbond, pallet_providers::Error::<Test>::FreeStakeTooLow);
    });
}
