//! What a runtime tells clients about jobs.

use crate::types::{JobInfo, Quote};
use alloc::vec::Vec;
use assay_primitives::{JobId, VersionId};
use codec::Codec;

sp_api::decl_runtime_apis! {
    /// What a client asks before and after a request, and a worker before a run.
    pub trait JobsApi<AccountId, Balance, BlockNumber>
    where
        AccountId: Codec,
        Balance: Codec,
        BlockNumber: Codec,
    {
        /// What the providers that take jobs now ask for `version`, or what `provider` asks, cheapest
        /// first. Empty where there is no such version or nobody takes it now.
        fn quote(version: VersionId, provider: Option<AccountId>) -> Vec<Quote<AccountId, Balance>>;

        /// All about `job`, open or finished. `None` where there never was such a job.
        fn job(job: JobId) -> Option<JobInfo<AccountId, Balance, BlockNumber>>;

        /// The jobs that wait for a claim by `provider`.
        fn assigned_to(provider: AccountId) -> Vec<JobId>;
    }
}
