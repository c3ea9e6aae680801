//! Answers for [`runtime_api`].

use crate::{versions::total_len, *};
use alloc::vec::Vec;
use assay_engine::limits::MAX_OUTPUT_LEN;
use assay_primitives::{Awaited, ModelId, Programs, VersionId};
use sp_core::H256;

impl<T: Config> Pallet<T> {
    /// All there is to show of a version.
    pub fn version_info(version: VersionId) -> Option<VersionInfo<T::AccountId>> {
        let record = Versions::<T>::get(version)?;
        let details = Details::<T>::get(version)?;
        let model = Models::<T>::get(record.model)?;
        let now = frame_system::Pallet::<T>::block_number();
        Some(VersionInfo {
            model: record.model,
            name: Metadata::<T>::get(record.model)?.name,
            owner: model.owner,
            program: record.program,
            params: record.params,
            params_root: record.params_root,
            params_len: record.params_len,
            input_len: record.input_len,
            output_len: total_len(&details.outputs, MAX_OUTPUT_LEN)?,
            max_steps: record.max_steps,
            royalty: record.royalty,
            deprecated: record.deprecated,
            frozen: Self::awaited_of(version, now) == Awaited::Missing,
            uses: Uses::<T>::get(version),
            details,
        })
    }

    /// A model with its metadata and the ids of its versions.
    pub fn model_info(model: ModelId) -> Option<ModelInfo<T::AccountId>> {
        Some(ModelInfo {
            owner: Models::<T>::get(model)?.owner,
            metadata: Metadata::<T>::get(model)?,
            versions: ModelVersions::<T>::get(model).into_inner(),
        })
    }

    /// The code of a program.
    pub fn program_code(program: H256) -> Option<Vec<u8>> {
        ProgramCode::<T>::get(program).map(|code| code.into_inner())
    }
}

impl<T: Config> Programs for Pallet<T> {
    fn code(program: H256) -> Option<Vec<u8>> {
        Self::program_code(program)
    }

    #[cfg(feature = "runtime-benchmarks")]
    fn benchmark_program(len: u32) -> H256 {
        crate::benchmarking::stored_program::<T>(len)
    }
}
