//! Tensors whose elements are known.

use bytes::Bytes;

use super::proto::{DataType, TensorProto};
use crate::package::Dtype;

/// A constant.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Type of the elements.
    pub dtype: Dtype,
    /// Lengths of the dimensions.
    pub shape: Vec<usize>,
    /// The elements in row-major order, little-endian.
    pub bytes: Bytes,
}

/// Why a constant cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TensorError {
    /// Its elements' type is not supported.
    #[error("the element type {0} is not supported")]
    Element(String),
    /// Its shape has a negative length or more elements than can be.
    #[error("{0:?} is no shape")]
    Shape(Vec<i64>),
    /// It has another number of elements than its shape.
    #[error("it has {given} bytes, its shape {expected}")]
    Length {
        /// Bytes that the shape asks for.
        expected: usize,
        /// Bytes that are there.
        given: usize,
    },
    /// Its elements lie in another file.
    #[error("its elements lie in another file: save the model with all its data inside")]
    External,
}

/// A tensor has fewer elements.
pub const ELEMENTS_MAX: usize = 1 << 30;

/// The number of elements of a shape, if it can be.
pub fn elements(shape: &[usize]) -> Option<usize> {
    shape
        .iter()
        .try_fold(1_usize, |product, len| product.checked_mul(*len))
        .filter(|len| *len < ELEMENTS_MAX)
}

/// The element type that ONNX numbers so.
pub fn dtype(data_type: i32) -> Result<Dtype, TensorError> {
    match DataType::try_from(data_type) {
        Ok(DataType::Float) => Ok(Dtype::F32),
        Ok(DataType::Int8) => Ok(Dtype::I8),
        Ok(DataType::Uint8) => Ok(Dtype::U8),
        Ok(DataType::Int32) => Ok(Dtype::I32),
        Ok(DataType::Int64) => Ok(Dtype::I64),
        Ok(DataType::Bool) => Ok(Dtype::Bool),
        Ok(other) => Err(TensorError::Element(format!("{other:?}").to_lowercase())),
        Err(_) => Err(TensorError::Element(data_type.to_string())),
    }
}

impl Tensor {
    /// The tensor of a file.
    pub fn of(proto: &TensorProto) -> Result<Self, TensorError> {
        if proto.data_location != 0 {
            return Err(TensorError::External);
        }
        let dtype = dtype(proto.data_type)?;
        let bad_shape = || TensorError::Shape(proto.dims.clone());
        let lengths = proto.dims.iter().map(|len| usize::try_from(*len).ok());
        let shape: Vec<usize> = lengths.collect::<Option<_>>().ok_or_else(bad_shape)?;
        let expected = elements(&shape).ok_or_else(bad_shape)? * dtype.size();
        let bytes = match dtype {
            _ if !proto.raw_data.is_empty() => proto.raw_data.clone(),
            Dtype::F32 => proto
                .float_data
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect(),
            Dtype::I64 => proto
                .int64_data
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect(),
            _ => proto
                .int32_data
                .iter()
                .flat_map(|value| value.to_le_bytes()[..dtype.size()].to_vec())
                .collect(),
        };
        if bytes.len() != expected {
            let given = bytes.len();
            return Err(TensorError::Length { expected, given });
        }
        Ok(Self { dtype, shape, bytes })
    }

    /// A tensor of f32.
    pub fn floats(shape: &[usize], values: &[f32]) -> Self {
        Self {
            dtype: Dtype::F32,
            shape: shape.to_vec(),
            bytes: values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        }
    }

    /// A tensor of any type, from integers: of f32 they are rounded, of others they lose their upper bits.
    pub fn integers(dtype: Dtype, shape: &[usize], values: &[i64]) -> Self {
        let bytes = match dtype {
            Dtype::F32 => values
                .iter()
                .flat_map(|value| (*value as f32).to_le_bytes())
                .collect(),
            _ => values
                .iter()
                .flat_map(|value| value.to_le_bytes()[..dtype.size()].to_vec())
                .collect(),
        };
        Self {
            dtype,
            shape: shape.to_vec(),
            bytes,
        }
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether it has no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The elements as f32.
    pub fn to_floats(&self) -> Vec<f32> {
        match self.dtype {
            Dtype::F32 => self
                .bytes
                .as_chunks()
                .0
                .iter()
                .map(|bytes| f32::from_le_bytes(*bytes))
                .collect(),
            _ => self.to_integers().into_iter().map(|value| value as f32).collect(),
        }
    }

    /// The elements as integers; f32 without their fractions.
    pub fn to_integers(&self) -> Vec<i64> {
        let bytes = &self.bytes;
        match self.dtype {
            Dtype::F32 => self.to_floats().into_iter().map(|value| value as i64).collect(),
            Dtype::I8 => bytes.iter().map(|byte| i64::from(*byte as i8)).collect(),
            Dtype::U8 | Dtype::Bool => bytes.iter().map(|byte| i64::from(*byte)).collect(),
            Dtype::I32 => bytes
                .as_chunks()
                .0
                .iter()
                .map(|bytes| i64::from(i32::from_le_bytes(*bytes)))
                .collect(),
            Dtype::I64 => bytes
                .as_chunks()
                .0
                .iter()
                .map(|bytes| i64::from_le_bytes(*bytes))
                .collect(),
        }
    }
}
