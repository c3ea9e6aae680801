//! What the pallet stores and shows.

use crate::Config;
use assay_engine::trace::NodeId;
use assay_primitives::{ClaimId, DisputedClaim, MAX_REVEALS};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::{
    traits::{fungible, ConstU32},
    BoundedVec,
};
use frame_system::pallet_prelude::BlockNumberFor;
use scale_info::TypeInfo;
use sp_core::H256;

/// The most hashes that a reveal shows.
pub const MAX_SHOWN: u32 = 1 << assay_engine::limits::REVEAL_LEVELS;
/// The most chunks of memory in a fraud proof: as many as a step may touch.
pub const MAX_PROOF_CHUNKS: u32 =
    (assay_engine::limits::MAX_CHUNKS_READ + assay_engine::limits::MAX_CHUNKS_WRITTEN) as u32;
/// Nodes of a memory proof for each of its chunks, where every chunk has a path of its own.
pub const NODES_PER_CHUNK: usize = 2 * assay_engine::limits::MEMORY_LEVELS as usize + 1;
/// The most hashes of a path in a trace tree.
pub const MAX_PATH: u32 = 30;

/// The siblings of a node of a trace tree on the way to its root, lowest first.
pub type Path = BoundedVec<H256, ConstU32<MAX_PATH>>;
/// What a reveal shows.
pub type Hashes = BoundedVec<H256, ConstU32<MAX_SHOWN>>;
/// Plancks, as the configured token counts them.
pub type BalanceOf<T> =
    <<T as Config>::Fungible as fungible::Inspect<<T as frame_system::Config>::AccountId>>::Balance;
/// [`Challenge`] of the configured runtime.
pub type ChallengeOf<T> = Challenge<BalanceOf<T>, BlockNumberFor<T>>;
/// [`Reveal`] of the configured runtime.
pub type RevealOf<T> = Reveal<BlockNumberFor<T>>;
/// [`DisputedClaim`] of the configured runtime.
pub type DisputedClaimOf<T> =
    DisputedClaim<<T as frame_system::Config>::AccountId, BalanceOf<T>, BlockNumberFor<T>>;
/// What the agenda names: a challenge.
pub type ChallengeId<T> = (ClaimId, <T as frame_system::Config>::AccountId);

/// An open challenge.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo, MaxEncodedLen)]
pub struct Challenge<Balance, BlockNumber> {
    /// The block in which it was made.
    pub opened: BlockNumber,
    /// Plancks that its challenger has on hold.
    pub bond: Balance,
    /// The nodes that it asked for.
    pub asked: BoundedVec<NodeId, ConstU32<MAX_REVEALS>>,
    /// Whose move it was when it was last written. [`Standing`] says whose it is.
    pub turn: Turn<BlockNumber>,
    /// The block of the agenda in which it gets attention.
    pub due: BlockNumber,
}

/// Whose move it was when a challenge was last written.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo, MaxEncodedLen)]
pub enum Turn<BlockNumber> {
    /// The challenger's.
    #[codec(index = 0)]
    Challenger {
        /// The last block for it.
        until: BlockNumber,
    },
    /// The provider's, to reveal this node.
    #[codec(index = 1)]
    Provider {
        /// The node.
        node: NodeId,
    },
}

/// Whose move it is. Who does not move in time loses.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub enum Standing<BlockNumber> {
    /// The challenger's: to ask for a node, or to prove.
    #[codec(index = 0)]
    Challenger {
        /// The last block for it.
        until: BlockNumber,
    },
    /// The provider's: to reveal a node.
    #[codec(index = 1)]
    Provider {
        /// The node.
        node: NodeId,
        /// The last block for it.
        until: BlockNumber,
    },
}

impl<BlockNumber: Copy> Standing<BlockNumber> {
    /// The last block for the move.
    pub fn until(&self) -> BlockNumber {
        match self {
            Self::Challenger { until } | Self::Provider { until, .. } => *until,
        }
    }
}

/// A node of a trace tree that somebody asked for. One for all who ask.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo, MaxEncodedLen)]
pub struct Reveal<BlockNumber> {
    /// The node's hash.
    pub hash: H256,
    /// How far it is.
    pub state: RevealState<BlockNumber>,
    /// Open challenges that asked for it.
    pub askers: u32,
}

/// How far a reveal is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, TypeInfo, MaxEncodedLen)]
pub enum RevealState<BlockNumber> {
    /// It was asked for.
    #[codec(index = 0)]
    Asked {
        /// The last block in which it can be shown.
        until: BlockNumber,
    },
    /// It was shown, in this block.
    #[codec(index = 1)]
    Shown {
        /// The block.
        at: BlockNumber,
    },
}

/// How a challenge ended.
#[derive(
    Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo, MaxEncodedLen,
)]
pub enum Ending {
    /// The claim was proven false, by this challenger or another. The bond went back.
    #[codec(index = 0)]
    ProvenFalse,
    /// The provider did not reveal in time, so that the claim counts as false. The bond went back.
    #[codec(index = 1)]
    Withheld,
    /// The challenger did not move in time. The bond is lost.
    #[codec(index = 2)]
    Abandoned,
}

/// All that a client wants to know of a challenge.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub struct ChallengeInfo<AccountId, Balance, BlockNumber> {
    /// Who challenges.
    pub challenger: AccountId,
    /// The block in which it was made.
    pub opened: BlockNumber,
    /// Plancks on hold.
    pub bond: Balance,
    /// Whose move it is. `None` where the claim was judged and the challenge waits for its end.
    pub standing: Option<Standing<BlockNumber>>,
}

/// A reveal that the provider owes.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub struct OwedReveal<BlockNumber> {
    /// The claim.
    pub claim: ClaimId,
    /// The node.
    pub node: NodeId,
    /// The last block in which it can be shown.
    pub until: BlockNumber,
}
