//! Holds and verdicts: what disputes do to a claim.

use crate::{
    mock::{Jobs, *},
    *,
};
use assay_primitives::{Claims, JobOutcome};
use frame_support::{assert_noop, assert_ok};

fn disprove(job: u64, challenger: &AccountId) -> sp_runtime::DispatchResult {
    Jobs::disprove(claim_id(job), challenger)
}

#[test]
fn held_claim_waits_and_becomes_final_after_the_last_hold() {
    ExtBuilder::default().build_and_execute(|| {
        let job = claimed(&ALICE, ANSWER);
        assert_ok!(Jobs::hold(claim_id(job)));
        assert_ok!(Jobs::hold(claim_id(job)));
        assert_eq!(last_event(), Event::Held { job, holds: 2 });
        check_state();
        run_to(20);
        assert!(matches!(state(job), JobState::Claimed { holds: 2, .. }));
        assert_ok!(Jobs::unhold(claim_id(job)));
        run_to(21);
        assert!(matches!(state(job), JobState::Claimed { holds: 1, .. }));
        assert_ok!(Jobs::unhold(claim_id(job)));
        assert_eq!(last_event(), Event::Unheld { job, holds: 0 });
        run_to(22);
        assert_eq!(receipt(job).outcome, JobOutcome::Answered);
        assert_eq!(receipt(job).finished_at, 22);
    });
}

#[test]
fn claim_that_was_held_inside_its_window_becomes_final_at_its_end() {
    ExtBuilder::default().build_and_execute(|| {
        let job = claimed(&ALICE, ANSWER);
        assert_ok!(Jobs::hold(claim_id(job)));
        assert_ok!(Jobs::unhold(claim_id(job)));
        run_to(10);
        assert!(matches!(state(job), JobState::Claimed { .. }));
        run_to(11);
        assert_eq!(receipt(job).finished_at, 11);
    });
}

#[test]
fn claim_can_be_held_at_the_windows_end_and_not_after_it() {
    ExtBuilder::default().build_and_execute(|| {
        let job = claimed(&ALICE, ANSWER);
        run_to(10);
        assert_ok!(Jobs::hold(claim_id(job)));
        run_to(11);
        assert_noop!(Jobs::hold(claim_id(job)), Error::<Test>::WindowClosed);
        assert_ok!(Jobs::unhold(claim_id(job)));
    });
}

#[test]
fn hold_fails_after_the_window_though_the_agenda_is_late() {
    ExtBuilder::default().build_and_execute(|| {
        let job = claimed(&ALICE, ANSWER);
        System::set_block_number(11);
        assert_noop!(Jobs::hold(claim_id(job)), Error::<Test>::WindowClosed);
        assert_noop!(disprove(job, &CAROL), Error::<Test>::WindowClosed);
    });
}

#[test]
fn holds_fail_where_there_is_no_claim_or_no_job() {
    ExtBuilder::default().build_and_execute(|| {
        let job = assigned(&ALICE, ANSWER);
        assert_noop!(Jobs::hold(claim_id(job)), Error::<Test>::NotClaimed);
        assert_noop!(Jobs::unhold(claim_id(job)), Error::<Test>::NotClaimed);
        assert_noop!(disprove(job, &CAROL), Error::<Test>::NotClaimed);
        assert_noop!(Jobs::hold(claim_id(9)), Error::<Test>::NotFound);
        assert_noop!(Jobs::unhold(claim_id(9)), Error::<Test>::NotFound);
        assert_noop!(disprove(9, &CAROL), Error::<Test>::NotFound);
    });
}

#[test]
fn unhold_fails_where_no_hold_is_left() {
    ExtBuilder::default().build_and_execute(|| {
        let job = claimed(&ALICE, ANSWER);
        assert_noop!(Jobs::unhold(claim_id(job)), Error::<Test>::NotHeld);
        assert_ok!(Jobs::hold(claim_id(job)));
        assert_ok!(Jobs::unhold(claim_id(job)));
        assert_noop!(Jobs::unhold(claim_id(job)), Error::<Test>::NotHeld);
    });
}

#[test]
fn hold_fails_where_the_count_is_full() {
    ExtBuilder::default().build().execute_with(|| {
        let job = claimed(&ALICE, ANSWER);
        crate::Jobs::<Test>::mutate(job, |job| {
            if let Some(Job {
                state: JobState::Claimed { holds, .. },
                ..
            }) = job
            {
                *holds = u32::MAX;
            }
        });
        assert_noop!(Jobs::hold(claim_id(job)), Error::<Test>::TooManyHolds);
    });
}

#[test]
fn false_claim_passes_until_it_is_disproved() {
    ExtBuilder::default()
        .providers(&[PAUL, PETE])
        .build_and_execute(|| {
            let job = assigned(&ALICE, ANSWER);
            let (liar, claim) = (provider_of(job), false_claim(job));
            let signature = signed_by(&liar, job, &claim);
            assert_ok!(
                submit_unsigned(job, claim, signature)
                    .expect("cannot be told from a right one")
                    .1
            );
            assert_eq!(
                Outputs::<Test>::get(job).map(|output| output.into_inner()),
                Some(b"lies".to_vec())
            );
            let (issued, alice, carol) = (Balances::total_issuance(), free(&ALICE), free(&CAROL));
            events();
            assert_ok!(disprove(job, &CAROL));
            // The whole exposure of 3000: a fifth to the challenger, a quarter to the requester.
            assert_eq!(stake(&liar), BOND - EXPOSURE);
            assert_eq!(exposed(&liar), 0);
            assert_eq!(free(&CAROL), carol + 600);
            assert_eq!(free(&ALICE), alice + 750);
            assert_eq!(Balances::total_issuance(), issued - 1_650);
            assert!(!Outputs::<Test>::contains_key(job));
            assert_eq!(
                events(),
                vec![
                    Event::Disproved {
                        job,
                        provider: liar.clone(),
                        challenger: CAROL,
                        slashed: EXPOSURE
                    },
                    Event::Requeued { job, until: 12 },
                ]
            );
            run_blocks(1);
            assert_ne!(provider_of(job), liar);
            assert_ok!(submit(job));
            run_blocks(9);
            assert_eq!(receipt(job).outcome, JobOutcome::Answered);
        });
}

#[test]
fn verdict_ends_every_hold() {
    ExtBuilder::default()
        .providers(&[PAUL, PETE])
        .build_and_execute(|| {
            let job = claimed(&ALICE, ANSWER);
            assert_ok!(Jobs::hold(claim_id(job)));
            assert_ok!(Jobs::hold(claim_id(job)));
            run_to(15);
            assert_ok!(disprove(job, &CAROL));
            assert_noop!(Jobs::unhold(claim_id(job)), Error::<Test>::NotClaimed);
            run_blocks(1);
            assert_ok!(submit(job));
            assert!(matches!(state(job), JobState::Claimed { holds: 0, .. }));
        });
}

#[test]
fn verdict_on_the_last_attempt_ends_the_job_and_refunds_it() {
    ExtBuilder::default()
        .rules(|rules| rules.max_attempts = 1)
        .build_and_execute(|| {
            let job = claimed(&ALICE, ANSWER);
            assert_ok!(disprove(job, &CAROL));
            assert_eq!(receipt(job).outcome, JobOutcome::Expired);
            assert_eq!(free(&ALICE), FUNDS + 750);
        });
}

#[test]
fn who_slashes_itself_loses_at_least_half() {
    let rules = |rules: &mut ParametersOf<Test>| rules.challenger_share = MAX_SLASH_SHARE;
    ExtBuilder::default().rules(rules).build_and_execute(|| {
        let total = |who: &AccountId| {
            use frame_support::traits::fungible::Inspect;
            Balances::total_balance(who)
        };
        let before = total(&PAUL);
        let job = request_with(&PAUL, ANSWER, PRICE, Some(PAUL));
        run_blocks(1);
        assert_ok!(submit(job));
        assert_ok!(disprove(job, &PAUL));
        assert_eq!(total(&PAUL), before - EXPOSURE / 2);
    });
}

#[test]
fn claim_of_an_earlier_attempt_cannot_be_held_or_judged() {
    ExtBuilder::default()
        .providers(&[PAUL, PETE])
        .build_and_execute(|| {
            let job = claimed(&ALICE, ANSWER);
            let first = claim_id(job);
            assert_ok!(disprove(job, &CAROL));
            run_blocks(1);
            assert_ok!(submit(job));
            assert_ne!(claim_id(job), first);
            assert_eq!(Jobs::disputed(first), None);
            assert_noop!(Jobs::hold(first), Error::<Test>::NotClaimed);
            assert_noop!(Jobs::disprove(first, &CAROL), Error::<Test>::NotClaimed);
            assert!(matches!(state(job), JobState::Claimed { holds: 0, .. }));
        });
}

#[test]
fn disputed_claim_is_shown_as_it_came_in_as_long_as_it_can_be_judged() {
    ExtBuilder::default().build_and_execute(|| {
        let job = claimed(&ALICE, ANSWER);
        let id = claim_id(job);
        let JobState::Claimed { claim, .. } = state(job) else {
            panic!("the claim is in")
        };
        // New rules are for new jobs.
        let mut later = rules();
        later.dispute.bond += 1;
        assert_ok!(Jobs::set_parameters(RuntimeOrigin::root(), later));
        let disputed = Jobs::disputed(id).expect("inside the window");
        assert_eq!(disputed.provider, PAUL);
        assert_eq!(disputed.program, claim.program);
        assert_eq!(disputed.engine_version, assay_engine::limits::ENGINE_VERSION);
        assert_eq!(
            (disputed.steps, disputed.trace_root),
            (claim.steps, claim.trace_root)
        );
        assert_eq!(disputed.terms, rules().dispute);
        System::set_block_number(11);
        assert_eq!(Jobs::disputed(id), None);
    });
}

#[test]
fn trace_that_is_public_whole_is_in_the_off_chain_databases_as_long_as_the_output() {
    use assay_engine::trace::{shown_key, NodeId, TraceTree};
    for (mode, public) in [(ANSWER, true), (LONG, false)] {
        let mut ext = ExtBuilder::default().build();
        let claim = ext.execute_with(|| {
            let job = assigned(&ALICE, mode);
            let claim = right_claim(job);
            assert_ok!(submit(job));
            claim
        });
        ext.persist_offchain_overlay();
        let key = shown_key(claim.steps, NodeId::root(claim.steps), &claim.trace_root);
        let kept = ext.offchain_db().get(&key);
        assert_eq!(kept.is_some(), public);
        let mut blocks = 0;
        while ext.execute_with(|| Outputs::<Test>::iter().count() > 0) {
            assert_eq!(ext.offchain_db().get(&key).is_some(), public);
            ext.execute_with(|| run_blocks(1));
            ext.persist_offchain_overlay();
            blocks += 1;
        }
        assert!(blocks > rules().challenge_window + rules().retention);
        assert_eq!(ext.offchain_db().get(&key), None);
        if let Some(kept) = kept {
            let leaves = codec::Decode::decode(&mut &kept[..]).expect("hashes");
            assert_eq!(TraceTree::over(leaves).root(), claim.trace_root);
        }
    }
}
