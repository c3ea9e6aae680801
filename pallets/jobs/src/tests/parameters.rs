//! The rules of time and money.

use crate::{
    mock::{Jobs, *},
    *,
};
use frame_support::{assert_noop, assert_ok};
use sp_runtime::{DispatchError, Perbill};

/// The rules that `change` makes of those in tests are refused.
fn refused_where(change: impl Fn(&mut ParametersOf<Test>), why: Error<Test>) {
    ExtBuilder::default().build_and_execute(|| {
        let mut parameters = rules();
        change(&mut parameters);
        assert_noop!(Jobs::set_parameters(RuntimeOrigin::root(), parameters), why);
    });
}

#[test]
fn parameters_are_set_by_root() {
    ExtBuilder::default().build_and_execute(|| {
        let parameters = JobParameters {
            claim_deadline: 9,
            ..rules()
        };
        assert_noop!(
            Jobs::set_parameters(RuntimeOrigin::signed(ALICE), parameters.clone()),
            DispatchError::BadOrigin
        );
        assert_ok!(Jobs::set_parameters(RuntimeOrigin::root(), parameters.clone()));
        assert_eq!(Parameters::<Test>::get(), parameters);
        assert_eq!(last_event(), Event::ParametersSet { parameters });
    });
}

#[test]
fn parameters_with_a_duration_of_no_blocks_are_refused() {
    refused_where(|rules| rules.assign_retry = 0, Error::ZeroDuration);
    refused_where(|rules| rules.queue_deadline = 0, Error::ZeroDuration);
    refused_where(|rules| rules.claim_deadline = 0, Error::ZeroDuration);
    refused_where(|rules| rules.challenge_window = 0, Error::ZeroDuration);
    refused_where(|rules| rules.retention = 0, Error::ZeroDuration);
    refused_where(|rules| rules.dispute.move_time = 0, Error::ZeroDuration);
    refused_where(|rules| rules.dispute.reveal_time = 0, Error::ZeroDuration);
}

#[test]
fn parameters_are_refused_where_jobs_could_last_too_long() {
    // 3 * (10 + 5 + 1567 + 4 * 3 + 3 * 2) = 4800.
    refused_where(|rules| rules.challenge_window = 1_568, Error::DurationTooLong);
    refused_where(|rules| rules.challenge_window = u64::MAX, Error::DurationTooLong);
    refused_where(|rules| rules.retention = 4_801, Error::DurationTooLong);
    refused_where(|rules| rules.dispute.move_time = u64::MAX, Error::DurationTooLong);
    refused_where(|rules| rules.dispute.reveal_time = 600, Error::DurationTooLong);
    ExtBuilder::default().build_and_execute(|| {
        let parameters = JobParameters {
            challenge_window: 1_567,
            ..rules()
        };
        assert_ok!(Jobs::set_parameters(RuntimeOrigin::root(), parameters));
    });
}

#[test]
fn parameters_are_refused_where_attempts_are_none_or_too_many() {
    refused_where(|rules| rules.max_attempts = 0, Error::AttemptsOutOfRange);
    refused_where(
        |rules| rules.max_attempts = MAX_ATTEMPTS + 1,
        Error::AttemptsOutOfRange,
    );
}

#[test]
fn parameters_are_refused_where_a_challenge_costs_nothing() {
    refused_where(|rules| rules.dispute.bond = 0, Error::ZeroBond);
}

#[test]
fn parameters_are_refused_where_the_exposure_could_be_below_the_fee() {
    refused_where(|rules| rules.exposure_factor = 0, Error::ZeroExposure);
    refused_where(|rules| rules.min_exposure = 0, Error::ZeroExposure);
}

#[test]
fn parameters_are_refused_where_a_share_is_above_its_maximum() {
    refused_where(
        |rules| rules.challenger_share = Perbill::from_percent(26),
        Error::ShareTooLarge,
    );
    refused_where(
        |rules| rules.compensation_share = Perbill::from_percent(26),
        Error::ShareTooLarge,
    );
    refused_where(
        |rules| rules.protocol_share = Perbill::from_percent(51),
        Error::ShareTooLarge,
    );
}

#[test]
fn parameters_are_refused_where_a_lie_costs_less_than_silence_or_than_it_gains() {
    refused_where(
        |rules| {
            rules.exposure_factor = 3;
            rules.disproof_penalty = Perbill::from_percent(33);
        },
        Error::PenaltyTooSmall,
    );
    refused_where(
        |rules| rules.disproof_penalty = Perbill::from_percent(9),
        Error::PenaltyTooSmall,
    );
    refused_where(
        |rules| rules.disproof_penalty = rules.silence_penalty,
        Error::PenaltyTooSmall,
    );
    refused_where(
        |rules| rules.silence_penalty = Perbill::zero(),
        Error::PenaltyTooSmall,
    );
}

#[test]
fn new_parameters_leave_open_jobs_alone() {
    ExtBuilder::default().build_and_execute(|| {
        let job = request(&ALICE, ANSWER);
        let hard = JobParameters {
            queue_deadline: 1,
            claim_deadline: 1,
            challenge_window: 1,
            retention: 1,
            min_exposure: 100_000,
            protocol_share: Perbill::from_percent(50),
            deposit_base: 1_000,
            ..rules()
        };
        assert_ok!(Jobs::set_parameters(RuntimeOrigin::root(), hard));
        run_blocks(1);
        assert_eq!(
            state(job),
            JobState::Assigned {
                provider: PAUL,
                price: PRICE,
                deadline: 7
            }
        );
        assert_eq!(exposed(&PAUL), EXPOSURE);
        assert_ok!(submit(job));
        run_to(10);
        assert!(matches!(state(job), JobState::Claimed { window_end: 10, .. }));
        let protocol = free(&PROTOCOL);
        run_to(11);
        assert_eq!(free(&PROTOCOL), protocol + 51);
        assert_eq!(held(HoldReason::Storage, &ALICE), 0);
        run_to(17);
        assert!(Outputs::<Test>::contains_key(job));
    });
}

#[test]
#[should_panic(expected = "ZeroDuration")]
fn genesis_with_invalid_parameters_is_refused() {
    ExtBuilder::default().rules(|rules| rules.retention = 0).build();
}
