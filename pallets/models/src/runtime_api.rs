//! What clients ask.

use crate::{ModelInfo, VersionInfo};
use alloc::vec::Vec;
use assay_primitives::{ModelId, VersionId};
use codec::Codec;
use sp_core::H256;

sp_api::decl_runtime_apis! {
    /// Models, their versions and the code that these run.
    pub trait ModelsApi<AccountId>
    where
        AccountId: Codec,
    {
        /// All there is to show of a version.
        fn version(version: VersionId) -> Option<VersionInfo<AccountId>>;

        /// A model with its metadata and the ids of its versions.
        fn model(model: ModelId) -> Option<ModelInfo<AccountId>>;

        /// The code of a program.
        fn program_code(program: H256) -> Option<Vec<u8>>;
    }
}
