//! Reads ONNX files.

pub mod proto;
mod tensor;

pub use tensor::{dtype, elements, Tensor, TensorError};

use bytes::Bytes;
use prost::Message;

use proto::ModelProto;

/// The oldest version of the standard operators whose meaning is known here.
pub const OPSET_MIN: i64 = 13;

/// Why bytes are not an ONNX model that can be read.
#[derive(Debug, thiserror::Error)]
pub enum OnnxError {
    /// They are not protobuf, or not of ONNX's messages.
    #[error("not an ONNX file: {0}")]
    NotOnnx(#[from] prost::DecodeError),
    /// The model computes nothing.
    #[error("the file has no graph")]
    NoGraph,
    /// The operators are too old.
    #[error("the model has opset {0}, and {OPSET_MIN} is the oldest one that is supported: convert it with onnx.version_converter")]
    OldOpset(i64),
}

/// Reads a file.
pub fn read(bytes: &[u8]) -> Result<ModelProto, OnnxError> {
    let model = ModelProto::decode(Bytes::copy_from_slice(bytes))?;
    if model.graph.is_none() {
        return Err(OnnxError::NoGraph);
    }
    let opset = opset(&model);
    if opset < OPSET_MIN {
        return Err(OnnxError::OldOpset(opset));
    }
    Ok(model)
}

/// The version of the standard operators.
pub fn opset(model: &ModelProto) -> i64 {
    let standard = |domain: &str| domain.is_empty() || domain == "ai.onnx";
    let found = model.opset_import.iter().find(|set| standard(&set.domain));
    found.map_or(OPSET_MIN, |set| set.version)
}
