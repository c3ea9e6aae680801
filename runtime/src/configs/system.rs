//! The pallets of the SDK: the chain itself, money, consensus, and what users compose calls with.

use crate::{
    constants::*, AccountId, AuraId, Balance, Balances, Block, BlockNumber, CollatorSelection, Hash,
    MessageQueue, Nonce, OriginCaller, PalletInfo, ParachainInfo, Runtime, RuntimeCall, RuntimeEvent,
    RuntimeFreezeReason, RuntimeHoldReason, RuntimeOrigin, RuntimeTask, Session, SessionKeys, System,
    VERSION,
};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use cumulus_pallet_parachain_system::RelayNumberMonotonicallyIncreases;
use cumulus_primitives_core::AggregateMessageOrigin;
use frame_support::{
    derive_impl, parameter_types,
    traits::{
        tokens::imbalance::ResolveTo, ConstBool, ConstU128, ConstU32, ConstU64, ConstU8, EnqueueWithOrigin,
        InstanceFilter, ProcessMessage, ProcessMessageError, VariantCountOf,
    },
    weights::{ConstantMultiplier, Weight, WeightMeter, WeightToFee},
    PalletId,
};
use frame_system::{
    limits::{BlockLength, BlockWeights},
    EnsureRoot,
};
use pallet_collator_selection::StakingPotAccountId;
use pallet_transaction_payment::{FungibleAdapter, Multiplier, TargetedFeeAdjustment};
use scale_info::TypeInfo;
use sp_runtime::{traits::Bounded, FixedPointNumber, Perbill, Perquintill};
use sp_version::RuntimeVersion;

parameter_types! {
    /// The runtime's version.
    pub const Version: RuntimeVersion = VERSION;
    /// The weights that a block may have.
    pub RuntimeBlockWeights: BlockWeights = block_weights();
    /// The bytes that a block may have.
    pub RuntimeBlockLength: BlockLength = block_length();
}

#[derive_impl(frame_system::config_preludes::ParaChainDefaultConfig)]
impl frame_system::Config for Runtime {
    type AccountData = pallet_balances::AccountData<Balance>;
    type AccountId = AccountId;
    type Block = Block;
    type BlockHashCount = ConstU32<4096>;
    type BlockLength = RuntimeBlockLength;
    type BlockWeights = RuntimeBlockWeights;
    type DbWeight = frame_support::weights::constants::RocksDbWeight;
    type Hash = Hash;
    type MaxConsumers = ConstU32<64>;
    type Nonce = Nonce;
    type OnSetCode = cumulus_pallet_parachain_system::ParachainSetCode<Self>;
    type SS58Prefix = Ss58Prefix;
    type Version = Version;
}

parameter_types! {
    /// Prefix of addresses.
    pub const Ss58Prefix: u16 = SS58_PREFIX as u16;
}

impl cumulus_pallet_weight_reclaim::Config for Runtime {
    type WeightInfo = ();
}

impl pallet_timestamp::Config for Runtime {
    type MinimumPeriod = ConstU64<0>;
    type Moment = u64;
    type OnTimestampSet = crate::Aura;
    type WeightInfo = pallet_timestamp::weights::SubstrateWeight<Runtime>;
}

impl parachain_info::Config for Runtime {}

impl pallet_balances::Config for Runtime {
    type AccountStore = System;
    type Balance = Balance;
    type DoneSlashHandler = ();
    type DustRemoval = ();
    type ExistentialDeposit = ConstU128<EXISTENTIAL_DEPOSIT>;
    type FreezeIdentifier = RuntimeFreezeReason;
    type MaxFreezes = VariantCountOf<RuntimeFreezeReason>;
    type MaxLocks = ConstU32<50>;
    type MaxReserves = ConstU32<50>;
    type ReserveIdentifier = [u8; 8];
    type RuntimeEvent = RuntimeEvent;
    type RuntimeFreezeReason = RuntimeFreezeReason;
    type RuntimeHoldReason = RuntimeHoldReason;
    type WeightInfo = pallet_balances::weights::SubstrateWeight<Runtime>;
}

/// One token pays for a second of compute, or for the proof that goes with it, whichever is more.
pub struct ComputeOrProof;

impl WeightToFee for ComputeOrProof {
    type Balance = Balance;

    fn weight_to_fee(weight: &Weight) -> Balance {
        // A picosecond costs a planck: 10^12 of them are a second, and a token.
        let compute = Balance::from(weight.ref_time());
        let share = Perquintill::from_rational(weight.proof_size(), MAXIMUM_BLOCK_WEIGHT.proof_size());
        let proof = share.mul_floor(Balance::from(MAXIMUM_BLOCK_WEIGHT.ref_time()));
        compute.max(proof)
    }
}

parameter_types! {
    /// The fullness of blocks at which fees stay as they are.
    pub const TargetBlockFullness: Perquintill = Perquintill::from_percent(25);
    /// How fast fees follow the fullness of blocks.
    pub AdjustmentVariable: Multiplier = Multiplier::saturating_from_rational(3, 100_000);
    /// The lowest that fees fall.
    pub MinimumMultiplier: Multiplier = Multiplier::saturating_from_rational(1, 10);
    /// The highest that fees rise.
    pub MaximumMultiplier: Multiplier = Bounded::max_value();
}

impl pallet_transaction_payment::Config for Runtime {
    type FeeMultiplierUpdate = TargetedFeeAdjustment<
        Runtime,
        TargetBlockFullness,
        AdjustmentVariable,
        MinimumMultiplier,
        MaximumMultiplier,
    >;
    type LengthToFee = ConstantMultiplier<Balance, ConstU128<MICROUNIT>>;
    type OnChargeTransaction = FungibleAdapter<Balances, ResolveTo<StakingPotAccountId<Runtime>, Balances>>;
    type OperationalFeeMultiplier = ConstU8<5>;
    type RuntimeEvent = RuntimeEvent;
    type WeightInfo = pallet_transaction_payment::weights::SubstrateWeight<Runtime>;
    type WeightToFee = ComputeOrProof;
}

parameter_types! {
    /// Weight that messages of the relay chain may take in a block.
    pub const ReservedDmpWeight: Weight = MAXIMUM_BLOCK_WEIGHT.saturating_div(4);
    /// Where downward messages come from.
    pub const RelayOrigin: AggregateMessageOrigin = AggregateMessageOrigin::Parent;
    /// Weight that queued messages may take in a block.
    pub MessageQueueServiceWeight: Weight = Perbill::from_percent(10) * MAXIMUM_BLOCK_WEIGHT;
}

/// Makes sure that a block builds on what the relay chain has seen.
pub type ConsensusHook = cumulus_pallet_aura_ext::FixedVelocityConsensusHook<
    Runtime,
    RELAY_CHAIN_SLOT_DURATION,
    BLOCK_PROCESSING_VELOCITY,
    UNINCLUDED_SEGMENT_CAPACITY,
>;

impl cumulus_pallet_parachain_system::Config for Runtime {
    type CheckAssociatedRelayNumber = RelayNumberMonotonicallyIncreases;
    type ConsensusHook = ConsensusHook;
    type DmpQueue = EnqueueWithOrigin<MessageQueue, RelayOrigin>;
    type OnSystemEvent = ();
    type OutboundXcmpMessageSource = ();
    type RelayParentOffset = ConstU32<0>;
    type ReservedDmpWeight = ReservedDmpWeight;
    type ReservedXcmpWeight = ();
    type RuntimeEvent = RuntimeEvent;
    type SchedulingSignatureVerifier = ();
    type SelfParaId = ParachainInfo;
    type WeightInfo = cumulus_pallet_parachain_system::weights::SubstrateWeight<Runtime>;
    type XcmpMessageHandler = ();
}

/// Refuses every message: the chain does not speak XCM yet.
pub struct RefuseMessages;

impl ProcessMessage for RefuseMessages {
    type Origin = AggregateMessageOrigin;

    fn process_message(
        _message: &[u8],
        _origin: Self::Origin,
        _meter: &mut WeightMeter,
        _id: &mut [u8; 32],
    ) -> Result<bool, ProcessMessageError> {
        Err(ProcessMessageError::Unsupported)
    }
}

impl pallet_message_queue::Config for Runtime {
    type HeapSize = ConstU32<{ 103 * 1024 }>;
    type IdleMaxServiceWeight = MessageQueueServiceWeight;
    type MaxStale = ConstU32<8>;
    #[cfg(not(feature = "runtime-benchmarks"))]
    type MessageProcessor = RefuseMessages;
    #[cfg(feature = "runtime-benchmarks")]
    type MessageProcessor = pallet_message_queue::mock_helpers::NoopMessageProcessor<AggregateMessageOrigin>;
    type QueueChangeHandler = ();
    type QueuePausedQuery = ();
    type RuntimeEvent = RuntimeEvent;
    type ServiceWeight = MessageQueueServiceWeight;
    type Size = u32;
    type WeightInfo = pallet_message_queue::weights::SubstrateWeight<Runtime>;
}

impl cumulus_pallet_aura_ext::Config for Runtime {}

impl pallet_authorship::Config for Runtime {
    type EventHandler = CollatorSelection;
    type FindAuthor = pallet_session::FindAccountFromAuthorIndex<Self, crate::Aura>;
}

impl pallet_aura::Config for Runtime {
    type AllowMultipleBlocksPerSlot = ConstBool<true>;
    type AuthorityId = AuraId;
    type DisabledValidators = ();
    type MaxAuthorities = ConstU32<1_000>;
    type SlotDuration = ConstU64<SLOT_DURATION>;
}

parameter_types! {
    /// Pays the collators.
    pub const CollatorPot: PalletId = PalletId(*b"PotStake");
}

/// Blocks of a session.
const SESSION: BlockNumber = 6 * HOURS;

impl pallet_session::Config for Runtime {
    type Currency = Balances;
    type DisablingStrategy = ();
    type KeyDeposit = ();
    type Keys = SessionKeys;
    type NextSessionRotation = pallet_session::PeriodicSessions<ConstU32<SESSION>, ConstU32<0>>;
    type RuntimeEvent = RuntimeEvent;
    type SessionHandler = <SessionKeys as sp_runtime::traits::OpaqueKeys>::KeyTypeIdProviders;
    type SessionManager = CollatorSelection;
    type ShouldEndSession = pallet_session::PeriodicSessions<ConstU32<SESSION>, ConstU32<0>>;
    type ValidatorId = AccountId;
    type ValidatorIdOf = pallet_collator_selection::IdentityCollator;
    type WeightInfo = pallet_session::weights::SubstrateWeight<Runtime>;
}

impl pallet_collator_selection::Config for Runtime {
    type Currency = Balances;
    type KickThreshold = ConstU32<SESSION>;
    type MaxCandidates = ConstU32<100>;
    type MaxInvulnerables = ConstU32<20>;
    type MinEligibleCollators = ConstU32<1>;
    type PotId = CollatorPot;
    type RuntimeEvent = RuntimeEvent;
    type UpdateOrigin = EnsureRoot<AccountId>;
    type ValidatorId = AccountId;
    type ValidatorIdOf = pallet_collator_selection::IdentityCollator;
    type ValidatorRegistration = Session;
    type WeightInfo = pallet_collator_selection::weights::SubstrateWeight<Runtime>;
}

impl pallet_sudo::Config for Runtime {
    type RuntimeCall = RuntimeCall;
    type RuntimeEvent = RuntimeEvent;
    type WeightInfo = pallet_sudo::weights::SubstrateWeight<Runtime>;
}

impl pallet_utility::Config for Runtime {
    type PalletsOrigin = OriginCaller;
    type RuntimeCall = RuntimeCall;
    type RuntimeEvent = RuntimeEvent;
    type WeightInfo = pallet_utility::weights::SubstrateWeight<Runtime>;
}

/// Plancks for `items` entries in state that hold `bytes` bytes together.
const fn deposit(items: u32, bytes: u32) -> Balance {
    items as Balance * 20 * MILLIUNIT + bytes as Balance * 10 * MICROUNIT
}

impl pallet_multisig::Config for Runtime {
    type BlockNumberProvider = System;
    type Currency = Balances;
    type DepositBase = ConstU128<{ deposit(1, 88) }>;
    type DepositFactor = ConstU128<{ deposit(0, 32) }>;
    type MaxSignatories = ConstU32<100>;
    type RuntimeCall = RuntimeCall;
    type RuntimeEvent = RuntimeEvent;
    type WeightInfo = pallet_multisig::weights::SubstrateWeight<Runtime>;
}

/// What a proxy may do for an account.
#[derive(
    Clone,
    Copy,
    Debug,
    Decode,
    DecodeWithMemTracking,
    Default,
    Encode,
    Eq,
    MaxEncodedLen,
    Ord,
    PartialEq,
    PartialOrd,
    TypeInfo,
)]
pub enum ProxyType {
    /// Everything.
    #[default]
    #[codec(index = 0)]
    Any,
    /// What neither moves a balance nor hands on a right: what the two kinds below may do, and
    /// remarks.
    #[codec(index = 1)]
    NonTransfer,
    /// Publish and maintain models. Not hand them on, nor bond for chunks of their params.
    #[codec(index = 2)]
    Models,
    /// Run a provider: its key, offers, and whether it takes jobs. Not its bond.
    #[codec(index = 3)]
    ProviderOperation,
}

impl InstanceFilter<RuntimeCall> for ProxyType {
    fn filter(&self, call: &RuntimeCall) -> bool {
        match self {
            Self::Any => true,
            Self::NonTransfer => {
                matches!(call, RuntimeCall::System(frame_system::Call::remark { .. }))
                    || Self::Models.filter(call)
                    || Self::ProviderOperation.filter(call)
            }
            Self::Models => matches!(call, RuntimeCall::Utility(_)) || super::market::is_publishing(call),
            Self::ProviderOperation => super::market::is_provider_operation(call),
        }
    }

    fn is_superset(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _) => true,
            (_, Self::Any) => false,
            (Self::NonTransfer, Self::Models | Self::ProviderOperation) => true,
            (a, b) => a == b,
        }
    }
}

impl pallet_proxy::Config for Runtime {
    type AnnouncementDepositBase = ConstU128<{ deposit(1, 8) }>;
    type AnnouncementDepositFactor = ConstU128<{ deposit(0, 66) }>;
    type BlockNumberProvider = System;
    type CallHasher = sp_runtime::traits::BlakeTwo256;
    type Currency = Balances;
    type MaxPending = ConstU32<32>;
    type MaxProxies = ConstU32<32>;
    type ProxyDepositBase = ConstU128<{ deposit(1, 8) }>;
    type ProxyDepositFactor = ConstU128<{ deposit(0, 33) }>;
    type ProxyType = ProxyType;
    type RuntimeCall = RuntimeCall;
    type RuntimeEvent = RuntimeEvent;
    type WeightInfo = pallet_proxy::weights::SubstrateWeight<Runtime>;
}
