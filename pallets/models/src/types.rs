//! What the pallet stores and shows.

use alloc::vec::Vec;
use assay_engine::{limits::MAX_PROGRAM_LEN, memory::Frontier};
use assay_primitives::{ModelId, ParamsId, VersionId};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::{
    traits::{fungible, ConstU32},
    BoundedVec,
};
use frame_system::pallet_prelude::BlockNumberFor;
use scale_info::TypeInfo;
use sp_core::H256;
use sp_runtime::Perbill;

/// Up to `N` bytes. Text is UTF-8 by convention; the chain does not check it.
pub type Bytes<const N: u32> = BoundedVec<u8, ConstU32<N>>;

/// The code of a program.
pub type Code = Bytes<{ MAX_PROGRAM_LEN as u32 }>;

/// Plancks.
pub type BalanceOf<T> =
    <<T as crate::Config>::Currency as fungible::Inspect<<T as frame_system::Config>::AccountId>>::Balance;

/// A program as the chain keeps it, without its code.
pub type ProgramRecordOf<T> = ProgramRecord<<T as frame_system::Config>::AccountId, BalanceOf<T>>;

/// Params as the chain keeps them.
pub type ParamsRecordOf<T> = ParamsRecord<
    <T as frame_system::Config>::AccountId,
    BalanceOf<T>,
    frame_system::pallet_prelude::BlockNumberFor<T>,
>;

/// A model as the chain keeps it, without its metadata.
pub type ModelRecordOf<T> = ModelRecord<<T as frame_system::Config>::AccountId, BalanceOf<T>>;

/// A version as the chain keeps it, without its details.
pub type VersionRecordOf<T> = VersionRecord<<T as frame_system::Config>::AccountId, BalanceOf<T>>;

/// Plancks held of an account, to be given back to the same account.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo, MaxEncodedLen)]
pub struct Deposit<AccountId, Balance> {
    /// Whose plancks are held.
    pub who: AccountId,
    /// Plancks.
    pub amount: Balance,
}

/// A program, without its code.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo, MaxEncodedLen)]
pub struct ProgramRecord<AccountId, Balance> {
    /// The uploader. Alone may remove the program.
    pub owner: AccountId,
    /// Plancks held of the owner.
    pub deposit: Balance,
    /// Bytes of code.
    pub len: u32,
    /// Versions that run the program.
    pub refs: u32,
}

/// Params that are uploaded to the chain.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo, MaxEncodedLen)]
pub struct ParamsRecord<AccountId, Balance, BlockNumber> {
    /// The uploader.
    pub owner: AccountId,
    /// Plancks held of the owner.
    pub deposit: Balance,
    /// Bytes of all segments together.
    pub len: u64,
    /// Versions that use the params.
    pub refs: u32,
    /// How far the upload is.
    pub status: ParamsStatus<BlockNumber>,
}

/// How far an upload of params is.
// Lives in storage; no list of them does.
#[allow(clippy::large_enum_variant)]
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo, MaxEncodedLen)]
pub enum ParamsStatus<BlockNumber> {
    /// Segments are missing.
    ///
    /// Next: `Complete` with the last segment; removed by the owner at any time, by anyone once
    /// `UploadTimeout` blocks have passed since `last_progress`.
    #[codec(index = 0)]
    Uploading {
        /// The roots of what arrived. Counts the segments.
        frontier: Frontier,
        /// The block of the last segment, or of the beginning where none arrived.
        last_progress: BlockNumber,
    },
    /// The chain has seen every byte.
    ///
    /// Next: removed by the owner while no version uses them.
    #[codec(index = 1)]
    Complete {
        /// Root of the params region of the memory tree.
        root: H256,
    },
}

/// What a model says about itself.
#[derive(Clone, PartialEq, Eq, Debug, Default, Encode, Decode, TypeInfo, MaxEncodedLen)]
pub struct ModelMetadata {
    /// Not empty, not unique.
    pub name: Bytes<64>,
    /// A sentence or two.
    pub description: Bytes<256>,
    /// Where to read more.
    pub url: Bytes<256>,
}

/// A model, without its metadata.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo, MaxEncodedLen)]
pub struct ModelRecord<AccountId, Balance> {
    /// Publishes versions and receives their royalties.
    pub owner: AccountId,
    /// Held of whoever set the metadata last.
    pub deposit: Deposit<AccountId, Balance>,
}

/// The type of a tensor's elements.
#[derive(
    Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo, MaxEncodedLen,
)]
pub enum Dtype {
    /// IEEE 754 binary32, little endian.
    #[codec(index = 0)]
    F32,
    /// IEEE 754 binary64, little endian.
    #[codec(index = 1)]
    F64,
    /// Signed, one byte.
    #[codec(index = 2)]
    I8,
    /// Signed, two bytes, little endian.
    #[codec(index = 3)]
    I16,
    /// Signed, four bytes, little endian.
    #[codec(index = 4)]
    I32,
    /// Signed, eight bytes, little endian.
    #[codec(index = 5)]
    I64,
    /// Unsigned, one byte.
    #[codec(index = 6)]
    U8,
    /// Unsigned, two bytes, little endian.
    #[codec(index = 7)]
    U16,
    /// Unsigned, four bytes, little endian.
    #[codec(index = 8)]
    U32,
    /// Unsigned, eight bytes, little endian.
    #[codec(index = 9)]
    U64,
    /// One byte, 0 or 1.
    #[codec(index = 10)]
    Bool,
}

impl Dtype {
    /// Bytes of one element.
    pub const fn width(self) -> u32 {
        match self {
            Self::I8 | Self::U8 | Self::Bool => 1,
            Self::I16 | Self::U16 => 2,
            Self::F32 | Self::I32 | Self::U32 => 4,
            Self::F64 | Self::I64 | Self::U64 => 8,
        }
    }
}

/// A tensor of a version's input or output, row-major. Tensors follow each other without gaps.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo, MaxEncodedLen)]
pub struct Tensor {
    /// The tensor's name. May be empty.
    pub name: Bytes<32>,
    /// The type of the elements.
    pub dtype: Dtype,
    /// The dimensions, outermost first. None of them is zero; a scalar has none.
    pub shape: BoundedVec<u32, ConstU32<8>>,
}

impl Tensor {
    /// Bytes of the tensor, or `None` where they exceed a `u32`.
    pub fn byte_len(&self) -> Option<u32> {
        self.shape
            .iter()
            .try_fold(self.dtype.width(), |len, dimension| len.checked_mul(*dimension))
    }
}

/// The tensors of an input or an output.
pub type Tensors = BoundedVec<Tensor, ConstU32<8>>;

/// Where params can be fetched: URLs, CIDs.
pub type Locations = BoundedVec<Bytes<256>, ConstU32<4>>;

/// The names of a classifier's classes, in the order of its output. Empty where there are none.
pub type Labels = BoundedVec<Bytes<32>, ConstU32<64>>;

/// The part of a version that the chain works with.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo, MaxEncodedLen)]
pub struct VersionRecord<AccountId, Balance> {
    /// The model it is a version of.
    pub model: ModelId,
    /// Held of whoever published the version.
    pub deposit: Deposit<AccountId, Balance>,
    /// Hash of the program.
    pub program: H256,
    /// The uploaded params, or `None` where they are external.
    pub params: Option<ParamsId>,
    /// Root of the params region of the memory tree.
    pub params_root: H256,
    /// Bytes of params.
    pub params_len: u64,
    /// Bytes of an input.
    pub input_len: u32,
    /// The most steps a run may take.
    pub max_steps: u64,
    /// The share of each payment that goes to the model's owner.
    pub royalty: Perbill,
    /// Takes no new jobs.
    pub deprecated: bool,
}

/// The part of a version that only clients read.
#[derive(Clone, PartialEq, Eq, Debug, Default, Encode, Decode, TypeInfo, MaxEncodedLen)]
pub struct VersionDetails {
    /// What the input consists of.
    pub inputs: Tensors,
    /// What the output consists of.
    pub outputs: Tensors,
    /// An SPDX expression or the address of a text.
    pub license: Bytes<64>,
    /// The names of the classes, where there are any.
    pub labels: Labels,
    /// Where external params can be fetched.
    pub locations: Locations,
}

/// The most chunks of a version's params that can be asked for at a time.
pub const MAX_CHUNK_REQUESTS: u32 = 64;

/// A chunk of external params that somebody asked for.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo, MaxEncodedLen)]
pub struct ChunkRequest<AccountId, Balance, BlockNumber> {
    /// The chunk's place in the params.
    pub chunk: u32,
    /// Who asked.
    pub by: AccountId,
    /// Plancks on hold, until they went back.
    pub bond: Option<Balance>,
    /// The block in which it was asked for.
    pub since: BlockNumber,
    /// The last block in which it can be shown in time.
    pub until: BlockNumber,
}

/// [`ChunkRequest`] of the configured runtime.
pub type ChunkRequestOf<T> =
    ChunkRequest<<T as frame_system::Config>::AccountId, BalanceOf<T>, BlockNumberFor<T>>;
/// The open requests about a version's params.
pub type ChunkRequestsOf<T> = BoundedVec<ChunkRequestOf<T>, ConstU32<MAX_CHUNK_REQUESTS>>;

/// A version as a client shows it.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub struct VersionInfo<AccountId> {
    /// The model it is a version of.
    pub model: ModelId,
    /// The model's name.
    pub name: Bytes<64>,
    /// The model's owner, who receives the royalty.
    pub owner: AccountId,
    /// Hash of the program.
    pub program: H256,
    /// The uploaded params, or `None` where they are external.
    pub params: Option<ParamsId>,
    /// Root of the params region of the memory tree.
    pub params_root: H256,
    /// Bytes of params.
    pub params_len: u64,
    /// Bytes of an input.
    pub input_len: u32,
    /// Bytes of an output.
    pub output_len: u32,
    /// The most steps a run may take.
    pub max_steps: u64,
    /// The share of each payment that goes to the owner.
    pub royalty: Perbill,
    /// Takes no new jobs.
    pub deprecated: bool,
    /// A chunk of the params was asked for and nobody showed it: takes no new jobs until somebody does.
    pub frozen: bool,
    /// Jobs that use the version now.
    pub uses: u32,
    /// Tensors, license, labels, locations.
    pub details: VersionDetails,
}

/// A model as a client shows it.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub struct ModelInfo<AccountId> {
    /// Publishes versions and receives their royalties.
    pub owner: AccountId,
    /// Name, description, address.
    pub metadata: ModelMetadata,
    /// The versions, oldest first.
    pub versions: Vec<VersionId>,
}
