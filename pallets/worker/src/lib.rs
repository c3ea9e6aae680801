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

mod params;
// The derived codecs cast the indices of variants.
#[allow(clippy::cast_possible_truncation)]
mod reason;
#[allow(clippy::cast_possible_truncation)]
mod record;
mod run;
mod work;

#[cfg(test)]
mod tests;

pub use pallet::*;

/// The target of the worker's log lines.
pub(crate) const LOG_TARGET: &str = "assay";

// The macro expects; no code by hand stands in this module.
#[allow(clippy::expect_used)]
#[frame_support::pallet]
pub mod pallet {
    use frame_support::pallet_prelude::*;
    use frame_system::{offchain::CreateAuthorizedTransaction, pallet_prelude::*};

    /// The pallet.
    #[pallet::pallet]
    pub struct Pallet<T>(_);

    /// The pallets whose state the worker reads, and the transaction that it submits.
    #[pallet::config]
    pub trait Config:
        frame_system::Config
        + pallet_models::Config
        + pallet_providers::Config
        + pallet_jobs::Config
        + CreateAuthorizedTransaction<pallet_jobs::Call<Self>>
    {
    }

    #[pallet::hooks]
    impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
        /// Works on every job that is assigned to a provider whose worker key the node has.
        fn offchain_worker(now: BlockNumberFor<T>) {
            Self::work(now);
        }
    }
}
