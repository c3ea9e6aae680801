//! The operators of ONNX.

mod constant;
mod convolution;
mod elementwise;
mod gather;
mod layout;
mod matrix;
mod quantized;
mod recurrent;
mod reduce;
mod resize;

use super::context::Context;
use super::node::{unsupported, Lowers, Node};
use super::value::Value;

/// The values of a node's outputs.
pub fn lower(node: &Node, context: &mut Context) -> Lowers<Vec<Value>> {
    if !matches!(&node.proto.domain[..], "" | "ai.onnx") {
        return unsupported(format!("operators of `{}` are not supported", node.proto.domain));
    }
    let families = [
        constant::lower,
        elementwise::lower,
        layout::lower,
        gather::lower,
        reduce::lower,
        matrix::lower,
        convolution::lower,
        resize::lower,
        quantized::lower,
        recurrent::lower,
    ];
    for family in families {
        if let Some(values) = family(node, context)? {
            return Ok(values);
        }
    }
    unsupported("this operator is not supported")
}
