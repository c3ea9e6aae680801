use crate::{mock::*, Event, Stats, Status};
use assay_primitives::{AssignmentRequest, Price, ProviderOutcome, ProviderOutcome::*, Providers as _};
use frame_support::assert_ok;
use sp_core::H256;
use sp_io::hashing::blake2_256;

fn signed(who: AccountId) -> RuntimeOrigin {
    RuntimeOrigin::signed(who)
}

/// One provider with a stake of 2000 that offers version 1 twice at a time.
fn one() -> ExtBuilder {
    ExtBuilder::default().provider(1, 2_000).offer(1, 1, 2)
}

fn seed(index: u32) -> H256 {
    H256(blake2_256(&index.to_le_bytes()))
}

fn chosen(request: AssignmentRequest<'_, AccountId, Balance>) -> Option<AccountId> {
    assign(request).map(|assignment| assignment.provider)
}

#[test]
fn assign_takes_capacity_and_locks_the_exposure() {
    one().build_and_execute(|| {
        skip(6);
        assert_eq!(chosen(request()), Some(1));
        let record = record(1);
        assert_eq!(
            (record.exposed, record.free_stake(), record.jobs),
            (100, 1_900, 1)
        );
        assert_eq!((record.first_seen, record.last_active), (1, 7));
        assert_eq!(offer(1, 1).unwrap().in_flight, 1);
    });
}

#[test]
fn assign_stops_at_the_capacity() {
    one().build_and_execute(|| {
        assert_eq!(chosen(request()), Some(1));
        assert_eq!(chosen(request()), Some(1));
        assert_eq!(chosen(request()), None);
        release(1, Completed);
        assert_eq!(chosen(request()), Some(1));
    });
}

#[test]
fn assign_respects_a_capacity_that_was_lowered_below_the_open_jobs() {
    one().build_and_execute(|| {
        assign_to(1, 1, 100);
        assign_to(1, 1, 100);
        assert_ok!(Providers::set_offer(signed(1), 1, Price::default(), 1));
        assert_eq!(chosen(request()), None);
        release(1, Completed);
        assert_eq!(chosen(request()), None);
        release(1, Completed);
        assert_eq!(chosen(request()), Some(1));
    });
}

#[test]
fn assign_needs_free_stake_for_the_exposure() {
    one().build_and_execute(|| {
        assert_eq!(
            chosen(AssignmentRequest {
                min_exposure: 2_001,
                ..request()
            }),
            None
        );
        assert_eq!(
            chosen(AssignmentRequest {
                min_exposure: 1_500,
                ..request()
            }),
            Some(1)
        );
        assert_eq!(
            chosen(AssignmentRequest {
                min_exposure: 501,
                ..request()
            }),
            None
        );
        assert_eq!(
            chosen(AssignmentRequest {
                min_exposure: 500,
                ..request()
            }),
            Some(1)
        );
    });
}

#[test]
fn assign_does_not_count_unbonding_stake() {
    one().build_and_execute(|| {
        assert_ok!(Providers::unbond(signed(1), 1_000));
        assert_eq!(
            chosen(AssignmentRequest {
                min_exposure: 1_001,
                ..request()
            }),
            None
        );
        assert_eq!(
            chosen(AssignmentRequest {
                min_exposure: 1_000,
                ..request()
            }),
            Some(1)
        );
    });
}

#[test]
fn assign_without_exposure_needs_free_stake_all_the_same() {
    one().build_and_execute(|| {
        assign_to(1, 1, 2_000);
        assert_eq!(
            chosen(AssignmentRequest {
                min_exposure: 0,
                ..request()
            }),
            None
        );
        assert_eq!(
            chosen(AssignmentRequest {
                min_exposure: 0,
                named: Some(&1),
                ..request()
            }),
            None
        );
    });
}

#[test]
fn assign_passes_over_prices_of_which_a_part_is_above_the_most() {
    one().build_and_execute(|| {
        let price = |per_job, per_step| Price { per_job, per_step };
        let at_most = |max_price| AssignmentRequest {
            max_price,
            ..request()
        };
        assert_ok!(Providers::set_offer(signed(1), 1, price(5, 3), 2));
        for (per_job, per_step) in [(4, 3), (5, 2), (4, 1_000), (1_000, 2)] {
            assert_eq!(chosen(at_most(price(per_job, per_step))), None);
        }
        let assignment = assign(at_most(price(5, 3))).unwrap();
        assert_eq!(assignment.price, price(5, 3));
    });
}

#[test]
fn assign_passes_over_prices_that_overflow() {
    one().build_and_execute(|| {
        let price = Price {
            per_job: 1,
            per_step: u64::MAX / 10 + 1,
        };
        assert_ok!(Providers::set_offer(signed(1), 1, price, 2));
        assert_eq!(chosen(request()), None);
        let price = Price {
            per_job: u64::MAX,
            per_step: 1,
        };
        assert_ok!(Providers::set_offer(signed(1), 1, price, 2));
        assert_eq!(chosen(request()), None);
    });
}

#[test]
fn assign_passes_over_a_bond_below_the_least() {
    one().build_and_execute(|| {
        slash(1, 1_001, None);
        assert_eq!(chosen(request()), None);
        assert_ok!(Providers::bond_more(signed(1), 1));
        assert_eq!(chosen(request()), Some(1));
    });
}

#[test]
fn assign_finds_nobody_for_a_version_without_offers() {
    one().build_and_execute(|| {
        assert_eq!(
            chosen(AssignmentRequest {
                version: 2,
                ..request()
            }),
            None
        );
    });
}

#[test]
fn assign_passes_over_those_that_are_excluded() {
    one().provider(2, 1_000).offer(2, 1, 40).build_and_execute(|| {
        for index in 0..40 {
            let request = AssignmentRequest {
                min_exposure: 1,
                seed: seed(index),
                excluded: &[1],
                ..request()
            };
            assert_eq!(chosen(request), Some(2));
        }
        assert_eq!(
            chosen(AssignmentRequest {
                excluded: &[2, 1],
                ..request()
            }),
            None
        );
    });
}

#[test]
fn assign_takes_the_named_provider_or_none() {
    one()
        .provider(2, 1_000)
        .offer(2, 1, 1)
        .provider(3, 1_000)
        .offer(3, 2, 1)
        .build_and_execute(|| {
            assert_eq!(
                chosen(AssignmentRequest {
                    named: Some(&2),
                    excluded: &[2],
                    ..request()
                }),
                None
            );
            assert_eq!(
                chosen(AssignmentRequest {
                    named: Some(&2),
                    ..request()
                }),
                Some(2)
            );
            assert_eq!(
                chosen(AssignmentRequest {
                    named: Some(&2),
                    ..request()
                }),
                None
            );
            assert_eq!(
                chosen(AssignmentRequest {
                    named: Some(&3),
                    ..request()
                }),
                None
            );
            assert_eq!(
                chosen(AssignmentRequest {
                    named: Some(&4),
                    ..request()
                }),
                None
            );
        });
}

#[test]
fn assign_chooses_the_same_for_the_same_seed() {
    let ext = || {
        one()
            .provider(2, 2_000)
            .offer(2, 1, 1)
            .provider(3, 2_000)
            .offer(3, 1, 1)
    };
    let choose = |index| {
        let mut choice = None;
        ext().build_and_execute(|| {
            choice = chosen(AssignmentRequest {
                seed: seed(index),
                ..request()
            })
        });
        choice
    };
    let first = (0..8).map(choose).collect::<Vec<_>>();
    assert_eq!(first, (0..8).map(choose).collect::<Vec<_>>());
    assert!(first.iter().any(|choice| *choice != first[0]));
}

/// How often each of `1..=4` is chosen in 3000 draws that are ended at once.
fn frequencies() -> [u32; 4] {
    let mut counts = [0; 4];
    for index in 0..3_000 {
        let who = chosen(AssignmentRequest {
            min_exposure: 1,
            seed: seed(index),
            ..request()
        })
        .unwrap();
        counts[who as usize - 1] += 1;
        crate::Pallet::<Test>::release(&who, 1, 1, Completed);
    }
    counts
}

#[test]
fn assign_chooses_in_proportion_to_free_stake() {
    // Stakes of 1, 2, 3 and 4 parts in 10. The tolerance is four standard deviations.
    (1..=4u64)
        .fold(ExtBuilder::default(), |ext, who| {
            ext.provider(who, who * 10_000).offer(who, 1, 1)
        })
        .build_and_execute(|| {
            for (count, share) in frequencies().into_iter().zip([0.1f64, 0.2, 0.3, 0.4]) {
                let deviation = (3_000.0 * share * (1.0 - share)).sqrt();
                assert!(
                    (f64::from(count) - 3_000.0 * share).abs() < 4.0 * deviation,
                    "{count} of {share}"
                );
            }
        });
}

#[test]
fn assign_counts_only_the_stake_that_is_free() {
    // The same stake each, half of the first one's exposed to another version's job.
    ExtBuilder::default()
        .provider(1, 20_000)
        .offer(1, 1, 1)
        .offer(1, 2, 1)
        .provider(2, 20_000)
        .offer(2, 1, 1)
        .build_and_execute(|| {
            assign_to(1, 2, 10_000);
            let counts = frequencies();
            assert!((900..1_100).contains(&counts[0]), "{counts:?}");
        });
}

#[test]
fn release_unlocks_the_exposure_and_counts_each_outcome() {
    one().build_and_execute(|| {
        skip(1);
        let outcomes = [
            Completed, Completed, Completed, Completed, TimedOut, TimedOut, Disproved, Disproved,
        ]
        .into_iter()
        .chain([Disproved, Released]);
        for outcome in outcomes {
            assign_to(1, 1, 100);
            release(1, outcome);
        }
        skip(1);
        assign_to(1, 1, 100);
        skip(1);
        release(1, Released);

        let record = record(1);
        assert_eq!(
            record.stats,
            Stats {
                completed: 4,
                timed_out: 2,
                disproved: 3,
                released: 2,
                slashed: 0
            }
        );
        assert_eq!((record.exposed, record.jobs, record.last_active), (0, 0, 4));
        assert_eq!(offer(1, 1).unwrap().in_flight, 0);
    });
}

fn job(outcome: ProviderOutcome) {
    assign_to(1, 1, 100);
    release(1, outcome);
}

#[test]
fn provider_is_suspended_after_max_strikes_timeouts_in_a_row() {
    one().build_and_execute(|| {
        job(TimedOut);
        job(TimedOut);
        assert_eq!((record(1).status, record(1).strikes), (Status::Active, 2));
        assert_eq!(events(), []);
        job(TimedOut);
        assert_eq!(record(1).status, Status::Suspended);
        assert_eq!(events(), [Event::Suspended { provider: 1 }]);
        assert_eq!(chosen(request()), None);

        assert_ok!(Providers::resume(signed(1)));
        assert_eq!((record(1).status, record(1).strikes), (Status::Active, 0));
        assert_eq!(chosen(request()), Some(1));
    });
}

#[test]
fn provider_is_not_suspended_where_a_completed_job_is_between_timeouts() {
    one().build_and_execute(|| {
        job(TimedOut);
        job(TimedOut);
        job(Completed);
        job(TimedOut);
        job(TimedOut);
        assert_eq!((record(1).status, record(1).strikes), (Status::Active, 2));
    });
}

#[test]
fn provider_is_suspended_where_no_completed_job_is_between_timeouts() {
    one().build_and_execute(|| {
        for outcome in [TimedOut, Released, TimedOut, Disproved, TimedOut] {
            job(outcome);
        }
        assert_eq!(record(1).status, Status::Suspended);
    });
}

#[test]
fn provider_that_paused_stays_paused_when_its_open_jobs_time_out() {
    ExtBuilder::default()
        .provider(1, 2_000)
        .offer(1, 1, 3)
        .build_and_execute(|| {
            for _ in 0..3 {
                assign_to(1, 1, 100);
            }
            assert_ok!(Providers::pause(signed(1)));
            events();
            for _ in 0..3 {
                release(1, TimedOut);
            }
            assert_eq!(record(1).status, Status::Paused);
            assert_eq!(events(), []);
        });
}

#[test]
fn release_of_what_was_not_assigned_changes_no_books() {
    one().build_and_execute(|| {
        release(1, Released);
        release(2, Released);
        let record = record(1);
        assert_eq!((record.bonded, record.exposed, record.jobs), (2_000, 0, 0));
    });
}
