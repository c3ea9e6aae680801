//! The off-chain worker of a provider's node in the real runtime.

mod world;

use assay_primitives::{
    worker_key::{WorkerId, WorkerPair, WORKER_KEY_TYPE},
    JobOutcome, Price,
};
use assay_runtime::{
    constants::UNIT, AccountId, Executive, Hash, Runtime, RuntimeCall, UncheckedExtrinsic, Worker,
};
use codec::{Decode, Encode};
use frame_support::traits::Hooks;
use sp_core::{
    crypto::Pair,
    offchain::{StorageKind, Timestamp},
};
use sp_keyring::Sr25519Keyring::Bob;
use sp_keystore::{testing::MemoryKeystore, Keystore, KeystoreExt};
use std::sync::Arc;
use world::{request, worker_key, World, VERSION};

#[test]
fn assigned_job_is_run_claimed_and_becomes_final() {
    let mut world = World::new();
    let job = world.assigned_job(4);
    world.work();
    assert_eq!(world.apply_pool(), 1);
    assert_eq!(world.output(job), Some(vec![102]));

    while world.execute(|| pallet_jobs::Jobs::<Runtime>::contains_key(job)) {
        world.next_block();
    }
    let receipt = world.execute(|| pallet_jobs::Receipts::<Runtime>::get(job).unwrap());
    assert_eq!(
        (receipt.outcome, receipt.paid),
        (JobOutcome::Answered, UNIT + 3 * UNIT / 10)
    );
    let claim = receipt.claim.unwrap();
    assert_eq!((claim.provider, claim.steps), (Bob.to_account_id(), 3));
}

#[test]
fn claim_is_submitted_again_when_it_got_lost_first_in_the_next_block() {
    let mut world = World::new();
    let job = world.assigned_job(4);
    for _ in 0..2 {
        world.work();
        assert_eq!(world.submitted(), 1);
        world.pool.write().transactions.clear();
        world.next_block();
    }
    world.clock.pass(9_999);
    world.work();
    assert_eq!(world.submitted(), 0);
    world.clock.pass(1);
    world.work();
    assert_eq!(world.apply_pool(), 1);
    assert_eq!(world.output(job), Some(vec![102]));
}

#[test]
fn several_jobs_are_run_in_one_block_each_once() {
    let mut world = World::new();
    let jobs = (0..6)
        .map(|number| world.execute(|| request(number)))
        .collect::<Vec<_>>();
    world.next_block();
    world.work();
    assert_eq!(world.apply_pool(), 6);
    for (number, job) in (0..).zip(jobs) {
        assert_eq!(world.output(job), Some(vec![3 * (30 + number)]));
    }
}

#[test]
fn long_run_goes_on_in_the_next_block() {
    let mut world = World::new();
    let job = world.assigned_job(4);
    // The time of a slice is over after the first step.
    world.clock.set_tick(4_000);
    world.work();
    assert_eq!(world.submitted(), 0);
    world.clock.set_tick(0);
    assert!(world.keeps(job));
    world.next_block();
    world.work();
    assert_eq!(world.apply_pool(), 1);
    assert_eq!(world.output(job), Some(vec![102]));

    world.next_block();
    world.work();
    assert!(!world.keeps(job));
}

/// Lets another worker have a lock until a time in milliseconds.
fn hold(world: &mut World, key: Vec<u8>, until: u64) {
    let until = Timestamp::from_unix_millis(until).encode();
    world.execute(|| sp_io::offchain::local_storage_set(StorageKind::PERSISTENT, &key, &until));
}

#[test]
fn job_that_another_worker_has_is_left_to_it() {
    let mut world = World::new();
    let job = world.assigned_job(4);
    hold(&mut world, worker_key("lock", job), 20_000);
    world.work();
    assert!(!world.logged("running"));
    assert_eq!(world.submitted(), 0);
    world.clock.pass(20_001);
    world.work();
    assert_eq!(world.apply_pool(), 1);
}

#[test]
fn job_waits_for_a_slot_and_says_so() {
    let mut world = World::new();
    world.assigned_job(4);
    for slot in 0..4u8 {
        hold(&mut world, (b"assay:worker", ("slot", slot)).encode(), 20_000);
    }
    world.work();
    assert!(world.logged("job 0: not taken: other jobs take all slots, it waits"));
    assert_eq!(world.submitted(), 0);
    world.clock.pass(20_001);
    world.work();
    assert_eq!(world.apply_pool(), 1);
}

#[test]
fn worker_of_an_older_block_leaves_the_work_to_that_of_a_newer() {
    let mut world = World::new();
    let job = world.assigned_job(4);
    world.execute(|| Worker::offchain_worker(9));
    world.apply_pool();
    assert_eq!(world.output(job), Some(vec![102]));
    let other = world.assigned_job(5);
    world.work();
    assert_eq!(world.submitted(), 0);

    // Unless no newer block comes: the chain was reverted.
    world.clock.pass(60_000);
    world.work();
    assert_eq!(world.apply_pool(), 1);
    assert_eq!(world.output(other), Some(vec![105]));
}

#[test]
fn claim_of_an_abandoned_fork_is_not_taken_for_that_of_another_job() {
    let mut world = World::new();
    let job = world.assigned_job(4);
    world.work();
    world.pool.write().transactions.clear();
    // On the other fork the same number is a request with another input.
    world.execute(|| {
        pallet_jobs::Inputs::<Runtime>::insert(job, pallet_jobs::Input::truncate_from(vec![5]));
        pallet_jobs::Jobs::<Runtime>::mutate(job, |job| {
            job.as_mut().unwrap().input_hash = Hash::from(sp_io::hashing::blake2_256(&[5]));
        });
    });
    world.work();
    assert_eq!(world.apply_pool(), 1);
    assert_eq!(world.output(job), Some(vec![105]));
}

#[test]
fn job_waits_for_params_that_the_node_has_not() {
    let mut world = World::new();
    let job = world.assigned_job(4);
    let key = pallet_models::segment_key(0, 1);
    let segment = world.execute(|| {
        let kind = StorageKind::PERSISTENT;
        let segment = sp_io::offchain::local_storage_get(kind, &key).unwrap();
        sp_io::offchain::local_storage_clear(kind, &key);
        segment
    });
    world.work();
    assert_eq!(world.submitted(), 0);
    assert!(world.logged("job 0: not taken: segment 1 of its params is not in the off-chain database"));
    world.work();
    assert!(!world.logged("not taken"), "a reason is said once");

    world.execute(|| {
        let kind = StorageKind::PERSISTENT;
        sp_io::offchain::local_storage_set(kind, &key, &segment);
    });
    world.work();
    assert_eq!(world.apply_pool(), 1);
    assert_eq!(world.output(job), Some(vec![102]));
}

#[test]
fn job_with_damaged_params_is_not_claimed() {
    let mut world = World::new();
    world.assigned_job(4);
    world.execute(|| {
        let kind = StorageKind::PERSISTENT;
        sp_io::offchain::local_storage_set(kind, &pallet_models::segment_key(0, 1), &[8]);
    });
    world.work();
    assert_eq!(world.submitted(), 0);
    assert!(world.logged("not taken: the params in the off-chain database have another root"));
}

#[test]
fn node_with_another_key_leaves_the_job_alone() {
    let mut world = World::without_key();
    let keystore = MemoryKeystore::new();
    keystore
        .sr25519_generate_new(WORKER_KEY_TYPE, Some("//Other"))
        .unwrap();
    world.ext.register_extension(KeystoreExt::new(keystore));
    world.assigned_job(4);
    world.work();
    assert_eq!(world.submitted(), 0);
}

#[test]
fn claim_of_a_job_that_is_claimed_already_is_refused_without_a_fee() {
    let mut world = World::new();
    world.assigned_job(4);
    world.work();
    let transaction = world.pool.read().transactions[0].clone();
    world.apply_pool();
    let again = UncheckedExtrinsic::decode(&mut &transaction[..]).unwrap();
    world.execute(|| assert!(Executive::apply_extrinsic(again).is_err()));
}

#[test]
fn development_seed_gives_the_node_a_worker_key() {
    let mut world = World::without_key();
    let keystore = Arc::new(MemoryKeystore::new());
    world
        .ext
        .register_extension(KeystoreExt::from(keystore.clone() as Arc<dyn Keystore>));
    world.execute(|| {
        use sp_session::runtime_decl_for_session_keys::SessionKeys;
        Runtime::generate_session_keys(vec![], Some(b"//Bob".to_vec()));
    });
    let expected: WorkerId = WorkerPair::from_string("//Bob", None).unwrap().public();
    assert_eq!(keystore.sr25519_public_keys(WORKER_KEY_TYPE), [expected.into()]);
}

#[test]
fn request_of_the_runtime_is_a_call_that_clients_can_encode() {
    let call = RuntimeCall::Jobs(pallet_jobs::Call::request {
        version: VERSION,
        input: vec![1],
        max_price: Price {
            per_job: UNIT,
            per_step: 7,
        },
        provider: None::<AccountId>,
    });
    // Pallet 42, call 0, version, a vector of one byte, two amounts of 16 bytes, nobody named.
    let price = [UNIT.to_le_bytes(), 7u128.to_le_bytes()].concat();
    let expected = [&[42, 0, 0, 0, 0, 0, 4, 1][..], &price, &[0]].concat();
    assert_eq!(call.encode(), expected);
}

#[test]
fn job_whose_params_the_node_cannot_have_is_given_back() {
    let mut world = World::new();
    let job = world.assigned_job(4);
    world.execute(|| {
        pallet_models::Versions::<Runtime>::mutate(VERSION, |version| version.as_mut().unwrap().params = None)
    });
    world.work();
    assert_eq!(world.apply_pool(), 1);
    let state = world.execute(|| pallet_jobs::Jobs::<Runtime>::get(job).unwrap().state);
    assert!(matches!(state, pallet_jobs::JobState::Queued { .. }), "{state:?}");
    world.next_block();
    world.work();
    assert_eq!(world.submitted(), 0);
}
