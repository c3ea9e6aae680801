//! A runtime with this pallet, its balances and a registry of versions.

use crate as pallet_providers;
use crate::{BalanceOf, Event, Pallet};
use assay_primitives::{
    worker_key::{WorkerId, WorkerPair, WorkerSignature},
    Assignment, AssignmentRequest, Price, ProviderOutcome, Providers as _, VersionId, VersionTerms,
};
use frame_support::{
    assert_ok, derive_impl, parameter_types,
    traits::fungible::{Inspect, InspectHold, Mutate},
};
use sp_core::{Pair, H256};
use sp_io::TestExternalities;
use sp_runtime::{BuildStorage, DispatchResult, Perbill};
use std::collections::BTreeMap;

pub type AccountId = u64;
pub type Balance = u64;

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
        RuntimeTask,
        RuntimeViewFunction
    )]
    pub struct Test;

    #[runtime::pallet_index(0)]
    pub type System = frame_system;

    #[runtime::pallet_index(1)]
    pub type Balances = pallet_balances;

    #[runtime::pallet_index(2)]
    pub type Providers = pallet_providers;
}

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Test {
    type Block = frame_system::mocking::MockBlock<Test>;
    type AccountData = pallet_balances::AccountData<Balance>;
}

/// Plancks below which no account exists.
pub const ED: Balance = 10;
/// The configured `MinBond`.
pub const LEAST_BOND: Balance = 1_000;
/// The configured `OfferDeposit`.
pub const DEPOSIT: Balance = 50;
/// The free balance of every account at first.
pub const ENDOWMENT: Balance = 1_000_000;
/// The accounts that are endowed: 1 to this.
pub const ACCOUNTS: AccountId = 8;
/// Versions that exist: 1 to this.
pub const VERSIONS: VersionId = 5;

parameter_types! {
    pub const ExistentialDeposit: Balance = ED;
    pub static MinBond: Balance = LEAST_BOND;
    pub static OfferDeposit: Balance = DEPOSIT;
    pub static UnbondingPeriod: u64 = 100;
    pub static LongestJob: u64 = 90;
    pub static MaxUnbonding: u32 = 3;
    pub static MaxOffersPerVersion: u32 = 4;
    pub static MaxOffersPerProvider: u32 = 3;
    pub static MaxStrikes: u32 = 3;
    /// The versions, and whether they are deprecated.
    pub static VersionRegister: BTreeMap<VersionId, bool> = BTreeMap::new();
}

#[derive_impl(pallet_balances::config_preludes::TestDefaultConfig)]
impl pallet_balances::Config for Test {
    type AccountStore = System;
    type ExistentialDeposit = ExistentialDeposit;
}

impl pallet_providers::Config for Test {
    type RuntimeHoldReason = RuntimeHoldReason;
    type Currency = Balances;
    type Versions = MockVersions;
    type MinBond = MinBond;
    type OfferDeposit = OfferDeposit;
    type UnbondingPeriod = UnbondingPeriod;
    type LongestJob = LongestJob;
    type MaxUnbonding = MaxUnbonding;
    type MaxOffersPerVersion = MaxOffersPerVersion;
    type MaxOffersPerProvider = MaxOffersPerProvider;
    type MaxStrikes = MaxStrikes;
    type WeightInfo = ();
}

/// A registry that tests write to.
pub struct MockVersions;

impl assay_primitives::Versions<AccountId, u64> for MockVersions {
    fn terms(version: VersionId) -> Option<VersionTerms<AccountId>> {
        VersionRegister::get()
            .get(&version)
            .map(|deprecated| VersionTerms {
                owner: 99,
                royalty: Perbill::zero(),
                program: H256::zero(),
                params_root: H256::zero(),
                params_len: 0,
                input_len: 1,
                max_steps: 1,
                deprecated: *deprecated,
                params_on_chain: true,
            })
    }

    fn awaited(_: VersionId, _: u64) -> assay_primitives::Awaited<u64> {
        unreachable!("only jobs wait for params")
    }

    fn acquire(_: VersionId) -> DispatchResult {
        unreachable!("only jobs count uses")
    }

    fn release(_: VersionId) {
        unreachable!("only jobs count uses")
    }

    #[cfg(feature = "runtime-benchmarks")]
    fn benchmark_version(_: &AccountId, _: u32, _: u64) -> VersionId {
        let version = VersionRegister::get().keys().last().map_or(1, |last| last + 1);
        set_version(version, false);
        version
    }
}

/// Makes `version` exist.
pub fn set_version(version: VersionId, deprecated: bool) {
    VersionRegister::mutate(|versions| {
        versions.insert(version, deprecated);
    });
}

/// Makes `version` not exist.
pub fn remove_version(version: VersionId) {
    VersionRegister::mutate(|versions| {
        versions.remove(&version);
    });
}

/// A chain in block 1 with accounts and versions, and what is registered on it.
#[derive(Default)]
pub struct ExtBuilder {
    providers: Vec<(AccountId, Balance)>,
    offers: Vec<(AccountId, VersionId, Price<Balance>, u16)>,
}

impl ExtBuilder {
    /// Registers `who` with a stake of `bond`.
    pub fn provider(mut self, who: AccountId, bond: Balance) -> Self {
        self.providers.push((who, bond));
        self
    }

    /// Makes `who` offer `version` for nothing.
    pub fn offer(mut self, who: AccountId, version: VersionId, capacity: u16) -> Self {
        self.offers.push((who, version, Price::default(), capacity));
        self
    }

    pub fn build(self) -> TestExternalities {
        VersionRegister::set((1..=VERSIONS).map(|version| (version, false)).collect());
        let mut storage = frame_system::GenesisConfig::<Test>::default()
            .build_storage()
            .unwrap();
        pallet_balances::GenesisConfig::<Test> {
            balances: (1..=ACCOUNTS).map(|who| (who, ENDOWMENT)).collect(),
            ..Default::default()
        }
        .assimilate_storage(&mut storage)
        .unwrap();
        let mut ext = TestExternalities::from(storage);
        ext.execute_with(|| {
            System::set_block_number(1);
            for (who, bond) in self.providers {
                register(who, bond);
            }
            for (who, version, price, capacity) in self.offers {
                assert_ok!(Providers::set_offer(
                    RuntimeOrigin::signed(who),
                    version,
                    price,
                    capacity
                ));
            }
            System::reset_events();
        });
        ext
    }

    /// Runs `test` and then checks what holds between blocks.
    pub fn build_and_execute(self, test: impl FnOnce()) {
        self.build().execute_with(|| {
            test();
            assert_ok!(Providers::do_try_state());
        });
    }
}

/// The externalities of the benchmarks' tests.
#[cfg(feature = "runtime-benchmarks")]
pub fn benchmark_ext() -> TestExternalities {
    let mut ext = ExtBuilder::default().build();
    ext.register_extension(sp_keystore::KeystoreExt::new(
        sp_keystore::testing::MemoryKeystore::new(),
    ));
    ext
}

/// The worker key that provider `who` uses.
pub fn pair(who: AccountId) -> WorkerPair {
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&who.to_le_bytes());
    WorkerPair::from_seed(&seed)
}

/// The public half of [`pair`].
pub fn worker(who: AccountId) -> WorkerId {
    pair(who).public()
}

/// The agreement of `key`'s worker key to work for `who`.
pub fn proof(key: AccountId, who: AccountId) -> WorkerSignature {
    pair(key).sign(&Providers::worker_proof_message(&who))
}

/// Registers `who` with its worker key.
pub fn register(who: AccountId, bond: Balance) {
    assert_ok!(Providers::register(
        RuntimeOrigin::signed(who),
        worker(who),
        bond,
        proof(who, who)
    ));
}

/// The record of `who`.
pub fn record(who: AccountId) -> crate::Provider<Test> {
    crate::Providers::<Test>::get(who).expect("registered")
}

/// The offer of `version` by `who`.
pub fn offer(who: AccountId, version: VersionId) -> Option<crate::Offer<AccountId, Balance>> {
    crate::Offers::<Test>::get(version)
        .into_iter()
        .find(|offer| offer.provider == who)
}

/// No price is above it.
pub const ANY_PRICE: Price<Balance> = Price {
    per_job: Balance::MAX,
    per_step: Balance::MAX,
};

/// A request for version 1 that every provider with a free stake of 100 fits.
pub fn request() -> AssignmentRequest<'static, AccountId, BalanceOf<Test>> {
    AssignmentRequest {
        version: 1,
        steps: 10,
        max_price: ANY_PRICE,
        exposure_factor: 0,
        min_exposure: 100,
        named: None,
        excluded: &[],
        seed: H256::zero(),
    }
}

/// Assigns a job.
pub fn assign(request: AssignmentRequest<'_, AccountId, Balance>) -> Option<Assignment<AccountId, Balance>> {
    Pallet::<Test>::assign(&request)
}

/// Assigns a job of `version` with `exposure` to `who`.
pub fn assign_to(who: AccountId, version: VersionId, exposure: Balance) {
    let request = AssignmentRequest {
        version,
        min_exposure: exposure,
        named: Some(&who),
        ..request()
    };
    assert_eq!(
        Pallet::<Test>::assign(&request).map(|assignment| assignment.provider),
        Some(who)
    );
}

/// Ends a job of version 1 with an exposure of 100.
pub fn release(who: AccountId, outcome: ProviderOutcome) {
    Pallet::<Test>::release(&who, 1, 100, outcome);
}

/// Slashes `who`.
pub fn slash(who: AccountId, amount: Balance, beneficiary: Option<(AccountId, Balance)>) -> Balance {
    let beneficiary = beneficiary.as_ref().map(|(account, reward)| (account, *reward));
    Pallet::<Test>::slash(&who, amount, beneficiary)
}

/// Plancks of `who` that are held as stake.
pub fn held_bond(who: AccountId) -> Balance {
    Balances::balance_on_hold(&crate::HoldReason::Bond.into(), &who)
}

/// Plancks of `who` that are held for offers.
pub fn held_deposits(who: AccountId) -> Balance {
    Balances::balance_on_hold(&crate::HoldReason::Offer.into(), &who)
}

/// Free plancks of `who`.
pub fn free(who: AccountId) -> Balance {
    Balances::balance(&who)
}

/// Gives `who` a free balance of `amount`.
pub fn set_free(who: AccountId, amount: Balance) {
    Balances::set_balance(&who, amount);
}

/// Goes `blocks` ahead.
pub fn skip(blocks: u64) {
    System::set_block_number(System::block_number() + blocks);
}

/// This pallet's events since the last call.
pub fn events() -> Vec<Event<Test>> {
    let events = System::read_events_for_pallet::<Event<Test>>();
    System::reset_events();
    events
}
