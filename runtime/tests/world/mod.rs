//! A chain in the real runtime, and one node's worker beside it: its transactions pass the real checks.
#![allow(dead_code)]

pub mod network;

use assay_engine::{
    claim::Claim, limits::SEGMENT_LEN, trace::TraceId, Executor, Hash as StateHash, Machine, Program,
    WasmiExecutor,
};
use assay_primitives::{
    worker_key::{WorkerPair, WORKER_KEY_TYPE},
    JobId, Price, VersionId,
};
use assay_runtime::{
    constants::UNIT, presets, BlockNumber, Disputes, Executive, Hash, Jobs, Models, Providers, Runtime,
    RuntimeOrigin, System, UncheckedExtrinsic, Worker,
};
use codec::{Decode, Encode};
use frame_support::{
    assert_ok,
    storage::{with_transaction, TransactionOutcome},
    traits::Hooks,
    weights::WeightMeter,
};
use network::Network;
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
use sp_keyring::Sr25519Keyring::{Alice, Bob, Charlie, Dave};
use sp_keystore::{testing::MemoryKeystore, Keystore, KeystoreExt};
use sp_runtime::{BuildStorage, Digest, DispatchError, Perbill};
use std::{
    cell::RefCell,
    sync::{
        atomic::{AtomicU64, Ordering},
        Arc,
    },
};

/// Adds the first bytes of its params and its input, once in each of so many steps, and answers.
pub fn adder(steps: u64) -> Vec<u8> {
    let last = steps - 1;
    wat::parse_str(ADDER.replace("LAST", &last.to_string())).unwrap()
}

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
        (if (i64.eq (local.get $pc) (i64.const LAST)) (then (call $halt (i64.const 1))))
        (i64.add (local.get $pc) (i64.const 1))))"#;

pub const PRICE: Price<u128> = Price {
    per_job: UNIT,
    per_step: UNIT / 10,
};
const MAX_STEPS: u64 = 3_000;
/// Steps of the program, unless a test says otherwise.
const STEPS: u64 = 3;

/// The node's clock in milliseconds, and its network. The clock goes on by `tick` each time that it is asked.
#[derive(Clone, Default)]
pub struct Clock {
    time: Arc<AtomicU64>,
    tick: Arc<AtomicU64>,
    pub network: Network,
}

impl Clock {
    pub fn pass(&self, millis: u64) {
        self.time.fetch_add(millis, Ordering::Relaxed);
    }

    pub fn set_tick(&self, millis: u64) {
        self.tick.store(millis, Ordering::Relaxed);
    }
}

impl offchain::Externalities for Clock {
    fn timestamp(&mut self) -> Timestamp {
        let tick = self.tick.load(Ordering::Relaxed);
        Timestamp::from_unix_millis(self.time.fetch_add(tick, Ordering::Relaxed))
    }

    fn is_validator(&self) -> bool {
        unreachable!("the worker asks for the time and the network")
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
    fn http_request_start(&mut self, method: &str, url: &str, _: &[u8]) -> Result<HttpRequestId, ()> {
        Ok(self.network.start(method, url))
    }
    fn http_request_add_header(&mut self, id: HttpRequestId, name: &str, value: &str) -> Result<(), ()> {
        self.network.add_header(id, name, value);
        Ok(())
    }
    fn http_request_write_body(
        &mut self,
        id: HttpRequestId,
        bytes: &[u8],
        _: Option<Timestamp>,
    ) -> Result<(), HttpError> {
        self.network.write_body(id, bytes);
        Ok(())
    }
    fn http_response_wait(
        &mut self,
        ids: &[HttpRequestId],
        deadline: Option<Timestamp>,
    ) -> Vec<HttpRequestStatus> {
        if self.network.hangs() {
            let deadline = deadline.unwrap().unix_millis();
            self.time.fetch_max(deadline, Ordering::Relaxed);
            return vec![HttpRequestStatus::DeadlineReached; ids.len()];
        }
        ids.iter().map(|id| self.network.wait(*id)).collect()
    }
    fn http_response_headers(&mut self, _: HttpRequestId) -> Vec<(Vec<u8>, Vec<u8>)> {
        unreachable!()
    }
    fn http_response_read_body(
        &mut self,
        id: HttpRequestId,
        buffer: &mut [u8],
        _: Option<Timestamp>,
    ) -> Result<usize, HttpError> {
        self.network.read_body(id, buffer)
    }
    fn set_authorized_nodes(&mut self, _: Vec<OpaquePeerId>, _: bool) {
        unreachable!()
    }
}

thread_local! {
    static LINES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Keeps what the worker logs, for each test its own.
struct Log;

impl log::Log for Log {
    fn enabled(&self, metadata: &log::Metadata) -> bool {
        metadata.target() == "assay"
    }
    fn log(&self, record: &log::Record) {
        if self.enabled(record.metadata()) {
            LINES.with_borrow_mut(|lines| lines.push(record.args().to_string()));
        }
    }
    fn flush(&self) {}
}

/// A chain, and one provider's node beside it.
pub struct World {
    pub ext: sp_io::TestExternalities,
    pub pool: Arc<RwLock<PoolState>>,
    pub clock: Clock,
    pub block: BlockNumber,
}

impl World {
    /// A development chain on which Bob offers a version of Alice's, and a node with Bob's worker key.
    pub fn new() -> Self {
        Self::without_key().with_key("//Worker")
    }

    /// The node has the key of `suri`.
    pub fn with_key(self, suri: &str) -> Self {
        self.with_keys(&[suri])
    }

    /// The node has these keys.
    pub fn with_keys(mut self, suris: &[&str]) -> Self {
        let keystore = MemoryKeystore::new();
        for suri in suris {
            let pair = WorkerPair::from_string(suri, None).unwrap();
            keystore
                .insert(WORKER_KEY_TYPE, suri, pair.public().as_ref())
                .unwrap();
        }
        self.ext.register_extension(KeystoreExt::new(keystore));
        self
    }

    pub fn without_key() -> Self {
        Self::with_steps(STEPS)
    }

    /// The program takes so many steps.
    pub fn with_steps(steps: u64) -> Self {
        let genesis = presets::genesis_config(&presets::DEVELOPMENT.into()).unwrap();
        let mut ext = sp_io::TestExternalities::new(genesis.build_storage().unwrap());
        let (offchain, _) = TestOffchainExt::with_offchain_db(ext.offchain_db());
        let (transactions, pool) = TestTransactionPoolExt::new();
        let clock = Clock::default();
        ext.register_extension(OffchainDbExt::new(offchain));
        ext.register_extension(OffchainWorkerExt::new(clock.clone()));
        ext.register_extension(TransactionPoolExt::new(transactions));
        // Another test may have set it.
        let _ = log::set_logger(&Log);
        log::set_max_level(log::LevelFilter::Info);
        let mut world = Self {
            ext,
            pool,
            clock,
            block: 0,
        };
        world.next_block();
        world.execute(|| publish(steps));
        world.execute(provide);
        world
    }

    /// Executes in the present block. What is indexed off chain reaches the node's database.
    pub fn execute<R>(&mut self, call: impl FnOnce() -> R) -> R {
        let result = self.ext.execute_with(call);
        self.ext.persist_offchain_overlay();
        result
    }

    /// Starts the next block, in which the agenda is served.
    pub fn next_block(&mut self) {
        self.block += 1;
        let block = self.block;
        self.execute(|| {
            if block == 1 {
                frame_system::BlockHash::<Runtime>::insert(0, Hash::repeat_byte(1));
            }
            System::initialize(&block, &Hash::repeat_byte(block as u8), &Digest::default());
            Jobs::on_poll(block, &mut WeightMeter::new());
            Disputes::on_poll(block, &mut WeightMeter::new());
        });
    }

    /// Runs the node's worker on the present block.
    pub fn work(&mut self) {
        let block = self.block;
        // What a worker writes in state is dropped: the nonce of what it signed.
        self.execute(|| {
            let _ = with_transaction(|| {
                Worker::offchain_worker(block);
                TransactionOutcome::Rollback(Ok::<(), DispatchError>(()))
            });
        });
    }

    /// The transactions that the worker submitted, each applied to the present block.
    pub fn apply_pool(&mut self) -> usize {
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

    /// Whether the worker logged a line with `text` since the last time that somebody asked.
    pub fn logged(&self, text: &str) -> bool {
        LINES.take().iter().any(|line| line.contains(text))
    }

    pub fn submitted(&self) -> usize {
        self.pool.read().transactions.len()
    }

    /// Alice's request that adds `number`, assigned.
    pub fn assigned_job(&mut self, number: u8) -> JobId {
        let job = self.execute(|| request(number));
        self.next_block();
        let state = self.execute(|| pallet_jobs::Jobs::<Runtime>::get(job).unwrap().state);
        assert!(matches!(state, JobState::Assigned { .. }), "{state:?}");
        job
    }

    /// Whether the worker keeps something of `job`.
    pub fn keeps(&mut self, job: JobId) -> bool {
        let kept = |name: &str| {
            let key = worker_key(name, job);
            sp_io::offchain::local_storage_get(offchain::StorageKind::PERSISTENT, &key).is_some()
        };
        self.execute(|| KEPT.into_iter().chain(["lock"]).any(kept))
    }

    pub fn output(&mut self, job: JobId) -> Option<Vec<u8>> {
        self.execute(|| pallet_jobs::Outputs::<Runtime>::get(job).map(|output| output.into_inner()))
    }
}

/// The program of so many steps, loaded.
pub fn program(steps: u64) -> (WasmiExecutor, <WasmiExecutor as Executor>::Module) {
    let executor = WasmiExecutor::new();
    let module = executor.load(&Program::new(adder(steps)).unwrap()).unwrap();
    (executor, module)
}

/// A run of the job that adds `number`: the state hashes and the machine at the end.
pub fn run(steps: u64, number: u8) -> (Vec<StateHash>, Machine) {
    let (executor, module) = program(steps);
    let mut machine = Machine::new(&params(), &[number]);
    let mut states = vec![machine.state_hash()];
    while machine.step(&executor, &module).unwrap().is_some() {
        states.push(machine.state_hash());
    }
    (states, machine)
}

/// What Bob's trace for `job` is called.
pub fn trace_of_bob(job: JobId) -> TraceId {
    TraceId {
        author: Bob.to_account_id().into(),
        job,
    }
}

/// Bob's worker claims, in a transaction of Dave's.
pub fn submit_claim(job: JobId, claim: Claim) {
    let signature = worker().sign(&Jobs::claim_payload(job, &claim));
    let anybody = RuntimeOrigin::signed(Dave.to_account_id());
    assert_ok!(Jobs::claim(anybody, job, claim, signature));
}

/// What the worker keeps of a job, beside its lock.
pub const KEPT: [&str; 6] = ["run", "trace", "proof", "reason", "sent", "challenged"];

/// Where the worker keeps it.
pub fn worker_key(name: &str, job: JobId) -> Vec<u8> {
    (b"assay:worker", (name, job)).encode()
}

pub fn worker() -> WorkerPair {
    WorkerPair::from_string("//Worker", None).unwrap()
}

pub const VERSION: VersionId = 0;

fn publish(steps: u64) {
    let alice = || RuntimeOrigin::signed(Alice.to_account_id());
    let code = adder(steps);
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
pub fn params() -> Vec<u8> {
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
        100_000 * UNIT,
        proof
    ));
    assert_ok!(Providers::set_offer(
        RuntimeOrigin::signed(bob),
        VERSION,
        PRICE,
        8
    ));
}

pub fn request(number: u8) -> JobId {
    let job = pallet_jobs::NextJobId::<Runtime>::get();
    let input = vec![number];
    let alice = RuntimeOrigin::signed(Charlie.to_account_id());
    assert_ok!(Jobs::request(alice, VERSION, input, PRICE, None));
    job
}
