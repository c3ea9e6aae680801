//! Disputes about real claims: what they do to the job and to everybody's money.

use crate::{mock::*, *};
use assay_engine::{
    fraud::{FraudProof, Trace},
    search::{Finding, Search},
    trace::NodeId,
    Hash,
};
use assay_primitives::{ClaimId, JobId, JobOutcome};
use frame_support::{assert_ok, traits::fungible::Inspect};
use pallet_disputes::{Call as Dispute, Challenges, RevealState, Reveals};
use sp_core::H256;
use sp_runtime::DispatchResult;

pub fn challenge(who: &AccountId, job: JobId) -> DispatchResult {
    dispatch(who, Dispute::challenge { claim: claim_id(job) })
}

pub fn settle(who: &AccountId, claim: ClaimId) -> DispatchResult {
    let challenger = who.clone();
    dispatch(&BOB, Dispute::settle { claim, challenger })
}

/// What one that ran the job finds in the claim of `job`, by what was revealed.
pub fn look(job: JobId) -> Finding {
    let (tree, _) = claimed_tree(job);
    let (states, _) = run(&Inputs::<Test>::get(job).expect("the job is open"));
    let JobState::Claimed { claim, provider, .. } = state(job) else {
        panic!("the claim is in")
    };
    let trace = Trace {
        id: trace_id(&provider, job),
        steps: claim.steps,
        root: claim.trace_root.0,
    };
    let is_shown = |node, hash: &Hash| {
        Reveals::<Test>::get(claim_id(job), node)
            .is_some_and(|reveal| reveal.hash.0 == *hash && matches!(reveal.state, RevealState::Shown { .. }))
    };
    let public = claim.steps <= assay_engine::limits::MAX_PUBLIC_STEPS;
    Search::new(trace, &states).find(|node, hash| {
        let known = public || is_shown(node, hash);
        known.then(|| tree.reveal(node)).flatten()
    })
}

/// Asks for the root, which is all that is hidden of the traces in tests.
pub fn ask(who: &AccountId, job: JobId) -> DispatchResult {
    let (tree, _) = claimed_tree(job);
    let JobState::Claimed { claim, .. } = state(job) else {
        panic!("the claim is in")
    };
    dispatch(
        who,
        Dispute::ask {
            claim: claim_id(job),
            node: NodeId::root(claim.steps),
            hash: H256(tree.root()),
            path: Default::default(),
        },
    )
}

pub fn reveal(job: JobId) -> DispatchResult {
    let (tree, _) = claimed_tree(job);
    let JobState::Claimed { claim, .. } = state(job) else {
        panic!("the claim is in")
    };
    let node = NodeId::root(claim.steps);
    let hashes = tree
        .reveal(node)
        .expect("has a root")
        .into_iter()
        .map(H256)
        .collect::<Vec<_>>();
    dispatch(
        &BOB,
        Dispute::reveal {
            claim: claim_id(job),
            node,
            hashes: hashes.try_into().expect("few"),
        },
    )
}

/// Proves the step that `look` finds, or else the last one, which is right then.
pub fn prove(who: &AccountId, job: JobId) -> DispatchResult {
    let (tree, _) = claimed_tree(job);
    let (_, machines) = run(&Inputs::<Test>::get(job).expect("the job is open"));
    let last = machines.len() as u64 - 2;
    let (step, before, leaf_after, after) = match look(job) {
        Finding::FalseStep {
            step,
            before,
            leaf_after,
            after,
        } => (step, before, leaf_after, after),
        _ => {
            let leaf = NodeId::leaf(last + 1);
            (
                last,
                tree.path(last),
                tree.node(leaf).expect("is a leaf"),
                tree.path_of(leaf),
            )
        }
    };
    let mut machine = machines[step as usize].clone();
    let proof = with_program(|executor, module| {
        FraudProof::record(&mut machine, executor, module, before, (leaf_after, after)).expect("runs")
    });
    dispatch(
        who,
        Dispute::prove_fraud {
            claim: claim_id(job),
            proof,
        },
    )
}

fn falsely_claimed(mode: u8) -> JobId {
    let job = assigned(&ALICE, mode);
    let claim = false_claim(job);
    let signature = signed_by(&provider_of(job), job, &claim);
    let (_, result) = submit_unsigned(job, claim, signature).expect("cannot be told from a right one");
    assert_ok!(result);
    job
}

#[test]
fn proven_fraud_slashes_rewards_refunds_and_asks_another() {
    ExtBuilder::default()
        .providers(&[PAUL, PETE])
        .build_and_execute(|| {
            let job = falsely_claimed(ANSWER);
            let (liar, id) = (provider_of(job), claim_id(job));
            let (alice, carol) = (free(&ALICE), free(&CAROL));
            assert_ok!(challenge(&CAROL, job));
            run_blocks(1);
            assert_ok!(prove(&CAROL, job));
            assert_ok!(settle(&CAROL, id));
            assert_eq!(stake(&liar), BOND - EXPOSURE);
            // A fifth of the exposure to the challenger, a quarter to the requester.
            assert_eq!(free(&CAROL), carol + EXPOSURE / 5);
            assert_eq!(free(&ALICE), alice + EXPOSURE / 4);
            assert!(matches!(state(job), JobState::Queued { .. }));
            run_blocks(1);
            assert_ne!(provider_of(job), liar);
            assert_ok!(submit(job));
            run_blocks(10);
            assert_eq!(receipt(job).outcome, JobOutcome::Answered);
        });
}

#[test]
fn fraud_in_a_hidden_trace_is_proven_after_a_reveal() {
    ExtBuilder::default().build_and_execute(|| {
        let job = falsely_claimed(LONG);
        assert!(matches!(look(job), Finding::Hidden { .. }));
        assert_ok!(challenge(&CAROL, job));
        assert_ok!(ask(&CAROL, job));
        run_blocks(2);
        assert_ok!(reveal(job));
        run_blocks(1);
        assert!(matches!(look(job), Finding::FalseStep { .. }));
        assert_ok!(prove(&CAROL, job));
        assert!(matches!(state(job), JobState::Queued { .. }));
        assert_eq!(stake(&PAUL), BOND - EXPOSURE);
    });
}

#[test]
fn hidden_trace_that_is_withheld_loses_by_default() {
    ExtBuilder::default().build_and_execute(|| {
        let job = falsely_claimed(LONG);
        let carol = free(&CAROL);
        assert_ok!(challenge(&CAROL, job));
        assert_ok!(ask(&CAROL, job));
        run_blocks(3);
        assert!(matches!(state(job), JobState::Queued { .. }));
        assert_eq!(free(&CAROL), carol + EXPOSURE / 5);
        assert_eq!(stake(&PAUL), BOND - EXPOSURE);
    });
}

#[test]
fn right_claim_survives_every_challenger_and_is_paid_a_dispute_later() {
    ExtBuilder::default().build_and_execute(|| {
        let job = claimed(&ALICE, LONG);
        let paul = free(&PAUL);
        run_to(10);
        for who in [&CAROL, &BOB, &OWNER] {
            assert_ok!(challenge(who, job));
            assert_ok!(ask(who, job));
            assert!(prove(who, job).is_err());
        }
        assert_ok!(reveal(job));
        run_to(10 + rules().dispute.longest());
        assert_eq!(receipt(job).outcome, JobOutcome::Answered);
        // Three bonds of 700, of which a fifth is burnt; the payment less the royalty and the protocol's.
        let payment = 500 + 70 * 10;
        assert_eq!(free(&PAUL), paul + 3 * 560 + payment - payment / 5 - payment / 10);
        assert_eq!(stake(&PAUL), BOND);
    });
}

#[test]
fn who_slashes_itself_loses_at_least_half() {
    ExtBuilder::default().build_and_execute(|| {
        let total = || Balances::total_balance(&PAUL) + Balances::total_balance(&PETE);
        // The same person requests, provides and challenges.
        let job = request_with(&PAUL, ANSWER, PRICE, Some(PAUL));
        run_blocks(1);
        let claim = false_claim(job);
        let signature = signed_by(&PAUL, job, &claim);
        assert_ok!(submit_unsigned(job, claim, signature).expect("cannot be told").1);
        let before = total();
        assert_ok!(challenge(&PETE, job));
        run_blocks(1);
        assert_ok!(prove(&PETE, job));
        run_blocks(10);
        assert!(before - total() >= EXPOSURE / 2);
    });
}

#[test]
fn stake_cannot_leave_while_a_claim_is_disputed() {
    ExtBuilder::default().build_and_execute(|| {
        let job = falsely_claimed(LONG);
        assert_ok!(challenge(&CAROL, job));
        // An unbonding longer than the longest job, and the exposure stays where it is.
        assert_eq!(exposed(&PAUL), EXPOSURE);
        let unbond = |amount| dispatch(&PAUL, pallet_providers::Call::unbond { amount });
        assert!(unbond(BOND - EXPOSURE + 1).is_err());
        assert!(rules().dispute.longest() + 8 < 6_000);
        assert_ok!(ask(&CAROL, job));
        run_blocks(3);
        assert_eq!(stake(&PAUL), BOND - EXPOSURE);
    });
}

#[test]
fn anothers_trace_of_the_same_job_is_useless() {
    ExtBuilder::default()
        .providers(&[PAUL, PETE])
        .build_and_execute(|| {
            let job = assigned(&ALICE, ANSWER);
            let (mine, other) = match provider_of(job) {
                PAUL => (PAUL, PETE),
                _ => (PETE, PAUL),
            };
            // Copied from the other, and signed by oneself.
            let copied = claim_by(&other, job);
            let signature = signed_by(&mine, job, &copied);
            assert!(submit_unsigned(job, copied, signature).is_err());
        });
}

#[test]
fn input_stays_in_state_as_long_as_a_claim_is_disputed() {
    ExtBuilder::default().build_and_execute(|| {
        let job = falsely_claimed(LONG);
        let JobState::Claimed { window_end, .. } = state(job) else {
            panic!("claimed")
        };
        // As late as all can be.
        run_to(window_end);
        assert_ok!(challenge(&CAROL, job));
        run_to(window_end + rules().dispute.move_time);
        assert_ok!(ask(&CAROL, job));
        let last = System::block_number() + rules().dispute.reveal_time;
        while System::block_number() < last {
            run_blocks(1);
            assert!(matches!(state(job), JobState::Claimed { holds: 1, .. }));
            assert!(Inputs::<Test>::contains_key(job));
        }
        // The next one has the input, too.
        run_blocks(1);
        assert!(!matches!(state(job), JobState::Claimed { .. }));
        assert!(Inputs::<Test>::contains_key(job));
    });
}

#[test]
fn challenges_of_a_claim_that_was_judged_end_though_the_job_goes_on() {
    ExtBuilder::default()
        .providers(&[PAUL, PETE])
        .build_and_execute(|| {
            let job = falsely_claimed(ANSWER);
            for who in [&CAROL, &BOB] {
                assert_ok!(challenge(who, job));
            }
            run_blocks(1);
            assert_ok!(prove(&CAROL, job));
            run_blocks(1);
            assert_ok!(submit(job));
            // The next attempt's claim is not held by what is left of the first's challenges.
            assert!(matches!(state(job), JobState::Claimed { holds: 0, .. }));
            check_state();
            run_blocks(10);
            assert!(Challenges::<Test>::iter().next().is_none());
            assert_eq!(receipt(job).outcome, JobOutcome::Answered);
        });
}
