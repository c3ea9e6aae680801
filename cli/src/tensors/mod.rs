//! Tensors in files and on the command line.
//!
//! | module | what |
//! | --- | --- |
//! | [`number`] | one value, and what of it a type can hold |
//! | [`npy`] | NumPy's files, read and written |
//! | [`json`] | nested lists, read and written |
//! | [`image`] | pictures as tensors |
//! | [`source`] | where a tensor is: a file of some format, or its values themselves |
//! | [`assign`] | which argument is which of a model's inputs |

pub mod assign;
pub mod image;
pub mod json;
pub mod npy;
pub mod number;
pub mod source;

use crate::package::{Dtype, TensorSpec};
use number::{Lossy, Number};

/// A tensor with its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tensor {
    /// Type of its elements.
    pub dtype: Dtype,
    /// Elements along each axis.
    pub shape: Vec<u64>,
    /// The elements, row-major and little-endian.
    pub bytes: Vec<u8>,
}

impl Tensor {
    /// `entries` with one more axis in front, or the only entry as it is where there is no batch.
    pub fn stacked(spec: &TensorSpec, entries: &[&[u8]], batch: bool) -> Self {
        let axis = batch.then_some(entries.len() as u64);
        Self {
            dtype: spec.dtype,
            shape: axis.into_iter().chain(spec.shape.iter().copied()).collect(),
            bytes: entries.concat(),
        }
    }

    /// The elements, in order.
    pub fn numbers(&self) -> impl Iterator<Item = Number> + '_ {
        numbers(self.dtype, &self.bytes)
    }

    /// The same values in another type. Fails where one of them has no place in it.
    pub fn converted(&self, dtype: Dtype) -> Result<Self, TensorError> {
        Ok(Self {
            dtype,
            shape: self.shape.clone(),
            bytes: encode(self.numbers(), self.dtype, dtype)?,
        })
    }
}

/// The elements of `bytes`, which are of type `dtype`.
pub fn numbers(dtype: Dtype, bytes: &[u8]) -> impl Iterator<Item = Number> + '_ {
    bytes
        .chunks_exact(dtype.size())
        .map(move |bytes| Number::decode(dtype, bytes))
}

/// Why there is no tensor as the model wants it.
#[derive(Debug, thiserror::Error)]
pub enum TensorError {
    /// The file cannot be read.
    #[error("{0}")]
    Unreadable(#[from] std::io::Error),
    /// The file is longer than any that is read.
    #[error("the file has more than {} bytes", source::FILE_MAX)]
    FileTooLong,
    /// The file is no npy file, or none that can be read.
    #[error("not an npy file that can be read: {0}")]
    BadNpy(String),
    /// The text is no JSON, or no tensor.
    #[error("not a tensor in JSON: {0}")]
    BadJson(String),
    /// The picture cannot be read, or not as this tensor.
    #[error("{0}")]
    BadImage(String),
    /// Another shape than the model's.
    #[error("the shape is {actual:?}, not {expected}")]
    WrongShape {
        /// What the model wants.
        expected: String,
        /// What is there.
        actual: Vec<u64>,
    },
    /// Raw bytes of another length than the tensor's.
    #[error("{actual} raw bytes, not {expected}; other formats are told by .npy, .json, .png, .jpg")]
    WrongLength {
        /// What the model wants.
        expected: String,
        /// Bytes that are there.
        actual: u64,
    },
    /// A value that the type has no place for.
    #[error("element {index} is {value} ({given}), which {expected} cannot hold: convert the tensor to {expected} first")]
    LostValue {
        /// Which element, row-major.
        index: u64,
        /// Its value.
        value: Number,
        /// The type that it has.
        given: String,
        /// The type that the model wants.
        expected: Dtype,
    },
    /// The tensor has no type of a package.
    #[error("values of type {0} are not supported: use f32, i8, u8, i32, i64 or bool")]
    UnsupportedType(String),
    /// The file has no shape and type of its own.
    #[error("not a .npy or .json file, nor values like [1,2,3]")]
    Shapeless,
}

/// The bytes of `numbers` as `dtype`. `given` is what their type is called.
pub fn encode(
    numbers: impl IntoIterator<Item = Number>,
    given: impl ToString,
    dtype: Dtype,
) -> Result<Vec<u8>, TensorError> {
    let mut bytes = Vec::new();
    for (index, value) in numbers.into_iter().enumerate() {
        value
            .encode(dtype, &mut bytes)
            .map_err(|Lossy| TensorError::LostValue {
                index: index as u64,
                value,
                given: given.to_string(),
                expected: dtype,
            })?;
    }
    Ok(bytes)
}

/// How many tensors of `spec` an array of `shape` holds: one or, in a batch, as many as its first axis is long.
///
/// Axes of length one in front do not count. With `flat`, a list of as many elements is as good as the shape.
pub fn entries(shape: &[u64], spec: &TensorSpec, batch: bool, flat: bool) -> Result<u64, TensorError> {
    let (count, each) = match (batch, shape) {
        (true, [count, each @ ..]) => (Some(*count), each),
        (true, []) => (None, shape),
        (false, _) => (Some(1), shape),
    };
    let is_flat = flat && matches!(each, [len] if Some(*len) == spec.elements());
    match count {
        Some(count) if is_flat || without_ones(each) == without_ones(&spec.shape) => Ok(count),
        _ => Err(TensorError::WrongShape {
            expected: expected_shape(spec, batch),
            actual: shape.to_vec(),
        }),
    }
}

fn without_ones(shape: &[u64]) -> &[u64] {
    let ones = shape.iter().take_while(|len| **len == 1).count();
    shape.get(ones..).unwrap_or_default()
}

fn expected_shape(spec: &TensorSpec, batch: bool) -> String {
    match batch {
        true => format!("a batch of {:?}: one more axis in front", spec.shape),
        false => format!("{:?}", spec.shape),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(shape: &[u64]) -> TensorSpec {
        TensorSpec {
            name: "x".into(),
            dtype: Dtype::F32,
            shape: shape.to_vec(),
        }
    }

    #[test]
    fn a_shape_fits_but_for_ones_in_front() {
        let spec = spec(&[1, 2, 1, 3]);
        for shape in [&[1, 2, 1, 3][..], &[2, 1, 3], &[1, 1, 1, 2, 1, 3]] {
            assert_eq!(entries(shape, &spec, false, false).unwrap(), 1, "{shape:?}");
        }
        for shape in [&[2, 3][..], &[6], &[1, 3, 1, 2], &[2, 1, 3, 1], &[]] {
            assert!(entries(shape, &spec, false, false).is_err(), "{shape:?}");
        }
    }

    #[test]
    fn only_what_may_be_flat_fits_as_a_list() {
        let spec = spec(&[2, 3]);
        assert_eq!(entries(&[6], &spec, false, true).unwrap(), 1);
        assert_eq!(entries(&[4, 6], &spec, true, true).unwrap(), 4);
        assert!(entries(&[5], &spec, false, true).is_err());
        assert!(entries(&[6], &spec, false, false).is_err());
    }

    #[test]
    fn a_batch_has_one_more_axis_in_front() {
        let spec = spec(&[1, 2]);
        assert_eq!(entries(&[7, 1, 2], &spec, true, false).unwrap(), 7);
        assert_eq!(entries(&[7, 2], &spec, true, false).unwrap(), 7);
        assert!(entries(&[2], &spec, true, false).is_err());
        assert!(entries(&[], &spec, true, false).is_err());
    }

    #[test]
    fn a_scalar_is_a_tensor_without_axes() {
        assert_eq!(entries(&[], &spec(&[]), false, false).unwrap(), 1);
        assert_eq!(entries(&[1], &spec(&[]), false, false).unwrap(), 1);
        assert_eq!(entries(&[3], &spec(&[]), true, false).unwrap(), 3);
    }
}
