#![doc = include_str!("../README.md")]
#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(
    not(any(test, feature = "runtime-benchmarks")),
    deny(
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unwrap_used
    )
)]

extern crate alloc;

mod assignment;
#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
mod bond;
mod integrity;
#[cfg(test)]
mod mock;
mod offers;
mod queries;
mod registration;
pub mod runtime_api;
mod slashing;
#[cfg(test)]
mod tests;
// `std`: for the tests of other pallets, too.
#[cfg(any(feature = "std", feature = "try-runtime"))]
mod try_state;
mod types;
pub mod weights;

pub use pallet::*;
pub use types::*;
pub use weights::WeightInfo;

/// The target of the pallet's log lines.
pub(crate) const LOG_TARGET: &str = "runtime::providers";

// What the macro writes casts and expects; no code by hand stands in this module but the calls.
#[allow(clippy::cast_possible_truncation, clippy::expect_used)]
#[frame_support::pallet]
pub mod pallet {
    use super::*;
    use assay_primitives::{
        worker_key::{WorkerId, WorkerSignature},
        Price, VersionId,
    };
    use frame_support::{pallet_prelude::*, traits::fungible};
    use frame_system::pallet_prelude::*;

    const STORAGE_VERSION: StorageVersion = StorageVersion::new(1);

    #[pallet::pallet]
    #[pallet::storage_version(STORAGE_VERSION)]
    pub struct Pallet<T>(_);

    #[pallet::config]
    pub trait Config: frame_system::Config<RuntimeEvent: From<Event<Self>>> {
        /// The runtime's hold reasons.
        type RuntimeHoldReason: From<HoldReason>;

        /// Holds stakes and deposits.
        type Currency: fungible::Mutate<Self::AccountId>
            + fungible::MutateHold<Self::AccountId, Reason = Self::RuntimeHoldReason>;

        /// The registry of what can be offered.
        type Versions: assay_primitives::Versions<Self::AccountId, BlockNumberFor<Self>>;

        /// Plancks that a provider bonds at least. A bond that a slash left below it takes no jobs.
        #[pallet::constant]
        type MinBond: Get<BalanceOf<Self>>;

        /// Plancks held for each offer.
        #[pallet::constant]
        type OfferDeposit: Get<BalanceOf<Self>>;

        /// Blocks from `unbond` to `withdraw`. Longer than `LongestJob`.
        #[pallet::constant]
        type UnbondingPeriod: Get<BlockNumberFor<Self>>;

        /// The most blocks from a job's assignment to its end, with every dispute about it.
        #[pallet::constant]
        type LongestJob: Get<BlockNumberFor<Self>>;

        /// The most chunks of stake that a provider unbonds at a time.
        #[pallet::constant]
        type MaxUnbonding: Get<u32>;

        /// The most offers for a version.
        #[pallet::constant]
        type MaxOffersPerVersion: Get<u32>;

        /// The most offers by a provider.
        #[pallet::constant]
        type MaxOffersPerProvider: Get<u32>;

        /// Timeouts in a row after which a provider is suspended.
        #[pallet::constant]
        type MaxStrikes: Get<u32>;

        /// Weights of the calls and of what other pallets call.
        type WeightInfo: WeightInfo;
    }

    /// Why plancks are held.
    #[pallet::composite_enum]
    pub enum HoldReason {
        /// Stake: bonded and unbonding.
        #[codec(index = 0)]
        Bond,
        /// Deposits for offers.
        #[codec(index = 1)]
        Offer,
    }

    /// The providers by account.
    #[pallet::storage]
    pub type Providers<T: Config> = StorageMap<_, Blake2_128Concat, T::AccountId, Provider<T>>;

    /// The provider for which a worker key signs.
    #[pallet::storage]
    pub type ProviderOf<T: Config> = StorageMap<_, Blake2_128Concat, WorkerId, T::AccountId>;

    /// The offers of a version. At most one of each provider.
    #[pallet::storage]
    pub type Offers<T: Config> = StorageMap<_, Twox64Concat, VersionId, OffersOfVersion<T>, ValueQuery>;

    /// The versions that a provider offers.
    #[pallet::storage]
    pub type OffersOf<T: Config> = StorageMap<
        _,
        Blake2_128Concat,
        T::AccountId,
        BoundedVec<VersionId, T::MaxOffersPerProvider>,
        ValueQuery,
    >;

    #[pallet::event]
    #[pallet::generate_deposit(pub(super) fn deposit_event)]
    pub enum Event<T: Config> {
        /// A provider registered.
        Registered {
            /// The provider.
            provider: T::AccountId,
            /// The hot key that signs for it.
            worker: WorkerId,
            /// Plancks that it bonded.
            bond: BalanceOf<T>,
        },
        /// A provider named another hot key.
        WorkerSet {
            /// The provider.
            provider: T::AccountId,
            /// The key that signs from now on, also for jobs that are open.
            worker: WorkerId,
        },
        /// A provider left.
        Deregistered {
            /// The former provider.
            provider: T::AccountId,
        },
        /// A provider bonded more.
        Bonded {
            /// The provider.
            provider: T::AccountId,
            /// Plancks that were added.
            amount: BalanceOf<T>,
        },
        /// Stake is on its way out.
        Unbonding {
            /// The provider.
            provider: T::AccountId,
            /// Plancks that leave.
            amount: BalanceOf<T>,
            /// The first block in which they can be withdrawn.
            unlocks_at: BlockNumberFor<T>,
        },
        /// Unbonded stake went back to its owner.
        Withdrawn {
            /// The provider.
            provider: T::AccountId,
            /// Plancks that were released.
            amount: BalanceOf<T>,
        },
        /// An offer was made or changed.
        OfferSet {
            /// The provider.
            provider: T::AccountId,
            /// What it offers to run.
            version: VersionId,
            /// What a job costs.
            price: Price<BalanceOf<T>>,
            /// Jobs at the same time.
            capacity: u16,
        },
        /// An offer was withdrawn, or its version no longer exists.
        OfferRemoved {
            /// The provider.
            provider: T::AccountId,
            /// What it offered to run.
            version: VersionId,
        },
        /// An idle offer made room for one with a larger stake.
        OfferEvicted {
            /// The provider whose offer was removed.
            provider: T::AccountId,
            /// What it offered to run.
            version: VersionId,
            /// The provider that took the place.
            by: T::AccountId,
        },
        /// A provider takes no more jobs, by its own choice.
        Paused {
            /// The provider.
            provider: T::AccountId,
        },
        /// A provider takes jobs again.
        Resumed {
            /// The provider.
            provider: T::AccountId,
        },
        /// A provider takes no more jobs because it let too many in a row time out.
        Suspended {
            /// The provider.
            provider: T::AccountId,
        },
        /// A provider lost stake.
        Slashed {
            /// The provider.
            provider: T::AccountId,
            /// Plancks that were taken. The sum of `rewarded` and `burned`.
            amount: BalanceOf<T>,
            /// Who was paid `rewarded`.
            beneficiary: Option<T::AccountId>,
            /// Plancks that the beneficiary got.
            rewarded: BalanceOf<T>,
            /// Plancks that no longer exist.
            burned: BalanceOf<T>,
        },
    }

    #[pallet::error]
    pub enum Error<T> {
        /// The account is not a provider.
        NotRegistered,
        /// The account is a provider already.
        AlreadyRegistered,
        /// The worker key signs for a provider already.
        WorkerTaken,
        /// The proof is no signature by the worker key over this chain and account.
        InvalidProof,
        /// The bond would be, or is, below `MinBond`.
        BondTooLow,
        /// The amount is zero.
        ZeroAmount,
        /// The free stake is less than the amount: the rest backs open jobs or is unbonding.
        FreeStakeTooLow,
        /// As many chunks are unbonding as a provider may have. `withdraw` makes room.
        TooManyUnbonding,
        /// No unbonding stake has waited long enough.
        NothingToWithdraw,
        /// The provider has offers. They are removed first.
        HasOffers,
        /// The provider has open jobs.
        HasJobs,
        /// The provider has stake that is bonded, or unbonding for too short a time.
        HasStake,
        /// There is no such version.
        VersionNotFound,
        /// The version is deprecated and takes no new jobs.
        VersionDeprecated,
        /// The provider does not offer the version.
        OfferNotFound,
        /// The provider has as many offers as it may have.
        TooManyOffers,
        /// The version has as many offers as it may have, none of them idle with a smaller stake.
        OffersFull,
        /// Open jobs use the offer.
        OfferInUse,
        /// The version of the offer exists.
        OfferNotStale,
        /// The provider takes no jobs already.
        AlreadyPaused,
        /// The provider is not paused.
        NotPaused,
    }

    #[pallet::hooks]
    impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
        fn integrity_test() {
            Self::do_integrity_test();
        }

        #[cfg(feature = "try-runtime")]
        fn try_state(_: BlockNumberFor<T>) -> Result<(), sp_runtime::TryRuntimeError> {
            Self::do_try_state()
        }
    }

    #[pallet::call]
    impl<T: Config> Pallet<T> {
        /// Registers the caller as a provider.
        ///
        /// Signed by the account that owns the stake; it can stay cold from then on. `worker` is
        /// the hot key that signs claims. `bond` plancks, at least `MinBond`, are held. `proof` is
        /// `worker`'s signature over [`Pallet::worker_proof_message`], so nobody can name a key
        /// that is not theirs.
        ///
        /// Emits [`Event::Registered`]. Errors: [`Error::AlreadyRegistered`],
        /// [`Error::BondTooLow`], [`Error::WorkerTaken`], [`Error::InvalidProof`], and those of
        /// the hold.
        #[pallet::call_index(0)]
        #[pallet::weight(T::WeightInfo::register())]
        pub fn register(
            origin: OriginFor<T>,
            worker: WorkerId,
            #[pallet::compact] bond: BalanceOf<T>,
            proof: WorkerSignature,
        ) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_register(who, worker, bond, proof)
        }

        /// Names another worker key. The old key signs nothing from then on, also for open jobs.
        ///
        /// Signed by the provider. `proof` as in [`Pallet::register`].
        ///
        /// Emits [`Event::WorkerSet`]. Errors: [`Error::NotRegistered`], [`Error::WorkerTaken`],
        /// [`Error::InvalidProof`].
        #[pallet::call_index(1)]
        #[pallet::weight(T::WeightInfo::set_worker())]
        pub fn set_worker(origin: OriginFor<T>, worker: WorkerId, proof: WorkerSignature) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_set_worker(who, worker, proof)
        }

        /// Removes the caller from the register, with its statistics. Withdraws what can be.
        ///
        /// Signed by the provider. It has no offers, no open jobs, and no stake but such as can be
        /// withdrawn.
        ///
        /// Emits [`Event::Deregistered`], and [`Event::Withdrawn`] where there was stake. Errors:
        /// [`Error::NotRegistered`], [`Error::HasOffers`], [`Error::HasJobs`],
        /// [`Error::HasStake`].
        #[pallet::call_index(2)]
        #[pallet::weight(T::WeightInfo::deregister())]
        pub fn deregister(origin: OriginFor<T>) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_deregister(who)
        }

        /// Adds `amount` plancks to the caller's bond.
        ///
        /// Signed by the provider. The bond reaches `MinBond`.
        ///
        /// Emits [`Event::Bonded`]. Errors: [`Error::NotRegistered`], [`Error::ZeroAmount`],
        /// [`Error::BondTooLow`], and those of the hold.
        #[pallet::call_index(3)]
        #[pallet::weight(T::WeightInfo::bond_more())]
        pub fn bond_more(origin: OriginFor<T>, #[pallet::compact] amount: BalanceOf<T>) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_bond_more(who, amount)
        }

        /// Starts to take `amount` plancks out of the caller's bond. They back no new job, and can
        /// be slashed until they are withdrawn.
        ///
        /// Signed by the provider. Only free stake leaves. The bond stays at `MinBond` or more, or
        /// goes to zero where there are no offers.
        ///
        /// Emits [`Event::Unbonding`]. Errors: [`Error::NotRegistered`], [`Error::ZeroAmount`],
        /// [`Error::FreeStakeTooLow`], [`Error::BondTooLow`], [`Error::HasOffers`],
        /// [`Error::TooManyUnbonding`].
        #[pallet::call_index(4)]
        #[pallet::weight(T::WeightInfo::unbond())]
        pub fn unbond(origin: OriginFor<T>, #[pallet::compact] amount: BalanceOf<T>) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_unbond(who, amount)
        }

        /// Releases the stake whose unbonding is over. A provider that is left with no stake, no
        /// offers and no open jobs is removed.
        ///
        /// Signed by the provider.
        ///
        /// Emits [`Event::Withdrawn`], and [`Event::Deregistered`] where the provider is removed.
        /// Errors: [`Error::NotRegistered`], [`Error::NothingToWithdraw`],
        /// [`Error::FreeStakeTooLow`], and those of the release.
        #[pallet::call_index(5)]
        #[pallet::weight(T::WeightInfo::withdraw())]
        pub fn withdraw(origin: OriginFor<T>) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_withdraw(who)
        }

        /// Offers to run `version`, or changes the offer.
        ///
        /// Signed by the provider, whose bond is at least `MinBond`. `capacity` is the number of
        /// jobs at the same time; 0 closes the offer. Jobs that are open keep their price. A new
        /// offer holds `OfferDeposit` plancks. Where the version's list is full, a new offer takes
        /// the place of the idle one with the smallest stake, if that is below the caller's; an
        /// offer whose provider takes no jobs counts as one without stake.
        ///
        /// Costs less weight than declared where no offer is evicted.
        ///
        /// Emits [`Event::OfferSet`], after [`Event::OfferEvicted`] where one was. Errors:
        /// [`Error::NotRegistered`], [`Error::BondTooLow`], [`Error::VersionNotFound`],
        /// [`Error::VersionDeprecated`], [`Error::TooManyOffers`], [`Error::OffersFull`], and
        /// those of the hold.
        #[pallet::call_index(6)]
        #[pallet::weight(T::WeightInfo::set_offer().max(T::WeightInfo::set_offer_evicting()))]
        pub fn set_offer(
            origin: OriginFor<T>,
            #[pallet::compact] version: VersionId,
            price: Price<BalanceOf<T>>,
            capacity: u16,
        ) -> DispatchResultWithPostInfo {
            let who = ensure_signed(origin)?;
            let placement = Self::do_set_offer(who, version, price, capacity)?;
            Ok(Some(placement.weight::<T>()).into())
        }

        /// Withdraws the offer of `version`. Its deposit is released.
        ///
        /// Signed by the provider. The offer is idle; `set_offer` with capacity 0 lets it become so.
        ///
        /// Emits [`Event::OfferRemoved`]. Errors: [`Error::OfferNotFound`], [`Error::OfferInUse`].
        #[pallet::call_index(7)]
        #[pallet::weight(T::WeightInfo::remove_offer())]
        pub fn remove_offer(origin: OriginFor<T>, #[pallet::compact] version: VersionId) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_remove_offer(who, version)
        }

        /// Removes `provider`'s offer of a version that no longer exists. The deposit goes back to
        /// `provider`.
        ///
        /// Signed by anyone; free of charge where it succeeds.
        ///
        /// Emits [`Event::OfferRemoved`]. Errors: [`Error::OfferNotStale`],
        /// [`Error::OfferNotFound`], [`Error::OfferInUse`].
        #[pallet::call_index(8)]
        #[pallet::weight(T::WeightInfo::remove_stale_offer())]
        pub fn remove_stale_offer(
            origin: OriginFor<T>,
            #[pallet::compact] version: VersionId,
            provider: T::AccountId,
        ) -> DispatchResultWithPostInfo {
            ensure_signed(origin)?;
            Self::do_remove_stale_offer(version, provider)?;
            Ok(Pays::No.into())
        }

        /// Takes no more jobs. Open jobs go on.
        ///
        /// Signed by the provider.
        ///
        /// Emits [`Event::Paused`]. Errors: [`Error::NotRegistered`], [`Error::AlreadyPaused`].
        #[pallet::call_index(9)]
        #[pallet::weight(T::WeightInfo::pause())]
        pub fn pause(origin: OriginFor<T>) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_pause(who)
        }

        /// Takes jobs again, after `pause` or a suspension. Clears the strikes.
        ///
        /// Signed by the provider.
        ///
        /// Emits [`Event::Resumed`]. Errors: [`Error::NotRegistered`], [`Error::NotPaused`].
        #[pallet::call_index(10)]
        #[pallet::weight(T::WeightInfo::resume())]
        pub fn resume(origin: OriginFor<T>) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_resume(who)
        }
    }
}
