#![doc = include_str!("../README.md")]
#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::unwrap_used
    )
)]

extern crate alloc;

mod account;
mod chunks;
mod claims;
mod defend;
mod params;
// The derived codecs cast the indices of variants.
#[allow(clippy::cast_possible_truncation)]
mod reason;
#[allow(clippy::cast_possible_truncation)]
mod record;
mod run;
mod server;
mod submit;
mod task;
mod watch;
mod work;

#[cfg(test)]
mod tests;

pub use account::WorkerAccount;
pub use claims::WATCHED_SHARE;
pub use pallet::*;

/// The target of the worker's log lines.
pub(crate) const LOG_TARGET: &str = "assay";

// The macro expects; no code by hand stands in this module.
#[allow(clippy::expect_used)]
#[frame_support::pallet]
pub mod pallet {
    use frame_support::pallet_prelude::*;
    use frame_system::{
        offchain::{CreateAuthorizedTransaction, CreateSignedTransaction, SigningTypes},
        pallet_prelude::*,
    };
    use sp_runtime::{AccountId32, MultiSignature, MultiSigner};

    /// The pallet.
    #[pallet::pallet]
    pub struct Pallet<T>(_);

    /// The pallets whose state the worker reads, and the transactions that it submits.
    #[pallet::config]
    pub trait Config:
        frame_system::Config<AccountId = AccountId32>
        + pallet_models::Config
        + pallet_providers::Config
        + pallet_jobs::Config
        + pallet_disputes::Config
        + CreateAuthorizedTransaction<pallet_jobs::Call<Self>>
        + CreateAuthorizedTransaction<pallet_disputes::Call<Self>>
        + CreateSignedTransaction<pallet_disputes::Call<Self>>
        + CreateSignedTransaction<pallet_models::Call<Self>>
        + SigningTypes<Public = MultiSigner, Signature = MultiSignature>
    {
    }

    #[pallet::hooks]
    impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
        /// Works on every job that is assigned to a provider whose worker key the node has, defends its
        /// claims, shows what is asked for of their params, and watches the claims of others.
        fn offchain_worker(now: BlockNumberFor<T>) {
            Self::work(now);
        }
    }
}
