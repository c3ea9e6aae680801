//! Weights for `pallet_models`.
//!
//! Estimates on the safe side until they are generated from the benchmarks.

#![cfg_attr(rustfmt, rustfmt_skip)]
#![allow(unused_parens)]
#![allow(unused_imports)]
#![allow(missing_docs)]
#![allow(dead_code)]

use frame_support::{traits::Get, weights::{Weight, constants::RocksDbWeight}};
use core::marker::PhantomData;

/// Weight functions needed for `pallet_models`.
pub trait WeightInfo {
    fn upload_program(n: u32, ) -> Weight;
    fn remove_program() -> Weight;
    fn begin_params() -> Weight;
    fn upload_segment(n: u32, ) -> Weight;
    fn remove_params(s: u32, ) -> Weight;
    fn create_model() -> Weight;
    fn set_model_metadata() -> Weight;
    fn transfer_model() -> Weight;
    fn remove_model() -> Weight;
    fn publish_version() -> Weight;
    fn deprecate_version() -> Weight;
    fn remove_version() -> Weight;
}

/// Weights for `pallet_models` using the Substrate node and recommended hardware.
pub struct SubstrateWeight<T>(PhantomData<T>);
impl<T: frame_system::Config> WeightInfo for SubstrateWeight<T> {
    /// The range of component `n` is `[0, 131072]`.
    fn upload_program(n: u32, ) -> Weight {
        Weight::from_parts(20_000_000_000, 3700)
            .saturating_add(Weight::from_parts(2_000_000, 0).saturating_mul(n.into()))
            .saturating_add(T::DbWeight::get().reads(2_u64))
            .saturating_add(T::DbWeight::get().writes(3_u64))
    }
    fn remove_program() -> Weight {
        Weight::from_parts(80_000_000, 3700)
            .saturating_add(T::DbWeight::get().reads(2_u64))
            .saturating_add(T::DbWeight::get().writes(3_u64))
    }
    fn begin_params() -> Weight {
        Weight::from_parts(80_000_000, 3700)
            .saturating_add(T::DbWeight::get().reads(2_u64))
            .saturating_add(T::DbWeight::get().writes(3_u64))
    }
    /// The range of component `n` is `[0, 262144]`.
    fn upload_segment(n: u32, ) -> Weight {
        Weight::from_parts(200_000_000, 3400)
            .saturating_add(Weight::from_parts(10_000, 0).saturating_mul(n.into()))
            .saturating_add(T::DbWeight::get().reads(1_u64))
            .saturating_add(T::DbWeight::get().writes(1_u64))
    }
    /// The range of component `s` is `[0, 256]`.
    fn remove_params(s: u32, ) -> Weight {
        Weight::from_parts(80_000_000, 3700)
            .saturating_add(Weight::from_parts(5_000_000, 0).saturating_mul(s.into()))
            .saturating_add(T::DbWeight::get().reads(2_u64))
            .saturating_add(T::DbWeight::get().writes(2_u64))
    }
    fn create_model() -> Weight {
        Weight::from_parts(90_000_000, 3700)
            .saturating_add(T::DbWeight::get().reads(2_u64))
            .saturating_add(T::DbWeight::get().writes(4_u64))
    }
    fn set_model_metadata() -> Weight {
        Weight::from_parts(130_000_000, 6200)
            .saturating_add(T::DbWeight::get().reads(3_u64))
            .saturating_add(T::DbWeight::get().writes(4_u64))
    }
    fn transfer_model() -> Weight {
        Weight::from_parts(40_000_000, 3600)
            .saturating_add(T::DbWeight::get().reads(1_u64))
            .saturating_add(T::DbWeight::get().writes(1_u64))
    }
    fn remove_model() -> Weight {
        Weight::from_parts(90_000_000, 3700)
            .saturating_add(T::DbWeight::get().reads(3_u64))
            .saturating_add(T::DbWeight::get().writes(4_u64))
    }
    fn publish_version() -> Weight {
        Weight::from_parts(250_000_000, 4700)
            .saturating_add(T::DbWeight::get().reads(7_u64))
            .saturating_add(T::DbWeight::get().writes(8_u64))
    }
    fn deprecate_version() -> Weight {
        Weight::from_parts(50_000_000, 3700)
            .saturating_add(T::DbWeight::get().reads(2_u64))
            .saturating_add(T::DbWeight::get().writes(1_u64))
    }
    fn remove_version() -> Weight {
        Weight::from_parts(150_000_000, 4700)
            .saturating_add(T::DbWeight::get().reads(7_u64))
            .saturating_add(T::DbWeight::get().writes(6_u64))
    }
}

// For backwards compatibility and tests.
impl WeightInfo for () {
    /// The range of component `n` is `[0, 131072]`.
    fn upload_program(n: u32, ) -> Weight {
        Weight::from_parts(20_000_000_000, 3700)
            .saturating_add(Weight::from_parts(2_000_000, 0).saturating_mul(n.into()))
            .saturating_add(RocksDbWeight::get().reads(2_u64))
            .saturating_add(RocksDbWeight::get().writes(3_u64))
    }
    fn remove_program() -> Weight {
        Weight::from_parts(80_000_000, 3700)
            .saturating_add(RocksDbWeight::get().reads(2_u64))
            .saturating_add(RocksDbWeight::get().writes(3_u64))
    }
    fn begin_params() -> Weight {
        Weight::from_parts(80_000_000, 3700)
            .saturating_add(RocksDbWeight::get().reads(2_u64))
            .saturating_add(RocksDbWeight::get().writes(3_u64))
    }
    /// The range of component `n` is `[0, 262144]`.
    fn upload_segment(n: u32, ) -> Weight {
        Weight::from_parts(200_000_000, 3400)
            .saturating_add(Weight::from_parts(10_000, 0).saturating_mul(n.into()))
            .saturating_add(RocksDbWeight::get().reads(1_u64))
            .saturating_add(RocksDbWeight::get().writes(1_u64))
    }
    /// The range of component `s` is `[0, 256]`.
    fn remove_params(s: u32, ) -> Weight {
        Weight::from_parts(80_000_000, 3700)
            .saturating_add(Weight::from_parts(5_000_000, 0).saturating_mul(s.into()))
            .saturating_add(RocksDbWeight::get().reads(2_u64))
            .saturating_add(RocksDbWeight::get().writes(2_u64))
    }
    fn create_model() -> Weight {
        Weight::from_parts(90_000_000, 3700)
            .saturating_add(RocksDbWeight::get().reads(2_u64))
            .saturating_add(RocksDbWeight::get().writes(4_u64))
    }
    fn set_model_metadata() -> Weight {
        Weight::from_parts(130_000_000, 6200)
            .saturating_add(RocksDbWeight::get().reads(3_u64))
            .saturating_add(RocksDbWeight::get().writes(4_u64))
    }
    fn transfer_model() -> Weight {
        Weight::from_parts(40_000_000, 3600)
            .saturating_add(RocksDbWeight::get().reads(1_u64))
            .saturating_add(RocksDbWeight::get().writes(1_u64))
    }
    fn remove_model() -> Weight {
        Weight::from_parts(90_000_000, 3700)
            .saturating_add(RocksDbWeight::get().reads(3_u64))
            .saturating_add(RocksDbWeight::get().writes(4_u64))
    }
    fn publish_version() -> Weight {
        Weight::from_parts(250_000_000, 4700)
            .saturating_add(RocksDbWeight::get().reads(7_u64))
            .saturating_add(RocksDbWeight::get().writes(8_u64))
    }
    fn deprecate_version() -> Weight {
        Weight::from_parts(50_000_000, 3700)
            .saturating_add(RocksDbWeight::get().reads(2_u64))
            .saturating_add(RocksDbWeight::get().writes(1_u64))
    }
    fn remove_version() -> Weight {
        Weight::from_parts(150_000_000, 4700)
            .saturating_add(RocksDbWeight::get().reads(7_u64))
            .saturating_add(RocksDbWeight::get().writes(6_u64))
    }
}
