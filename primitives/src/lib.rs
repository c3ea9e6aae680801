//! Types and traits that the Assay pallets share.
//!
//! No storage: a pallet names here what it needs of another, and the runtime wires
//! them together. See the `docs/` folder for the picture.
#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use sp_core::H256;
use sp_runtime::{traits::AtLeast32BitUnsigned, DispatchError, DispatchResult, Perbill};

mod disputes;
pub mod worker_key;

pub use disputes::{ClaimId, Claims, DisputeTerms, DisputedClaim, MAX_REVEALS};

/// Identifies a model: a family of versions under one owner.
pub type ModelId = u32;
/// Identifies one immutable version of a model. Unique over all models.
pub type VersionId = u32;
/// Identifies params that were uploaded to the chain.
pub type ParamsId = u32;
/// Identifies a job. Never reused.
pub type JobId = u64;

/// What a version fixes for every job that runs it.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo, MaxEncodedLen)]
pub struct VersionTerms<AccountId> {
    /// Receives the royalty.
    pub owner: AccountId,
    /// The share of each payment that goes to the owner.
    pub royalty: Perbill,
    /// Hash of the program's code, see `assay_engine::Program::hash`.
    pub program: H256,
    /// Root of the params region of the memory tree.
    pub params_root: H256,
    /// Length of the params in bytes.
    pub params_len: u64,
    /// The exact length in bytes of an input.
    pub input_len: u32,
    /// The most steps a run may take. A run that is not finished by then has failed.
    pub max_steps: u64,
    /// A deprecated version takes no new jobs.
    pub deprecated: bool,
    /// Whether the chain has seen the params. If not, nodes get them elsewhere, or not at all.
    pub params_on_chain: bool,
}

/// What is to come of requests for parts of a version's params.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Awaited<BlockNumber> {
    /// Nothing is open.
    Nothing,
    /// What was asked for can be shown up to this block.
    Until(BlockNumber),
    /// Something was not shown in time, or since.
    Missing,
}

/// What `jobs` needs of the registry of models.
pub trait Versions<AccountId, BlockNumber> {
    /// The terms of `version`, or `None` where there is no such version.
    fn terms(version: VersionId) -> Option<VersionTerms<AccountId>>;

    /// What is to come of the requests for parts of the version's params that were made up to block
    /// `asked_by`.
    fn awaited(version: VersionId, asked_by: BlockNumber) -> Awaited<BlockNumber>;

    /// Counts one more job that uses `version`. A version in use cannot be removed.
    ///
    /// Fails where the version does not exist or its count is at its limit.
    fn acquire(version: VersionId) -> DispatchResult;

    /// Counts one job less. Every `acquire` is followed by exactly one `release`.
    fn release(version: VersionId);

    /// Creates a version with the given input length and `max_steps`, and returns it.
    #[cfg(feature = "runtime-benchmarks")]
    fn benchmark_version(owner: &AccountId, input_len: u32, max_steps: u64) -> VersionId;
}

/// What `disputes` needs of the registry of models.
pub trait Programs {
    /// The code of the program with this hash.
    fn code(program: H256) -> Option<Vec<u8>>;

    /// Stores a program of about `len` bytes whose loading takes long, and that halts in its first step.
    #[cfg(feature = "runtime-benchmarks")]
    fn benchmark_program(len: u32) -> H256;
}

/// The price of running a version once, at one provider.
#[derive(
    Clone, Copy, PartialEq, Eq, Debug, Default, Encode, Decode, DecodeWithMemTracking, TypeInfo, MaxEncodedLen,
)]
pub struct Price<Balance> {
    /// Plancks for the job, whatever its length.
    pub per_job: Balance,
    /// Plancks for each step that ran.
    pub per_step: Balance,
}

impl<Balance: AtLeast32BitUnsigned + Copy> Price<Balance> {
    /// Plancks for a job of `steps` steps. `None` where there are no so many.
    pub fn checked_total(&self, steps: u64) -> Option<Balance> {
        let steps = Balance::try_from(steps).ok()?;
        self.per_job.checked_add(&self.per_step.checked_mul(&steps)?)
    }

    /// Whether no part of it is above that of `most`.
    pub fn is_within(&self, most: &Self) -> bool {
        self.per_job <= most.per_job && self.per_step <= most.per_step
    }

    /// Plancks for a job of `steps` steps. Saturates.
    pub fn total(&self, steps: u64) -> Balance {
        self.checked_total(steps).unwrap_or(Balance::max_value())
    }
}

/// A provider that was chosen for a job.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Assignment<AccountId, Balance> {
    /// The provider's account.
    pub provider: AccountId,
    /// The price that holds for this job, whatever the provider offers later.
    pub price: Price<Balance>,
    /// Plancks of the provider's stake that are locked for the job.
    pub exposure: Balance,
}

/// An offer that accepts jobs now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OpenOffer<AccountId, Balance> {
    /// Who offers.
    pub provider: AccountId,
    /// What a job costs.
    pub price: Price<Balance>,
    /// Plancks of the provider's stake that can back a job.
    pub free_stake: Balance,
}

/// What is asked of the providers.
#[derive(Clone, Debug)]
pub struct AssignmentRequest<'a, AccountId, Balance> {
    /// The version to run.
    pub version: VersionId,
    /// The most steps of a run: the version's `max_steps`.
    pub steps: u64,
    /// What no part of the price may exceed.
    pub max_price: Price<Balance>,
    /// The stake to lock is this many times what `steps` cost at the provider's price,
    pub exposure_factor: u32,
    /// and at least so many plancks.
    pub min_exposure: Balance,
    /// The provider that the requester named, or `None` to let the chain choose.
    pub named: Option<&'a AccountId>,
    /// Providers that already failed this job.
    pub excluded: &'a [AccountId],
    /// Randomness that the requester could not choose.
    pub seed: H256,
}

/// How a provider's part in a job ended.
#[derive(
    Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo, MaxEncodedLen,
)]
pub enum ProviderOutcome {
    /// The claim became final, with an answer or a proven failure of the program.
    Completed,
    /// No claim came in time.
    TimedOut,
    /// The claim was proven false.
    Disproved,
    /// The job ended without the provider's fault.
    Released,
    /// The provider gave the job back because it does not get the params. Its offer takes no more jobs until it is set
    /// anew.
    Declined,
}

/// What `jobs` needs of the registry of providers.
///
/// An assignment takes one unit of the offer's capacity and locks the exposure. It is ended by
/// exactly one [`Providers::release`]; a slash of it comes before.
pub trait Providers<AccountId, Balance> {
    /// Chooses a provider that fits `request`, takes capacity and locks the exposure.
    ///
    /// `None` where nobody fits. Among those that fit the chance is proportional to free stake.
    fn assign(request: &AssignmentRequest<AccountId, Balance>) -> Option<Assignment<AccountId, Balance>>;

    /// Ends an assignment: unlocks what is left of `exposure`, frees the capacity and counts
    /// `outcome` in the provider's statistics.
    fn release(provider: &AccountId, version: VersionId, exposure: Balance, outcome: ProviderOutcome);

    /// Takes up to `amount` plancks of the provider's stake. Pays at most `reward` of it to
    /// `beneficiary` and burns the rest. Returns what was taken.
    fn slash(provider: &AccountId, amount: Balance, beneficiary: Option<(&AccountId, Balance)>) -> Balance;

    /// The hot key that signs for `provider`, or `None` where it is not registered.
    fn worker(provider: &AccountId) -> Option<worker_key::WorkerId>;

    /// The offers of `version` that accept jobs now.
    fn offers(version: VersionId) -> Vec<OpenOffer<AccountId, Balance>>;

    /// The number of offers whose providers [`Providers::assign`] looks at. What an assignment weighs depends on it.
    fn offers_considered(request: &AssignmentRequest<AccountId, Balance>) -> u32;

    /// The most offers that a version may have.
    fn max_offers() -> u32;

    /// Registers `who` as a provider with enough stake and an open offer for `version`.
    #[cfg(feature = "runtime-benchmarks")]
    fn benchmark_provider(
        who: &AccountId,
        worker: worker_key::WorkerId,
        version: VersionId,
        exposure: Balance,
    );

    /// Makes `count` offers of `version` by providers that fit `exposure`.
    #[cfg(feature = "runtime-benchmarks")]
    fn benchmark_fill_offers(version: VersionId, count: u32, exposure: Balance);
}

/// How a job ended, as its requester sees it.
#[derive(
    Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo, MaxEncodedLen,
)]
pub enum JobOutcome {
    /// Final: the answer stands and is paid.
    Answered,
    /// The program trapped or did not finish. Refunded less the provider's compensation.
    Failed,
    /// Nobody answered. Refunded whole.
    Expired,
    /// The requester took it back before anyone had it. Refunded whole.
    Cancelled,
}

/// Hears of the end of jobs. For pallets that request jobs themselves.
pub trait OnJobEnd<AccountId> {
    /// Called once for each job, in the block in which it ends. `output` is empty but for
    /// [`JobOutcome::Answered`].
    fn on_job_end(job: JobId, requester: &AccountId, outcome: JobOutcome, output: &[u8]);
}

impl<AccountId> OnJobEnd<AccountId> for () {
    fn on_job_end(_: JobId, _: &AccountId, _: JobOutcome, _: &[u8]) {}
}

/// Requests jobs on behalf of another pallet.
pub trait RequestJobs<AccountId, Balance> {
    /// Requests `version` on `input` for `requester`, who pays at most `max_price`.
    fn request(
        requester: &AccountId,
        version: VersionId,
        input: Vec<u8>,
        max_price: Price<Balance>,
        provider: Option<AccountId>,
    ) -> Result<JobId, DispatchError>;
}
