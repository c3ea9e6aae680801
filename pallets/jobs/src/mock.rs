//! A runtime with this pallet and all others that it meets, and helpers for its tests.

use crate::*;
use assay_engine::{
    claim::Claim,
    trace::{TraceId, TraceTree},
    Executor, Hash, Machine, Program, Status, WasmiExecutor,
};
use assay_primitives::{
    worker_key::{WorkerId, WorkerPair, WorkerSignature},
    ClaimId, DisputeTerms, JobId, JobOutcome, OnJobEnd, Price, Providers as _, VersionId,
};
use frame_support::{
    assert_ok, derive_impl, parameter_types,
    traits::{
        fungible::{Inspect, InspectHold},
        Authorize, ConstU128, ConstU32, ConstU64, Hooks, Randomness,
    },
    weights::{Weight, WeightMeter},
};
use sp_core::{Pair, H256};
use sp_keystore::{testing::MemoryKeystore, KeystoreExt};
use sp_runtime::{
    traits::{Dispatchable, IdentityLookup},
    transaction_validity::{TransactionSource, TransactionValidityError, ValidTransaction},
    AccountId32, BuildStorage, DispatchError, DispatchResult, Perbill,
};
use std::{cell::RefCell, collections::BTreeMap};

pub type Block = frame_system::mocking::MockBlock<Test>;
pub type Balance = u128;
pub type AccountId = AccountId32;

/// Requests jobs.
pub const ALICE: AccountId = AccountId::new([1; 32]);
/// Requests jobs, too.
pub const BOB: AccountId = AccountId::new([2; 32]);
/// Owns the model.
pub const OWNER: AccountId = AccountId::new([3; 32]);
/// Provides.
pub const PAUL: AccountId = AccountId::new([4; 32]);
/// Provides, too.
pub const PETE: AccountId = AccountId::new([5; 32]);
/// Provides, too.
pub const PIA: AccountId = AccountId::new([6; 32]);
/// Challenges.
pub const CAROL: AccountId = AccountId::new([7; 32]);
/// Receives the protocol's share.
pub const PROTOCOL: AccountId = AccountId::new([8; 32]);
/// Does not exist.
pub const NOBODY: AccountId = AccountId::new([9; 32]);
/// All but [`NOBODY`].
pub const EVERYBODY: [AccountId; 8] = [ALICE, BOB, OWNER, PAUL, PETE, PIA, CAROL, PROTOCOL];

pub const FUNDS: Balance = 1_000_000_000;
pub const EXISTENTIAL: Balance = 100;
pub const BOND: Balance = 1_000_000;
/// What providers ask, and what requesters pay at most.
pub const PRICE: Price<Balance> = Price {
    per_job: 500,
    per_step: 10,
};
pub const MAX_STEPS: u64 = 100;
/// Blocks in which a part of external params must be shown.
pub const CHUNK_TIME: u64 = 20;
/// What providers ask for all the steps.
pub const MAX_FEE: Balance = 1_500;
pub const DEPOSIT: Balance = 58;

#[frame_support::runtime]
mod runtime {
    #[runtime::runtime]
    #[runtime::derive(
        RuntimeCall,
        RuntimeEvent,
        RuntimeError,
        RuntimeOrigin,
        RuntimeFreezeReason,
        RuntimeHoldReason,
        RuntimeSlashReason,
        RuntimeLockId,
        RuntimeTask
    )]
    pub struct Test;

    #[runtime::pallet_index(0)]
    pub type System = frame_system::Pallet<Test>;
    #[runtime::pallet_index(1)]
    pub type Balances = pallet_balances::Pallet<Test>;
    #[runtime::pallet_index(2)]
    pub type Models = pallet_models::Pallet<Test>;
    #[runtime::pallet_index(3)]
    pub type Providers = pallet_providers::Pallet<Test>;
    #[runtime::pallet_index(4)]
    pub type Jobs = crate::Pallet<Test>;
    #[runtime::pallet_index(5)]
    pub type Disputes = pallet_disputes::Pallet<Test>;
}

parameter_types! {
    pub BlockWeights: frame_system::limits::BlockWeights = frame_system::limits::BlockWeights::with_sensible_defaults(
        Weight::from_parts(2_000_000_000_000, 10 * 1024 * 1024),
        Perbill::from_percent(75),
    );
}

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Test {
    type Block = Block;
    type BlockWeights = BlockWeights;
    type AccountId = AccountId;
    type Lookup = IdentityLookup<AccountId>;
    type AccountData = pallet_balances::AccountData<Balance>;
}

parameter_types! {
    pub const ExistentialDeposit: Balance = EXISTENTIAL;
    pub const BaseDeposit: Balance = 1_000;
    pub const ByteDeposit: Balance = 1;
    pub const LockupShare: Perbill = Perbill::from_percent(25);
    pub const MaxRoyalty: Perbill = Perbill::from_percent(20);
    pub const MinBond: Balance = 1_000;
    pub const OfferDeposit: Balance = 100;
    pub ProtocolAccount: AccountId = PROTOCOL;
    pub static MaxDuePerBlock: u32 = 16;
    pub static MaxJobDuration: u64 = 4_800;
    pub static Ended: Vec<(JobId, AccountId, JobOutcome, Vec<u8>)> = vec![];
    pub static RandomSeed: u64 = 0;
}

#[derive_impl(pallet_balances::config_preludes::TestDefaultConfig)]
impl pallet_balances::Config for Test {
    type Balance = Balance;
    type ExistentialDeposit = ExistentialDeposit;
    type AccountStore = System;
}

impl pallet_models::Config for Test {
    type RuntimeHoldReason = RuntimeHoldReason;
    type Currency = Balances;
    type BaseDeposit = BaseDeposit;
    type ByteDeposit = ByteDeposit;
    type ChunkBond = ConstU128<500>;
    type ChunkTime = ConstU64<CHUNK_TIME>;
    type ParamsByteDeposit = ByteDeposit;
    type LockupShare = LockupShare;
    type MaxParamsLen = ConstU64<{ 1 << 20 }>;
    type UploadTimeout = ConstU64<10>;
    type MaxVersions = ConstU32<4>;
    type MaxRoyalty = MaxRoyalty;
    type MaxSteps = ConstU64<1_000>;
    type WeightInfo = pallet_models::weights::SubstrateWeight<Test>;
}

impl pallet_providers::Config for Test {
    type RuntimeHoldReason = RuntimeHoldReason;
    type Currency = Balances;
    type Versions = Models;
    type MinBond = MinBond;
    type OfferDeposit = OfferDeposit;
    type UnbondingPeriod = ConstU64<UNBONDING>;
    type LongestJob = ConstU64<4_800>;
    type MaxUnbonding = ConstU32<4>;
    type MaxOffersPerVersion = ConstU32<64>;
    type MaxOffersPerProvider = ConstU32<4>;
    type MaxStrikes = ConstU32<3>;
    type WeightInfo = pallet_providers::weights::SubstrateWeight<Test>;
}

impl Config for Test {
    type Fungible = Balances;
    type RuntimeHoldReason = RuntimeHoldReason;
    type Versions = Models;
    type Providers = Providers;
    type Randomness = TestRandomness;
    type ProtocolAccount = ProtocolAccount;
    type OnJobEnd = Recorder;
    type MaxDuePerBlock = MaxDuePerBlock;
    type MaxJobDuration = MaxJobDuration;
    type WeightInfo = weights::SubstrateWeight<Test>;
}

impl pallet_disputes::Config for Test {
    type Fungible = Balances;
    type RuntimeHoldReason = RuntimeHoldReason;
    type Claims = Jobs;
    type Programs = Models;
    type MaxDuePerBlock = MaxDuePerBlock;
    type WeightInfo = pallet_disputes::weights::SubstrateWeight<Test>;
}

/// Gives what the test chooses.
pub struct TestRandomness;

impl Randomness<H256, u64> for TestRandomness {
    fn random(subject: &[u8]) -> (H256, u64) {
        let seed = (RandomSeed::get(), subject);
        (
            H256(codec::Encode::using_encoded(&seed, sp_io::hashing::blake2_256)),
            System::block_number(),
        )
    }
}

/// Remembers which ends it heard of.
pub struct Recorder;

impl OnJobEnd<AccountId> for Recorder {
    fn on_job_end(job: JobId, requester: &AccountId, outcome: JobOutcome, output: &[u8]) {
        Ended::mutate(|ended| ended.push((job, requester.clone(), outcome, output.to_vec())));
    }
}

/// The rules in tests.
pub fn rules() -> ParametersOf<Test> {
    JobParameters {
        assign_retry: 2,
        queue_deadline: 10,
        claim_deadline: 5,
        challenge_window: 8,
        retention: 6,
        max_attempts: 3,
        min_exposure: 1_000,
        exposure_factor: 2,
        silence_penalty: Perbill::from_percent(10),
        disproof_penalty: Perbill::one(),
        challenger_share: Perbill::from_percent(20),
        compensation_share: Perbill::from_percent(25),
        protocol_share: Perbill::from_percent(10),
        dispute: DisputeTerms {
            bond: 700,
            burn_share: Perbill::from_percent(20),
            move_time: 3,
            reveal_time: 2,
        },
        deposit_base: 50,
        deposit_per_byte: 2,
    }
}

/// The exposure of a job at [`PRICE`].
pub const EXPOSURE: Balance = 3_000;

/// Blocks from `unbond` to `withdraw`.
pub const UNBONDING: u64 = 6_000;

/// Builds the state in which a test starts: at block 1 there is a version, and providers that offer it.
pub struct ExtBuilder {
    providers: Vec<AccountId>,
    poor: Vec<AccountId>,
    rules: ParametersOf<Test>,
}

impl Default for ExtBuilder {
    fn default() -> Self {
        Self {
            providers: vec![PAUL],
            poor: vec![],
            rules: rules(),
        }
    }
}

impl ExtBuilder {
    /// Who offers [`version`].
    pub fn providers(mut self, providers: &[AccountId]) -> Self {
        self.providers = providers.to_vec();
        self
    }

    /// `who` has no account at the start.
    pub fn without_account(mut self, who: AccountId) -> Self {
        self.poor.push(who);
        self
    }

    pub fn rules(mut self, change: impl FnOnce(&mut ParametersOf<Test>)) -> Self {
        change(&mut self.rules);
        self
    }

    pub fn build(self) -> sp_io::TestExternalities {
        let mut storage = frame_system::GenesisConfig::<Test>::default()
            .build_storage()
            .expect("the system's genesis builds");
        pallet_balances::GenesisConfig::<Test> {
            balances: EVERYBODY
                .into_iter()
                .filter(|who| !self.poor.contains(who))
                .map(|who| (who, FUNDS))
                .collect(),
            ..Default::default()
        }
        .assimilate_storage(&mut storage)
        .expect("the balances' genesis builds");
        crate::GenesisConfig::<Test> {
            parameters: self.rules,
        }
        .assimilate_storage(&mut storage)
        .expect("the jobs' genesis builds");
        let mut ext = sp_io::TestExternalities::new(storage);
        ext.register_extension(KeystoreExt::new(MemoryKeystore::new()));
        ext.execute_with(|| {
            MaxDuePerBlock::set(16);
            MaxJobDuration::set(4_800);
            RandomSeed::set(0);
            System::set_block_number(1);
            poll(1);
            publish();
            for provider in self.providers {
                provide(&provider, 4);
            }
            System::reset_events();
            Ended::take();
        });
        ext
    }

    /// Runs `test` and checks the state that it leaves.
    pub fn build_and_execute(self, test: impl FnOnce()) {
        self.build().execute_with(|| {
            test();
            check_state();
        });
    }
}

/// Checks the state of this pallet, and that the others agree with it.
pub fn check_state() {
    assert_ok!(Models::do_try_state());
    assert_ok!(Providers::do_try_state());
    check_jobs();
}

/// Checks what a call may break of this pallet's state and of the disputes'.
pub fn check_jobs() {
    assert_ok!(Jobs::do_try_state());
    assert_ok!(Disputes::do_try_state());
    let jobs = crate::Jobs::<Test>::iter_values().collect::<Vec<_>>();
    for who in EVERYBODY {
        let escrow = jobs
            .iter()
            .filter(|job| job.requester == who)
            .map(|job| job.max_fee)
            .sum::<Balance>();
        assert_eq!(held(HoldReason::Escrow, &who), escrow);
        // What providers have locked is what their open jobs ask for.
        let busy = jobs
            .iter()
            .filter(|job| job.state.provider() == Some(&who))
            .collect::<Vec<_>>();
        let record = pallet_providers::Providers::<Test>::get(&who);
        let bonds = pallet_disputes::Challenges::<Test>::iter()
            .filter(|(_, challenger, _)| *challenger == who)
            .map(|(.., challenge)| challenge.bond)
            .sum::<Balance>();
        let held_bonds = Balances::balance_on_hold(&pallet_disputes::HoldReason::Bond.into(), &who);
        assert_eq!(held_bonds, bonds);
        let (open, exposed) = record.map_or((0, 0), |record| (record.jobs as usize, record.exposed));
        assert_eq!(open, busy.len());
        assert_eq!(exposed, busy.iter().map(|job| job.exposure).sum::<Balance>());
        assert!(exposed <= stake(&who));
    }
    assert_eq!(pallet_models::Uses::<Test>::get(VERSION) as usize, jobs.len());
}

/// The program: byte 0 of the input says what it does.
///
/// 0: answers with the input after one step; 1: traps; 2: never ends; 3: answers after 70 steps;
/// 4: answers with nothing.
const PROGRAM: &str = r#"(module
    (import "assay" "read" (func $read (param i64 i32 i32)))
    (import "assay" "write" (func $write (param i64 i32 i32)))
    (import "assay" "halt" (func $halt (param i64)))
    (memory (export "memory") 1 1)
    (func $answer
        (call $write (i64.const 3298534883328) (i32.const 0) (i32.const 4))
        (call $halt (i64.const 4)))
    (func (export "step") (param $pc i64) (result i64) (local $mode i32)
        (call $read (i64.const 1099511627776) (i32.const 0) (i32.const 4))
        (local.set $mode (i32.load8_u (i32.const 0)))
        (if (i32.eq (local.get $mode) (i32.const 0)) (then (call $answer)))
        (if (i32.eq (local.get $mode) (i32.const 1)) (then (unreachable)))
        (if (i32.eq (local.get $mode) (i32.const 3))
            (then (if (i64.ge_u (local.get $pc) (i64.const 69)) (then (call $answer)))))
        (if (i32.eq (local.get $mode) (i32.const 4)) (then (call $halt (i64.const 0))))
        (i64.add (local.get $pc) (i64.const 1))))"#;

/// What the program does.
pub const ANSWER: u8 = 0;
pub const TRAP: u8 = 1;
pub const ENDLESS: u8 = 2;
pub const LONG: u8 = 3;
pub const EMPTY: u8 = 4;

/// The one version that tests run.
pub const VERSION: VersionId = 0;

fn publish() {
    use pallet_models::{Dtype, ModelSpec, ParamsSource, TensorSpec, VersionSpec};
    let origin = || RuntimeOrigin::signed(OWNER);
    let code = wat::parse_str(PROGRAM).expect("the text is well formed");
    let program = H256(Program::new(code.clone()).expect("keeps the rules").hash());
    assert_ok!(Models::upload_program(origin(), code));
    assert_ok!(Models::begin_params(origin(), 0));
    assert_ok!(Models::create_model(
        origin(),
        ModelSpec {
            name: b"x".to_vec(),
            description: vec![],
            url: vec![]
        }
    ));
    let tensor = TensorSpec {
        name: b"x".to_vec(),
        dtype: Dtype::F32,
        shape: vec![1],
    };
    let version = VersionSpec {
        program,
        params: ParamsSource::OnChain(0),
        inputs: vec![tensor.clone()],
        outputs: vec![tensor],
        license: b"MIT".to_vec(),
        royalty: Perbill::from_percent(20),
        max_steps: MAX_STEPS,
        labels: vec![],
    };
    assert_ok!(Models::publish_version(origin(), 0, version));
}

/// Lets the version have params that the chain has not seen.
pub fn make_external() {
    pallet_models::Versions::<Test>::mutate(VERSION, |version| {
        version.as_mut().expect("published").params = None;
    });
    pallet_models::Params::<Test>::mutate(0, |params| params.as_mut().expect("uploaded").refs = 0);
}

/// Lets somebody have asked for a part of the version's params, now.
pub fn ask_chunk(chunk: u32) {
    let since = System::block_number();
    let request = pallet_models::ChunkRequest {
        chunk,
        by: CAROL,
        bond: None,
        since,
        until: since + CHUNK_TIME,
    };
    pallet_models::ChunkRequests::<Test>::mutate(VERSION, |requests| {
        requests.try_push(request).expect("few");
    });
}

/// Lets somebody show all parts that were asked for.
pub fn show_chunks() {
    pallet_models::ChunkRequests::<Test>::remove(VERSION);
}

/// The worker key of `provider`: that of the registry, or else the first.
pub fn worker(provider: &AccountId) -> WorkerPair {
    let named = Providers::worker(provider);
    [false, true]
        .map(|second| worker_key(provider, second))
        .into_iter()
        .find(|key| Some(key.public()) == named)
        .unwrap_or_else(|| worker_key(provider, false))
}

/// One of two keys of `provider`.
pub fn worker_key(provider: &AccountId, second: bool) -> WorkerPair {
    let mut seed = <[u8; 32]>::from(provider.clone());
    seed[0] ^= u8::from(second) << 7;
    thread_local! {
        static KEYS: RefCell<BTreeMap<[u8; 32], WorkerPair>> = Default::default();
    }
    let make = || WorkerPair::from_seed(&seed);
    KEYS.with_borrow_mut(|keys| keys.entry(seed).or_insert_with(make).clone())
}

/// What a worker key signs to agree to work for `provider`.
pub fn worker_proof(provider: &AccountId, key: &WorkerPair) -> WorkerSignature {
    key.sign(&Providers::worker_proof_message(provider))
}

/// Registers `provider` and lets it offer [`VERSION`].
pub fn provide(provider: &AccountId, capacity: u16) {
    let pair = worker(provider);
    let proof = worker_proof(provider, &pair);
    let origin = || RuntimeOrigin::signed(provider.clone());
    assert_ok!(Providers::register(origin(), pair.public(), BOND, proof));
    assert_ok!(Providers::set_offer(origin(), VERSION, PRICE, capacity));
}

/// Lets `provider` offer [`VERSION`] at `price`, one job at a time.
pub fn set_price(provider: &AccountId, price: Price<Balance>) {
    let origin = RuntimeOrigin::signed(provider.clone());
    assert_ok!(Providers::set_offer(origin, VERSION, price, 1));
}

/// An input that makes the program do `mode`. `salt` tells inputs apart.
pub fn input(mode: u8, salt: u8) -> Vec<u8> {
    vec![mode, salt, 0, 0]
}

/// Requests a job and returns it.
pub fn request(requester: &AccountId, mode: u8) -> JobId {
    request_with(requester, mode, PRICE, None)
}

pub fn request_with(
    requester: &AccountId,
    mode: u8,
    max_price: Price<Balance>,
    provider: Option<AccountId>,
) -> JobId {
    let job = NextJobId::<Test>::get();
    let origin = RuntimeOrigin::signed(requester.clone());
    assert_ok!(Jobs::request(
        origin,
        VERSION,
        input(mode, 7),
        max_price,
        provider
    ));
    job
}

/// Requests a job and lets the chain assign it.
pub fn assigned(requester: &AccountId, mode: u8) -> JobId {
    let job = request(requester, mode);
    run_blocks(1);
    assert!(matches!(state(job), JobState::Assigned { .. }));
    job
}

/// Requests a job and lets its provider claim it.
pub fn claimed(requester: &AccountId, mode: u8) -> JobId {
    let job = assigned(requester, mode);
    assert_ok!(submit(job));
    job
}

pub fn job(id: JobId) -> JobOf<Test> {
    crate::Jobs::<Test>::get(id).expect("the job is open")
}

pub fn state(id: JobId) -> JobState<AccountId, Balance, u64> {
    job(id).state
}

pub fn receipt(id: JobId) -> ReceiptOf<Test> {
    Receipts::<Test>::get(id).expect("the job is finished")
}

/// The claim of `id` that is in state, or would be.
pub fn claim_id(id: JobId) -> ClaimId {
    let job = crate::Jobs::<Test>::get(id);
    ClaimId {
        job: id,
        attempt: job.map_or(0, |job| Jobs::attempt(&job)),
    }
}

/// Who has `id`.
pub fn provider_of(id: JobId) -> AccountId {
    state(id).provider().cloned().expect("somebody has the job")
}

/// The state hashes of a run, and the machine at each.
pub type Run = (Vec<Hash>, Vec<Machine>);

thread_local! {
    static RUNS: RefCell<BTreeMap<Vec<u8>, Run>> = Default::default();
}

/// Does something with the program, which compiles once per thread.
pub fn with_program<R>(act: impl FnOnce(&WasmiExecutor, &<WasmiExecutor as Executor>::Module) -> R) -> R {
    thread_local! {
        static PROGRAM_OF_THREAD: (WasmiExecutor, <WasmiExecutor as Executor>::Module) = {
            let code = wat::parse_str(PROGRAM).expect("well formed");
            let executor = WasmiExecutor::new();
            let module = executor.load(&Program::new(code).expect("keeps the rules")).expect("compiles");
            (executor, module)
        };
    }
    PROGRAM_OF_THREAD.with(|(executor, module)| act(executor, module))
}

/// Runs the program on `input`, once per thread.
pub fn run(input: &[u8]) -> Run {
    let compute = || {
        with_program(|executor, module| {
            let mut machine = Machine::new(&[], input);
            let (mut states, mut machines) = (vec![machine.state_hash()], vec![machine.clone()]);
            while machine.status() == Status::Running && machine.steps() < MAX_STEPS {
                machine.step(executor, module).expect("runs");
                states.push(machine.state_hash());
                machines.push(machine.clone());
            }
            (states, machines)
        })
    };
    RUNS.with_borrow_mut(|runs| runs.entry(input.to_vec()).or_insert_with(compute).clone())
}

/// The right claim for `id`, by `author`.
pub fn claim_by(author: &AccountId, id: JobId) -> Claim {
    let (states, mut machines) = run(&Inputs::<Test>::get(id).expect("the job is open"));
    let end = machines.last_mut().expect("has a start");
    Claim::new(trace_id(author, id), &states, end).expect("the run is whole")
}

/// The right claim for `id`, by its provider.
pub fn right_claim(id: JobId) -> Claim {
    claim_by(&provider_of(id), id)
}

/// A claim for `id` that no honest run gives, but that cannot be told from a right one without a step.
pub fn false_claim(id: JobId) -> Claim {
    let (states, mut end) = false_run(&Inputs::<Test>::get(id).expect("the job is open"));
    Claim::new(trace_id(&provider_of(id), id), &states, &mut end).expect("the run is whole")
}

/// A run whose last state has another output.
fn false_run(input: &[u8]) -> (Vec<Hash>, Machine) {
    let (mut states, mut machines) = run(input);
    let mut end = machines.pop().expect("has a start");
    let output = assay_engine::memory::Region::Output.start();
    end.memory().write(output, b"lies").expect("writes");
    *states.last_mut().expect("has a start") = end.state_hash();
    (states, end)
}

pub fn trace_id(author: &AccountId, job: JobId) -> TraceId {
    TraceId {
        author: author.clone().into(),
        job,
    }
}

/// The tree that the claim of `id` commits to, and whether it is the right one.
pub fn claimed_tree(id: JobId) -> (TraceTree, bool) {
    let JobState::Claimed { claim, provider, .. } = state(id) else {
        panic!("the claim is in")
    };
    let input = Inputs::<Test>::get(id).expect("the job is open");
    let tree = |states: &[Hash]| TraceTree::new(trace_id(&provider, id), states);
    let right = tree(&run(&input).0);
    if right.root() == claim.trace_root.0 {
        return (right, true);
    }
    let wrong = tree(&false_run(&input).0);
    assert_eq!(wrong.root(), claim.trace_root.0, "tests lie in one way");
    (wrong, false)
}

/// `claim` signed by the worker of `provider`.
pub fn signed_by(provider: &AccountId, id: JobId, claim: &Claim) -> WorkerSignature {
    worker(provider).sign(&Jobs::claim_payload(id, claim))
}

/// Submits the right claim for `id` without a sender.
pub fn submit(id: JobId) -> DispatchResult {
    let claim = right_claim(id);
    let signature = signed_by(&provider_of(id), id, &claim);
    submit_unsigned(id, claim, signature)
        .expect("the pool takes it")
        .1
}

/// Submits a claim as the pool and the block do: first `authorize`, then the dispatch.
pub fn submit_unsigned(
    id: JobId,
    claim: Claim,
    signature: WorkerSignature,
) -> Result<(ValidTransaction, DispatchResult), TransactionValidityError> {
    let call = RuntimeCall::Jobs(Call::claim {
        job: id,
        claim,
        signature,
    });
    let (validity, _) = call
        .authorize(TransactionSource::External)
        .expect("claims are authorized")?;
    let result = call.dispatch(frame_system::RawOrigin::Authorized.into());
    Ok((validity, result.map(|_| ()).map_err(|failed| failed.error)))
}

/// Submits a claim as `who`.
pub fn submit_signed(
    who: &AccountId,
    id: JobId,
    claim: Claim,
    signature: WorkerSignature,
) -> Result<frame_support::dispatch::PostDispatchInfo, DispatchError> {
    let call = RuntimeCall::Jobs(Call::claim {
        job: id,
        claim,
        signature,
    });
    call.dispatch(RuntimeOrigin::signed(who.clone()))
        .map_err(|failed| failed.error)
}

/// Calls through dispatch, so that an error rolls back.
pub fn dispatch(who: &AccountId, call: impl Into<RuntimeCall>) -> DispatchResult {
    let result = call.into().dispatch(RuntimeOrigin::signed(who.clone()));
    result.map(|_| ()).map_err(|failed| failed.error)
}

/// The call by `who` fails with `error`.
#[track_caller]
pub fn assert_fails(who: &AccountId, call: impl Into<RuntimeCall>, error: impl Into<DispatchError>) {
    assert_eq!(dispatch(who, call), Err(error.into()));
}

/// Goes on by `blocks`.
pub fn run_blocks(blocks: u64) {
    run_to(System::block_number() + blocks);
}

/// Goes on to the start of `block`.
pub fn run_to(block: u64) {
    let hooks = frame_system::RunToBlockHooks::default().after_initialize(|now| {
        poll(now);
    });
    System::run_to_block_with::<AllPalletsWithSystem>(block, hooks);
}

/// What block `now` does after its inherents. Returns the weight.
pub fn poll(now: u64) -> Weight {
    let mut meter = WeightMeter::new();
    Jobs::on_poll(now, &mut meter);
    let consumed = meter.consumed();
    Disputes::on_poll(now, &mut meter);
    consumed
}

pub fn held(reason: HoldReason, who: &AccountId) -> Balance {
    Balances::balance_on_hold(&reason.into(), who)
}

pub fn free(who: &AccountId) -> Balance {
    Balances::balance(who)
}

/// The events of this pallet so far, and forgets them.
pub fn events() -> Vec<Event<Test>> {
    let events = System::events()
        .into_iter()
        .filter_map(|record| match record.event {
            RuntimeEvent::Jobs(event) => Some(event),
            _ => None,
        })
        .collect();
    System::reset_events();
    events
}

/// The last event of this pallet.
pub fn last_event() -> Event<Test> {
    events().pop().expect("something happened")
}

/// The exposure that is locked of `provider`.
pub fn exposed(provider: &AccountId) -> Balance {
    pallet_providers::Providers::<Test>::get(provider).map_or(0, |record| record.exposed)
}

/// The stake that `provider` has.
pub fn stake(provider: &AccountId) -> Balance {
    Balances::balance_on_hold(&pallet_providers::HoldReason::Bond.into(), provider)
}

/// The worker key on chain.
pub fn registered_worker(provider: &AccountId) -> Option<WorkerId> {
    <Test as Config>::Providers::worker(provider)
}

/// A claim for `id` that stops after `steps` of a run that goes on.
pub fn unfinished_claim(id: JobId, steps: u64) -> Claim {
    let (states, machines) = run(&Inputs::<Test>::get(id).expect("the job is open"));
    let last = usize::try_from(steps).expect("few");
    let mut end = machines[last].clone();
    Claim::new(trace_id(&provider_of(id), id), &states[..=last], &mut end).expect("the run is whole")
}
