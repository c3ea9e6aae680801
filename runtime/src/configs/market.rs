//! Assay's own pallets: what can be run, who runs it, and what was asked and answered.

use crate::{
    constants::*, AccountId, Balances, BlockNumber, Hash, Jobs, Models, Providers, Runtime, RuntimeCall,
    RuntimeHoldReason, System,
};
use assay_engine::limits::MAX_STEPS;
use frame_support::{
    parameter_types,
    traits::{ConstU128, ConstU32, ConstU64, Get, Randomness},
    PalletId,
};
use sp_runtime::{
    traits::{AccountIdConversion, BlakeTwo256, Hash as _},
    Perbill,
};

parameter_types! {
    /// The share of a program's and of uploaded params' deposits that a version holds on top of its own.
    pub const LockupShare: Perbill = Perbill::from_percent(25);
    /// The highest royalty.
    pub const MaxRoyalty: Perbill = Perbill::from_percent(50);
}

/// Blocks in which a chunk of external params must be shown: as many as for a reveal, which is less than a
/// dispute takes.
pub struct ChunkTime;

impl Get<BlockNumber> for ChunkTime {
    fn get() -> BlockNumber {
        pallet_jobs::Parameters::<Runtime>::get().dispute.reveal_time
    }
}

impl pallet_models::Config for Runtime {
    type BaseDeposit = ConstU128<{ 100 * MILLIUNIT }>;
    type ByteDeposit = ConstU128<{ 10 * MICROUNIT }>;
    type ChunkBond = ConstU128<{ 10 * UNIT }>;
    type ChunkTime = ChunkTime;
    type Currency = Balances;
    type LockupShare = LockupShare;
    type MaxParamsLen = ConstU64<{ 64 * 1024 * 1024 }>;
    type MaxRoyalty = MaxRoyalty;
    type MaxSteps = ConstU64<MAX_STEPS>;
    type MaxVersions = ConstU32<256>;
    type ParamsByteDeposit = ConstU128<{ MICROUNIT / 10 }>;
    type RuntimeHoldReason = RuntimeHoldReason;
    type UploadTimeout = ConstU32<DAYS>;
    type WeightInfo = pallet_models::weights::SubstrateWeight<Runtime>;
}

/// The most blocks from a job's request to its end that the parameters may allow.
const MAX_JOB_DURATION: BlockNumber = 7 * DAYS;

impl pallet_providers::Config for Runtime {
    type Currency = Balances;
    // A day on top for an agenda that is behind.
    type LongestJob = ConstU32<{ MAX_JOB_DURATION + DAYS }>;
    type MaxOffersPerProvider = ConstU32<64>;
    type MaxOffersPerVersion = ConstU32<64>;
    type MaxStrikes = ConstU32<3>;
    type MaxUnbonding = ConstU32<16>;
    type MinBond = ConstU128<{ 100 * UNIT }>;
    type OfferDeposit = ConstU128<UNIT>;
    type RuntimeHoldReason = RuntimeHoldReason;
    type UnbondingPeriod = ConstU32<{ 14 * DAYS }>;
    type Versions = Models;
    type WeightInfo = pallet_providers::weights::SubstrateWeight<Runtime>;
}

/// Receives the protocol's share of payments.
pub struct ProtocolAccount;

impl Get<AccountId> for ProtocolAccount {
    fn get() -> AccountId {
        PalletId(*b"assay/pr").into_account_truncating()
    }
}

/// Randomness from the relay chain's state and the chain's own history, once the block's inherents are
/// applied.
///
/// Whoever requests, or builds the block before, cannot know the relay chain's state on which the
/// block of the draw will be built. Its own author can: it can leave out the block, or build it on
/// another relay block of the last few, and so draw again at the price of a slot.
pub struct ChainRandomness;

impl Randomness<Hash, BlockNumber> for ChainRandomness {
    fn random(subject: &[u8]) -> (Hash, BlockNumber) {
        let relay_root = cumulus_pallet_parachain_system::ValidationData::<Runtime>::get()
            .map(|data| data.relay_parent_storage_root);
        let seed = BlakeTwo256::hash_of(&(subject, relay_root, System::parent_hash()));
        (seed, System::block_number())
    }
}

impl pallet_jobs::Config for Runtime {
    type Fungible = Balances;
    type MaxDuePerBlock = ConstU32<1024>;
    type MaxJobDuration = ConstU32<MAX_JOB_DURATION>;
    type OnJobEnd = ();
    type ProtocolAccount = ProtocolAccount;
    type Providers = Providers;
    type Randomness = ChainRandomness;
    type RuntimeHoldReason = RuntimeHoldReason;
    type Versions = Models;
    type WeightInfo = pallet_jobs::weights::SubstrateWeight<Runtime>;
}

impl pallet_disputes::Config for Runtime {
    type Claims = Jobs;
    type Fungible = Balances;
    type MaxDuePerBlock = ConstU32<1024>;
    type Programs = Models;
    type RuntimeHoldReason = RuntimeHoldReason;
    type WeightInfo = pallet_disputes::weights::SubstrateWeight<Runtime>;
}

impl pallet_worker::Config for Runtime {}

/// Whether `call` publishes and maintains models without giving one away, and without a bond that can be lost.
pub(super) fn is_publishing(call: &RuntimeCall) -> bool {
    use pallet_models::Call;
    match call {
        RuntimeCall::Models(call) => !matches!(call, Call::transfer_model { .. } | Call::ask_chunk { .. }),
        _ => false,
    }
}

/// Whether `call` runs a provider without touching its bond.
pub(super) fn is_provider_operation(call: &RuntimeCall) -> bool {
    use pallet_providers::Call;
    matches!(
        call,
        RuntimeCall::Providers(
            Call::set_worker { .. }
                | Call::set_offer { .. }
                | Call::remove_offer { .. }
                | Call::pause { .. }
                | Call::resume { .. }
        )
    )
}
