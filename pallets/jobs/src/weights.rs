//! Weights of `pallet_jobs`.
//!
//! Estimates, above what the benchmarks in `benchmarking.rs` are expected to measure. Generated
//! weights replace this file.

#![cfg_attr(rustfmt, rustfmt_skip)]
#![allow(unused_parens)]
#![allow(unused_imports)]
#![allow(missing_docs)]

use core::marker::PhantomData;
use frame_support::{traits::Get, weights::{constants::RocksDbWeight, Weight}};

/// Weight functions needed for `pallet_jobs`.
pub trait WeightInfo {
	/// A request with `i` bytes of input, while the list of offers is full.
	fn request(i: u32, ) -> Weight;
	/// The cancellation of a queued job.
	fn cancel() -> Weight;
	/// A claim with `o` bytes of output and `l` hashes that open the trace, on the longest input.
	fn claim(o: u32, l: u32, ) -> Weight;
	/// The check of a claim by the pool.
	fn authorize_claim(o: u32, l: u32, ) -> Weight;
	/// The end of a challenge window, by call.
	fn advance() -> Weight;
	/// New rules.
	fn set_parameters() -> Weight;
	/// What serving the agenda takes, whatever is due.
	fn agenda_base() -> Weight;
	/// The look for the next entry of the agenda.
	fn agenda_look() -> Weight;
	/// The choice of a provider from a full list of offers.
	fn due_assign() -> Weight;
	/// The end of a job that nobody took.
	fn due_expire() -> Weight;
	/// The slash of a silent provider, and the end of the job.
	fn due_time_out() -> Weight;
	/// The settlement of a claim.
	fn due_finalize() -> Weight;
	/// The removal of an output.
	fn due_prune() -> Weight;
}

/// Weights for `pallet_jobs` on the reference machine.
pub struct SubstrateWeight<T>(PhantomData<T>);
impl<T: frame_system::Config> WeightInfo for SubstrateWeight<T> {
	fn request(i: u32, ) -> Weight {
		Weight::from_parts(160_000_000, 360000)
			.saturating_add(Weight::from_parts(2_500, 0).saturating_mul(i.into()))
			.saturating_add(T::DbWeight::get().reads(140_u64))
			.saturating_add(T::DbWeight::get().writes(9_u64))
	}
	fn cancel() -> Weight {
		Weight::from_parts(110_000_000, 12000)
			.saturating_add(T::DbWeight::get().reads(7_u64))
			.saturating_add(T::DbWeight::get().writes(9_u64))
	}
	fn claim(o: u32, l: u32, ) -> Weight {
		Weight::from_parts(900_000_000, 90000)
			.saturating_add(Weight::from_parts(5_000, 0).saturating_mul(o.into()))
			.saturating_add(Weight::from_parts(3_000_000, 0).saturating_mul(l.into()))
			.saturating_add(T::DbWeight::get().reads(6_u64))
			.saturating_add(T::DbWeight::get().writes(6_u64))
	}
	fn authorize_claim(o: u32, l: u32, ) -> Weight {
		Weight::from_parts(850_000_000, 90000)
			.saturating_add(Weight::from_parts(5_000, 0).saturating_mul(o.into()))
			.saturating_add(Weight::from_parts(3_000_000, 0).saturating_mul(l.into()))
			.saturating_add(T::DbWeight::get().reads(5_u64))
	}
	fn advance() -> Weight {
		Weight::from_parts(260_000_000, 60000)
			.saturating_add(T::DbWeight::get().reads(16_u64))
			.saturating_add(T::DbWeight::get().writes(16_u64))
	}
	fn set_parameters() -> Weight {
		Weight::from_parts(15_000_000, 1000)
			.saturating_add(T::DbWeight::get().writes(1_u64))
	}
	fn agenda_base() -> Weight {
		Weight::from_parts(5_000_000, 1600)
			.saturating_add(T::DbWeight::get().reads(1_u64))
			.saturating_add(T::DbWeight::get().writes(1_u64))
	}
	fn agenda_look() -> Weight {
		Weight::from_parts(8_000_000, 3600)
			.saturating_add(T::DbWeight::get().reads(1_u64))
	}
	fn due_assign() -> Weight {
		Weight::from_parts(900_000_000, 380000)
			.saturating_add(T::DbWeight::get().reads(140_u64))
			.saturating_add(T::DbWeight::get().writes(8_u64))
	}
	fn due_expire() -> Weight {
		Weight::from_parts(130_000_000, 14000)
			.saturating_add(T::DbWeight::get().reads(8_u64))
			.saturating_add(T::DbWeight::get().writes(10_u64))
	}
	fn due_time_out() -> Weight {
		Weight::from_parts(240_000_000, 60000)
			.saturating_add(T::DbWeight::get().reads(14_u64))
			.saturating_add(T::DbWeight::get().writes(16_u64))
	}
	fn due_finalize() -> Weight {
		Weight::from_parts(260_000_000, 60000)
			.saturating_add(T::DbWeight::get().reads(15_u64))
			.saturating_add(T::DbWeight::get().writes(16_u64))
	}
	fn due_prune() -> Weight {
		Weight::from_parts(30_000_000, 24000)
			.saturating_add(T::DbWeight::get().reads(2_u64))
			.saturating_add(T::DbWeight::get().writes(2_u64))
	}
}

// For tests.
impl WeightInfo for () {
	fn request(i: u32, ) -> Weight {
		Weight::from_parts(160_000_000, 360000)
			.saturating_add(Weight::from_parts(2_500, 0).saturating_mul(i.into()))
			.saturating_add(RocksDbWeight::get().reads(140_u64))
			.saturating_add(RocksDbWeight::get().writes(9_u64))
	}
	fn cancel() -> Weight {
		Weight::from_parts(110_000_000, 12000)
			.saturating_add(RocksDbWeight::get().reads(7_u64))
			.saturating_add(RocksDbWeight::get().writes(9_u64))
	}
	fn claim(o: u32, l: u32, ) -> Weight {
		Weight::from_parts(900_000_000, 90000)
			.saturating_add(Weight::from_parts(5_000, 0).saturating_mul(o.into()))
			.saturating_add(Weight::from_parts(3_000_000, 0).saturating_mul(l.into()))
			.saturating_add(RocksDbWeight::get().reads(6_u64))
			.saturating_add(RocksDbWeight::get().writes(6_u64))
	}
	fn authorize_claim(o: u32, l: u32, ) -> Weight {
		Weight::from_parts(850_000_000, 90000)
			.saturating_add(Weight::from_parts(5_000, 0).saturating_mul(o.into()))
			.saturating_add(Weight::from_parts(3_000_000, 0).saturating_mul(l.into()))
			.saturating_add(RocksDbWeight::get().reads(5_u64))
	}
	fn advance() -> Weight {
		Weight::from_parts(260_000_000, 60000)
			.saturating_add(RocksDbWeight::get().reads(16_u64))
			.saturating_add(RocksDbWeight::get().writes(16_u64))
	}
	fn set_parameters() -> Weight {
		Weight::from_parts(15_000_000, 1000)
			.saturating_add(RocksDbWeight::get().writes(1_u64))
	}
	fn agenda_base() -> Weight {
		Weight::from_parts(5_000_000, 1600)
			.saturating_add(RocksDbWeight::get().reads(1_u64))
			.saturating_add(RocksDbWeight::get().writes(1_u64))
	}
	fn agenda_look() -> Weight {
		Weight::from_parts(8_000_000, 3600)
			.saturating_add(RocksDbWeight::get().reads(1_u64))
	}
	fn due_assign() -> Weight {
		Weight::from_parts(900_000_000, 380000)
			.saturating_add(RocksDbWeight::get().reads(140_u64))
			.saturating_add(RocksDbWeight::get().writes(8_u64))
	}
	fn due_expire() -> Weight {
		Weight::from_parts(130_000_000, 14000)
			.saturating_add(RocksDbWeight::get().reads(8_u64))
			.saturating_add(RocksDbWeight::get().writes(10_u64))
	}
	fn due_time_out() -> Weight {
		Weight::from_parts(240_000_000, 60000)
			.saturating_add(RocksDbWeight::get().reads(14_u64))
			.saturating_add(RocksDbWeight::get().writes(16_u64))
	}
	fn due_finalize() -> Weight {
		Weight::from_parts(260_000_000, 60000)
			.saturating_add(RocksDbWeight::get().reads(15_u64))
			.saturating_add(RocksDbWeight::get().writes(16_u64))
	}
	fn due_prune() -> Weight {
		Weight::from_parts(30_000_000, 24000)
			.saturating_add(RocksDbWeight::get().reads(2_u64))
			.saturating_add(RocksDbWeight::get().writes(2_u64))
	}
}
