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

mod challenges;
mod endings;
mod integrity;
mod judge;
mod proofs;
mod reveals;
// `std`: for the tests of other pallets, too.
#[cfg(any(feature = "std", feature = "try-runtime"))]
mod try_state;
// Derived encodings cast the index of a variant; constants are cast in constants.
#[allow(clippy::cast_possible_truncation, clippy::arithmetic_side_effects)]
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

pub use pallet::*;
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
    use crate::{types::*, weights::WeightInfo};
    use assay_engine::{fraud::FraudProof, trace::NodeId};
    use assay_primitives::{ClaimId, Claims, Programs};
    use frame_support::{pallet_prelude::*, traits::fungible, weights::WeightMeter};
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
        /// The token of the bonds.
        type Fungible: fungible::Mutate<Self::AccountId>
            + fungible::MutateHold<Self::AccountId, Reason = Self::RuntimeHoldReason>;

        /// The runtime's reasons to hold.
        type RuntimeHoldReason: From<HoldReason>;

        /// The claims that are disputed.
        type Claims: Claims<Self::AccountId, BalanceOf<Self>, BlockNumberFor<Self>>;

        /// The programs that steps are run by.
        type Programs: Programs;

        /// The most challenges that the agenda serves in one block. It serves fewer where a quarter of
        /// the block has no room for more.
        #[pallet::constant]
        type MaxDuePerBlock: Get<u32>;

        /// The weights of calls and transitions.
        type WeightInfo: WeightInfo;
    }

    /// The open challenges.
    #[pallet::storage]
    pub type Challenges<T: Config> =
        StorageDoubleMap<_, Twox64Concat, ClaimId, Blake2_128Concat, T::AccountId, ChallengeOf<T>>;

    /// Of the open challenges of a claim, whose was made first; or, where that one ended, one of the others.
    #[pallet::storage]
    pub type FirstChallenger<T: Config> = StorageMap<_, Twox64Concat, ClaimId, T::AccountId>;

    /// The nodes of trace trees that open challenges asked for.
    #[pallet::storage]
    pub type Reveals<T: Config> =
        StorageDoubleMap<_, Twox64Concat, ClaimId, Twox64Concat, NodeId, RevealOf<T>>;

    /// The challenges that get attention in a block.
    #[pallet::storage]
    pub type Agenda<T: Config> =
        StorageDoubleMap<_, Twox64Concat, BlockNumberFor<T>, Blake2_128Concat, ChallengeId<T>, ()>;

    /// The oldest block whose entries in the agenda may not all be served.
    #[pallet::storage]
    pub type NextDue<T: Config> = StorageValue<_, BlockNumberFor<T>>;

    /// Why plancks of a challenger are on hold.
    #[pallet::composite_enum]
    pub enum HoldReason {
        /// They answer for an open challenge.
        #[codec(index = 0)]
        Bond,
    }

    /// What happened. Amounts are in plancks.
    #[pallet::event]
    #[pallet::generate_deposit(pub(crate) fn deposit_event)]
    pub enum Event<T: Config> {
        /// A claim was challenged.
        Challenged {
            /// The claim.
            claim: ClaimId,
            /// Who challenges.
            challenger: T::AccountId,
            /// Put on hold.
            bond: BalanceOf<T>,
            /// The last block for the challenger's first move.
            until: BlockNumberFor<T>,
        },
        /// A challenger asked for a node of the trace tree.
        Asked {
            /// The claim.
            claim: ClaimId,
            /// Who asks.
            challenger: T::AccountId,
            /// The node.
            node: NodeId,
            /// The node's hash.
            hash: H256,
            /// Whether it was shown before, so that the challenger has its next move at once.
            shown: bool,
            /// The last block in which it can be shown; or that of the challenger's next move.
            until: BlockNumberFor<T>,
        },
        /// What is below a node was shown.
        Shown {
            /// The claim.
            claim: ClaimId,
            /// The node.
            node: NodeId,
            /// The number of hashes. The nodes' off-chain databases have them.
            hashes: u32,
        },
        /// A step was run, and the trace has something else after it.
        FraudProven {
            /// The claim.
            claim: ClaimId,
            /// The false step, counted from 0.
            step: u64,
            /// Who proved it.
            prover: T::AccountId,
            /// Who is rewarded.
            rewarded: T::AccountId,
            /// Fuel that the step used.
            fuel: u64,
        },
        /// A challenge ended.
        Ended {
            /// The claim.
            claim: ClaimId,
            /// Who challenged.
            challenger: T::AccountId,
            /// How.
            ending: Ending,
            /// Of the bond, went back to the challenger.
            returned: BalanceOf<T>,
            /// Of the bond, went to the provider.
            forfeited: BalanceOf<T>,
            /// Of the bond, burnt.
            burnt: BalanceOf<T>,
        },
    }

    /// Why a call failed.
    #[pallet::error]
    pub enum Error<T> {
        /// There is no such claim, or it cannot be disputed any more.
        ClaimNotFound,
        /// The account has a challenge of this claim already.
        AlreadyChallenged,
        /// The claim is the account's own.
        OwnClaim,
        /// The account has no open challenge of this claim.
        ChallengeNotFound,
        /// The trace stands in the claim: nothing needs to be revealed.
        TraceIsPublic,
        /// The challenger cannot spend the bond.
        InsufficientFunds,
        /// The provider has to reveal first.
        NotYourTurn,
        /// The block for the move has passed.
        DeadlinePassed,
        /// The trace tree has no such node, or reveals do not reach it.
        WrongNode,
        /// The path does not lead from the node to the trace root.
        WrongPath,
        /// The challenge asked for this node already.
        AlreadyAsked,
        /// The node was shown already.
        AlreadyShown,
        /// Nobody asked for this node.
        NotAsked,
        /// The hashes are not those below the node.
        WrongHashes,
        /// The proof is larger than any right one.
        ProofTooLarge,
        /// The trace has no such step.
        StepOutOfRange,
        /// The state is not the one before the step, or its path does not lead to the trace root.
        WrongBefore,
        /// The leaf is not the one after the step, or its path does not lead to the trace root.
        WrongAfter,
        /// The witness is broken: its chunks are not those of the state, or not all that the step touches.
        WrongWitness,
        /// The step is right.
        StepIsRight,
        /// No engine of the claim's version is here to judge it.
        UnknownEngine,
        /// The claim's program is not in state.
        ProgramNotFound,
        /// Nothing is due yet.
        NotDue,
    }

    #[pallet::call]
    impl<T: Config> Pallet<T> {
        /// Challenges `claim`, within its window, and puts the bond of its terms on hold. The claim does
        /// not become final before the challenge ends.
        ///
        /// The challenger then has some blocks for each of its moves: [`Pallet::ask`], as often as the trace
        /// has hidden levels, and [`Pallet::prove_fraud`].
        ///
        /// Origin: signed, by anyone but the provider.
        ///
        /// Errors: [`Error::ClaimNotFound`], [`Error::OwnClaim`], [`Error::AlreadyChallenged`],
        /// [`Error::InsufficientFunds`], and that of `jobs` where the window has passed.
        #[pallet::call_index(0)]
        #[pallet::weight(T::WeightInfo::challenge())]
        pub fn challenge(origin: OriginFor<T>, claim: ClaimId) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_challenge(who, claim)
        }

        /// Asks what is below `node`, whose hash is `hash` and whose siblings on the way to the trace root are
        /// `path`, lowest first. If nobody reveals it in time, the claim counts as false. Where it was shown
        /// before, the challenger has its next move, in as many blocks as for any.
        ///
        /// Origin: signed, by a challenger whose move it is.
        ///
        /// Errors: [`Error::ClaimNotFound`], [`Error::ChallengeNotFound`], [`Error::TraceIsPublic`],
        /// [`Error::NotYourTurn`], [`Error::DeadlinePassed`], [`Error::WrongNode`], [`Error::AlreadyAsked`],
        /// [`Error::WrongPath`].
        #[pallet::call_index(1)]
        #[pallet::weight(T::WeightInfo::ask())]
        pub fn ask(
            origin: OriginFor<T>,
            claim: ClaimId,
            node: NodeId,
            hash: H256,
            path: Path,
        ) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_ask(who, claim, node, hash, path)
        }

        /// Shows `hashes`, the nodes up to ten levels below `node`, of which a challenger asked. In time up to
        /// and including the deadline's block. Whoever asked has to move next.
        ///
        /// Origin: authorized by what it shows alone, and then free of fees; or signed by anyone, and then
        /// free of fees where it succeeds.
        ///
        /// Errors: [`Error::ClaimNotFound`], [`Error::NotAsked`], [`Error::AlreadyShown`],
        /// [`Error::DeadlinePassed`], [`Error::WrongHashes`].
        #[pallet::call_index(2)]
        #[pallet::authorize(Pallet::<T>::authorize_reveal)]
        #[pallet::weight(T::WeightInfo::reveal(hashes.len().saturated_into()))]
        #[pallet::weight_of_authorize(T::WeightInfo::authorize_reveal(hashes.len().saturated_into()))]
        pub fn reveal(
            origin: OriginFor<T>,
            claim: ClaimId,
            node: NodeId,
            hashes: Hashes,
        ) -> DispatchResultWithPostInfo {
            if ensure_authorized(origin.clone()).is_err() {
                ensure_signed(origin)?;
            }
            Self::do_reveal(claim, node, hashes)?;
            Ok(Pays::No.into())
        }

        /// Proves that one step of the trace of `claim` is false: the chain runs it, and the claim is judged at
        /// once. Needs no challenge.
        ///
        /// The reward goes to the prover if its challenge was made in an earlier block, and otherwise to the
        /// first of those whose was: who has no bond at stake gains nothing by copying a proof from the pool.
        /// Where nobody challenged before it goes to the prover.
        ///
        /// Origin: signed, by anyone. Free of fees where it succeeds. What the step does not use of the
        /// weight is given back.
        ///
        /// Errors: [`Error::ClaimNotFound`], [`Error::ProofTooLarge`], [`Error::StepOutOfRange`],
        /// [`Error::WrongBefore`], [`Error::WrongAfter`], [`Error::UnknownEngine`],
        /// [`Error::ProgramNotFound`], [`Error::WrongWitness`], [`Error::StepIsRight`].
        #[pallet::call_index(3)]
        // Operational: other transactions cannot crowd it out for a little tip.
        #[pallet::weight((Pallet::<T>::heaviest_proof(proof), DispatchClass::Operational))]
        pub fn prove_fraud(
            origin: OriginFor<T>,
            claim: ClaimId,
            proof: FraudProof,
        ) -> DispatchResultWithPostInfo {
            let who = ensure_signed(origin)?;
            Self::do_prove_fraud(who, claim, proof)
        }

        /// Ends the challenge of `claim` by `challenger` where the claim was judged or a deadline has passed,
        /// without waiting for the agenda.
        ///
        /// Origin: signed, by anyone. Free of fees where it succeeds.
        ///
        /// Errors: [`Error::ChallengeNotFound`], [`Error::NotDue`].
        #[pallet::call_index(4)]
        #[pallet::weight(Pallet::<T>::settle_weight())]
        pub fn settle(
            origin: OriginFor<T>,
            claim: ClaimId,
            challenger: T::AccountId,
        ) -> DispatchResultWithPostInfo {
            ensure_signed(origin)?;
            Self::do_settle(claim, challenger)?;
            Ok(Pays::No.into())
        }
    }

    #[pallet::hooks]
    impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
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
