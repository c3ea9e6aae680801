//! Reads ONNX files.

pub mod proto;
mod tensor;

pub use tensor::{dtype, elements, Tensor, TensorError};

use bytes::Bytes;
use prost::Message;

use proto::{GraphProto, ModelProto};

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
    #[error("the model has opset {0}, and {OPSET_MIN} is the oldest one in which `{1}` is supported: convert it with onnx.version_converter")]
    OldOpset(i64, String),
}

/// Reads a file.
pub fn read(bytes: &[u8]) -> Result<ModelProto, OnnxError> {
    let model = ModelProto::decode(Bytes::copy_from_slice(bytes))?;
    if model.graph.is_none() {
        return Err(OnnxError::NoGraph);
    }
    let opset = opset(&model);
    let old = (opset < OPSET_MIN).then(|| model.graph.as_ref().and_then(|graph| changed(graph, opset)));
    match old.flatten() {
        Some(operator) => Err(OnnxError::OldOpset(opset, operator)),
        None => Ok(model),
    }
}

/// The version from which on operators broadcast as they do now.
const BROADCAST_MIN: i64 = 7;
/// Standard operators that mean the same from [`BROADCAST_MIN`] on.
const UNCHANGED: [&str; 41] = [
    "Abs",
    "Add",
    "And",
    "ArgMax",
    "ArgMin",
    "Cast",
    "Ceil",
    "Concat",
    "Constant",
    "ConstantOfShape",
    "Conv",
    "Div",
    "Elu",
    "Equal",
    "Exp",
    "Flatten",
    "Floor",
    "Gather",
    "Gemm",
    "Greater",
    "Identity",
    "LeakyRelu",
    "Less",
    "Log",
    "MatMul",
    "Mul",
    "Neg",
    "Not",
    "Or",
    "Pow",
    "Reciprocal",
    "Relu",
    "Reshape",
    "Shape",
    "Sigmoid",
    "Sqrt",
    "Sub",
    "Tanh",
    "Transpose",
    "Where",
    "Xor",
];

/// A standard operator of a graph that may have meant something else in an old version.
fn changed(graph: &GraphProto, opset: i64) -> Option<String> {
    let node = graph.node.iter().find(|node| {
        let known = opset >= BROADCAST_MIN && UNCHANGED.contains(&&node.op_type[..]);
        is_standard(&node.domain) && !known
    });
    node.map(|node| node.op_type.clone())
}

fn is_standard(domain: &str) -> bool {
    domain.is_empty() || domain == "ai.onnx"
}

/// The version of the standard operators.
pub fn opset(model: &ModelProto) -> i64 {
    let standard = model.opset_import.iter().filter(|set| is_standard(&set.domain));
    standard.map(|set| set.version).max().unwrap_or(OPSET_MIN)
}
