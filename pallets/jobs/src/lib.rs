#![doc = include_str!("../README.md")]
#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(
    not(any(test, feature = "runtime-benchmarks")),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::panic
    )
)]

extern crate alloc;

mod agenda;
mod assignment;
mod claims;
mod declines;
mod integrity;
mod parameters;
mod rejection;
mod requests;
mod settlement;
#[cfg(any(test, feature = "try-runtime"))]
mod try_state;
// Derived encodings cast the index of a variant.
#[allow(clippy::cast_possible_truncation)]
mod types;
mod views;

pub mod runtime_api;
pub mod weights;

#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
#[cfg(test)]
mod mock;
#[cfg(test)]
mod tests;

pub use claims::is_too_large;
pub use pallet::*;
pub use rejection::Rejection;
pub use types::*;
pub use views::MAX_LISTED;
pub use weights::WeightInfo;

// What the macros expand to casts indices and expects what they made sure of themselves.
#[allow(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::large_enum_variant
)]
#[frame_support::pallet]
pub mod pallet {
    use crate::{claims::claim_size, types::*, weights::WeightInfo};
    use alloc::vec::Vec;
    use assay_engine::claim::Claim;
    use assay_primitives::{
        worker_key::WorkerSignature, JobId, JobOutcome, OnJobEnd, Price, Providers, VersionId, Versions,
    };
    use frame_support::{
        pallet_prelude::*,
        traits::{fungible, Randomness},
        weights::WeightMeter,
    };
    use frame_system::{ensure_authorized, pallet_prelude::*};
    use sp_core::H256;
    use sp_runtime::SaturatedConversion;

    /// The version of the storage layout.
    const STORAGE_VERSION: StorageVersion = StorageVersion::new(1);

    /// The pallet.
    #[pallet::pallet]
    #[pallet::storage_version(STORAGE_VERSION)]
    pub struct Pallet<T>(_);

    /// What the pallet needs of the runtime.
    #[pallet::config]
    pub trait Config:
        frame_system::Config<RuntimeEvent: From<Event<Self>>, AccountId: Into<[u8; 32]>>
    {
        /// The token in which jobs are paid.
        type Fungible: fungible::Mutate<Self::AccountId>
            + fungible::MutateHold<Self::AccountId, Reason = Self::RuntimeHoldReason>;

        /// The runtime's reasons to hold.
        type RuntimeHoldReason: From<HoldReason>;

        /// What can be run.
        type Versions: Versions<Self::AccountId, BlockNumberFor<Self>>;

        /// Who can run it.
        type Providers: Providers<Self::AccountId, BalanceOf<Self>>;

        /// Chooses among providers. The requester must not be able to choose it.
        type Randomness: Randomness<Self::Hash, BlockNumberFor<Self>>;

        /// Receives the protocol's share of payments. It should exist from genesis on.
        type ProtocolAccount: Get<Self::AccountId>;

        /// Hears of the end of jobs. Its weight is part of what the benchmarks measure.
        type OnJobEnd: OnJobEnd<Self::AccountId>;

        /// The most jobs that the agenda serves in one block. It serves fewer where a quarter of the
        /// block has no room for more.
        #[pallet::constant]
        type MaxDuePerBlock: Get<u32>;

        /// The most blocks from a job's request to its end that parameters may allow, disputes included.
        /// An agenda that is behind comes on top. Stake must take longer to unbond.
        #[pallet::constant]
        type MaxJobDuration: Get<BlockNumberFor<Self>>;

        /// The weights of calls and transitions.
        type WeightInfo: WeightInfo;
    }

    #[pallet::extra_constants]
    impl<T: Config> Pallet<T> {
        /// The version of the engine by whose rules claims are made. Part of what a worker key signs.
        #[pallet::constant_name(EngineVersion)]
        fn engine_version() -> u16 {
            assay_engine::limits::ENGINE_VERSION
        }
    }

    /// The rules of time and money for new jobs.
    #[pallet::storage]
    pub type Parameters<T: Config> = StorageValue<_, ParametersOf<T>, ValueQuery>;

    /// The id of the next job.
    #[pallet::storage]
    pub type NextJobId<T: Config> = StorageValue<_, JobId, ValueQuery>;

    /// The open jobs.
    #[pallet::storage]
    pub type Jobs<T: Config> = StorageMap<_, Twox64Concat, JobId, JobOf<T>>;

    /// The inputs of open jobs.
    #[pallet::storage]
    pub type Inputs<T: Config> = StorageMap<_, Twox64Concat, JobId, Input>;

    /// The outputs of claimed jobs, and of finished ones for the retention period.
    #[pallet::storage]
    pub type Outputs<T: Config> = StorageMap<_, Twox64Concat, JobId, Output>;

    /// What stays of finished jobs, for good.
    #[pallet::storage]
    pub type Receipts<T: Config> = StorageMap<_, Twox64Concat, JobId, ReceiptOf<T>>;

    /// The jobs that wait for a provider's claim.
    #[pallet::storage]
    pub type AssignedTo<T: Config> =
        StorageDoubleMap<_, Blake2_128Concat, T::AccountId, Twox64Concat, JobId, ()>;

    /// The jobs that get attention in a block.
    #[pallet::storage]
    pub type Agenda<T: Config> =
        StorageDoubleMap<_, Twox64Concat, BlockNumberFor<T>, Twox64Concat, JobId, ()>;

    /// The oldest block whose entries in the agenda may not all be served.
    #[pallet::storage]
    pub type NextDue<T: Config> = StorageValue<_, BlockNumberFor<T>>;

    /// The rules at genesis.
    #[pallet::genesis_config]
    #[derive(frame_support::DefaultNoBound)]
    pub struct GenesisConfig<T: Config> {
        /// The rules of time and money.
        pub parameters: ParametersOf<T>,
    }

    #[pallet::genesis_build]
    impl<T: Config> BuildGenesisConfig for GenesisConfig<T> {
        fn build(&self) {
            let checked = Pallet::<T>::check_parameters(&self.parameters);
            assert!(checked.is_ok(), "jobs.parameters: {checked:?}");
            Parameters::<T>::put(&self.parameters);
        }
    }

    /// Why plancks of a requester are on hold.
    #[pallet::composite_enum]
    pub enum HoldReason {
        /// They pay for an open job, or go back.
        #[codec(index = 0)]
        Escrow,
        /// They stand for the state that an open job takes, and go back.
        #[codec(index = 1)]
        Storage,
    }

    /// What happened. Amounts are in plancks.
    #[pallet::event]
    #[pallet::generate_deposit(pub(crate) fn deposit_event)]
    pub enum Event<T: Config> {
        /// A job was requested.
        Requested {
            /// The job.
            job: JobId,
            /// Who asked.
            requester: T::AccountId,
            /// What is to run.
            version: VersionId,
            /// Put in escrow.
            max_fee: BalanceOf<T>,
            /// Held for the job's state.
            deposit: BalanceOf<T>,
        },
        /// Nobody could take a job.
        NoTaker {
            /// The job.
            job: JobId,
            /// The block of the next try, or of the end.
            next_try: BlockNumberFor<T>,
        },
        /// A provider got a job.
        Assigned {
            /// The job.
            job: JobId,
            /// Who has it.
            provider: T::AccountId,
            /// What it costs.
            price: Price<BalanceOf<T>>,
            /// The stake that is locked.
            exposure: BalanceOf<T>,
            /// Counts the job's assignments from 1.
            attempt: u8,
            /// The last block for a claim.
            deadline: BlockNumberFor<T>,
        },
        /// A claim came in. Its answer is readable, and can be challenged.
        Claimed {
            /// The job.
            job: JobId,
            /// Whose claim it is.
            provider: T::AccountId,
            /// How the run ended.
            ending: ClaimEnding,
            /// Steps that ran.
            steps: u64,
            /// Root of the trace.
            trace_root: H256,
            /// BLAKE2b-256 of the output.
            output_hash: H256,
            /// The last block for a challenge.
            window_end: BlockNumberFor<T>,
        },
        /// A claim became final and was paid.
        Finalized {
            /// The job.
            job: JobId,
            /// Whether the program answered.
            outcome: JobOutcome,
            /// Who ran it.
            provider: T::AccountId,
            /// Where the escrow went.
            settlement: Settlement<BalanceOf<T>>,
        },
        /// A provider did not claim in time.
        ProviderTimedOut {
            /// The job.
            job: JobId,
            /// Who was silent.
            provider: T::AccountId,
            /// What it lost.
            slashed: BalanceOf<T>,
        },
        /// A provider gave a job back because it does not get the params.
        Declined {
            /// The job.
            job: JobId,
            /// Who had it.
            provider: T::AccountId,
        },
        /// The window of a claim has passed, but nobody showed params that were asked for. Nobody is paid or
        /// slashed.
        Unverifiable {
            /// The job.
            job: JobId,
            /// Whose claim it was.
            provider: T::AccountId,
        },
        /// A claim was proven false.
        Disproved {
            /// The job.
            job: JobId,
            /// Whose claim it was.
            provider: T::AccountId,
            /// Who is rewarded.
            challenger: T::AccountId,
            /// What the provider lost.
            slashed: BalanceOf<T>,
        },
        /// A job waits for another provider.
        Requeued {
            /// The job.
            job: JobId,
            /// The last block in which one can be assigned.
            until: BlockNumberFor<T>,
        },
        /// A job ended without an answer.
        Expired {
            /// The job.
            job: JobId,
            /// Where the escrow went.
            settlement: Settlement<BalanceOf<T>>,
        },
        /// A job was taken back.
        Cancelled {
            /// The job.
            job: JobId,
            /// Where the escrow went.
            settlement: Settlement<BalanceOf<T>>,
        },
        /// A claim cannot become final before its holds end.
        Held {
            /// The job.
            job: JobId,
            /// The number of holds.
            holds: u32,
        },
        /// A hold ended.
        Unheld {
            /// The job.
            job: JobId,
            /// The number of holds that are left.
            holds: u32,
        },
        /// The output of a finished job was removed.
        OutputPruned {
            /// The job.
            job: JobId,
        },
        /// There are new rules for new jobs.
        ParametersSet {
            /// The rules.
            parameters: ParametersOf<T>,
        },
    }

    /// Why a call failed.
    #[pallet::error]
    pub enum Error<T> {
        /// There is no such open job.
        NotFound,
        /// There is no such version.
        VersionNotFound,
        /// The version takes no new jobs.
        VersionDeprecated,
        /// Nobody showed params of the version that were asked for. It takes no new jobs until somebody does.
        VersionFrozen,
        /// The chain has seen the version's params: no provider needs to do without.
        ParamsOnChain,
        /// The input has not as many bytes as the version takes.
        WrongInputLength,
        /// Each provider that could take the job now asks for more, for the job or for a step.
        PriceTooLow,
        /// The named provider is not registered.
        ProviderNotFound,
        /// The requester cannot spend the fee and the deposit.
        InsufficientFunds,
        /// Only the requester may do this.
        NotRequester,
        /// The job is not in the queue any more.
        NotQueued,
        /// The state of the job has not ended yet.
        NotDue,
        /// No provider has the job, or a claim is in.
        NotAssigned,
        /// The block for the claim has passed.
        DeadlinePassed,
        /// The provider has no worker key any more.
        WorkerNotFound,
        /// The signature is not by the provider's worker key over this claim.
        BadSignature,
        /// The claim is larger than any right one.
        ClaimTooLarge,
        /// The claim has no step, or more than the version allows.
        WrongSteps,
        /// The trace is opened in the way of a shorter or longer one, or with a wrong number of hashes.
        WrongOpening,
        /// The trace does not start with the state in which the job starts.
        WrongStart,
        /// The trace does not end with the state that the claim shows.
        WrongEnd,
        /// The trace root is another one.
        WrongRoot,
        /// The trace ends in a state that has a next step.
        NotTerminal,
        /// The output's proof is broken, or proves something else.
        WrongOutput,
        /// The job has no claim.
        NotClaimed,
        /// The challenge window has passed.
        WindowClosed,
        /// The claim has no hold.
        NotHeld,
        /// The claim has as many holds as can be counted.
        TooManyHolds,
        /// A duration of no blocks.
        ZeroDuration,
        /// Jobs could last, or their outputs stay, longer than `MaxJobDuration`.
        DurationTooLong,
        /// Attempts are not from 1 to `MAX_ATTEMPTS`.
        AttemptsOutOfRange,
        /// The exposure could be nothing, or below what a job pays.
        ZeroExposure,
        /// A share is above its maximum.
        ShareTooLarge,
        /// No claim would cost nothing, or a false claim no more than that, or less than what a job pays.
        PenaltyTooSmall,
        /// A challenge would cost nothing.
        ZeroBond,
    }

    #[pallet::call]
    impl<T: Config> Pallet<T> {
        /// Requests `version` on `input` of a provider that asks at most `max_price`, for the job and for each step. Puts
        /// in escrow what that is for all steps that the version allows, and a deposit for the job's state on hold.
        ///
        /// Where `provider` is named, nobody else gets the job. The price of who gets it holds for the steps that
        /// run. What is not spent goes back at the end, with the deposit.
        ///
        /// Origin: signed, by the requester.
        ///
        /// Errors: [`Error::VersionNotFound`], [`Error::VersionDeprecated`], [`Error::VersionFrozen`],
        /// [`Error::WrongInputLength`], [`Error::ProviderNotFound`], [`Error::PriceTooLow`],
        /// [`Error::InsufficientFunds`].
        #[pallet::call_index(0)]
        #[pallet::weight(T::WeightInfo::request(input.len().saturated_into()))]
        pub fn request(
            origin: OriginFor<T>,
            version: VersionId,
            input: Vec<u8>,
            max_price: Price<BalanceOf<T>>,
            provider: Option<T::AccountId>,
        ) -> DispatchResult {
            let requester = ensure_signed(origin)?;
            Self::do_request(&requester, version, input, max_price, provider)?;
            Ok(())
        }

        /// Takes back a job that no provider has. The escrow and the deposit go back whole.
        ///
        /// Origin: signed, by the requester.
        ///
        /// Errors: [`Error::NotFound`], [`Error::NotRequester`], [`Error::NotQueued`].
        #[pallet::call_index(1)]
        #[pallet::weight(T::WeightInfo::cancel())]
        pub fn cancel(origin: OriginFor<T>, job: JobId) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_cancel(&who, job)
        }

        /// Claims to have run `job`, by a `signature` of the assigned provider's worker key over
        /// [`Pallet::claim_payload`]. In time up to and including the deadline's block.
        ///
        /// Everything about the claim is checked that can be checked without running a step.
        ///
        /// Origin: authorized by the signature alone, and then free of fees; or signed by anyone, and
        /// then free of fees where it succeeds. The first is refused with a [`crate::Rejection`],
        /// the second fails with the error of the same name.
        ///
        /// Errors: [`Error::NotFound`], [`Error::NotAssigned`], [`Error::DeadlinePassed`],
        /// [`Error::ClaimTooLarge`], [`Error::WorkerNotFound`], [`Error::BadSignature`],
        /// [`Error::VersionNotFound`], [`Error::WrongSteps`], [`Error::WrongOpening`],
        /// [`Error::WrongStart`], [`Error::WrongEnd`], [`Error::WrongRoot`],
        /// [`Error::NotTerminal`], [`Error::WrongOutput`].
        #[pallet::call_index(2)]
        #[pallet::authorize(Pallet::<T>::authorize_claim)]
        #[pallet::weight({
            let (output_len, hashes) = claim_size(claim);
            T::WeightInfo::claim(output_len, hashes)
        })]
        #[pallet::weight_of_authorize({
            let (output_len, hashes) = claim_size(claim);
            T::WeightInfo::authorize_claim(output_len, hashes)
        })]
        pub fn claim(
            origin: OriginFor<T>,
            job: JobId,
            claim: Claim,
            signature: WorkerSignature,
        ) -> DispatchResultWithPostInfo {
            if ensure_authorized(origin.clone()).is_err() {
                ensure_signed(origin)?;
            }
            Self::do_claim(job, &claim, &signature)?;
            Ok(Pays::No.into())
        }

        /// Does what is due with `job` where the agenda is behind: ends a queue, an assignment or a
        /// challenge window whose last block has passed. Assigns nobody.
        ///
        /// Origin: signed, by anyone. Free of fees where it succeeds.
        ///
        /// Errors: [`Error::NotFound`], [`Error::NotDue`].
        #[pallet::call_index(3)]
        #[pallet::weight(Pallet::<T>::advance_weight())]
        pub fn advance(origin: OriginFor<T>, job: JobId) -> DispatchResultWithPostInfo {
            ensure_signed(origin)?;
            Self::do_advance(job)?;
            Ok(Pays::No.into())
        }

        /// Gives `job` back because its version's params, which the chain has not seen, cannot be had: by a
        /// `signature` of the assigned provider's worker key over [`Pallet::decline_payload`]. The job goes
        /// on to others. The provider loses nothing, but its offer takes no more jobs until it is set anew.
        ///
        /// Origin: authorized by the signature alone, and then free of fees; or signed by anyone, and then
        /// free of fees where it succeeds.
        ///
        /// Errors: [`Error::NotFound`], [`Error::NotAssigned`], [`Error::DeadlinePassed`],
        /// [`Error::VersionNotFound`], [`Error::ParamsOnChain`], [`Error::WorkerNotFound`],
        /// [`Error::BadSignature`].
        #[pallet::call_index(5)]
        #[pallet::authorize(Pallet::<T>::authorize_decline)]
        #[pallet::weight(T::WeightInfo::decline())]
        #[pallet::weight_of_authorize(T::WeightInfo::authorize_decline())]
        pub fn decline(
            origin: OriginFor<T>,
            job: JobId,
            signature: WorkerSignature,
        ) -> DispatchResultWithPostInfo {
            if ensure_authorized(origin.clone()).is_err() {
                ensure_signed(origin)?;
            }
            Self::do_decline(job, &signature)?;
            Ok(Pays::No.into())
        }

        /// Sets the rules for new jobs. Open jobs keep theirs.
        ///
        /// Origin: root.
        ///
        /// Errors: [`Error::ZeroDuration`], [`Error::AttemptsOutOfRange`],
        /// [`Error::DurationTooLong`], [`Error::ZeroExposure`], [`Error::ShareTooLarge`],
        /// [`Error::PenaltyTooSmall`], [`Error::ZeroBond`].
        #[pallet::call_index(4)]
        #[pallet::weight(T::WeightInfo::set_parameters())]
        pub fn set_parameters(origin: OriginFor<T>, parameters: ParametersOf<T>) -> DispatchResult {
            ensure_root(origin)?;
            Self::do_set_parameters(parameters)
        }
    }

    #[pallet::hooks]
    impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
        /// After the inherents, so that an assignment's randomness covers what the block's author had
        /// from the relay chain, which nobody knew a block earlier.
        fn on_poll(now: BlockNumberFor<T>, meter: &mut WeightMeter) {
            meter.consume(Self::serve_agenda(now, meter.remaining()));
        }

        fn integrity_test() {
            Self::check_config();
        }

        #[cfg(feature = "try-runtime")]
        fn try_state(_: BlockNumberFor<T>) -> Result<(), sp_runtime::TryRuntimeError> {
            Self::do_try_state()
        }
    }
}
