//! Requests and cancellation.

use crate::{
    mock::{Jobs, *},
    *,
};
use assay_primitives::{JobOutcome, Price, RequestJobs};
use frame_support::{assert_noop, assert_ok};
use sp_runtime::DispatchError;

fn call(mode: u8, max_price: Price<Balance>, provider: Option<AccountId>) -> Call<Test> {
    Call::request {
        version: VERSION,
        input: input(mode, 7),
        max_price,
        provider,
    }
}

fn deprecate_version() {
    let version = VERSION;
    assert_ok!(dispatch(
        &OWNER,
        pallet_models::Call::deprecate_version { version }
    ));
}

/// A price of `per_job` plancks for the job alone.
fn flat(per_job: Balance) -> Price<Balance> {
    Price { per_job, per_step: 0 }
}

/// Less for the job than PAUL asks, and as much for a step.
const CHEAP: Price<Balance> = Price {
    per_job: 400,
    per_step: 10,
};

#[test]
fn request_holds_fee_and_deposit() {
    ExtBuilder::default().build_and_execute(|| {
        assert_ok!(dispatch(&ALICE, call(ANSWER, PRICE, None)));
        assert_eq!(held(HoldReason::Escrow, &ALICE), MAX_FEE);
        assert_eq!(held(HoldReason::Storage, &ALICE), DEPOSIT);
        assert_eq!(free(&ALICE), FUNDS - MAX_FEE - DEPOSIT);
        assert_eq!(Inputs::<Test>::get(0), Some(input(ANSWER, 7).try_into().unwrap()));
        assert_eq!(state(0), JobState::Queued { until: 11 });
        assert_eq!(
            last_event(),
            Event::Requested {
                job: 0,
                requester: ALICE,
                version: VERSION,
                max_fee: MAX_FEE,
                deposit: DEPOSIT
            }
        );
    });
}

#[test]
fn request_counts_the_use_of_its_version_until_the_end() {
    ExtBuilder::default().build_and_execute(|| {
        let remove = || dispatch(&OWNER, pallet_models::Call::remove_version { version: VERSION });
        let job = request(&ALICE, ANSWER);
        deprecate_version();
        assert_eq!(remove(), Err(pallet_models::Error::<Test>::VersionInUse.into()));
        assert_ok!(dispatch(&ALICE, Call::cancel { job }));
        assert_ok!(remove());
    });
}

#[test]
fn request_fails_where_the_version_does_not_exist() {
    ExtBuilder::default().build_and_execute(|| {
        let call = Call::request {
            version: 9,
            input: input(ANSWER, 7),
            max_price: PRICE,
            provider: None,
        };
        assert_fails(&ALICE, call, Error::<Test>::VersionNotFound);
    });
}

#[test]
fn request_fails_where_the_version_is_deprecated() {
    ExtBuilder::default().build_and_execute(|| {
        deprecate_version();
        assert_fails(
            &ALICE,
            call(ANSWER, PRICE, None),
            Error::<Test>::VersionDeprecated,
        );
    });
}

#[test]
fn request_fails_where_the_input_is_a_byte_too_long_or_too_short() {
    ExtBuilder::default().build_and_execute(|| {
        for len in [0, 3, 5] {
            let input = vec![0; len];
            let call = Call::request {
                version: VERSION,
                input,
                max_price: PRICE,
                provider: None,
            };
            assert_eq!(
                dispatch(&ALICE, call),
                Err(Error::<Test>::WrongInputLength.into()),
                "{len} bytes"
            );
        }
    });
}

#[test]
fn request_fails_where_everybody_asks_more_for_the_job_or_for_a_step() {
    ExtBuilder::default()
        .providers(&[PAUL, PETE])
        .build_and_execute(|| {
            set_price(&PETE, CHEAP);
            for (per_job, per_step) in [(399, 10), (400, 9), (399, 1_000), (1_000_000, 9)] {
                let low = Price { per_job, per_step };
                assert_fails(&ALICE, call(ANSWER, low, None), Error::<Test>::PriceTooLow);
            }
            assert_ok!(dispatch(&ALICE, call(ANSWER, CHEAP, None)));
        });
}

#[test]
fn request_fails_where_the_named_provider_asks_more() {
    ExtBuilder::default()
        .providers(&[PAUL, PETE])
        .build_and_execute(|| {
            set_price(&PETE, CHEAP);
            assert_fails(
                &ALICE,
                call(ANSWER, CHEAP, Some(PAUL)),
                Error::<Test>::PriceTooLow,
            );
            assert_ok!(dispatch(&ALICE, call(ANSWER, CHEAP, Some(PETE))));
        });
}

#[test]
fn request_waits_where_nobody_takes_jobs_now() {
    ExtBuilder::default().build_and_execute(|| {
        assert_ok!(dispatch(&PAUL, pallet_providers::Call::pause {}));
        assert_ok!(dispatch(&ALICE, call(ANSWER, flat(1), None)));
        assert_ok!(dispatch(&ALICE, call(ANSWER, flat(1), Some(PAUL))));
    });
}

#[test]
fn request_fails_where_the_named_provider_is_not_registered() {
    ExtBuilder::default().build_and_execute(|| {
        assert_fails(
            &ALICE,
            call(ANSWER, PRICE, Some(BOB)),
            Error::<Test>::ProviderNotFound,
        );
    });
}

#[test]
fn request_fails_where_funds_do_not_cover_fee_deposit_and_existence() {
    ExtBuilder::default().build_and_execute(|| {
        assert_ok!(dispatch(&PAUL, pallet_providers::Call::pause {}));
        let most = FUNDS - EXISTENTIAL - DEPOSIT;
        assert_fails(
            &ALICE,
            call(ANSWER, flat(most + 1), None),
            Error::<Test>::InsufficientFunds,
        );
        assert_ok!(dispatch(&ALICE, call(ANSWER, flat(most), None)));
        assert_fails(
            &NOBODY,
            call(ANSWER, PRICE, None),
            Error::<Test>::InsufficientFunds,
        );
    });
}

#[test]
fn request_fails_where_the_price_is_the_largest_number_or_comes_to_more() {
    ExtBuilder::default().build_and_execute(|| {
        for (per_job, per_step) in [
            (Balance::MAX, 10),
            (500, Balance::MAX),
            (Balance::MAX, Balance::MAX),
        ] {
            let most = Price { per_job, per_step };
            assert_fails(&ALICE, call(ANSWER, most, None), Error::<Test>::InsufficientFunds);
        }
    });
}

#[test]
fn request_fails_where_it_would_spend_frozen_funds() {
    ExtBuilder::default().build_and_execute(|| {
        // A lock as vesting or voting places it.
        use frame_support::traits::{LockableCurrency, WithdrawReasons};
        Balances::set_lock(*b"vesting ", &ALICE, FUNDS, WithdrawReasons::all());
        assert_fails(
            &ALICE,
            call(ANSWER, PRICE, None),
            Error::<Test>::InsufficientFunds,
        );
        Balances::set_lock(
            *b"vesting ",
            &ALICE,
            FUNDS - MAX_FEE - DEPOSIT,
            WithdrawReasons::all(),
        );
        assert_ok!(dispatch(&ALICE, call(ANSWER, PRICE, None)));
    });
}

#[test]
fn request_fails_where_its_origin_is_not_signed() {
    ExtBuilder::default().build_and_execute(|| {
        assert_noop!(
            Jobs::request(RuntimeOrigin::root(), VERSION, input(ANSWER, 7), PRICE, None),
            DispatchError::BadOrigin
        );
        assert_noop!(
            Jobs::request(
                frame_system::RawOrigin::Authorized.into(),
                VERSION,
                input(ANSWER, 7),
                PRICE,
                None
            ),
            DispatchError::BadOrigin
        );
    });
}

#[test]
fn request_by_a_pallet_is_that_of_the_requester() {
    ExtBuilder::default().build_and_execute(|| {
        let request = |input| <Jobs as RequestJobs<_, _>>::request(&ALICE, VERSION, input, PRICE, Some(PAUL));
        assert_eq!(request(vec![ANSWER, 7, 0, 0]), Ok(0));
        assert_eq!(job(0).requester, ALICE);
        assert_eq!(job(0).named, Some(PAUL));
        assert_noop!(request(vec![0; 1 << 17]), Error::<Test>::WrongInputLength);
        assert_eq!(request(vec![ANSWER, 7, 0, 0]), Ok(1));
    });
}

#[test]
fn cancel_returns_fee_and_deposit_whole() {
    ExtBuilder::default().build_and_execute(|| {
        let job = request(&ALICE, ANSWER);
        assert_ok!(dispatch(&ALICE, Call::cancel { job }));
        assert_eq!(free(&ALICE), FUNDS);
        let settlement = Settlement {
            refunded: MAX_FEE,
            ..Default::default()
        };
        assert_eq!(last_event(), Event::Cancelled { job, settlement });
        assert_eq!(receipt(job).outcome, JobOutcome::Cancelled);
        assert_eq!(receipt(job).paid, 0);
        assert_eq!(Ended::get(), vec![(job, ALICE, JobOutcome::Cancelled, vec![])]);
    });
}

#[test]
fn cancel_fails_where_the_job_does_not_exist_or_has_ended() {
    ExtBuilder::default().build_and_execute(|| {
        let job = request(&ALICE, ANSWER);
        assert_fails(&ALICE, Call::cancel { job: 7 }, Error::<Test>::NotFound);
        assert_ok!(dispatch(&ALICE, Call::cancel { job }));
        assert_fails(&ALICE, Call::cancel { job }, Error::<Test>::NotFound);
    });
}

#[test]
fn cancel_fails_where_another_account_asks() {
    ExtBuilder::default().build_and_execute(|| {
        let job = request(&ALICE, ANSWER);
        assert_fails(&BOB, Call::cancel { job }, Error::<Test>::NotRequester);
    });
}

#[test]
fn cancel_fails_where_a_provider_has_the_job() {
    ExtBuilder::default().build_and_execute(|| {
        let job = assigned(&ALICE, ANSWER);
        assert_fails(&ALICE, Call::cancel { job }, Error::<Test>::NotQueued);
    });
}

#[test]
fn ids_are_not_used_again() {
    ExtBuilder::default().build_and_execute(|| {
        assert_ok!(dispatch(
            &ALICE,
            Call::cancel {
                job: request(&ALICE, ANSWER)
            }
        ));
        assert_eq!(request(&ALICE, ANSWER), 1);
        NextJobId::<Test>::put(u64::MAX);
        let overflow = sp_runtime::ArithmeticError::Overflow.into();
        assert_eq!(dispatch(&ALICE, call(ANSWER, PRICE, None)), Err(overflow));
    });
}
