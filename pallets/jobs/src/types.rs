//! What the pallet stores and shows.

use crate::Config;
use alloc::vec::Vec;
use assay_engine::{
    claim::Ending,
    limits::{CHUNK_LEN, MAX_OUTPUT_LEN},
    TrapReason,
};
use assay_primitives::{DisputeTerms, JobOutcome, Price, VersionId};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::{
    traits::{fungible, ConstU32},
    BoundedVec,
};
use frame_system::pallet_prelude::BlockNumberFor;
use scale_info::TypeInfo;
use sp_core::H256;
use sp_runtime::Perbill;

/// The most assignments that one job may take.
pub const MAX_ATTEMPTS: u8 = 8;
/// The most that the challenger of a false claim, or the requester of a failed assignment, may get
/// of a slash. Together at most half: who slashes itself loses at least the other half.
pub const MAX_SLASH_SHARE: Perbill = Perbill::from_percent(25);
/// The most that the protocol may take of a payment.
pub const MAX_PROTOCOL_SHARE: Perbill = Perbill::from_percent(50);
/// The most encoded bytes that a finished job leaves in state for good.
pub const MAX_RECEIPT_LEN: usize = 200;
/// The most bytes of an encoded claim.
pub const MAX_CLAIM_LEN: usize = 32 * 1024;
/// The most nodes of a claim's output proof. An output takes at most 75.
pub const MAX_OUTPUT_NODES: usize = 128;

/// The most chunks in a claim's output proof.
pub const MAX_OUTPUT_CHUNKS: usize = MAX_OUTPUT_LEN as usize / CHUNK_LEN;

/// The most hashes with which a claim opens its trace: the leaves of a trace that is public whole.
pub const MAX_CLAIM_HASHES: u32 = 65;

/// Plancks, as the configured token counts them.
pub type BalanceOf<T> =
    <<T as Config>::Fungible as fungible::Inspect<<T as frame_system::Config>::AccountId>>::Balance;
/// [`JobParameters`] of the configured runtime.
pub type ParametersOf<T> = JobParameters<BalanceOf<T>, BlockNumberFor<T>>;
/// [`Job`] of the configured runtime.
pub type JobOf<T> = Job<<T as frame_system::Config>::AccountId, BalanceOf<T>, BlockNumberFor<T>>;
/// [`JobInfo`] of the configured runtime.
pub type JobInfoOf<T> = JobInfo<<T as frame_system::Config>::AccountId, BalanceOf<T>, BlockNumberFor<T>>;
/// [`Receipt`] of the configured runtime.
pub type ReceiptOf<T> = Receipt<<T as frame_system::Config>::AccountId, BalanceOf<T>, BlockNumberFor<T>>;
/// [`Quote`] of the configured runtime.
pub type QuoteOf<T> = Quote<<T as frame_system::Config>::AccountId, BalanceOf<T>>;
/// A job's input.
pub type Input = BoundedVec<u8, ConstU32<{ assay_engine::limits::MAX_INPUT_LEN }>>;
/// A job's output.
pub type Output = BoundedVec<u8, ConstU32<{ assay_engine::limits::MAX_OUTPUT_LEN }>>;

/// The rules of time and money. Root sets them; a job keeps those that held when it was requested.
#[derive(
    Clone,
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
pub struct JobParameters<Balance, BlockNumber> {
    /// Blocks between two tries to find a provider.
    pub assign_retry: BlockNumber,
    /// Blocks that a job waits for a provider, each time it is queued.
    pub queue_deadline: BlockNumber,
    /// Blocks that a provider has to claim.
    pub claim_deadline: BlockNumber,
    /// Blocks in which a claim can be challenged.
    pub challenge_window: BlockNumber,
    /// Blocks that an output stays in state after it is final.
    pub retention: BlockNumber,
    /// Assignments that a job may take, from 1 to [`MAX_ATTEMPTS`].
    pub max_attempts: u8,
    /// The least exposure of a job in plancks.
    pub min_exposure: Balance,
    /// The least exposure of a job, as a multiple of what it can pay its provider. At least 1.
    pub exposure_factor: u32,
    /// The share of the exposure that a provider loses that does not claim in time.
    pub silence_penalty: Perbill,
    /// The share of the exposure that a provider loses whose claim is proven false.
    pub disproof_penalty: Perbill,
    /// The share of a slash that goes to the challenger. At most [`MAX_SLASH_SHARE`].
    pub challenger_share: Perbill,
    /// The share of a slash that goes to the requester. At most [`MAX_SLASH_SHARE`].
    pub compensation_share: Perbill,
    /// The share of a payment that goes to the protocol. At most [`MAX_PROTOCOL_SHARE`].
    pub protocol_share: Perbill,
    /// The rules of disputes about claims.
    pub dispute: DisputeTerms<Balance, BlockNumber>,
    /// Plancks that are held for the state of an open job, whatever its input.
    pub deposit_base: Balance,
    /// Plancks that are held for each byte of input.
    pub deposit_per_byte: Balance,
}

impl<Balance: From<u32>, BlockNumber: From<u32>> Default for JobParameters<Balance, BlockNumber> {
    fn default() -> Self {
        Self {
            assign_retry: 5u32.into(),
            queue_deadline: 100u32.into(),
            claim_deadline: 100u32.into(),
            challenge_window: 600u32.into(),
            retention: 2_400u32.into(),
            max_attempts: 3,
            min_exposure: 1_000_000_000u32.into(),
            exposure_factor: 2,
            silence_penalty: Perbill::from_percent(5),
            disproof_penalty: Perbill::one(),
            challenger_share: Perbill::from_percent(20),
            compensation_share: Perbill::from_percent(20),
            protocol_share: Perbill::from_percent(2),
            dispute: DisputeTerms {
                bond: 1_000_000_000u32.into(),
                burn_share: Perbill::from_percent(20),
                move_time: 100u32.into(),
                reveal_time: 100u32.into(),
            },
            deposit_base: 0u32.into(),
            deposit_per_byte: 0u32.into(),
        }
    }
}

/// An open job.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo, MaxEncodedLen)]
pub struct Job<AccountId, Balance, BlockNumber> {
    /// Who asked and pays.
    pub requester: AccountId,
    /// What runs.
    pub version: VersionId,
    /// BLAKE2b-256 of the input.
    pub input_hash: H256,
    /// No part of the price of who gets the job is above it.
    pub max_price: Price<Balance>,
    /// Plancks in escrow: the most that the job can cost, for all steps that the version allows.
    pub max_fee: Balance,
    /// Plancks held for the job's state until it ends.
    pub deposit: Balance,
    /// The only provider that may take the job, or `None` for any.
    pub named: Option<AccountId>,
    /// Providers that had the job and failed.
    pub tried: BoundedVec<AccountId, ConstU32<{ MAX_ATTEMPTS as u32 }>>,
    /// Plancks of stake that an assignment locks.
    pub exposure: Balance,
    /// The parameters that held at the request.
    pub terms: JobParameters<Balance, BlockNumber>,
    /// The block of the agenda in which the job gets attention. `None` only while a claim is held.
    pub due: Option<BlockNumber>,
    /// Where the job is in its life.
    pub state: JobState<AccountId, Balance, BlockNumber>,
}

/// Where an open job is in its life. The end of a job is its [`Receipt`].
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo, MaxEncodedLen)]
pub enum JobState<AccountId, Balance, BlockNumber> {
    /// Waits for a provider.
    ///
    /// Next: [`Self::Assigned`]; the end `Cancelled` by the requester; or the end `Expired` once
    /// the block number is above `until`.
    #[codec(index = 0)]
    Queued {
        /// The last block in which a provider can be assigned.
        until: BlockNumber,
    },
    /// A provider has it.
    ///
    /// Next: [`Self::Claimed`]; or, once the block number is above `deadline`, a slash of the
    /// provider and [`Self::Queued`] again, or the end `Expired` after the last attempt.
    #[codec(index = 1)]
    Assigned {
        /// Who has it.
        provider: AccountId,
        /// What it costs.
        price: Price<Balance>,
        /// The last block in which a claim is in time.
        deadline: BlockNumber,
    },
    /// A claim is in.
    ///
    /// Next: the end `Answered` or `Failed`, once the block number is above `window_end` and no
    /// hold is left; or, by a verdict, a slash and [`Self::Queued`] again, or the end `Expired`
    /// after the last attempt.
    #[codec(index = 2)]
    Claimed {
        /// Whose claim it is.
        provider: AccountId,
        /// What it costs.
        price: Price<Balance>,
        /// What is claimed.
        claim: ClaimSummary,
        /// The last block in which the claim can be held or, unless held, judged.
        window_end: BlockNumber,
        /// Disputes that keep the claim from becoming final.
        holds: u32,
    },
}

impl<AccountId, Balance, BlockNumber> JobState<AccountId, Balance, BlockNumber> {
    /// The provider whose stake the job locks.
    pub fn provider(&self) -> Option<&AccountId> {
        match self {
            Self::Queued { .. } => None,
            Self::Assigned { provider, .. } | Self::Claimed { provider, .. } => Some(provider),
        }
    }
}

/// What a claim commits to.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo, MaxEncodedLen)]
pub struct ClaimSummary {
    /// The rules by which the claim was made and is judged.
    pub engine_version: u16,
    /// Hash of the program's code.
    pub program: H256,
    /// Steps that ran.
    pub steps: u64,
    /// Root of the trace.
    pub trace_root: H256,
    /// Hash of the state after the last step.
    pub end_state: H256,
    /// BLAKE2b-256 of the output. That of no bytes where the program did not answer.
    pub output_hash: H256,
    /// How the run ended.
    pub ending: ClaimEnding,
}

/// How a claimed run ended.
#[derive(
    Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo, MaxEncodedLen,
)]
pub enum ClaimEnding {
    /// With an output.
    #[codec(index = 0)]
    Answer,
    /// The program trapped.
    #[codec(index = 1)]
    Trapped(TrapReason),
    /// The program was not at its end after the version's last allowed step.
    #[codec(index = 2)]
    Unfinished,
}

impl From<&Ending> for ClaimEnding {
    fn from(ending: &Ending) -> Self {
        match ending {
            Ending::Answer(_) => Self::Answer,
            Ending::Trapped(reason) => Self::Trapped(*reason),
            Ending::Unfinished => Self::Unfinished,
        }
    }
}

impl From<ClaimEnding> for JobOutcome {
    fn from(ending: ClaimEnding) -> Self {
        match ending {
            ClaimEnding::Answer => Self::Answered,
            ClaimEnding::Trapped(_) | ClaimEnding::Unfinished => Self::Failed,
        }
    }
}

/// What stays readable of a finished job, for good. At most [`MAX_RECEIPT_LEN`] bytes.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo, MaxEncodedLen)]
pub struct Receipt<AccountId, Balance, BlockNumber> {
    /// Who asked.
    pub requester: AccountId,
    /// What ran.
    pub version: VersionId,
    /// BLAKE2b-256 of the input.
    pub input_hash: H256,
    /// How it ended.
    pub outcome: JobOutcome,
    /// Plancks that the requester paid.
    pub paid: Balance,
    /// The block in which the job ended.
    pub finished_at: BlockNumber,
    /// The final claim. `None` where the job ended without one.
    pub claim: Option<FinalClaim<AccountId>>,
}

/// The part of a [`Receipt`] that tells of the final claim.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo, MaxEncodedLen)]
pub struct FinalClaim<AccountId> {
    /// Who ran it.
    pub provider: AccountId,
    /// Steps that ran.
    pub steps: u64,
    /// Root of the trace.
    pub trace_root: H256,
    /// BLAKE2b-256 of the output.
    pub output_hash: H256,
}

/// Where the plancks of an escrow went. The parts add up to the escrow.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct Settlement<Balance> {
    /// To the provider.
    pub provider: Balance,
    /// To the version's owner.
    pub royalty: Balance,
    /// To the protocol, with the shares that their receivers could not take.
    pub protocol: Balance,
    /// Burnt, because not even the protocol's account could take it.
    pub burnt: Balance,
    /// Back to the requester.
    pub refunded: Balance,
}

/// A price that a provider asks for a version.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub struct Quote<AccountId, Balance> {
    /// Who asks it.
    pub provider: AccountId,
    /// What it asks: the `max_price` that this provider never finds too low.
    pub price: Price<Balance>,
    /// Plancks for a job that takes all the steps that the version allows: what a request at this price puts in escrow.
    pub max: Balance,
    /// Plancks of stake that the provider puts at risk for the job.
    pub exposure: Balance,
    /// Plancks that are held for the job's state, and returned at its end.
    pub deposit: Balance,
}

/// How far a job is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub enum JobStatus {
    /// Waits for a provider.
    #[codec(index = 0)]
    Queued,
    /// A provider works on it.
    #[codec(index = 1)]
    Assigned,
    /// Answered; the answer can still be challenged.
    #[codec(index = 2)]
    Pending,
    /// Answered; the answer is challenged.
    #[codec(index = 3)]
    Challenged,
    /// At its end.
    #[codec(index = 4)]
    Final(JobOutcome),
}

/// All that a client wants to know of a job, open or finished.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub struct JobInfo<AccountId, Balance, BlockNumber> {
    /// How far it is.
    pub status: JobStatus,
    /// Who asked.
    pub requester: AccountId,
    /// What runs.
    pub version: VersionId,
    /// BLAKE2b-256 of the input.
    pub input_hash: H256,
    /// Who has it, or whose claim it is.
    pub provider: Option<AccountId>,
    /// Assignments so far. `None` for a finished job.
    pub attempts: Option<u8>,
    /// The last block of the present state. `None` for a finished job, or while a claim is held.
    pub until: Option<BlockNumber>,
    /// Plancks in escrow. `None` for a finished job.
    pub max_fee: Option<Balance>,
    /// Plancks that the job costs. `None` where there is no claim yet.
    pub paid: Option<Balance>,
    /// Steps that ran.
    pub steps: Option<u64>,
    /// How the run ended. `None` for a finished job.
    pub ending: Option<ClaimEnding>,
    /// Root of the trace.
    pub trace_root: Option<H256>,
    /// BLAKE2b-256 of the output.
    pub output_hash: Option<H256>,
    /// The answer. `None` where there is none, or not any more.
    pub output: Option<Vec<u8>>,
    /// The block in which the job ended.
    pub finished_at: Option<BlockNumber>,
}

impl<Balance, BlockNumber> JobParameters<Balance, BlockNumber>
where
    Balance: sp_runtime::traits::AtLeast32BitUnsigned + Copy,
{
    /// Plancks of stake that a job locks for which the provider can earn `max`. Saturates.
    pub fn exposure(&self, max: Balance) -> Balance {
        self.min_exposure
            .max(max.saturating_mul(self.exposure_factor.into()))
    }

    /// Plancks that are held for the state of a job with `input_len` bytes of input. Saturates.
    pub fn deposit(&self, input_len: u32) -> Balance {
        self.deposit_base
            .saturating_add(self.deposit_per_byte.saturating_mul(input_len.into()))
    }
}
