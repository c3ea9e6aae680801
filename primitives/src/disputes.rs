//! What `jobs` and `disputes` share: a claim under dispute, and the rules it is disputed by.

use crate::{JobId, VersionId};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use sp_core::H256;
use sp_runtime::{traits::AtLeast32BitUnsigned, DispatchResult, Perbill};

/// The most reveals that a dispute takes: three go down the thirty levels of the longest trace.
pub const MAX_REVEALS: u32 = 3;

/// Identifies a claim: a job has one for each of its assignments at most.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Debug,
    Encode,
    Decode,
    DecodeWithMemTracking,
    TypeInfo,
    MaxEncodedLen,
)]
pub struct ClaimId {
    /// The job.
    pub job: JobId,
    /// Assignments of the job that failed before the one of the claim.
    pub attempt: u8,
}

/// The rules of a dispute. A job keeps those that held when it was requested.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    Debug,
    Encode,
    Decode,
    DecodeWithMemTracking,
    TypeInfo,
    MaxEncodedLen,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(rename_all = "camelCase")]
pub struct DisputeTerms<Balance, BlockNumber> {
    /// Plancks that a challenger puts on hold.
    pub bond: Balance,
    /// The share of a lost bond that is burnt. The rest goes to the provider.
    pub burn_share: Perbill,
    /// Blocks that a challenger has for each move.
    pub move_time: BlockNumber,
    /// Blocks that a provider has for each reveal.
    pub reveal_time: BlockNumber,
}

impl<Balance, BlockNumber: AtLeast32BitUnsigned + Copy> DisputeTerms<Balance, BlockNumber> {
    /// The most blocks from a challenge to its end. Saturates.
    pub fn longest(&self) -> BlockNumber {
        let rounds = BlockNumber::from(MAX_REVEALS);
        let moves = self
            .move_time
            .saturating_mul(rounds.saturating_add(BlockNumber::one()));
        moves.saturating_add(self.reveal_time.saturating_mul(rounds))
    }
}

/// A claim as a dispute sees it. All of it was fixed when the claim came in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DisputedClaim<AccountId, Balance, BlockNumber> {
    /// Whose claim it is.
    pub provider: AccountId,
    /// What ran.
    pub version: VersionId,
    /// The rules by which it is judged.
    pub engine_version: u16,
    /// Hash of the program's code.
    pub program: H256,
    /// Steps of the trace.
    pub steps: u64,
    /// The trace root.
    pub trace_root: H256,
    /// The rules of the dispute.
    pub terms: DisputeTerms<Balance, BlockNumber>,
}

/// What `disputes` needs of `jobs`: the hooks through which a dispute holds and ends a claim.
pub trait Claims<AccountId, Balance, BlockNumber> {
    /// The claim. `None` where there is none that can be judged: it never was, its window has passed
    /// without a hold, or it was judged.
    fn disputed(claim: ClaimId) -> Option<DisputedClaim<AccountId, Balance, BlockNumber>>;

    /// Keeps the claim from becoming final until [`Claims::unhold`]. Holds count.
    ///
    /// Fails where there is no such claim inside its challenge window.
    fn hold(claim: ClaimId) -> DispatchResult;

    /// Ends one hold.
    fn unhold(claim: ClaimId) -> DispatchResult;

    /// The holds of the claim. Zero where there is no such claim.
    fn holds(claim: ClaimId) -> u32;

    /// Ends the claim, which is false, and rewards `challenger`.
    fn disprove(claim: ClaimId, challenger: &AccountId) -> DispatchResult;

    /// Creates a claim inside its window that runs `program` for so many steps. `root` gives the trace
    /// root for a provider and a job.
    #[cfg(feature = "runtime-benchmarks")]
    fn benchmark_claim(program: H256, steps: u64, root: &dyn Fn(&AccountId, JobId) -> H256) -> ClaimId;
}
