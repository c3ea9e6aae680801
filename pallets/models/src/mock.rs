//! A runtime with this pallet, and helpers for its tests.

use crate::*;
use assay_engine::{limits::SEGMENT_LEN, Program};
use assay_primitives::{ModelId, ParamsId, VersionId};
use frame_support::{
    assert_ok, derive_impl, parameter_types,
    traits::{fungible::InspectHold, ConstU64},
    weights::Weight,
};
use sp_core::H256;
use sp_runtime::{BuildStorage, DispatchResult, Perbill};

pub use frame_system::RawOrigin;

pub type Block = frame_system::mocking::MockBlock<Test>;
pub type Balance = u64;
pub type AccountId = u64;

pub const ALICE: AccountId = 1;
pub const BOB: AccountId = 2;
pub const CAROL: AccountId = 3;
/// Has too little for any deposit.
pub const DAVE: AccountId = 4;
pub const FUNDS: Balance = 1_000_000_000;

/// Four segments and a quarter.
pub const LONGEST_PARAMS: u64 = SEGMENT_LEN as u64 * 17 / 4;
pub const TIMEOUT: u64 = 10;
pub const MOST_STEPS: u64 = 1_000;

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
    pub type Models = crate::Pallet<Test>;
}

parameter_types! {
    pub BlockWeights: frame_system::limits::BlockWeights = frame_system::limits::BlockWeights::with_sensible_defaults(
        Weight::from_parts(2_000_000_000_000, 10 * 1024 * 1024),
        Perbill::from_percent(75),
    );
    pub static NormalLength: u32 = 3 * 1024 * 1024;
    pub BlockLength: frame_system::limits::BlockLength = frame_system::limits::BlockLength::builder()
        .max_length(NormalLength::get())
        .build();
}

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Test {
    type Block = Block;
    type BlockWeights = BlockWeights;
    type BlockLength = BlockLength;
    type AccountData = pallet_balances::AccountData<Balance>;
}

#[derive_impl(pallet_balances::config_preludes::TestDefaultConfig)]
impl pallet_balances::Config for Test {
    type AccountStore = System;
}

parameter_types! {
    pub static BaseDeposit: Balance = 1_000;
    pub static ByteDeposit: Balance = 10;
    pub static MaxParamsLen: u64 = LONGEST_PARAMS;
    pub static MaxVersions: u32 = 3;
    pub static MaxSteps: u64 = MOST_STEPS;
    pub static UploadTimeout: u64 = TIMEOUT;
    pub const LockupShare: Perbill = Perbill::from_percent(25);
    pub const MaxRoyalty: Perbill = Perbill::from_percent(20);
}

impl Config for Test {
    type RuntimeHoldReason = RuntimeHoldReason;
    type Currency = Balances;
    type BaseDeposit = BaseDeposit;
    type ByteDeposit = ByteDeposit;
    type ChunkBond = ConstU64<500>;
    type ChunkTime = ConstU64<20>;
    type ParamsByteDeposit = ConstU64<1>;
    type LockupShare = LockupShare;
    type MaxParamsLen = MaxParamsLen;
    type UploadTimeout = UploadTimeout;
    type MaxVersions = MaxVersions;
    type MaxRoyalty = MaxRoyalty;
    type MaxSteps = MaxSteps;
    type WeightInfo = weights::SubstrateWeight<Test>;
}

/// Builds the state in which a test starts.
pub struct ExtBuilder;

impl ExtBuilder {
    pub fn build(self) -> sp_io::TestExternalities {
        let mut storage = frame_system::GenesisConfig::<Test>::default()
            .build_storage()
            .expect("the system's genesis builds");
        pallet_balances::GenesisConfig::<Test> {
            balances: vec![(ALICE, FUNDS), (BOB, FUNDS), (CAROL, FUNDS), (DAVE, 10)],
            ..Default::default()
        }
        .assimilate_storage(&mut storage)
        .expect("the balances' genesis builds");
        let mut ext = sp_io::TestExternalities::new(storage);
        ext.execute_with(|| System::set_block_number(1));
        ext
    }

    /// Runs `test` and checks the state that it leaves.
    pub fn build_and_execute(self, test: impl FnOnce()) {
        self.build().execute_with(|| {
            test();
            assert_ok!(Models::do_try_state());
        });
    }
}

/// Calls through dispatch, so that an error rolls back.
pub fn dispatch(who: AccountId, call: Call<Test>) -> DispatchResult {
    let call = RuntimeCall::Models(call);
    let result = sp_runtime::traits::Dispatchable::dispatch(call, RuntimeOrigin::signed(who));
    result.map(|_| ()).map_err(|failed| failed.error)
}

pub fn held(reason: HoldReason, who: AccountId) -> Balance {
    Balances::balance_on_hold(&reason.into(), &who)
}

pub fn bytes<const N: u32>(text: &str) -> Bytes<N> {
    text.as_bytes().to_vec().try_into().expect("fits")
}

/// A program that halts in its first step. Different numbers give different code.
pub fn program(number: u32) -> Vec<u8> {
    wasm(&format!("i32.const {number} drop"), "")
}

/// A program whose step runs `body` first, with `items` besides.
pub fn wasm(body: &str, items: &str) -> Vec<u8> {
    let text = format!(
        r#"(module
            (import "assay" "halt" (func $halt (param i64)))
            (memory (export "memory") 1 1)
            {items}
            (func $step (export "step") (param i64) (result i64)
                {body}
                i64.const 0 call $halt i64.const 0))"#
    );
    wat::parse_str(text).expect("the text is well formed")
}

pub fn program_hash(code: &[u8]) -> H256 {
    H256(Program::new(code.to_vec()).expect("keeps the rules").hash())
}

/// Uploads a program and returns its hash.
pub fn uploaded_program(owner: AccountId, number: u32) -> H256 {
    let code = program(number);
    let hash = program_hash(&code);
    assert_ok!(Models::upload_program(RuntimeOrigin::signed(owner), code));
    hash
}

/// Begins an upload of params.
pub fn begun_params(owner: AccountId, len: u64) -> ParamsId {
    let params = NextParams::<Test>::get();
    assert_ok!(Models::begin_params(RuntimeOrigin::signed(owner), len));
    params
}

/// The bytes that the helpers upload at `index`.
pub fn segment(len: u64, index: u32) -> Vec<u8> {
    (0..segment_len(len, index))
        .map(|at| (at % 251 + index) as u8)
        .collect()
}

/// Uploads params whole.
pub fn uploaded_params(owner: AccountId, len: u64) -> ParamsId {
    let params = begun_params(owner, len);
    for index in 0..segment_count(len) {
        let bytes = segment(len, index);
        assert_ok!(Models::upload_segment(
            RuntimeOrigin::signed(owner),
            params,
            index,
            bytes
        ));
    }
    params
}

pub fn metadata(name: &str) -> ModelSpec {
    ModelSpec {
        name: name.into(),
        description: b"what it does".to_vec(),
        url: b"https://model.example".to_vec(),
    }
}

pub fn created_model(owner: AccountId) -> ModelId {
    let model = NextModel::<Test>::get();
    assert_ok!(Models::create_model(
        RuntimeOrigin::signed(owner),
        metadata("digits")
    ));
    model
}

pub fn tensor(dtype: Dtype, shape: &[u32]) -> TensorSpec {
    TensorSpec {
        name: b"x".to_vec(),
        dtype,
        shape: shape.to_vec(),
    }
}

/// A valid spec with external params.
pub fn spec(program: H256) -> VersionSpec {
    VersionSpec {
        program,
        params: ParamsSource::External {
            root: H256::repeat_byte(7),
            len: 1 << 30,
            locations: vec![b"ipfs://weights".to_vec()],
        },
        inputs: vec![tensor(Dtype::F32, &[1, 8, 8])],
        outputs: vec![tensor(Dtype::F32, &[10]), tensor(Dtype::I64, &[])],
        license: b"MIT".to_vec(),
        royalty: Perbill::from_percent(5),
        max_steps: 100,
        labels: vec![b"zero".to_vec(), b"one".to_vec()],
    }
}

/// Publishes `spec` and returns the version.
pub fn published(owner: AccountId, model: ModelId, spec: VersionSpec) -> VersionId {
    let version = NextVersion::<Test>::get();
    assert_ok!(Models::publish_version(RuntimeOrigin::signed(owner), model, spec));
    version
}

/// A version of a new model with a new program and external params.
pub fn version(owner: AccountId) -> VersionId {
    let program = uploaded_program(owner, NextVersion::<Test>::get());
    published(owner, created_model(owner), spec(program))
}
