//! The agenda: what is due gets done, late or not.

use crate::{
    mock::{Jobs, *},
    *,
};
use assay_primitives::JobOutcome;
use frame_support::{assert_ok, dispatch::Pays, traits::Hooks};
use sp_runtime::traits::Dispatchable;

#[test]
fn backlog_is_served_oldest_first_and_nothing_is_lost() {
    ExtBuilder::default().providers(&[]).build_and_execute(|| {
        MaxDuePerBlock::set(2);
        let first = (0..3).map(|_| request(&ALICE, ANSWER)).collect::<Vec<_>>();
        run_blocks(1);
        // Two of the three are served; both are due again in block 4.
        let waiting = |id: &u64| job(*id).due == Some(2);
        assert_eq!(first.iter().filter(|id| waiting(id)).count(), 1);
        assert_eq!(NextDue::<Test>::get(), Some(2));
        let second = request(&BOB, ANSWER);
        run_blocks(1);
        assert_eq!(first.iter().filter(|id| waiting(id)).count(), 0);
        assert_eq!(job(second).due, Some(5));
        assert_eq!(NextDue::<Test>::get(), Some(3));
        for _ in 0..40 {
            run_blocks(1);
            check_state();
        }
        assert!(first
            .into_iter()
            .chain([second])
            .all(|id| receipt(id).outcome == JobOutcome::Expired));
    });
}

#[test]
fn agenda_takes_at_most_a_quarter_of_a_block() {
    ExtBuilder::default().build_and_execute(|| {
        MaxDuePerBlock::set(u32::MAX);
        for _ in 0..200 {
            request(&ALICE, ANSWER);
        }
        System::set_block_number(2);
        let weight = poll(2);
        assert!(weight.all_lte(Jobs::agenda_limit()));
        let left = crate::Jobs::<Test>::iter_values()
            .filter(|job| job.due == Some(2))
            .count();
        assert!(left > 0, "the block had room for all");
        for block in 3..60 {
            System::set_block_number(block);
            poll(block);
        }
        check_state();
    });
}

#[test]
fn agenda_of_nothing_costs_a_look() {
    ExtBuilder::default().build_and_execute(|| {
        run_to(5);
        System::set_block_number(6);
        type W = <Test as Config>::WeightInfo;
        assert_eq!(poll(6), W::agenda_base().saturating_add(W::agenda_look()));
    });
}

#[test]
fn advance_does_what_the_late_agenda_owes() {
    ExtBuilder::default().build().execute_with(|| {
        let (job, queued) = (claimed(&ALICE, ANSWER), request(&BOB, ANSWER));
        System::set_block_number(13);
        let done = RuntimeCall::Jobs(Call::advance { job }).dispatch(RuntimeOrigin::signed(CAROL));
        assert_eq!(done.expect("due").pays_fee, Pays::No);
        assert_eq!(receipt(job).outcome, JobOutcome::Answered);
        assert_ok!(dispatch(&CAROL, Call::advance { job: queued }));
        assert_eq!(receipt(queued).outcome, JobOutcome::Expired);
        check_state();
    });
}

#[test]
fn advance_ends_the_assignment_of_a_silent_provider() {
    ExtBuilder::default()
        .providers(&[PAUL, PETE])
        .build_and_execute(|| {
            let job = assigned(&ALICE, ANSWER);
            System::set_block_number(8);
            assert_ok!(dispatch(&CAROL, Call::advance { job }));
            assert_eq!(state(job), JobState::Queued { until: 18 });
            run_blocks(1);
            assert!(matches!(state(job), JobState::Assigned { .. }));
        });
}

#[test]
fn advance_fails_at_the_last_block_of_each_state() {
    ExtBuilder::default().build_and_execute(|| {
        let not_due = Err(Error::<Test>::NotDue.into());
        let advance = |job| dispatch(&CAROL, Call::advance { job });
        let job = request(&ALICE, ANSWER);
        System::set_block_number(11);
        assert_eq!(advance(job), not_due);
        poll(11);
        let JobState::Assigned { deadline, .. } = state(job) else {
            panic!("assigned")
        };
        System::set_block_number(deadline);
        assert_eq!(advance(job), not_due);
        assert_ok!(submit(job));
        let JobState::Claimed { window_end, .. } = state(job) else {
            panic!("claimed")
        };
        System::set_block_number(window_end);
        assert_eq!(advance(job), not_due);
    });
}

#[test]
fn advance_assigns_nobody() {
    ExtBuilder::default().build_and_execute(|| {
        let job = request(&ALICE, ANSWER);
        System::set_block_number(5);
        assert_fails(&ALICE, Call::advance { job }, Error::<Test>::NotDue);
    });
}

#[test]
fn advance_fails_where_the_claim_is_held() {
    ExtBuilder::default().build_and_execute(|| {
        let job = claimed(&ALICE, ANSWER);
        assert_ok!(<Jobs as assay_primitives::Claims<_, _, _>>::hold(claim_id(job)));
        System::set_block_number(50);
        assert_fails(&CAROL, Call::advance { job }, Error::<Test>::NotDue);
    });
}

#[test]
fn advance_fails_where_the_job_does_not_exist_or_has_ended() {
    ExtBuilder::default().build_and_execute(|| {
        assert_fails(&CAROL, Call::advance { job: 4 }, Error::<Test>::NotFound);
        let job = claimed(&ALICE, ANSWER);
        run_to(11);
        assert_fails(&CAROL, Call::advance { job }, Error::<Test>::NotFound);
    });
}

#[test]
fn first_block_of_the_pallet_may_be_any() {
    ExtBuilder::default().build_and_execute(|| {
        NextDue::<Test>::kill();
        System::set_block_number(1_000_000);
        poll(1_000_000);
        let job = request(&ALICE, ANSWER);
        run_blocks(1);
        assert!(matches!(state(job), JobState::Assigned { .. }));
    });
}

#[test]
fn configuration_of_the_mock_keeps_its_promises() {
    ExtBuilder::default().build_and_execute(Jobs::integrity_test);
}

#[test]
#[should_panic(expected = "the agenda serves no job")]
fn configuration_without_due_jobs_is_refused() {
    ExtBuilder::default().build_and_execute(|| {
        MaxDuePerBlock::set(0);
        Jobs::integrity_test();
    });
}

#[test]
#[should_panic(expected = "MaxJobDuration is shorter than a job")]
fn configuration_with_short_jobs_is_refused() {
    ExtBuilder::default().build_and_execute(|| {
        MaxJobDuration::set(2_399);
        Jobs::integrity_test();
    });
}
