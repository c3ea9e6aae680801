//! Claims and their checks.

use crate::{
    mock::{Jobs, *},
    *,
};
use assay_engine::{
    claim::{Claim, Opening},
    limits::ENGINE_VERSION,
    memory::ProofNode,
    Status,
};
use assay_primitives::worker_key::WorkerSignature;
use codec::Encode;
use frame_support::{
    assert_noop, assert_ok,
    dispatch::{GetDispatchInfo, Pays},
};
use sp_core::{Pair, H256};
use sp_io::hashing::blake2_256;
use sp_runtime::{transaction_validity::InvalidTransaction, DispatchError};

/// Both ways refuse the claim, each in its words.
fn refused(job: u64, claim: Claim, signature: WorkerSignature, why: Rejection) {
    assert_noop!(
        submit_unsigned(job, claim.clone(), signature.clone()),
        InvalidTransaction::Custom(why.into())
    );
    assert_eq!(
        submit_signed(&BOB, job, claim, signature),
        Err(Error::<Test>::from(why).into())
    );
}

/// The claim is refused though the worker of PAUL, who has the job, signed it.
fn refused_from_paul(job: u64, claim: Claim, why: Rejection) {
    let signature = signed_by(&PAUL, job, &claim);
    refused(job, claim, signature, why);
}

/// The claim that `change` makes of the right one is refused, though its worker signed it.
fn refused_where(mode: u8, change: impl FnOnce(&mut Claim), why: Rejection) {
    ExtBuilder::default().build_and_execute(|| {
        let job = assigned(&ALICE, mode);
        let mut claim = right_claim(job);
        change(&mut claim);
        refused_from_paul(job, claim, why);
        assert!(matches!(state(job), JobState::Assigned { .. }));
    });
}

#[test]
fn claim_makes_the_answer_readable() {
    ExtBuilder::default().build_and_execute(|| {
        let job = assigned(&ALICE, ANSWER);
        let claim = right_claim(job);
        assert_ok!(submit(job));
        assert_eq!(
            Outputs::<Test>::get(job).map(|output| output.into_inner()),
            Some(vec![ANSWER, 7, 0, 0])
        );
        let output_hash = H256(blake2_256(&[ANSWER, 7, 0, 0]));
        let summary = ClaimSummary {
            engine_version: ENGINE_VERSION,
            program: pallet_models::Versions::<Test>::get(VERSION)
                .expect("published")
                .program,
            steps: 1,
            trace_root: H256(claim.trace_root),
            end_state: H256(claim.end.hash()),
            output_hash,
            ending: ClaimEnding::Answer,
        };
        assert_eq!(
            state(job),
            JobState::Claimed {
                provider: PAUL,
                price: PRICE,
                claim: summary,
                window_end: 10,
                holds: 0
            }
        );
        assert_eq!(
            last_event(),
            Event::Claimed {
                job,
                provider: PAUL,
                ending: ClaimEnding::Answer,
                steps: 1,
                trace_root: H256(claim.trace_root),
                output_hash,
                window_end: 10,
            }
        );
        assert_eq!(exposed(&PAUL), EXPOSURE);
    });
}

#[test]
fn claim_leaves_the_index_of_assigned_jobs() {
    ExtBuilder::default().build_and_execute(|| {
        let job = assigned(&ALICE, ANSWER);
        assert!(AssignedTo::<Test>::contains_key(PAUL, job));
        assert_ok!(submit(job));
        assert!(!AssignedTo::<Test>::contains_key(PAUL, job));
    });
}

#[test]
fn claim_of_each_ending_is_taken() {
    ExtBuilder::default().build_and_execute(|| {
        for (mode, expected, steps) in [
            (ANSWER, ClaimEnding::Answer, 1),
            (
                TRAP,
                ClaimEnding::Trapped(assay_engine::TrapReason::Unreachable),
                1,
            ),
            (ENDLESS, ClaimEnding::Unfinished, MAX_STEPS),
            (LONG, ClaimEnding::Answer, 70),
        ] {
            let job = claimed(&ALICE, mode);
            let JobState::Claimed { claim, .. } = state(job) else {
                panic!("claimed")
            };
            assert_eq!((claim.ending, claim.steps), (expected, steps), "mode {mode}");
            assert_eq!(
                Outputs::<Test>::contains_key(job),
                expected == ClaimEnding::Answer
            );
        }
    });
}

#[test]
fn claim_with_an_empty_answer_has_an_output() {
    ExtBuilder::default().build_and_execute(|| {
        let job = claimed(&ALICE, EMPTY);
        assert_eq!(Outputs::<Test>::get(job), Some(Default::default()));
    });
}

#[test]
fn claim_without_a_sender_is_free_and_enters_the_pool_once() {
    ExtBuilder::default().build_and_execute(|| {
        let job = assigned(&ALICE, ANSWER);
        let claim = right_claim(job);
        let signature = signed_by(&PAUL, job, &claim);
        let (validity, result) = submit_unsigned(job, claim, signature).expect("valid");
        assert_ok!(result);
        assert_eq!(validity.provides, vec![codec::Encode::encode(&("assay", job))]);
        assert!(validity.requires.is_empty());
        assert!(validity.propagate);
        // Blocks 2 to 7.
        assert_eq!(validity.longevity, 6);
    });
}

#[test]
fn claim_by_a_sender_returns_the_fee_on_success_only() {
    ExtBuilder::default().build_and_execute(|| {
        let job = assigned(&ALICE, ANSWER);
        let claim = right_claim(job);
        let signature = signed_by(&PAUL, job, &claim);
        let call = RuntimeCall::Jobs(Call::claim {
            job,
            claim: claim.clone(),
            signature: signature.clone(),
        });
        assert_eq!(call.get_dispatch_info().pays_fee, Pays::Yes);
        let done = submit_signed(&BOB, job, claim, signature).expect("valid");
        assert_eq!(done.pays_fee, Pays::No);
        assert!(matches!(state(job), JobState::Claimed { provider: PAUL, .. }));
    });
}

#[test]
fn claim_fails_where_its_origin_is_root_or_none() {
    ExtBuilder::default().build_and_execute(|| {
        let job = assigned(&ALICE, ANSWER);
        let claim = right_claim(job);
        let signature = signed_by(&PAUL, job, &claim);
        for origin in [RuntimeOrigin::root(), RuntimeOrigin::none()] {
            assert_noop!(
                Jobs::claim(origin, job, claim.clone(), signature.clone()),
                DispatchError::BadOrigin
            );
        }
    });
}

#[test]
fn claim_that_skips_the_pool_is_checked_again() {
    ExtBuilder::default().build_and_execute(|| {
        let job = assigned(&ALICE, ANSWER);
        let claim = right_claim(job);
        let signature = signed_by(&PETE, job, &claim);
        let origin = frame_system::RawOrigin::Authorized.into();
        assert_eq!(
            Jobs::claim(origin, job, claim, signature).map_err(|failed| failed.error),
            Err(Error::<Test>::BadSignature.into())
        );
    });
}

#[test]
fn claim_is_in_time_at_the_deadline_and_late_after_it() {
    for late in [false, true] {
        // The agenda is stopped, so that it is the claim's own rule that decides.
        ExtBuilder::default().build().execute_with(|| {
            let job = assigned(&ALICE, ANSWER);
            let claim = right_claim(job);
            let signature = signed_by(&PAUL, job, &claim);
            System::set_block_number(if late { 8 } else { 7 });
            if late {
                refused(job, claim, signature, Rejection::DeadlinePassed);
            } else {
                let (validity, result) = submit_unsigned(job, claim, signature).expect("in time");
                assert_ok!(result);
                assert_eq!(validity.longevity, 1);
            }
            check_state();
        });
    }
}

#[test]
fn claim_is_refused_where_the_job_does_not_exist() {
    ExtBuilder::default().build_and_execute(|| {
        let job = assigned(&ALICE, ANSWER);
        let claim = right_claim(job);
        refused_from_paul(9, claim, Rejection::NotFound);
    });
}

#[test]
fn claim_is_refused_where_nobody_has_the_job() {
    ExtBuilder::default().build_and_execute(|| {
        let job = request(&ALICE, ANSWER);
        let claim = claim_by(&PAUL, job);
        refused_from_paul(job, claim, Rejection::NotAssigned);
    });
}

#[test]
fn second_claim_is_refused() {
    ExtBuilder::default().build_and_execute(|| {
        let job = assigned(&ALICE, ANSWER);
        let claim = right_claim(job);
        let signature = signed_by(&PAUL, job, &claim);
        assert_ok!(submit(job));
        refused(job, claim, signature, Rejection::NotAssigned);
    });
}

#[test]
fn claim_is_refused_where_another_worker_signed_it() {
    ExtBuilder::default()
        .providers(&[PAUL, PETE])
        .build_and_execute(|| {
            let job = assigned(&ALICE, ANSWER);
            let other = if provider_of(job) == PAUL { PETE } else { PAUL };
            let claim = right_claim(job);
            let signature = signed_by(&other, job, &claim);
            refused(job, claim, signature, Rejection::BadSignature);
        });
}

#[test]
fn claim_is_refused_where_the_signature_is_for_another_job_or_claim() {
    ExtBuilder::default().build_and_execute(|| {
        let (job, other) = (request(&ALICE, ANSWER), request(&ALICE, TRAP));
        run_blocks(1);
        let claim = right_claim(job);
        let for_other_job = signed_by(&PAUL, other, &claim);
        refused(job, claim.clone(), for_other_job, Rejection::BadSignature);
        let genesis = System::block_hash(0);
        let payload = (b"assay:claim", genesis, ENGINE_VERSION + 1, job, &claim).using_encoded(blake2_256);
        let by_other_rules = worker(&PAUL).sign(&payload);
        refused(job, claim.clone(), by_other_rules, Rejection::BadSignature);
        let for_other_claim = signed_by(&PAUL, job, &right_claim(other));
        refused(job, claim, for_other_claim, Rejection::BadSignature);
    });
}

#[test]
fn claim_is_refused_where_a_former_worker_key_signed_it() {
    ExtBuilder::default().build_and_execute(|| {
        let job = assigned(&ALICE, ANSWER);
        let fresh = worker(&CAROL);
        let proof = fresh.sign(&Providers::worker_proof_message(&PAUL));
        assert_ok!(dispatch(
            &PAUL,
            pallet_providers::Call::set_worker {
                worker: fresh.public(),
                proof
            }
        ));
        assert_eq!(registered_worker(&PAUL), Some(fresh.public()));
        let claim = right_claim(job);
        refused_from_paul(job, claim.clone(), Rejection::BadSignature);
        let signature = signed_by(&CAROL, job, &claim);
        assert_ok!(
            submit_unsigned(job, claim, signature)
                .expect("the new key signs")
                .1
        );
    });
}

#[test]
fn claim_is_refused_where_the_provider_is_gone() {
    ExtBuilder::default().build().execute_with(|| {
        let job = assigned(&ALICE, ANSWER);
        let claim = right_claim(job);
        let signature = signed_by(&PAUL, job, &claim);
        pallet_providers::Providers::<Test>::remove(PAUL);
        refused(job, claim, signature, Rejection::WorkerNotFound);
        assert_ok!(Jobs::do_try_state());
    });
}

#[test]
fn claim_is_refused_where_the_version_is_gone() {
    ExtBuilder::default().build().execute_with(|| {
        let job = assigned(&ALICE, ANSWER);
        let claim = right_claim(job);
        let signature = signed_by(&PAUL, job, &claim);
        pallet_models::Versions::<Test>::remove(VERSION);
        refused(job, claim, signature, Rejection::VersionNotFound);
        assert_ok!(Jobs::do_try_state());
    });
}

#[test]
fn claim_is_refused_where_its_trace_is_that_of_another_provider() {
    ExtBuilder::default().build_and_execute(|| {
        let job = assigned(&ALICE, ANSWER);
        let copied = claim_by(&PETE, job);
        refused_from_paul(job, copied, Rejection::WrongStart);
    });
}

#[test]
fn claim_is_refused_where_its_trace_is_that_of_another_job() {
    ExtBuilder::default().build_and_execute(|| {
        let (job, other) = (request(&ALICE, ANSWER), request(&ALICE, ANSWER));
        run_blocks(1);
        let copied = right_claim(other);
        refused_from_paul(job, copied, Rejection::WrongStart);
    });
}

#[test]
fn claim_is_refused_where_it_starts_from_another_input() {
    ExtBuilder::default().build_and_execute(|| {
        let (job, other) = (request(&ALICE, ANSWER), request(&ALICE, EMPTY));
        run_blocks(1);
        let copied = right_claim(other);
        refused_from_paul(job, copied, Rejection::WrongStart);
    });
}

#[test]
fn claim_is_refused_where_it_has_no_step_or_too_many() {
    refused_where(ANSWER, |claim| claim.steps = 0, Rejection::WrongSteps);
    refused_where(
        ENDLESS,
        |claim| claim.steps = MAX_STEPS + 1,
        Rejection::WrongSteps,
    );
}

#[test]
fn claim_is_refused_where_its_trace_is_opened_in_the_wrong_way() {
    let ends = |claim: &mut Claim| {
        claim.opening = Opening::Ends {
            first: vec![],
            last: vec![],
        }
    };
    refused_where(ANSWER, ends, Rejection::WrongOpening);
    refused_where(LONG, ends, Rejection::WrongOpening);
    refused_where(
        LONG,
        |claim| claim.opening = Opening::Whole(vec![[0; 32]; 71]),
        Rejection::WrongOpening,
    );
}

#[test]
fn claim_is_refused_where_its_end_is_not_that_of_the_trace() {
    refused_where(ANSWER, |claim| claim.end.pc = 9, Rejection::WrongEnd);
    refused_where(LONG, |claim| claim.end.pc = 9, Rejection::WrongEnd);
}

#[test]
fn claim_is_refused_where_the_root_is_another() {
    refused_where(ANSWER, |claim| claim.trace_root = [1; 32], Rejection::WrongRoot);
}

#[test]
fn claim_is_refused_where_the_run_goes_on() {
    ExtBuilder::default().build_and_execute(|| {
        let job = assigned(&ALICE, ENDLESS);
        let claim = unfinished_claim(job, 3);
        refused_from_paul(job, claim, Rejection::NotTerminal);
    });
}

#[test]
fn claim_is_refused_where_the_output_is_another() {
    let lie = |claim: &mut Claim| {
        for node in &mut claim.output.nodes {
            if let ProofNode::Chunk(bytes) = node {
                bytes.push(1);
            }
        }
    };
    refused_where(ANSWER, lie, Rejection::WrongOutput);
    refused_where(ANSWER, |claim| claim.output.nodes.clear(), Rejection::WrongOutput);
    refused_where(
        TRAP,
        |claim| claim.output.nodes.push(ProofNode::Zero),
        Rejection::WrongOutput,
    );
}

#[test]
fn claim_is_refused_where_the_output_is_longer_than_any() {
    let lie = |claim: &mut Claim| claim.end.status = Status::Halted { output_len: u32::MAX };
    refused_where(ANSWER, lie, Rejection::WrongOutput);
}

#[test]
fn claim_is_refused_where_it_is_larger_than_any_right_one() {
    refused_where(
        ANSWER,
        |claim| claim.output.nodes = vec![ProofNode::Zero; MAX_OUTPUT_NODES + 1],
        Rejection::ClaimTooLarge,
    );
    refused_where(
        ANSWER,
        |claim| claim.opening = Opening::Whole(vec![[0; 32]; 1 + MAX_CLAIM_LEN / 32]),
        Rejection::ClaimTooLarge,
    );
}

#[test]
fn largest_right_claim_is_within_the_limits() {
    use codec::Encode;
    let mut machine = assay_engine::Machine::new(&[], &[]);
    machine
        .memory()
        .write(assay_engine::memory::Region::Params.start(), &[1])
        .expect("writes");
    machine
        .memory()
        .write(assay_engine::memory::Region::Work.start(), &[1])
        .expect("writes");
    let output = assay_engine::memory::Region::Output.start();
    // Something beside each chunk of the output on the way to the root.
    for level in 2..28 {
        machine
            .memory()
            .write(output + (4096 << level), &[1])
            .expect("writes");
    }
    machine.memory().write(output, &[1; 16 * 1024]).expect("writes");
    let chunks = (0..4)
        .map(|chunk| chunk + assay_engine::memory::Region::Output.first_chunk())
        .collect();
    let proof = machine.memory().prove(&chunks).expect("whole");
    assert!(proof.nodes.len() <= MAX_OUTPUT_NODES);
    let trace = Opening::Whole(vec![[1; 32]; MAX_CLAIM_HASHES as usize]);
    assert!(proof.encoded_size() + trace.encoded_size() + 256 <= MAX_CLAIM_LEN);
}

#[test]
fn numbers_of_rejections_are_those_of_the_readme() {
    let readme = include_str!("../../README.md");
    for (number, rejection) in [
        (1, Rejection::NotFound),
        (2, Rejection::NotAssigned),
        (3, Rejection::DeadlinePassed),
        (4, Rejection::WorkerNotFound),
        (5, Rejection::BadSignature),
        (6, Rejection::ClaimTooLarge),
        (7, Rejection::VersionNotFound),
        (8, Rejection::WrongSteps),
        (9, Rejection::WrongOpening),
        (10, Rejection::WrongStart),
        (11, Rejection::WrongEnd),
        (12, Rejection::WrongRoot),
        (13, Rejection::NotTerminal),
        (14, Rejection::WrongOutput),
        (15, Rejection::ParamsOnChain),
    ] {
        assert_eq!(u8::from(rejection), number);
        assert!(
            readme.contains(&format!("| {number} | `{rejection:?}` |")),
            "{rejection:?}"
        );
        assert_eq!(
            format!("{:?}", Error::<Test>::from(rejection)),
            format!("{rejection:?}")
        );
    }
}
