//! What clients ask.

use crate::{OfferInfo, ProviderInfo};
use alloc::vec::Vec;
use assay_primitives::{worker_key::WorkerId, VersionId};
use codec::Codec;

sp_api::decl_runtime_apis! {
    /// Providers and what they offer.
    pub trait ProvidersApi<AccountId, Balance, BlockNumber>
    where
        AccountId: Codec,
        Balance: Codec,
        BlockNumber: Codec,
    {
        /// A provider with its stake, its statistics and the versions that it offers.
        fn provider(who: AccountId) -> Option<ProviderInfo<Balance, BlockNumber>>;

        /// The provider for which a worker key signs.
        fn provider_of(worker: WorkerId) -> Option<AccountId>;

        /// The bytes that a worker key signs to agree that it works for `who`: the proof that
        /// `register` and `set_worker` take.
        fn worker_proof_message(who: AccountId) -> Vec<u8>;

        /// The offers of a version, closed and busy ones included.
        fn offers(version: VersionId) -> Vec<OfferInfo<AccountId, Balance, BlockNumber>>;
    }
}
