//! The off-chain worker of a watcher's node, and of a provider's that is accused, in the real runtime.

mod world;

use assay_engine::{
    claim::{Claim, Opening},
    limits::ENGINE_VERSION,
    memory::Region,
    trace::{shown_key, NodeId, TraceTree},
    Hash as StateHash, Machine,
};
use assay_primitives::{worker_key::WorkerPair, ClaimId, JobId, JobOutcome};
use assay_runtime::{
    constants::UNIT, AccountId, Balances, Disputes, Executive, Hash, Jobs, Providers, Runtime, RuntimeOrigin,
    Worker,
};
use codec::Encode;
use frame_support::{
    assert_ok,
    storage::{with_transaction, TransactionOutcome},
    traits::{
        fungible::{Inspect, InspectHold, Mutate},
        Hooks,
    },
};
use pallet_disputes::{Challenges, HoldReason, Reveals};
use pallet_jobs::JobState;
use sp_core::{crypto::Pair, offchain::StorageKind};
use sp_io::hashing::blake2_256;
use sp_keyring::Sr25519Keyring::{Bob, Charlie, Dave};
use sp_runtime::{DispatchError, Perbill};
use world::{run, submit_claim, trace_of_bob, worker_key, World, KEPT, PRICE, VERSION};

const LONG: u64 = 100;

/// The watcher's key is that of its account.
fn watcher() -> AccountId {
    let pair = WorkerPair::from_string("//Watcher", None).unwrap();
    AccountId::from(<[u8; 32]>::from(sp_core::sr25519::Public::from(pair.public())))
}

/// A chain, and a watcher's node, with so much money.
fn watched(steps: u64, funds: u128) -> World {
    let mut world = World::with_steps(steps).with_key("//Watcher");
    world.execute(|| Balances::mint_into(&watcher(), funds)).unwrap();
    world
}

/// A run with another answer.
fn lie(steps: u64, number: u8) -> (Vec<StateHash>, Machine) {
    let (mut states, mut machine) = run(steps, number);
    machine.memory().write(Region::Output.start(), &[99]).unwrap();
    *states.last_mut().unwrap() = machine.state_hash();
    (states, machine)
}

/// Bob claims for `job` what `made` gives. Returns the tree of it.
fn claim(world: &mut World, job: JobId, made: (Vec<StateHash>, Machine)) -> TraceTree {
    let (states, mut machine) = made;
    let id = trace_of_bob(job);
    let claim = Claim::new(id, &states, &mut machine).unwrap();
    world.execute(|| submit_claim(job, claim));
    TraceTree::new(id, &states)
}

fn reveal(world: &mut World, job: JobId, tree: &TraceTree, node: NodeId) {
    let hashes = tree
        .reveal(node)
        .unwrap()
        .into_iter()
        .map(Hash::from)
        .collect::<Vec<_>>();
    world.execute(|| {
        let anybody = RuntimeOrigin::signed(Dave.to_account_id());
        let claim = ClaimId { job, attempt: 0 };
        assert_ok!(Disputes::reveal(anybody, claim, node, hashes.try_into().unwrap()));
    });
}

/// One block of the watcher's node: what it submits is in the next block.
fn block(world: &mut World) -> usize {
    world.work();
    world.next_block();
    world.clock.pass(6_000);
    world.apply_pool()
}

fn bonded(world: &mut World) -> u128 {
    world.execute(|| Balances::balance_on_hold(&HoldReason::Bond.into(), &watcher()))
}

fn is_open(world: &mut World, job: JobId) -> bool {
    world.execute(|| pallet_jobs::Jobs::<Runtime>::contains_key(job))
}

/// Whether the claim of `job` is gone, proven false.
fn is_disproved(world: &mut World, job: JobId) -> bool {
    world.execute(|| match pallet_jobs::Jobs::<Runtime>::get(job) {
        Some(job) => !matches!(job.state, JobState::Claimed { .. }) && !job.tried.is_empty(),
        None => {
            let receipt = pallet_jobs::Receipts::<Runtime>::get(job).unwrap();
            assert_eq!(receipt.outcome, JobOutcome::Expired, "a false claim became final");
            true
        }
    })
}

/// Takes from the node all that its worker keeps.
fn forget(world: &mut World, job: JobId) {
    world.execute(|| {
        for name in KEPT {
            sp_io::offchain::local_storage_clear(StorageKind::PERSISTENT, &worker_key(name, job));
        }
    });
}

/// What the node keeps of its own run.
fn kept_trace(world: &mut World, job: JobId) -> Option<Vec<u8>> {
    let key = worker_key("trace", job);
    world.execute(|| sp_io::offchain::local_storage_get(StorageKind::PERSISTENT, &key))
}

/// Lets the node have had these state hashes from its own run.
fn keep_trace(world: &mut World, job: JobId, states: &[StateHash]) {
    const TRACED: u8 = 2;
    world.execute(|| {
        let record = pallet_jobs::Jobs::<Runtime>::get(job).unwrap();
        let task = (
            ENGINE_VERSION,
            Bob.to_account_id(),
            record.version,
            record.input_hash,
        );
        let task = task.using_encoded(blake2_256);
        let seal = (task, TRACED, states.to_vec()).using_encoded(blake2_256);
        let kept = (seal, TRACED, states.to_vec()).encode();
        sp_io::offchain::local_storage_set(StorageKind::PERSISTENT, &worker_key("trace", job), &kept);
    });
}

/// Changes one bit of what the node keeps of its own run.
fn damage_trace(world: &mut World, job: JobId) {
    let mut kept = kept_trace(world, job).unwrap();
    let middle = kept.len() / 2;
    kept[middle] ^= 1;
    let key = worker_key("trace", job);
    world.execute(|| sp_io::offchain::local_storage_set(StorageKind::PERSISTENT, &key, &kept));
}

#[test]
fn false_claim_is_challenged_then_proven_and_the_bond_comes_back_with_the_reward() {
    let mut world = watched(3, 100 * UNIT);
    let job = world.assigned_job(4);
    claim(&mut world, job, lie(3, 4));
    assert_eq!(block(&mut world), 1);
    assert_eq!(bonded(&mut world), 10 * UNIT);
    assert_eq!(block(&mut world), 1);
    assert!(is_disproved(&mut world, job));
    assert_eq!(block(&mut world), 1);
    assert_eq!(bonded(&mut world), 0);
    let balance = world.execute(|| Balances::balance(&watcher()));
    assert!(balance > 100 * UNIT, "{balance}");
    assert_eq!(block(&mut world), 0);
}

#[test]
fn right_claim_is_left_alone() {
    for steps in [3, LONG] {
        let mut world = watched(steps, 100 * UNIT);
        let job = world.assigned_job(4);
        claim(&mut world, job, run(steps, 4));
        while is_open(&mut world, job) {
            assert_eq!(block(&mut world), 0, "{steps} steps");
        }
    }
}

#[test]
fn hidden_trace_is_asked_for_and_its_false_step_is_proven() {
    let mut world = watched(2_000, 100 * UNIT);
    let job = world.assigned_job(4);
    let tree = claim(&mut world, job, lie(2_000, 4));
    assert_eq!(block(&mut world), 1);
    let mut reveals = 0;
    while !is_disproved(&mut world, job) {
        block(&mut world);
        let owed = world.execute(|| Disputes::owed_reveals(ClaimId { job, attempt: 0 }));
        for owed in owed {
            reveal(&mut world, job, &tree, owed.node);
            reveals += 1;
        }
    }
    assert_eq!(reveals, 2);
    block(&mut world);
    assert_eq!(bonded(&mut world), 0);
    world.execute(|| assert_eq!(Reveals::<Runtime>::iter().count(), 0));
}

#[test]
fn trace_that_stays_hidden_loses() {
    let mut world = watched(LONG, 100 * UNIT);
    let job = world.assigned_job(4);
    claim(&mut world, job, lie(LONG, 4));
    while !is_disproved(&mut world, job) {
        block(&mut world);
    }
    assert_eq!(bonded(&mut world), 0);
}

#[test]
fn watcher_that_forgets_everything_between_any_two_blocks_wins_all_the_same() {
    let mut world = watched(LONG, 100 * UNIT);
    let job = world.assigned_job(4);
    let tree = claim(&mut world, job, lie(LONG, 4));
    let mut blocks = 0;
    while !is_disproved(&mut world, job) {
        forget(&mut world, job);
        block(&mut world);
        let owed = world.execute(|| Disputes::owed_reveals(ClaimId { job, attempt: 0 }));
        for owed in owed {
            reveal(&mut world, job, &tree, owed.node);
        }
        blocks += 1;
        assert!(blocks < 10);
    }
    while bonded(&mut world) > 0 {
        block(&mut world);
    }
    world.execute(|| assert_eq!(Challenges::<Runtime>::iter().count(), 0));
}

#[test]
fn watcher_whose_own_data_is_broken_accuses_nobody() {
    let mut world = watched(3, 100 * UNIT);
    let job = world.assigned_job(4);
    claim(&mut world, job, run(3, 4));
    world.execute(|| {
        let key = pallet_models::segment_key(0, 0);
        sp_io::offchain::local_storage_set(StorageKind::PERSISTENT, &key, &[8]);
    });
    assert_eq!(block(&mut world), 0);
}

#[test]
fn damaged_record_of_the_watchers_run_is_not_read() {
    let mut world = watched(LONG, 100 * UNIT);
    let job = world.assigned_job(4);
    claim(&mut world, job, run(LONG, 4));
    keep_trace(&mut world, job, &run(LONG, 4).0);
    damage_trace(&mut world, job);
    assert_eq!(block(&mut world), 0);
    assert!(world.logged("the claim is right"));
}

#[test]
fn watcher_whose_own_run_was_wrong_accuses_nobody_and_runs_again() {
    let mut world = watched(3, 100 * UNIT);
    let job = world.assigned_job(4);
    claim(&mut world, job, run(3, 4));
    let (mut states, _) = run(3, 4);
    states[2] = [9; 32];
    keep_trace(&mut world, job, &states);
    assert_eq!(block(&mut world), 0);
    assert!(world.logged("what this node kept of its own run is damaged"));
    assert_eq!(kept_trace(&mut world, job), None);
    assert_eq!(block(&mut world), 0);
    assert!(kept_trace(&mut world, job).is_some());
}

#[test]
fn claim_of_an_abandoned_fork_speaks_for_no_other() {
    let mut world = watched(3, 100 * UNIT);
    let job = world.assigned_job(4);
    let id = trace_of_bob(job);
    let (states, mut machine) = run(3, 4);
    let right = Claim::new(id, &states, &mut machine).unwrap();
    let now = world.block;
    world.execute(|| {
        // On the other fork its leaves are shown.
        let leaves = id.leaves(&states).collect::<Vec<_>>().encode();
        let key = shown_key(3, NodeId::root(3), &right.trace_root);
        sp_io::offchain::local_storage_set(StorageKind::PERSISTENT, &key, &leaves);
        let _ = with_transaction(|| {
            submit_claim(job, right);
            Worker::offchain_worker(now);
            TransactionOutcome::Rollback(Ok::<(), DispatchError>(()))
        });
    });
    assert!(kept_trace(&mut world, job).is_some());
    claim(&mut world, job, lie(3, 4));
    assert_eq!(block(&mut world), 1);
    assert_eq!(bonded(&mut world), 10 * UNIT);
}

#[test]
fn watcher_that_lost_its_challenge_does_not_challenge_again() {
    let mut world = watched(LONG, 100 * UNIT);
    let job = world.assigned_job(4);
    let id = ClaimId { job, attempt: 0 };
    world.execute(|| lengthen_window(job));
    claim(&mut world, job, lie(LONG, 4));
    assert_eq!(block(&mut world), 1);
    world.work();
    world.pool.write().transactions.clear();
    // It does not move in time.
    while world.execute(|| Challenges::<Runtime>::contains_key(id, watcher())) {
        world.next_block();
    }
    world.clock.pass(60_000);
    assert_eq!(block(&mut world), 0);
    assert!(world.logged("this node challenged the claim and lost"));
}

/// Gives challengers of `job` so much time that one can lose, and challenge again.
fn lengthen_window(job: JobId) {
    pallet_jobs::Jobs::<Runtime>::mutate(job, |record| {
        record.as_mut().unwrap().terms.challenge_window = 1_000;
    });
}

#[test]
fn challenge_that_was_on_another_fork_is_made_again() {
    let mut world = watched(LONG, 100 * UNIT);
    let job = world.assigned_job(4);
    let id = ClaimId { job, attempt: 0 };
    claim(&mut world, job, lie(LONG, 4));
    let now = world.block;
    world.execute(|| {
        let _ = with_transaction(|| {
            assert_ok!(Disputes::challenge(RuntimeOrigin::signed(watcher()), id));
            Worker::offchain_worker(now);
            TransactionOutcome::Rollback(Ok::<(), DispatchError>(()))
        });
    });
    assert_eq!(world.submitted(), 1, "it asked on that fork");
    world.pool.write().transactions.clear();
    assert_eq!(block(&mut world), 1);
    assert_eq!(bonded(&mut world), 10 * UNIT);
}

#[test]
fn watcher_that_serves_the_version_no_more_goes_on_with_its_challenge() {
    let mut world = watched(3, 100 * UNIT);
    let job = world.assigned_job(4);
    let dave = || RuntimeOrigin::signed(Dave.to_account_id());
    world.execute(|| {
        let pair = WorkerPair::from_string("//Watcher", None).unwrap();
        let proof = pair.sign(&Providers::worker_proof_message(&Dave.to_account_id()));
        assert_ok!(Providers::register(dave(), pair.public(), 10_000 * UNIT, proof));
        assert_ok!(Providers::set_offer(dave(), VERSION, PRICE, 8));
    });
    claim(&mut world, job, lie(3, 4));
    assert_eq!(block(&mut world), 1);
    world.execute(|| {
        assert_ok!(Providers::remove_offer(dave(), VERSION));
    });
    assert_eq!(block(&mut world), 1);
    assert!(is_disproved(&mut world, job));
}

#[test]
fn watcher_with_two_keys_stays_with_the_one_that_challenged() {
    let public = |suri: &str| WorkerPair::from_string(suri, None).unwrap().public();
    let others = (0..).map(|number| format!("//Other{number}"));
    // One that comes first among the keys, and one that comes last.
    let first = others
        .clone()
        .find(|suri| public(suri) < public("//Watcher"))
        .unwrap();
    let last = others
        .clone()
        .find(|suri| public(suri) > public("//Watcher"))
        .unwrap();
    for other in [first, last] {
        let mut world = World::with_steps(3).with_keys(&["//Watcher", &other]);
        world
            .execute(|| Balances::mint_into(&watcher(), 100 * UNIT))
            .unwrap();
        let job = world.assigned_job(4);
        claim(&mut world, job, lie(3, 4));
        assert_eq!(block(&mut world), 1);
        assert_eq!(bonded(&mut world), 10 * UNIT);
        // Anybody can make an account of the other key.
        let other = AccountId::from(<[u8; 32]>::from(sp_core::sr25519::Public::from(public(&other))));
        world.execute(|| Balances::mint_into(&other, 50 * UNIT)).unwrap();
        assert_eq!(block(&mut world), 1);
        assert!(is_disproved(&mut world, job));
    }
}

#[test]
fn what_is_shown_of_one_node_does_not_hide_what_is_below_another() {
    const STEPS: u64 = 1_500;
    let mut world = watched(STEPS, 100 * UNIT);
    let job = world.assigned_job(4);
    let (trace, id) = (trace_of_bob(job), ClaimId { job, attempt: 0 });
    let (states, mut machine) = run(STEPS, 4);
    let mut leaves = trace.leaves(&states).collect::<Vec<_>>();
    // A node over two leaves gets the hash of the one over the last leaf, beside which there is nothing.
    let nothing = TraceTree::over(leaves[..3].to_vec()).path(2)[0];
    (leaves[900], leaves[901]) = (leaves[1_500], nothing);
    let tree = TraceTree::over(leaves);
    let [false_one, last_one] = [450, 750].map(|index| NodeId { height: 1, index });
    assert_eq!(tree.node(false_one), tree.node(last_one));
    let claim = Claim {
        trace_root: tree.root(),
        opening: Opening::Ends {
            first: tree.path(0),
            last: tree.path(STEPS),
        },
        ..Claim::new(trace, &states, &mut machine).unwrap()
    };
    world.execute(|| submit_claim(job, claim));

    // The provider's friend asks for the last leaf, and both are shown in one block.
    let friend = || RuntimeOrigin::signed(Charlie.to_account_id());
    let ask = |world: &mut World, node| {
        let path = tree.path_of(node).into_iter().map(Hash::from).collect::<Vec<_>>();
        let hash = Hash::from(tree.node(node).unwrap());
        world.execute(|| {
            assert_ok!(Disputes::ask(friend(), id, node, hash, path.try_into().unwrap()));
        });
    };
    world.execute(|| {
        assert_ok!(Disputes::challenge(friend(), id));
    });
    assert_eq!(block(&mut world), 1);
    ask(&mut world, NodeId::root(STEPS));
    assert_eq!(block(&mut world), 1);
    reveal(&mut world, job, &tree, NodeId::root(STEPS));
    assert_eq!(block(&mut world), 1);
    ask(&mut world, last_one);
    reveal(&mut world, job, &tree, false_one);
    reveal(&mut world, job, &tree, last_one);
    assert_eq!(block(&mut world), 1);
    assert!(is_disproved(&mut world, job));
}

#[test]
fn watcher_that_has_not_seen_what_was_shown_accuses_nobody() {
    let mut world = watched(3, 100 * UNIT);
    let job = world.assigned_job(4);
    let tree = claim(&mut world, job, lie(3, 4));
    world.execute(|| {
        let key = shown_key(3, NodeId::root(3), &tree.root());
        sp_io::offchain::local_storage_clear(StorageKind::PERSISTENT, &key);
    });
    assert_eq!(block(&mut world), 0);
    assert!(world.logged("this node has not seen what was shown of the trace"));
}

#[test]
fn watcher_without_the_bond_proves_what_needs_no_challenge() {
    let mut world = watched(3, 2 * UNIT);
    let job = world.assigned_job(4);
    claim(&mut world, job, lie(3, 4));
    assert_eq!(block(&mut world), 1);
    assert!(is_disproved(&mut world, job));
}

#[test]
fn share_of_nothing_watches_nothing() {
    let mut world = watched(3, 100 * UNIT);
    world.execute(|| {
        let share = Perbill::zero().encode();
        let key = pallet_worker::WATCHED_SHARE;
        sp_io::offchain::local_storage_set(StorageKind::PERSISTENT, key, &share);
    });
    let job = world.assigned_job(4);
    claim(&mut world, job, lie(3, 4));
    assert_eq!(block(&mut world), 0);
}

/// What Bob has at stake.
fn stake_of_bob(world: &mut World) -> u128 {
    let bob = Bob.to_account_id();
    world.execute(|| pallet_providers::Providers::<Runtime>::get(&bob).unwrap().bonded)
}

#[test]
fn claim_from_before_an_upgrade_of_the_runtime_costs_what_it_did() {
    let mut world = watched(3, 100 * UNIT);
    let job = world.assigned_job(4);
    claim(&mut world, job, lie(3, 4));
    let stake = stake_of_bob(&mut world);
    let record = world.execute(|| pallet_jobs::Jobs::<Runtime>::get(job).unwrap());
    let penalty = record.terms.disproof_penalty;
    world.execute(|| {
        Executive::execute_on_runtime_upgrade();
        let mut parameters = pallet_jobs::Parameters::<Runtime>::get();
        parameters.disproof_penalty = penalty * Perbill::from_percent(50);
        assert_ok!(Jobs::set_parameters(RuntimeOrigin::root(), parameters));
    });
    block(&mut world);
    block(&mut world);
    assert!(is_disproved(&mut world, job));
    assert_eq!(stake - stake_of_bob(&mut world), penalty * record.exposure);
}

/// A provider's node that has claimed a job of a hidden trace.
fn claimed_long() -> (World, ClaimId) {
    let mut world = World::with_steps(LONG).with_key("//Worker");
    let job = world.assigned_job(4);
    world.work();
    assert_eq!(world.apply_pool(), 1);
    (world, ClaimId { job, attempt: 0 })
}

/// Charlie challenges, and asks for the root.
fn accuse(world: &mut World, id: ClaimId) {
    world.execute(|| {
        let charlie = RuntimeOrigin::signed(Charlie.to_account_id());
        assert_ok!(Disputes::challenge(charlie.clone(), id));
        let hash = Jobs::job_info(id.job).unwrap().trace_root.unwrap();
        let root = NodeId::root(LONG);
        assert_ok!(Disputes::ask(charlie, id, root, hash, Default::default()));
    });
}

#[test]
fn accused_provider_reveals_and_is_paid() {
    let (mut world, id) = claimed_long();
    accuse(&mut world, id);
    assert_eq!(block(&mut world), 1);
    assert!(world.execute(|| Disputes::owed_reveals(id)).is_empty());
    while is_open(&mut world, id.job) {
        assert_eq!(block(&mut world), 0);
    }
    let bob = Bob.to_account_id();
    world.execute(|| {
        let stats = pallet_providers::Providers::<Runtime>::get(&bob).unwrap().stats;
        assert_eq!(stats.completed, 1);
        assert_eq!(Challenges::<Runtime>::iter().count(), 0);
    });
}

#[test]
fn reveal_that_the_pool_drops_is_submitted_again_in_time() {
    let (mut world, id) = claimed_long();
    accuse(&mut world, id);
    let [owed] = world.execute(|| Disputes::owed_reveals(id)).try_into().unwrap();
    // The development chain's blocks are three seconds apart.
    let later = |world: &mut World| {
        world.pool.write().transactions.clear();
        world.next_block();
        world.clock.pass(3_000);
        world.work();
    };
    world.work();
    later(&mut world);
    assert_eq!(world.submitted(), 1);
    later(&mut world);
    while world.submitted() == 0 {
        later(&mut world);
    }
    assert!(
        world.block < owed.until,
        "submitted again in its last block or later"
    );
    assert_eq!(world.apply_pool(), 1);
    assert!(world.execute(|| Disputes::owed_reveals(id)).is_empty());
}

#[test]
fn accused_provider_reveals_before_it_runs_other_jobs() {
    let (mut world, id) = claimed_long();
    accuse(&mut world, id);
    let other = world.assigned_job(5);
    // A run takes more than the time of a block's worker.
    world.clock.set_tick(500);
    world.work();
    world.clock.set_tick(0);
    assert_eq!(world.apply_pool(), 1);
    assert!(world.execute(|| Disputes::owed_reveals(id)).is_empty());
    assert_eq!(world.output(other), None);
}

#[test]
fn accused_provider_whose_records_are_lost_or_damaged_runs_again_and_reveals() {
    for spoil in [forget as fn(&mut World, JobId), damage_trace] {
        let (mut world, id) = claimed_long();
        spoil(&mut world, id.job);
        accuse(&mut world, id);
        assert_eq!(block(&mut world), 1);
        assert!(world.execute(|| Disputes::owed_reveals(id)).is_empty());
    }
}

#[test]
fn accused_provider_whose_kept_run_is_another_runs_again_and_reveals() {
    let (mut world, id) = claimed_long();
    keep_trace(&mut world, id.job, &run(LONG, 5).0);
    accuse(&mut world, id);
    assert_eq!(block(&mut world), 0);
    assert!(world.logged("has another trace than the claim"));
    assert_eq!(block(&mut world), 1);
    assert!(world.execute(|| Disputes::owed_reveals(id)).is_empty());
}

#[test]
fn accused_provider_whose_run_is_another_for_good_runs_once_more_and_not_in_every_block() {
    let (mut world, id) = claimed_long();
    accuse(&mut world, id);
    // As if another runtime had made the claim.
    world.execute(|| {
        pallet_jobs::Jobs::<Runtime>::mutate(id.job, |record| {
            if let JobState::Claimed { claim, .. } = &mut record.as_mut().unwrap().state {
                claim.trace_root = Hash::repeat_byte(7);
            }
        })
    });
    world.logged("");
    for runs in [false, true, false, false] {
        assert_eq!(block(&mut world), 0);
        assert_eq!(world.logged("running version"), runs);
    }
}
