//! What clients ask of the runtime.

use crate::types::{ChallengeInfo, OwedReveal};
use alloc::vec::Vec;
use assay_primitives::ClaimId;
use codec::Codec;

sp_api::decl_runtime_apis! {
    /// Disputes about claims.
    pub trait DisputesApi<AccountId: Codec, Balance: Codec, BlockNumber: Codec> {
        /// The open challenges of a claim, at most 1,024.
        fn challenges(claim: ClaimId) -> Vec<ChallengeInfo<AccountId, Balance, BlockNumber>>;

        /// The reveals that the claim's provider owes, at most 1,024.
        fn owed_reveals(claim: ClaimId) -> Vec<OwedReveal<BlockNumber>>;
    }
}
