//! What the pallet stores and what it shows.

use crate::Config;
use alloc::vec::Vec;
use assay_primitives::{worker_key::WorkerId, Price, VersionId};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::{
    traits::{fungible, Get},
    BoundedVec, CloneNoBound, DebugNoBound, EqNoBound, PartialEqNoBound,
};
use frame_system::pallet_prelude::BlockNumberFor;
use scale_info::TypeInfo;
use sp_runtime::traits::{Saturating, Zero};

/// An amount of the chain's token in plancks.
pub type BalanceOf<T> =
    <<T as Config>::Currency as fungible::Inspect<<T as frame_system::Config>::AccountId>>::Balance;

/// Whether a provider takes jobs.
#[derive(
    Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo, MaxEncodedLen,
)]
pub enum Status {
    /// Takes jobs. The provider's `pause` leads to `Paused`, too many timeouts to `Suspended`.
    Active,
    /// Paused by the provider. `resume` leads to `Active`.
    Paused,
    /// Paused by the chain after `MaxStrikes` timeouts without a completed job between them.
    /// `resume` leads to `Active`.
    Suspended,
}

/// Stake on its way out. It is slashable until it is withdrawn.
#[derive(
    Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo, MaxEncodedLen,
)]
pub struct UnbondingChunk<Balance, BlockNumber> {
    /// Plancks.
    pub amount: Balance,
    /// The first block in which `withdraw` releases the chunk.
    pub unlocks_at: BlockNumber,
}

/// How a provider's jobs ended. Counts saturate.
#[derive(
    Clone, Copy, PartialEq, Eq, Debug, Default, Encode, Decode, DecodeWithMemTracking, TypeInfo, MaxEncodedLen,
)]
pub struct Stats<Balance> {
    /// Jobs whose claim became final.
    pub completed: u32,
    /// Jobs without a claim in time.
    pub timed_out: u32,
    /// Jobs whose claim was proven false.
    pub disproved: u32,
    /// Jobs that ended without the provider's fault.
    pub released: u32,
    /// Plancks of stake lost to slashes.
    pub slashed: Balance,
}

/// A provider.
#[derive(
    CloneNoBound, PartialEqNoBound, EqNoBound, DebugNoBound, Encode, Decode, TypeInfo, MaxEncodedLen,
)]
#[scale_info(skip_type_params(T))]
pub struct Provider<T: Config> {
    /// The hot key that signs for the provider.
    pub worker: WorkerId,
    /// Whether the provider takes jobs.
    pub status: Status,
    /// Plancks of stake that can back jobs.
    pub bonded: BalanceOf<T>,
    /// Plancks of stake that back open jobs. The sum of their exposures.
    pub exposed: BalanceOf<T>,
    /// Stake on its way out, in the order of the `unbond` calls.
    pub unbonding: BoundedVec<UnbondingChunk<BalanceOf<T>, BlockNumberFor<T>>, T::MaxUnbonding>,
    /// Open jobs.
    pub jobs: u32,
    /// Timeouts since the last completed job or `resume`.
    pub strikes: u32,
    /// The block of the registration.
    pub first_seen: BlockNumberFor<T>,
    /// The last block in which a job of the provider began or ended, at first that of the
    /// registration.
    pub last_active: BlockNumberFor<T>,
    /// How its jobs ended.
    pub stats: Stats<BalanceOf<T>>,
}

impl<T: Config> Provider<T> {
    /// A provider without stake.
    pub(crate) fn new(worker: WorkerId, now: BlockNumberFor<T>) -> Self {
        Self {
            worker,
            status: Status::Active,
            bonded: Zero::zero(),
            exposed: Zero::zero(),
            unbonding: BoundedVec::new(),
            jobs: 0,
            strikes: 0,
            first_seen: now,
            last_active: now,
            stats: Stats::default(),
        }
    }

    /// Plancks on their way out.
    pub fn unbonding_total(&self) -> BalanceOf<T> {
        self.unbonding
            .iter()
            .fold(Zero::zero(), |sum: BalanceOf<T>, chunk| {
                sum.saturating_add(chunk.amount)
            })
    }

    /// Plancks that a slash can reach.
    pub fn stake(&self) -> BalanceOf<T> {
        self.bonded.saturating_add(self.unbonding_total())
    }

    /// Plancks that can back new jobs or be unbonded.
    pub fn free_stake(&self) -> BalanceOf<T> {
        self.bonded.saturating_sub(self.exposed)
    }

    /// Whether the provider takes jobs at all: it is active and its bond has the least size.
    pub fn takes_jobs(&self) -> bool {
        self.status == Status::Active && self.bonded >= T::MinBond::get()
    }

    /// Takes up to `amount` plancks out of the books: bonded stake first, then the oldest chunks.
    pub(crate) fn reduce_stake(&mut self, amount: BalanceOf<T>) {
        let from_bond = amount.min(self.bonded);
        self.bonded = self.bonded.saturating_sub(from_bond);
        let mut left = amount.saturating_sub(from_bond);
        for chunk in self.unbonding.iter_mut() {
            let part = left.min(chunk.amount);
            chunk.amount = chunk.amount.saturating_sub(part);
            left = left.saturating_sub(part);
        }
        self.unbonding.retain(|chunk| !chunk.amount.is_zero());
    }
}

/// A provider's readiness to run a version.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo, MaxEncodedLen)]
pub struct Offer<AccountId, Balance> {
    /// Who offers.
    pub provider: AccountId,
    /// What a job costs.
    pub price: Price<Balance>,
    /// Jobs at the same time. An offer of capacity 0 is closed.
    pub capacity: u16,
    /// Open jobs. More than `capacity` where this was lowered.
    pub in_flight: u16,
    /// Plancks held for the offer.
    pub deposit: Balance,
}

impl<AccountId, Balance> Offer<AccountId, Balance> {
    /// Jobs that the offer could take now.
    pub fn free_capacity(&self) -> u16 {
        self.capacity.saturating_sub(self.in_flight)
    }
}

/// The offers of a version.
pub type OffersOfVersion<T> = BoundedVec<
    Offer<<T as frame_system::Config>::AccountId, BalanceOf<T>>,
    <T as Config>::MaxOffersPerVersion,
>;

/// A provider as clients see it.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub struct ProviderInfo<Balance, BlockNumber> {
    /// The hot key that signs for the provider.
    pub worker: WorkerId,
    /// Whether the provider takes jobs.
    pub status: Status,
    /// Plancks of stake that can back jobs.
    pub bonded: Balance,
    /// Plancks of stake that back open jobs.
    pub exposed: Balance,
    /// Plancks of stake that can back new jobs or be unbonded.
    pub free_stake: Balance,
    /// Stake on its way out, in the order of the `unbond` calls.
    pub unbonding: Vec<UnbondingChunk<Balance, BlockNumber>>,
    /// Open jobs.
    pub jobs: u32,
    /// Timeouts since the last completed job or `resume`.
    pub strikes: u32,
    /// The block of the registration.
    pub first_seen: BlockNumber,
    /// The last block in which a job of the provider began or ended.
    pub last_active: BlockNumber,
    /// How its jobs ended.
    pub stats: Stats<Balance>,
    /// The versions that it offers.
    pub offers: Vec<VersionId>,
}

/// An offer as clients see it.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub struct OfferInfo<AccountId, Balance, BlockNumber> {
    /// Who offers.
    pub provider: AccountId,
    /// What a job costs.
    pub price: Price<Balance>,
    /// Jobs at the same time.
    pub capacity: u16,
    /// Jobs that the offer could take now.
    pub free_capacity: u16,
    /// Plancks of the provider's stake that can back new jobs.
    pub free_stake: Balance,
    /// Whether the offer takes a job now whose exposure is at most `free_stake`.
    pub takes_jobs: bool,
    /// The block of the provider's registration.
    pub first_seen: BlockNumber,
    /// The last block in which a job of the provider began or ended.
    pub last_active: BlockNumber,
    /// How the provider's jobs ended.
    pub stats: Stats<Balance>,
}
