//! The off-chain worker in the real runtime: its transactions pass the real checks.

use assay_engine::{limits::SEGMENT_LEN, Program};
use assay_primitives::{
    worker_key::{WorkerId, WorkerPair, WORKER_KEY_TYPE},
    JobId, JobOutcome, Price, VersionId,
};
use assay_runtime::{
    constants::UNIT, presets, AccountId, BlockNumber, Executive, Hash, Jobs, Models, Providers, Runtime,
    RuntimeCall, RuntimeOrigin, System, UncheckedExtrinsic, Worker,
};
use codec::{Decode, Encode};
use frame_support::{assert_ok, traits::Hooks, weights::WeightMeter};
use pallet_jobs::JobState;
use parking_lot::RwLock;
use sp_core::{
    crypto::Pair,
    offchain::{
        self,
        testing::{PoolState, TestOffchainExt, TestTransactionPoolExt},
        HttpError, HttpRequestId, HttpRequestStatus, OffchainDbExt, OffchainWorkerExt, OpaqueNetworkState,
        Timestamp, TransactionPoolExt,
    },
    OpaquePeerId,
};
use sp_keyring::Sr25519Keyring::{Alice, Bob, Charlie};
use sp_keystore::{testing::MemoryKeystore, Keystore, KeystoreExt};
use sp_runtime::{BuildStorage, Digest, Perbill};
use std::sync::{
    atomic::{AtomicU64, Ordering},
    Arc,
};

/// Adds the first bytes of its params and its input, once in each of three steps, and answers.
const ADDER: &str = r#"(module
    (import "assay" "read" (func $read (param i64 i32 i32)))
    (import "assay" "write" (func $write (param i64 i32 i32)))
    (import "assay" "halt" (func $halt (param i64)))
    (memory (export "memory") 1 1)
    (func (export "step") (param $pc i64) (result i64)
        (call $read (i64.const 0) (i32.const 0) (i32.const 1))
        (call $read (i64.const 0x10000000000) (i32.const 1) (i32.const 1))
        (call $read (i64.const 0x30000000000) (i32.const 2) (i32.const 1))
        (i32.store8 (i32.const 2) (i32.add (i32.load8_u (i32.const 2))
            (i32.add (i32.load8_u (i32.const 0)) (i32.load8_u (i32.const 1)))))
        (call $write (i64.const 0x30000000000) (i32.const 2) (i32.const 1))
        (if (i64.eq (local.get $pc) (i64.const 2)) (then (call $halt (i64.const 1))))
        (i64.add (local.get $pc) (i64.const 1))))"#;

const PRICE: Price<u128> = Price {
    per_job: UNIT,
    per_step: UNIT / 10,
};
const MAX_STEPS: u64 = 8;

/// The node's clock in milliseconds. It goes on by `tick` each time that it is asked.
#[derive(Clone, Default)]
struct Clock {
    time: Arc<AtomicU64>,
    tick: Arc<AtomicU64>,
}

impl Clock {
    fn pass(&self, millis: u64) {
        self.time.fetch_add(millis, Ordering::Relaxed);
    }

    fn set_tick(&self, millis: u64) {
        self.tick.store(millis, Ordering::Relaxed);
    }
}

impl offchain::Externalities for Clock {
    fn timestamp(&mut self) -> Timestamp {
        let tick = self.tick.load(Ordering::Relaxed);
        Timestamp::from_unix_millis(self.time.fetch_add(tick, Ordering::Relaxed))
    }

    fn is_validator(&self) -> bool {
        unreachable!("the worker asks for the time alone")
    }
    fn network_state(&self) -> Result<OpaqueNetworkState, ()> {
        unreachable!()
    }
    fn sleep_until(&mut self, _: Timestamp) {
        unreachable!()
    }
    fn random_seed(&mut self) -> [u8; 32] {
        unreachable!()
    }
    fn http_request_start(&mut self, _: &str, _: &str, _: &[u8]) -> Result<HttpRequestId, ()> {
        unreachable!()
    }
    fn http_request_add_header(&mut self, _: HttpRequestId, _: &str, _: &str) -> Result<(), ()> {
        unreachable!()
    }
    fn http_request_write_body(
        &mut self,
        _: HttpRequestId,
        _: &[u8],
        _: Option<Timestamp>,
    ) -> Result<(), HttpError> {
        unreachable!()
    }
    fn http_response_wait(&mut self, _: &[HttpRequestId], _: Option<Timestamp>) -> Vec<HttpRequestStatus> {
        unreachable!()
    }
    fn http_response_headers(&mut self, _: HttpRequestId) -> Vec<(Vec<u8>, Vec<u8>)> {
        unreachable!()
    }
    fn http_response_read_body(
        &mut self,
        _: HttpRequestId,
        _: &mut [u8],
        _: Option<Timestamp>,
    ) -> Result<usize, HttpError> {
        unreachable!()
    }
    fn set_authorized_nodes(&mut self, _: Vec<OpaquePeerId>, _: bool) {
        unreachable!()
    }
}

/// A chain, and one provider's node beside it.
struct World {
    ext: sp_io::TestExternalities,
    pool: Arc<RwLock<PoolState>>,
    clock: Clock,
    block: BlockNumber,
}

impl World {
    /// A development chain on which Bob offers a version of Alice's, and a node with Bob's worker key.
    fn new() -> Self {
        let mut world = Self::without_key();
        let keystore = MemoryKeystore::new();
        let pair = worker();
        keystore
            .insert(WORKER_KEY_TYPE, "//Worker", pair.public().as_ref())
            .unwrap();
        world.ext.register_extension(KeystoreExt::new(keystore));
        world
    }

    fn without_key() -> Self {
        let genesis = presets::genesis_config(&presets::DEVELOPMENT.into()).unwrap();
        let mut ext = sp_io::TestExternalities::new(genesis.build_storage().unwrap());
        let (offchain, _) = TestOffchainExt::with_offchain_db(ext.offchain_db());
        let (transactions, pool) = TestTransactionPoolExt::new();
        let clock = Clock::default();
        ext.register_extension(OffchainDbExt::new(offchain));
        ext.register_extension(OffchainWorkerExt::new(clock.clone()));
        ext.register_extension(TransactionPoolExt::new(transactions));
        let mut world = Self {
            ext,
            pool,
            clock,
            block: 0,
        };
        world.next_block();
        world.execute(publish);
        world.execute(provide);
        world
    }

    /// Executes in the present block. What is indexed off chain reaches the node's database.
    fn execute<R>(&mut self, call: impl FnOnce() -> R) -> R {
        let result = self.ext.execute_with(call);
        self.ext.persist_offchain_overlay();
        result
    }

    /// Starts the next block, in which the agenda is served.
    fn next_block(&mut self) {
        self.block += 1;
        let block = self.block;
        self.execute(|| {
            if block == 1 {
                frame_system::BlockHash::<Runtime>::insert(0, Hash::repeat_byte(1));
            }
            System::initialize(&block, &Hash::repeat_byte(block as u8), &Digest::default());
            Jobs::on_poll(block, &mut WeightMeter::new());
        });
    }

    /// Runs the node's worker on the present block.
    fn work(&mut self) {
        let block = self.block;
        self.execute(|| Worker::offchain_worker(block));
    }

    /// The transactions that the worker submitted, each applied to the present block.
    fn apply_pool(&mut self) -> usize {
        let transactions = std::mem::take(&mut self.pool.write().transactions);
        let count = transactions.len();
        for transaction in transactions {
            let transaction = UncheckedExtrinsic::decode(&mut &transaction[..]).unwrap();
            self.execute(|| {
                assert_ok!(Executive::apply_extrinsic(transaction).unwrap());
            });
        }
        count
    }

    fn submitted(&self) -> usize {
        self.pool.read().transactions.len()
    }

    /// Alice's request that adds `number`, assigned.
    fn assigned_job(&mut self, number: u8) -> JobId {
        let job = self.execute(|| request(number));
        self.next_block();
        let state = self.execute(|| pallet_jobs::Jobs::<Runtime>::get(job).unwrap().state);
        assert!(matches!(state, JobState::Assigned { .. }), "{state:?}");
        job
    }

    /// Whether the worker keeps something of `job`.
    fn keeps(&mut self, job: JobId) -> bool {
        let kept = |name: &str| {
            let key = (b"assay:worker", (name, job)).encode();
            sp_io::offchain::local_storage_get(offchain::StorageKind::PERSISTENT, &key).is_some()
        };
        self.execute(|| ["run", "reason", "lock"].into_iter().any(kept))
    }

    fn output(&mut self, job: JobId) -> Option<Vec<u8>> {
        self.execute(|| pallet_jobs::Outputs::<Runtime>::get(job).map(|output| output.into_inner()))
    }
}

fn worker() -> WorkerPair {
    WorkerPair::from_string("//Worker", None).unwrap()
}

const VERSION: VersionId = 0;

fn publish() {
    let alice = || RuntimeOrigin::signed(Alice.to_account_id());
    let code = wat::parse_str(ADDER).unwrap();
    let program = Hash::from(Program::new(code.clone()).unwrap().hash());
    assert_ok!(Models::upload_program(alice(), code));
    let params = params();
    assert_ok!(Models::begin_params(alice(), params.len() as u64));
    for (index, segment) in (0..).zip(params.chunks(SEGMENT_LEN)) {
        assert_ok!(Models::upload_segment(alice(), 0, index, segment.to_vec()));
    }
    let metadata = pallet_models::ModelSpec {
        name: b"adder".to_vec(),
        description: vec![],
        url: vec![],
    };
    assert_ok!(Models::create_model(alice(), metadata));
    let byte = pallet_models::TensorSpec {
        name: b"x".to_vec(),
        dtype: pallet_models::Dtype::U8,
        shape: vec![1],
    };
    let spec = pallet_models::VersionSpec {
        program,
        params: pallet_models::ParamsSource::OnChain(0),
        inputs: vec![byte.clone()],
        outputs: vec![byte],
        license: b"Apache-2.0".to_vec(),
        royalty: Perbill::from_percent(10),
        max_steps: MAX_STEPS,
        labels: vec![],
    };
    assert_ok!(Models::publish_version(alice(), 0, spec));
}

/// Two segments. The first byte is the one that counts.
fn params() -> Vec<u8> {
    let mut params = vec![9; SEGMENT_LEN + 1];
    params[0] = 30;
    params
}

fn provide() {
    let bob = Bob.to_account_id();
    let pair = worker();
    let proof = pair.sign(&Providers::worker_proof_message(&bob));
    assert_ok!(Providers::register(
        RuntimeOrigin::signed(bob.clone()),
        pair.public(),
        1_000 * UNIT,
        proof
    ));
    assert_ok!(Providers::set_offer(
        RuntimeOrigin::signed(bob),
        VERSION,
        PRICE,
        8
    ));
}

fn request(number: u8) -> JobId {
    let job = pallet_jobs::NextJobId::<Runtime>::get();
    let input = vec![number];
    let alice = RuntimeOrigin::signed(Charlie.to_account_id());
    assert_ok!(Jobs::request(alice, VERSION, input, 2 * UNIT, None));
    job
}

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
fn claim_is_submitted_once_and_again_only_when_it_got_lost() {
    let mut world = World::new();
    let job = world.assigned_job(4);
    world.work();
    world.work();
    world.next_block();
    world.work();
    assert_eq!(world.submitted(), 1);

    // The transaction gets lost.
    world.pool.write().transactions.clear();
    world.clock.pass(29_999);
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
        let kind = sp_core::offchain::StorageKind::PERSISTENT;
        let segment = sp_io::offchain::local_storage_get(kind, &key).unwrap();
        sp_io::offchain::local_storage_clear(kind, &key);
        segment
    });
    world.work();
    assert_eq!(world.submitted(), 0);

    world.execute(|| {
        let kind = sp_core::offchain::StorageKind::PERSISTENT;
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
        let kind = sp_core::offchain::StorageKind::PERSISTENT;
        sp_io::offchain::local_storage_set(kind, &pallet_models::segment_key(0, 1), &[8]);
    });
    world.work();
    assert_eq!(world.submitted(), 0);
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
        max_fee: UNIT,
        provider: None::<AccountId>,
    });
    // Pallet 42, call 0, version, a vector of one byte, a compact amount, nobody named.
    let expected = [&[42, 0, 0, 0, 0, 0, 4, 1, 7][..], &UNIT.to_le_bytes()[..5], &[0]].concat();
    assert_eq!(codec::Encode::encode(&call), expected);
}
