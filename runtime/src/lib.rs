//! The Assay parachain runtime.
//!
//! | module | what |
//! | --- | --- |
//! | [`constants`] | the token, time and block limits |
//! | [`configs`] | each pallet's configuration: `system` for the SDK's, `market` for Assay's own |
//! | [`apis`] | the runtime APIs that clients call |
//! | [`presets`] | the genesis states `development` and `local_testnet` |
#![cfg_attr(not(feature = "std"), no_std)]
#![recursion_limit = "256"]
// The macros that make a runtime document nothing of what they make.
#![allow(missing_docs)]

#[cfg(feature = "std")]
include!(concat!(env!("OUT_DIR"), "/wasm_binary.rs"));

extern crate alloc;

pub mod apis;
#[cfg(feature = "runtime-benchmarks")]
mod benchmarks;
pub mod configs;
pub mod constants;
pub mod presets;
mod transactions;

#[cfg(test)]
mod tests;

use alloc::{borrow::Cow, vec::Vec};
use sp_runtime::{
    generic, impl_opaque_keys,
    traits::{BlakeTwo256, IdentifyAccount, Verify},
    MultiAddress, MultiSignature,
};
use sp_version::RuntimeVersion;

pub use transactions::TxExtension;

/// A signature of an account.
pub type Signature = MultiSignature;
/// Identifies an account.
pub type AccountId = <<Signature as Verify>::Signer as IdentifyAccount>::AccountId;
/// An amount of the token, in plancks.
pub type Balance = u128;
/// Counts an account's transactions.
pub type Nonce = u32;
/// A block's or a transaction's hash.
pub type Hash = sp_core::H256;
/// Counts blocks.
pub type BlockNumber = u32;
/// How a transaction names an account.
pub type Address = MultiAddress<AccountId, ()>;
/// A block's header.
pub type Header = generic::Header<BlockNumber, BlakeTwo256>;
/// A transaction.
pub type UncheckedExtrinsic = generic::UncheckedExtrinsic<Address, RuntimeCall, Signature, TxExtension>;
/// A block.
pub type Block = generic::Block<Header, UncheckedExtrinsic>;
/// The key with which a collator signs blocks.
pub type AuraId = sp_consensus_aura::sr25519::AuthorityId;

/// Dispatches blocks to the pallets.
pub type Executive = frame_executive::Executive<
    Runtime,
    Block,
    frame_system::ChainContext<Runtime>,
    Runtime,
    AllPalletsWithSystem,
>;

impl_opaque_keys! {
    /// The keys of a collator.
    pub struct SessionKeys {
        /// Signs blocks.
        pub aura: Aura,
    }
}

macro_rules! version {
    ($spec_version:tt) => {
        /// The runtime's version.
        #[sp_version::runtime_version]
        pub const VERSION: RuntimeVersion = RuntimeVersion {
            spec_name: Cow::Borrowed("assay"),
            impl_name: Cow::Borrowed("assay"),
            authoring_version: 1,
            spec_version: $spec_version,
            impl_version: 0,
            apis: apis::RUNTIME_API_VERSIONS,
            transaction_version: 1,
            system_version: 1,
        };
    };
}

#[cfg(not(feature = "increment-spec-version"))]
version!(1);
// What the test network is upgraded to.
#[cfg(feature = "increment-spec-version")]
version!(2);

#[frame_support::runtime]
mod runtime {
    #[runtime::runtime]
    #[runtime::derive(
        RuntimeCall,
        RuntimeEvent,
        RuntimeError,
        RuntimeOrigin,
        RuntimeTask,
        RuntimeFreezeReason,
        RuntimeHoldReason,
        RuntimeSlashReason,
        RuntimeLockId,
        RuntimeViewFunction
    )]
    /// The Assay runtime.
    pub struct Runtime;

    #[runtime::pallet_index(0)]
    pub type System = frame_system;
    #[runtime::pallet_index(1)]
    pub type ParachainSystem = cumulus_pallet_parachain_system;
    #[runtime::pallet_index(2)]
    pub type Timestamp = pallet_timestamp;
    #[runtime::pallet_index(3)]
    pub type ParachainInfo = parachain_info;
    #[runtime::pallet_index(4)]
    pub type WeightReclaim = cumulus_pallet_weight_reclaim;

    #[runtime::pallet_index(10)]
    pub type Balances = pallet_balances;
    #[runtime::pallet_index(11)]
    pub type TransactionPayment = pallet_transaction_payment;

    #[runtime::pallet_index(20)]
    pub type Authorship = pallet_authorship;
    #[runtime::pallet_index(21)]
    pub type CollatorSelection = pallet_collator_selection;
    #[runtime::pallet_index(22)]
    pub type Session = pallet_session;
    #[runtime::pallet_index(23)]
    pub type Aura = pallet_aura;
    #[runtime::pallet_index(24)]
    pub type AuraExt = cumulus_pallet_aura_ext;
    #[runtime::pallet_index(25)]
    pub type MessageQueue = pallet_message_queue;

    #[runtime::pallet_index(30)]
    pub type Sudo = pallet_sudo;
    #[runtime::pallet_index(31)]
    pub type Utility = pallet_utility;
    #[runtime::pallet_index(32)]
    pub type Proxy = pallet_proxy;
    #[runtime::pallet_index(33)]
    pub type Multisig = pallet_multisig;

    #[runtime::pallet_index(40)]
    pub type Models = pallet_models;
    #[runtime::pallet_index(41)]
    pub type Providers = pallet_providers;
    #[runtime::pallet_index(42)]
    pub type Jobs = pallet_jobs;
    #[runtime::pallet_index(43)]
    pub type Worker = pallet_worker;
    #[runtime::pallet_index(44)]
    pub type Disputes = pallet_disputes;
}

// What the relay chain's validators execute.
cumulus_pallet_parachain_system::register_validate_block! {
    Runtime = Runtime,
    BlockExecutor = cumulus_pallet_aura_ext::BlockExecutor::<Runtime, Executive>,
}
