//! The token, time and block limits.

use crate::{Balance, BlockNumber};
use cumulus_primitives_core::relay_chain::MAX_POV_SIZE;
use frame_support::weights::{
    constants::{ExtrinsicBaseWeight, WEIGHT_REF_TIME_PER_SECOND},
    Weight,
};
use frame_system::limits::{BlockLength, BlockWeights};
use sp_runtime::Perbill;

/// Decimals of the token.
pub const TOKEN_DECIMALS: u8 = 12;
/// Symbol of the token.
pub const TOKEN_SYMBOL: &str = "ASSAY";
/// Prefix of addresses: the generic one of Substrate.
pub const SS58_PREFIX: u8 = 42;

/// Plancks of one token.
pub const UNIT: Balance = 1_000_000_000_000;
/// Plancks of a thousandth of a token.
pub const MILLIUNIT: Balance = UNIT / 1_000;
/// Plancks of a millionth of a token.
pub const MICROUNIT: Balance = UNIT / 1_000_000;
/// The least plancks that an account may hold.
pub const EXISTENTIAL_DEPOSIT: Balance = MILLIUNIT;

/// Milliseconds between two blocks.
pub const SLOT_DURATION: u64 = 6_000;
/// Milliseconds between two blocks of the relay chain.
pub const RELAY_CHAIN_SLOT_DURATION: u32 = 6_000;
/// Blocks that the parachain makes for each block of the relay chain.
pub const BLOCK_PROCESSING_VELOCITY: u32 = 1;
/// Blocks that may wait for inclusion by the relay chain.
pub const UNINCLUDED_SEGMENT_CAPACITY: u32 = 3;
/// Blocks of a minute.
pub const MINUTES: BlockNumber = 60_000 / SLOT_DURATION as BlockNumber;
/// Blocks of an hour.
pub const HOURS: BlockNumber = 60 * MINUTES;
/// Blocks of a day.
pub const DAYS: BlockNumber = 24 * HOURS;

/// The share of a block that ordinary transactions may take.
pub const NORMAL_DISPATCH_RATIO: Perbill = Perbill::from_percent(75);
/// The share of a block that hooks are expected to take.
const AVERAGE_ON_INITIALIZE_RATIO: Perbill = Perbill::from_percent(5);
/// Bytes of a block's transactions.
const MAX_BLOCK_LENGTH: u32 = 5 * 1024 * 1024;
/// Two seconds of compute, and all of the proof that the relay chain accepts.
pub const MAXIMUM_BLOCK_WEIGHT: Weight =
    Weight::from_parts(WEIGHT_REF_TIME_PER_SECOND.saturating_mul(2), MAX_POV_SIZE as u64);

/// The weights that a block may have.
pub fn block_weights() -> BlockWeights {
    use frame_support::dispatch::DispatchClass;
    BlockWeights::builder()
        .base_block(frame_support::weights::constants::BlockExecutionWeight::get())
        .for_class(DispatchClass::all(), |weights| {
            weights.base_extrinsic = ExtrinsicBaseWeight::get()
        })
        .for_class(DispatchClass::Normal, |weights| {
            weights.max_total = Some(NORMAL_DISPATCH_RATIO * MAXIMUM_BLOCK_WEIGHT);
        })
        .for_class(DispatchClass::Operational, |weights| {
            weights.max_total = Some(MAXIMUM_BLOCK_WEIGHT);
            weights.reserved = Some(MAXIMUM_BLOCK_WEIGHT - NORMAL_DISPATCH_RATIO * MAXIMUM_BLOCK_WEIGHT);
        })
        .avg_block_initialization(AVERAGE_ON_INITIALIZE_RATIO)
        .build_or_panic()
}

/// The bytes that a block may have.
pub fn block_length() -> BlockLength {
    use frame_support::dispatch::DispatchClass;
    BlockLength::builder()
        .max_length(MAX_BLOCK_LENGTH)
        .modify_max_length_for_class(DispatchClass::Normal, |max| {
            *max = NORMAL_DISPATCH_RATIO * MAX_BLOCK_LENGTH;
        })
        .build()
}
