//! What `jobs` sees of versions.

use crate::*;
use assay_primitives::{Awaited, VersionId, VersionTerms};
use frame_support::{defensive, ensure};
use frame_system::pallet_prelude::BlockNumberFor;
use sp_runtime::DispatchResult;

impl<T: Config> assay_primitives::Versions<T::AccountId, BlockNumberFor<T>> for Pallet<T> {
    fn terms(version: VersionId) -> Option<VersionTerms<T::AccountId>> {
        let record = Versions::<T>::get(version)?;
        let model = Models::<T>::get(record.model)?;
        Some(VersionTerms {
            owner: model.owner,
            royalty: record.royalty,
            program: record.program,
            params_root: record.params_root,
            params_len: record.params_len,
            input_len: record.input_len,
            max_steps: record.max_steps,
            deprecated: record.deprecated,
            params_on_chain: record.params.is_some(),
        })
    }

    fn awaited(version: VersionId, asked_by: BlockNumberFor<T>) -> Awaited<BlockNumberFor<T>> {
        Self::awaited_of(version, asked_by)
    }

    fn acquire(version: VersionId) -> DispatchResult {
        ensure!(Versions::<T>::contains_key(version), Error::<T>::VersionNotFound);
        Uses::<T>::try_mutate(version, |uses| {
            *uses = uses.checked_add(1).ok_or(Error::<T>::CounterExhausted)?;
            Ok(())
        })
    }

    fn release(version: VersionId) {
        Uses::<T>::mutate_exists(version, |slot| match *slot {
            Some(uses) if uses > 1 => *slot = Some(uses.saturating_sub(1)),
            Some(_) => *slot = None,
            None => {
                defensive!("a version is released that no job uses");
            }
        });
    }

    #[cfg(feature = "runtime-benchmarks")]
    fn benchmark_version(owner: &T::AccountId, input_len: u32, max_steps: u64) -> VersionId {
        crate::benchmarking::insert_version::<T>(owner, input_len, max_steps)
    }
}
