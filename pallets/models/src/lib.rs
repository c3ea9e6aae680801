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

mod availability;
#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
mod deposits;
mod integrity;
#[cfg(test)]
mod mock;
mod models;
mod params;
mod programs;
mod queries;
pub mod runtime_api;
// The derived codecs cast the indices of variants.
#[allow(clippy::cast_possible_truncation)]
mod specs;
#[cfg(test)]
mod tests;
// `std`: for the tests of other pallets, too.
#[cfg(any(feature = "std", feature = "try-runtime"))]
mod try_state;
// The derived codecs cast the indices of variants.
#[allow(clippy::cast_possible_truncation)]
mod types;
mod uses;
mod versions;
pub mod weights;

pub use availability::shows;
pub use pallet::*;
pub use params::{segment_count, segment_key, segment_len};
pub use specs::*;
pub use types::*;
pub use weights::WeightInfo;

// What the macro writes casts and expects; no code by hand stands in this module but the calls.
#[allow(clippy::cast_possible_truncation, clippy::expect_used)]
#[frame_support::pallet]
pub mod pallet {
    use super::*;
    use alloc::vec::Vec;
    use assay_engine::memory::Proof;
    use assay_primitives::{ModelId, ParamsId, VersionId};
    use frame_support::{pallet_prelude::*, traits::fungible};
    use frame_system::pallet_prelude::*;
    use sp_core::H256;
    use sp_runtime::{
        traits::{SaturatedConversion, StaticLookup},
        Perbill,
    };

    const STORAGE_VERSION: StorageVersion = StorageVersion::new(1);

    #[pallet::pallet]
    #[pallet::storage_version(STORAGE_VERSION)]
    pub struct Pallet<T>(_);

    #[pallet::config]
    pub trait Config: frame_system::Config<RuntimeEvent: From<Event<Self>>> {
        /// The runtime's hold reasons.
        type RuntimeHoldReason: From<HoldReason>;

        /// Holds the deposits.
        type Currency: fungible::MutateHold<Self::AccountId, Reason = Self::RuntimeHoldReason>;

        /// Plancks for each program, upload of params, model and version, whatever its size.
        #[pallet::constant]
        type BaseDeposit: Get<BalanceOf<Self>>;

        /// Plancks for each byte in state: of code, of metadata, of a version's details.
        #[pallet::constant]
        type ByteDeposit: Get<BalanceOf<Self>>;

        /// Plancks for each byte of params, which nodes keep outside of state.
        #[pallet::constant]
        type ParamsByteDeposit: Get<BalanceOf<Self>>;

        /// The share of a program's and of uploaded params' deposits that a version holds on top
        /// of its own. Keeping somebody's deposit locked by a reference has a price.
        #[pallet::constant]
        type LockupShare: Get<Perbill>;

        /// The most bytes of uploaded params.
        #[pallet::constant]
        type MaxParamsLen: Get<u64>;

        /// Blocks without progress after which anyone may remove an upload of params.
        #[pallet::constant]
        type UploadTimeout: Get<BlockNumberFor<Self>>;

        /// The most versions of a model at a time.
        #[pallet::constant]
        type MaxVersions: Get<u32>;

        /// The highest royalty.
        #[pallet::constant]
        type MaxRoyalty: Get<Perbill>;

        /// The most steps a version may ask for.
        #[pallet::constant]
        type MaxSteps: Get<u64>;

        /// Plancks that a request for a chunk of external params costs where the chunk is shown.
        #[pallet::constant]
        type ChunkBond: Get<BalanceOf<Self>>;

        /// Blocks in which a chunk of external params must be shown once it is asked for. Claims wait for
        /// it: at most as many as a dispute takes.
        type ChunkTime: Get<BlockNumberFor<Self>>;

        /// Weights of the calls.
        type WeightInfo: WeightInfo;
    }

    /// Why plancks are held.
    #[pallet::composite_enum]
    pub enum HoldReason {
        /// For a program's code.
        #[codec(index = 0)]
        Program,
        /// For uploaded params.
        #[codec(index = 1)]
        Params,
        /// For a model and its metadata.
        #[codec(index = 2)]
        Model,
        /// For a version, and for what it keeps others from removing.
        #[codec(index = 3)]
        Version,
        /// For a request for a chunk of external params.
        #[codec(index = 4)]
        ChunkRequest,
    }

    /// Programs by the hash of their code.
    #[pallet::storage]
    pub type Programs<T: Config> = StorageMap<_, Identity, H256, ProgramRecordOf<T>>;

    /// The code of each program.
    #[pallet::storage]
    pub type ProgramCode<T: Config> = StorageMap<_, Identity, H256, Code>;

    /// The next params' id.
    #[pallet::storage]
    pub type NextParams<T> = StorageValue<_, ParamsId, ValueQuery>;

    /// Uploads of params, complete or not.
    #[pallet::storage]
    pub type Params<T: Config> = StorageMap<_, Twox64Concat, ParamsId, ParamsRecordOf<T>>;

    /// The next model's id.
    #[pallet::storage]
    pub type NextModel<T> = StorageValue<_, ModelId, ValueQuery>;

    /// Models.
    #[pallet::storage]
    pub type Models<T: Config> = StorageMap<_, Twox64Concat, ModelId, ModelRecordOf<T>>;

    /// What each model says about itself.
    #[pallet::storage]
    pub type Metadata<T> = StorageMap<_, Twox64Concat, ModelId, ModelMetadata>;

    /// The versions of each model that has any, oldest first.
    #[pallet::storage]
    pub type ModelVersions<T: Config> =
        StorageMap<_, Twox64Concat, ModelId, BoundedVec<VersionId, T::MaxVersions>, ValueQuery>;

    /// The next version's id.
    #[pallet::storage]
    pub type NextVersion<T> = StorageValue<_, VersionId, ValueQuery>;

    /// Versions: what the chain works with.
    #[pallet::storage]
    pub type Versions<T: Config> = StorageMap<_, Twox64Concat, VersionId, VersionRecordOf<T>>;

    /// Versions: what clients show.
    #[pallet::storage]
    pub type Details<T> = StorageMap<_, Twox64Concat, VersionId, VersionDetails>;

    /// Jobs that use each version now. No entry where there are none.
    #[pallet::storage]
    pub type Uses<T> = StorageMap<_, Twox64Concat, VersionId, u32, ValueQuery>;

    /// The chunks of each version's external params that were asked for and not shown. No entry where there
    /// are none.
    #[pallet::storage]
    pub type ChunkRequests<T: Config> =
        StorageMap<_, Twox64Concat, VersionId, ChunkRequestsOf<T>, ValueQuery>;

    #[pallet::event]
    #[pallet::generate_deposit(pub(super) fn deposit_event)]
    pub enum Event<T: Config> {
        /// A program passed the check and is stored.
        ProgramUploaded {
            /// Hash of the code.
            program: H256,
            /// The uploader.
            owner: T::AccountId,
            /// Bytes of code.
            len: u32,
        },
        /// A program is gone and its deposit given back.
        ProgramRemoved {
            /// Hash of the code.
            program: H256,
        },
        /// An upload of params began.
        ParamsBegun {
            /// The new params.
            params: ParamsId,
            /// The uploader.
            owner: T::AccountId,
            /// Bytes of all segments together.
            len: u64,
        },
        /// A segment of params arrived.
        SegmentUploaded {
            /// The params.
            params: ParamsId,
            /// The segment's place.
            index: u32,
        },
        /// The chain has seen all bytes of some params.
        ParamsCompleted {
            /// The params.
            params: ParamsId,
            /// Root of the params region of the memory tree.
            root: H256,
        },
        /// Params are gone and their deposit given back.
        ParamsRemoved {
            /// The params.
            params: ParamsId,
        },
        /// A model was created.
        ModelCreated {
            /// The new model.
            model: ModelId,
            /// Its owner.
            owner: T::AccountId,
        },
        /// A model's metadata was replaced.
        MetadataSet {
            /// The model.
            model: ModelId,
        },
        /// A model has a new owner.
        ModelTransferred {
            /// The model.
            model: ModelId,
            /// The owner until now.
            from: T::AccountId,
            /// The owner from now on.
            to: T::AccountId,
        },
        /// A model is gone and its deposit given back.
        ModelRemoved {
            /// The model.
            model: ModelId,
        },
        /// A version was published.
        VersionPublished {
            /// The new version.
            version: VersionId,
            /// The model it is a version of.
            model: ModelId,
        },
        /// A version takes no more jobs.
        VersionDeprecated {
            /// The version.
            version: VersionId,
        },
        /// A version is gone and its deposit given back.
        VersionRemoved {
            /// The version.
            version: VersionId,
            /// The model it was a version of.
            model: ModelId,
        },
        /// Somebody asked for a chunk of external params.
        ChunkAsked {
            /// The version.
            version: VersionId,
            /// The chunk's place in the params.
            chunk: u32,
            /// Who asked.
            by: T::AccountId,
            /// The last block in which it can be shown before the version is frozen.
            until: BlockNumberFor<T>,
        },
        /// A chunk that was asked for was shown. The transaction has its bytes.
        ChunkShown {
            /// The version.
            version: VersionId,
            /// The chunk's place in the params.
            chunk: u32,
            /// Whether the version was frozen for it.
            late: bool,
        },
    }

    #[pallet::error]
    pub enum Error<T> {
        /// The caller does not own what the call changes.
        NotOwner,
        /// No program has this hash.
        ProgramNotFound,
        /// The same code is stored already.
        ProgramAlreadyExists,
        /// A version runs the program.
        ProgramInUse,
        /// The code has more than 128 KiB.
        ProgramTooLarge,
        /// The code is not valid WebAssembly, or uses a proposal that is off.
        InvalidProgram,
        /// The program imports what the machine does not offer, or with another type.
        UnknownImport,
        /// The program does not export exactly `memory` and `step: (i64) -> i64`.
        WrongExports,
        /// The program has not exactly one memory, or one that may grow or is too large.
        MemoryShape,
        /// The program uses `memory.grow`.
        MemoryGrow,
        /// The program has a table.
        Table,
        /// The program has a start function.
        StartFunction,
        /// A function of the program calls itself, directly or through others.
        Recursion,
        /// A chain of calls in the program is too deep or holds too many values.
        StackTooDeep,
        /// A function of the program has too many locals.
        TooManyLocals,
        /// The program has too many globals.
        TooManyGlobals,
        /// The program's data segments have too many bytes.
        TooMuchData,
        /// A store of a lane of 8 or 16 bits has a static offset above 65,535 bytes.
        LaneStoreOffset,
        /// The program cannot be compiled or instantiated.
        NotInstantiable,
        /// No params have this id.
        ParamsNotFound,
        /// A version uses the params.
        ParamsInUse,
        /// More bytes than params may have.
        ParamsTooLong,
        /// Segments of the params are missing.
        ParamsIncomplete,
        /// The upload made progress lately. Only its owner may remove it.
        UploadActive,
        /// The segment at this index has arrived already.
        SegmentAlreadyUploaded,
        /// A segment before this one is missing, or the params have fewer segments.
        SegmentOutOfOrder,
        /// The segment has more or fewer bytes than its place takes.
        WrongSegmentLength,
        /// No model has this id.
        ModelNotFound,
        /// A model needs a name.
        EmptyName,
        /// The model's name has more than 64 bytes.
        NameTooLong,
        /// The model's description has more than 256 bytes.
        DescriptionTooLong,
        /// The model's URL has more than 256 bytes.
        UrlTooLong,
        /// The model has versions.
        ModelHasVersions,
        /// The model has as many versions as a model may have.
        MaxVersionsExceeded,
        /// No version has this id.
        VersionNotFound,
        /// The royalty is above the limit.
        RoyaltyTooHigh,
        /// The steps are none, or above the limit.
        MaxStepsOutOfRange,
        /// More than 8 input or output tensors.
        TooManyTensors,
        /// A tensor's name has more than 32 bytes.
        TensorNameTooLong,
        /// A tensor has more than 8 dimensions.
        TooManyDimensions,
        /// A dimension of a tensor is zero.
        EmptyTensor,
        /// The input tensors have more bytes than an input may have.
        InputTooLong,
        /// The output tensors have more bytes than an output may have.
        OutputTooLong,
        /// The license has more than 64 bytes.
        LicenseTooLong,
        /// More than 64 labels.
        TooManyLabels,
        /// A label has more than 32 bytes.
        LabelTooLong,
        /// More than 4 locations of external params.
        TooManyLocations,
        /// A location has more than 256 bytes.
        LocationTooLong,
        /// The version is deprecated already.
        AlreadyDeprecated,
        /// Only a deprecated version can be removed.
        NotDeprecated,
        /// Jobs use the version.
        VersionInUse,
        /// The chain has seen the version's params.
        ParamsOnChain,
        /// Params have fewer chunks, whatever they are.
        ChunkOutOfRange,
        /// The chunk was asked for and is not shown yet.
        ChunkAlreadyAsked,
        /// As many chunks were asked for as can be at a time.
        TooManyChunkRequests,
        /// Nobody asked for the chunk.
        ChunkNotAsked,
        /// The proof is broken, shows another chunk, or is of other params.
        WrongChunk,
        /// There is still time to show the chunk.
        ChunkNotOverdue,
        /// The bond went back already.
        BondReturned,
        /// No further id or reference can be counted.
        CounterExhausted,
    }

    #[pallet::call]
    impl<T: Config> Pallet<T> {
        /// Stores a program under the hash of its code.
        ///
        /// Origin: signed. Holds `BaseDeposit` and `ByteDeposit` for each byte of `code`.
        ///
        /// Event: `ProgramUploaded`. Errors: `ProgramAlreadyExists`, and one for each rule of the
        /// program check.
        #[pallet::call_index(0)]
        #[pallet::weight(T::WeightInfo::upload_program(code.len().saturated_into()))]
        pub fn upload_program(origin: OriginFor<T>, code: Vec<u8>) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_upload_program(who, code)
        }

        /// Removes a program that no version runs and gives the deposit back.
        ///
        /// Origin: signed by the uploader.
        ///
        /// Event: `ProgramRemoved`. Errors: `ProgramNotFound`, `NotOwner`, `ProgramInUse`.
        #[pallet::call_index(1)]
        #[pallet::weight(T::WeightInfo::remove_program())]
        pub fn remove_program(origin: OriginFor<T>, program: H256) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_remove_program(who, program)
        }

        /// Begins an upload of params with `len` bytes. Without bytes it is complete at once.
        ///
        /// Origin: signed. Holds `BaseDeposit` and `ParamsByteDeposit` for each byte.
        ///
        /// Events: `ParamsBegun`, `ParamsCompleted` where `len` is zero. Errors: `ParamsTooLong`,
        /// `CounterExhausted`.
        #[pallet::call_index(2)]
        #[pallet::weight(Pallet::<T>::begin_params_weight(*len))]
        pub fn begin_params(origin: OriginFor<T>, len: u64) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_begin_params(who, len)
        }

        /// Uploads the next segment: 256 KiB, the last one what remains.
        ///
        /// The chain keeps the segment's root. Nodes with off-chain indexing keep the bytes, under
        /// [`segment_key`].
        ///
        /// Origin: signed by the account that began the upload.
        ///
        /// Events: `SegmentUploaded`, `ParamsCompleted` with the last one. Errors:
        /// `ParamsNotFound`, `NotOwner`, `SegmentAlreadyUploaded`, `SegmentOutOfOrder`,
        /// `WrongSegmentLength`.
        #[pallet::call_index(3)]
        #[pallet::weight(T::WeightInfo::upload_segment(bytes.len().saturated_into()))]
        pub fn upload_segment(
            origin: OriginFor<T>,
            params: ParamsId,
            index: u32,
            bytes: Vec<u8>,
        ) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_upload_segment(who, params, index, &bytes)
        }

        /// Removes params that no version uses, gives the deposit back to the uploader and lets
        /// nodes forget the bytes.
        ///
        /// Origin: signed by the uploader; by anyone, without a fee, where the upload is incomplete
        /// and `UploadTimeout` blocks or more have passed since its last progress.
        ///
        /// Event: `ParamsRemoved`. Errors: `ParamsNotFound`, `ParamsInUse`, `NotOwner`,
        /// `UploadActive`.
        #[pallet::call_index(4)]
        #[pallet::weight(T::WeightInfo::remove_params(segment_count(T::MaxParamsLen::get())))]
        pub fn remove_params(origin: OriginFor<T>, params: ParamsId) -> DispatchResultWithPostInfo {
            let who = ensure_signed(origin)?;
            Self::do_remove_params(who, params)
        }

        /// Creates a model.
        ///
        /// Origin: signed. Holds `BaseDeposit` and `ByteDeposit` for each byte of the encoded
        /// metadata.
        ///
        /// Event: `ModelCreated`. Errors: `EmptyName`, `NameTooLong`, `DescriptionTooLong`,
        /// `UrlTooLong`, `CounterExhausted`.
        #[pallet::call_index(5)]
        #[pallet::weight(T::WeightInfo::create_model())]
        pub fn create_model(origin: OriginFor<T>, metadata: ModelSpec) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_create_model(who, metadata)
        }

        /// Replaces a model's metadata.
        ///
        /// The deposit for the old metadata goes back to whoever gave it, and the caller gives the
        /// one for the new: so a new owner takes the old owner's deposit over.
        ///
        /// Origin: signed by the owner.
        ///
        /// Event: `MetadataSet`. Errors: `ModelNotFound`, `NotOwner`, `EmptyName`, `NameTooLong`,
        /// `DescriptionTooLong`, `UrlTooLong`.
        #[pallet::call_index(6)]
        #[pallet::weight(T::WeightInfo::set_model_metadata())]
        pub fn set_model_metadata(
            origin: OriginFor<T>,
            model: ModelId,
            metadata: ModelSpec,
        ) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_set_model_metadata(who, model, metadata)
        }

        /// Makes `new_owner` the owner of a model and its versions, and the receiver of the
        /// royalties, those of jobs under way included.
        ///
        /// Deposits do not move: nobody pays for what somebody else decides. They go back to whoever
        /// gave them when the new owner removes the version or the model, or sets the metadata.
        ///
        /// Origin: signed by the owner.
        ///
        /// Event: `ModelTransferred`. Errors: `ModelNotFound`, `NotOwner`.
        #[pallet::call_index(7)]
        #[pallet::weight(T::WeightInfo::transfer_model())]
        pub fn transfer_model(
            origin: OriginFor<T>,
            model: ModelId,
            new_owner: <T::Lookup as StaticLookup>::Source,
        ) -> DispatchResult {
            let who = ensure_signed(origin)?;
            let new_owner = T::Lookup::lookup(new_owner)?;
            Self::do_transfer_model(who, model, new_owner)
        }

        /// Removes a model without versions and gives its deposit back.
        ///
        /// Origin: signed by the owner.
        ///
        /// Event: `ModelRemoved`. Errors: `ModelNotFound`, `NotOwner`, `ModelHasVersions`.
        #[pallet::call_index(8)]
        #[pallet::weight(T::WeightInfo::remove_model())]
        pub fn remove_model(origin: OriginFor<T>, model: ModelId) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_remove_model(who, model)
        }

        /// Publishes a version of a model. Nothing of it changes afterwards.
        ///
        /// Origin: signed by the model's owner. Holds `BaseDeposit`, `ByteDeposit` for each byte of
        /// the encoded [`VersionDetails`], and `LockupShare` of the program's and of uploaded
        /// params' deposits.
        ///
        /// Event: `VersionPublished`. Errors: `ModelNotFound`, `NotOwner`, `MaxVersionsExceeded`,
        /// `RoyaltyTooHigh`, `MaxStepsOutOfRange`, `TooManyTensors`, `TensorNameTooLong`,
        /// `TooManyDimensions`, `EmptyTensor`, `InputTooLong`, `OutputTooLong`, `LicenseTooLong`,
        /// `TooManyLabels`, `LabelTooLong`, `ProgramNotFound`, `ParamsNotFound`, `ParamsIncomplete`,
        /// `ParamsTooLong`, `TooManyLocations`, `LocationTooLong`, `CounterExhausted`.
        #[pallet::call_index(9)]
        #[pallet::weight(T::WeightInfo::publish_version())]
        pub fn publish_version(origin: OriginFor<T>, model: ModelId, spec: VersionSpec) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_publish_version(who, model, spec)
        }

        /// Keeps a version from taking new jobs, for good. Jobs under way go on.
        ///
        /// Origin: signed by the model's owner.
        ///
        /// Event: `VersionDeprecated`. Errors: `VersionNotFound`, `NotOwner`, `AlreadyDeprecated`.
        #[pallet::call_index(10)]
        #[pallet::weight(T::WeightInfo::deprecate_version())]
        pub fn deprecate_version(origin: OriginFor<T>, version: VersionId) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_deprecate_version(who, version)
        }

        /// Removes a deprecated version that no job uses and gives its deposit back to whoever
        /// published it.
        ///
        /// Origin: signed by the model's owner.
        ///
        /// Event: `VersionRemoved`. Errors: `VersionNotFound`, `NotOwner`, `NotDeprecated`,
        /// `VersionInUse`.
        #[pallet::call_index(11)]
        #[pallet::weight(T::WeightInfo::remove_version())]
        pub fn remove_version(origin: OriginFor<T>, version: VersionId) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_remove_version(who, version)
        }

        /// Asks for a chunk of a version's external params: 4 KiB. Where nobody shows it in `ChunkTime`
        /// blocks the version is frozen: it takes no new jobs, and claims under way are not paid.
        ///
        /// Origin: signed, by anyone. Holds `ChunkBond`, which is burnt if the chunk is shown in time and
        /// goes back if not.
        ///
        /// Event: `ChunkAsked`. Errors: `VersionNotFound`, `ParamsOnChain`, `ChunkOutOfRange`,
        /// `ChunkAlreadyAsked`, `TooManyChunkRequests`.
        #[pallet::call_index(12)]
        #[pallet::weight(T::WeightInfo::ask_chunk())]
        pub fn ask_chunk(origin: OriginFor<T>, version: VersionId, chunk: u32) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_ask_chunk(who, version, chunk)
        }

        /// Shows a chunk that was asked for, by a proof of it in a memory that has the version's params and
        /// nothing else that counts. Too late, it ends the freeze.
        ///
        /// Origin: signed, by anyone. Free of fees where it succeeds.
        ///
        /// Event: `ChunkShown`. Errors: `ChunkNotAsked`, `VersionNotFound`, `WrongChunk`.
        #[pallet::call_index(13)]
        #[pallet::weight(T::WeightInfo::show_chunk())]
        pub fn show_chunk(
            origin: OriginFor<T>,
            version: VersionId,
            chunk: u32,
            proof: Proof,
        ) -> DispatchResultWithPostInfo {
            ensure_signed(origin)?;
            Self::do_show_chunk(version, chunk, proof)?;
            Ok(Pays::No.into())
        }

        /// Gives the bond for a chunk that was not shown in time back to whoever asked. The version stays
        /// frozen.
        ///
        /// Origin: signed, by anyone.
        ///
        /// Errors: `ChunkNotAsked`, `ChunkNotOverdue`, `BondReturned`.
        #[pallet::call_index(14)]
        #[pallet::weight(T::WeightInfo::reclaim_chunk_bond())]
        pub fn reclaim_chunk_bond(origin: OriginFor<T>, version: VersionId, chunk: u32) -> DispatchResult {
            ensure_signed(origin)?;
            Self::do_reclaim_chunk_bond(version, chunk)
        }
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
}
