//! Weights for `pallet_providers`.
//!
//! Estimates on the safe side until they are generated from the benchmarks.

#![cfg_attr(rustfmt, rustfmt_skip)]
#![allow(unused_parens)]
#![allow(unused_imports)]
#![allow(missing_docs)]
#![allow(dead_code)]

use frame_support::{traits::Get, weights::{Weight, constants::RocksDbWeight}};
use core::marker::PhantomData;

/// Weight functions needed for `pallet_providers`.
pub trait WeightInfo {
    fn register() -> Weight;
    fn set_worker() -> Weight;
    fn deregister() -> Weight;
    fn bond_more() -> Weight;
    fn unbond() -> Weight;
    fn withdraw() -> Weight;
    fn set_offer() -> Weight;
    fn set_offer_evicting() -> Weight;
    fn remove_offer() -> Weight;
    fn remove_stale_offer() -> Weight;
    fn pause() -> Weight;
    fn resume() -> Weight;
    fn assign(n: u32, ) -> Weight;
    fn release() -> Weight;
    fn slash(u: u32, ) -> Weight;
}

/// Weights for `pallet_providers` using the Substrate node and recommended hardware.
pub struct SubstrateWeight<T>(PhantomData<T>);
impl<T: frame_system::Config> WeightInfo for SubstrateWeight<T> {
    fn register() -> Weight {
        Weight::from_parts(130_000_000, 6000)
            .saturating_add(T::DbWeight::get().reads(5_u64))
            .saturating_add(T::DbWeight::get().writes(5_u64))
    }
    fn set_worker() -> Weight {
        Weight::from_parts(110_000_000, 6000)
            .saturating_add(T::DbWeight::get().reads(4_u64))
            .saturating_add(T::DbWeight::get().writes(3_u64))
    }
    fn deregister() -> Weight {
        Weight::from_parts(90_000_000, 6000)
            .saturating_add(T::DbWeight::get().reads(4_u64))
            .saturating_add(T::DbWeight::get().writes(5_u64))
    }
    fn bond_more() -> Weight {
        Weight::from_parts(60_000_000, 6000)
            .saturating_add(T::DbWeight::get().reads(3_u64))
            .saturating_add(T::DbWeight::get().writes(3_u64))
    }
    fn unbond() -> Weight {
        Weight::from_parts(40_000_000, 6000)
            .saturating_add(T::DbWeight::get().reads(2_u64))
            .saturating_add(T::DbWeight::get().writes(1_u64))
    }
    fn withdraw() -> Weight {
        Weight::from_parts(90_000_000, 6000)
            .saturating_add(T::DbWeight::get().reads(4_u64))
            .saturating_add(T::DbWeight::get().writes(5_u64))
    }
    fn set_offer() -> Weight {
        Weight::from_parts(120_000_000, 12000)
            .saturating_add(T::DbWeight::get().reads(8_u64))
            .saturating_add(T::DbWeight::get().writes(4_u64))
    }
    fn set_offer_evicting() -> Weight {
        Weight::from_parts(1_100_000_000, 190000)
            .saturating_add(T::DbWeight::get().reads(76_u64))
            .saturating_add(T::DbWeight::get().writes(8_u64))
    }
    fn remove_offer() -> Weight {
        Weight::from_parts(100_000_000, 12000)
            .saturating_add(T::DbWeight::get().reads(4_u64))
            .saturating_add(T::DbWeight::get().writes(4_u64))
    }
    fn remove_stale_offer() -> Weight {
        Weight::from_parts(110_000_000, 12000)
            .saturating_add(T::DbWeight::get().reads(6_u64))
            .saturating_add(T::DbWeight::get().writes(4_u64))
    }
    fn pause() -> Weight {
        Weight::from_parts(30_000_000, 4000)
            .saturating_add(T::DbWeight::get().reads(1_u64))
            .saturating_add(T::DbWeight::get().writes(1_u64))
    }
    fn resume() -> Weight {
        Weight::from_parts(30_000_000, 4000)
            .saturating_add(T::DbWeight::get().reads(1_u64))
            .saturating_add(T::DbWeight::get().writes(1_u64))
    }
    /// The range of component `n` is `[1, 64]`.
    fn assign(n: u32, ) -> Weight {
        Weight::from_parts(60_000_000, 9000)
            .saturating_add(Weight::from_parts(12_000_000, 2900).saturating_mul(n.into()))
            .saturating_add(T::DbWeight::get().reads(2_u64))
            .saturating_add(T::DbWeight::get().reads((1_u64).saturating_mul(n.into())))
            .saturating_add(T::DbWeight::get().writes(2_u64))
    }
    fn release() -> Weight {
        Weight::from_parts(60_000_000, 9000)
            .saturating_add(T::DbWeight::get().reads(2_u64))
            .saturating_add(T::DbWeight::get().writes(2_u64))
    }
    /// The range of component `u` is `[0, 16]`.
    fn slash(u: u32, ) -> Weight {
        Weight::from_parts(160_000_000, 9000)
            .saturating_add(Weight::from_parts(100_000, 0).saturating_mul(u.into()))
            .saturating_add(T::DbWeight::get().reads(6_u64))
            .saturating_add(T::DbWeight::get().writes(4_u64))
    }
}

// For backwards compatibility and tests.
impl WeightInfo for () {
    fn register() -> Weight {
        Weight::from_parts(130_000_000, 6000)
            .saturating_add(RocksDbWeight::get().reads(5_u64))
            .saturating_add(RocksDbWeight::get().writes(5_u64))
    }
    fn set_worker() -> Weight {
        Weight::from_parts(110_000_000, 6000)
            .saturating_add(RocksDbWeight::get().reads(4_u64))
            .saturating_add(RocksDbWeight::get().writes(3_u64))
    }
    fn deregister() -> Weight {
        Weight::from_parts(90_000_000, 6000)
            .saturating_add(RocksDbWeight::get().reads(4_u64))
            .saturating_add(RocksDbWeight::get().writes(5_u64))
    }
    fn bond_more() -> Weight {
        Weight::from_parts(60_000_000, 6000)
            .saturating_add(RocksDbWeight::get().reads(3_u64))
            .saturating_add(RocksDbWeight::get().writes(3_u64))
    }
    fn unbond() -> Weight {
        Weight::from_parts(40_000_000, 6000)
            .saturating_add(RocksDbWeight::get().reads(2_u64))
            .saturating_add(RocksDbWeight::get().writes(1_u64))
    }
    fn withdraw() -> Weight {
        Weight::from_parts(90_000_000, 6000)
            .saturating_add(RocksDbWeight::get().reads(4_u64))
            .saturating_add(RocksDbWeight::get().writes(5_u64))
    }
    fn set_offer() -> Weight {
        Weight::from_parts(120_000_000, 12000)
            .saturating_add(RocksDbWeight::get().reads(8_u64))
            .saturating_add(RocksDbWeight::get().writes(4_u64))
    }
    fn set_offer_evicting() -> Weight {
        Weight::from_parts(1_100_000_000, 190000)
            .saturating_add(RocksDbWeight::get().reads(76_u64))
            .saturating_add(RocksDbWeight::get().writes(8_u64))
    }
    fn remove_offer() -> Weight {
        Weight::from_parts(100_000_000, 12000)
            .saturating_add(RocksDbWeight::get().reads(4_u64))
            .saturating_add(RocksDbWeight::get().writes(4_u64))
    }
    fn remove_stale_offer() -> Weight {
        Weight::from_parts(110_000_000, 12000)
            .saturating_add(RocksDbWeight::get().reads(6_u64))
            .saturating_add(RocksDbWeight::get().writes(4_u64))
    }
    fn pause() -> Weight {
        Weight::from_parts(30_000_000, 4000)
            .saturating_add(RocksDbWeight::get().reads(1_u64))
            .saturating_add(RocksDbWeight::get().writes(1_u64))
    }
    fn resume() -> Weight {
        Weight::from_parts(30_000_000, 4000)
            .saturating_add(RocksDbWeight::get().reads(1_u64))
            .saturating_add(RocksDbWeight::get().writes(1_u64))
    }
    /// The range of component `n` is `[1, 64]`.
    fn assign(n: u32, ) -> Weight {
        Weight::from_parts(60_000_000, 9000)
            .saturating_add(Weight::from_parts(12_000_000, 2900).saturating_mul(n.into()))
            .saturating_add(RocksDbWeight::get().reads(2_u64))
            .saturating_add(RocksDbWeight::get().reads((1_u64).saturating_mul(n.into())))
            .saturating_add(RocksDbWeight::get().writes(2_u64))
    }
    fn release() -> Weight {
        Weight::from_parts(60_000_000, 9000)
            .saturating_add(RocksDbWeight::get().reads(2_u64))
            .saturating_add(RocksDbWeight::get().writes(2_u64))
    }
    /// The range of component `u` is `[0, 16]`.
    fn slash(u: u32, ) -> Weight {
        Weight::from_parts(160_000_000, 9000)
            .saturating_add(Weight::from_parts(100_000, 0).saturating_mul(u.into()))
            .saturating_add(RocksDbWeight::get().reads(6_u64))
            .saturating_add(RocksDbWeight::get().writes(4_u64))
    }
}
