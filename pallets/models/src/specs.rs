//! What calls take. Here nothing has a limit, so that what is too long or too many gets an error with
//! a name; [`types`](crate::types) has the limits.

use crate::*;
use alloc::vec::Vec;
use assay_primitives::ParamsId;
use codec::{Decode, DecodeWithMemTracking, Encode};
use frame_support::{ensure, traits::ConstU32, BoundedVec};
use scale_info::TypeInfo;
use sp_core::H256;
use sp_runtime::Perbill;

/// What a model is to say about itself. Becomes [`ModelMetadata`].
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct ModelSpec {
    /// 1 to 64 bytes. Not unique.
    pub name: Vec<u8>,
    /// A sentence or two: at most 256 bytes.
    pub description: Vec<u8>,
    /// Where to read more: at most 256 bytes.
    pub url: Vec<u8>,
}

/// A tensor of a new version. Becomes a [`Tensor`].
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct TensorSpec {
    /// The tensor's name: at most 32 bytes. May be empty.
    pub name: Vec<u8>,
    /// The type of the elements.
    pub dtype: Dtype,
    /// At most 8 dimensions, outermost first. None of them is zero; a scalar has none.
    pub shape: Vec<u32>,
}

/// The params of a new version.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub enum ParamsSource {
    /// Params that the chain has seen whole.
    #[codec(index = 0)]
    OnChain(ParamsId),
    /// Params that the chain never sees. Whoever fetches them checks them against `root`.
    #[codec(index = 1)]
    External {
        /// Root of the params region of the memory tree.
        root: H256,
        /// Bytes.
        len: u64,
        /// Where to fetch them: at most 4 times 256 bytes. May be empty where providers get them
        /// otherwise.
        locations: Vec<Vec<u8>>,
    },
}

/// A new version. Becomes a [`VersionRecord`] and [`VersionDetails`].
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct VersionSpec {
    /// Hash of an uploaded program.
    pub program: H256,
    /// The params.
    pub params: ParamsSource,
    /// What the input consists of: at most 8 tensors.
    pub inputs: Vec<TensorSpec>,
    /// What the output consists of: at most 8 tensors.
    pub outputs: Vec<TensorSpec>,
    /// An SPDX expression or the address of a text: at most 64 bytes.
    pub license: Vec<u8>,
    /// The share of each payment that goes to the model's owner.
    pub royalty: Perbill,
    /// The most steps a run may take.
    pub max_steps: u64,
    /// The names of the classes, where there are any: at most 64 of 32 bytes.
    pub labels: Vec<Vec<u8>>,
}

impl ModelSpec {
    /// Errors: `EmptyName`, `NameTooLong`, `DescriptionTooLong`, `UrlTooLong`.
    pub(crate) fn into_metadata<T>(self) -> Result<ModelMetadata, Error<T>> {
        ensure!(!self.name.is_empty(), Error::EmptyName);
        Ok(ModelMetadata {
            name: bounded(self.name, Error::NameTooLong)?,
            description: bounded(self.description, Error::DescriptionTooLong)?,
            url: bounded(self.url, Error::UrlTooLong)?,
        })
    }
}

impl TensorSpec {
    fn into_tensor<T>(self) -> Result<Tensor, Error<T>> {
        ensure!(!self.shape.contains(&0), Error::EmptyTensor);
        Ok(Tensor {
            name: bounded(self.name, Error::TensorNameTooLong)?,
            dtype: self.dtype,
            shape: bounded(self.shape, Error::TooManyDimensions)?,
        })
    }
}

/// Errors: `TooManyTensors`, `TensorNameTooLong`, `TooManyDimensions`, `EmptyTensor`.
pub(crate) fn tensors<T>(specs: Vec<TensorSpec>) -> Result<Tensors, Error<T>> {
    bounded_each(specs, TensorSpec::into_tensor, Error::TooManyTensors)
}

/// Errors: `TooManyLocations`, `LocationTooLong`.
pub(crate) fn locations<T>(texts: Vec<Vec<u8>>) -> Result<Locations, Error<T>> {
    let location = |text| bounded(text, Error::LocationTooLong);
    bounded_each(texts, location, Error::TooManyLocations)
}

/// Errors: `TooManyLabels`, `LabelTooLong`.
pub(crate) fn labels<T>(texts: Vec<Vec<u8>>) -> Result<Labels, Error<T>> {
    let label = |text| bounded(text, Error::LabelTooLong);
    bounded_each(texts, label, Error::TooManyLabels)
}

/// `values`, unless there are more than `N`.
pub(crate) fn bounded<V, const N: u32, E>(
    values: Vec<V>,
    too_many: E,
) -> Result<BoundedVec<V, ConstU32<N>>, E> {
    values.try_into().map_err(|_| too_many)
}

/// Each value turned into another, unless there are more than `N`.
fn bounded_each<V, W, const N: u32, E>(
    values: Vec<V>,
    turn: impl Fn(V) -> Result<W, E>,
    too_many: E,
) -> Result<BoundedVec<W, ConstU32<N>>, E> {
    let values: BoundedVec<_, ConstU32<N>> = bounded(values, too_many)?;
    let turned = values.into_iter().map(turn).collect::<Result<Vec<_>, _>>()?;
    // As many as before: nothing is cut off.
    Ok(BoundedVec::truncate_from(turned))
}
