//! The operators of ONNX.

mod constant;
mod convolution;
mod elementwise;
mod gather;
mod layout;
mod matrix;
mod ml;
mod quantized;
mod recurrent;
mod reduce;
mod resize;

use super::context::Context;
use super::node::{no_elements, unsupported, Lowers, Node};
use super::value::Value;

/// Operators that take a tensor without elements: they compute nothing of it.
fn is_moved(operator: &str) -> bool {
    matches!(
        operator,
        "Shape"
            | "Size"
            | "ConstantOfShape"
            | "Concat"
            | "Slice"
            | "Split"
            | "Reshape"
            | "Squeeze"
            | "Unsqueeze"
            | "Transpose"
            | "Identity"
            | "Cast"
    )
}

/// Operators of which another operand than the first may have no elements: it says something of their work.
fn has_options(operator: &str) -> bool {
    operator.starts_with("Reduce") || matches!(operator, "Resize" | "Expand" | "Tile")
}

/// The values of a node's outputs.
pub fn lower(node: &Node, context: &mut Context) -> Lowers<Vec<Value>> {
    let domain = &node.proto.domain[..];
    if !matches!(domain, "" | "ai.onnx" | "ai.onnx.ml") {
        return unsupported(format!("operators of `{domain}` are not supported"));
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
    let moved = is_moved(node.operator());
    let empty = |value: &Option<Value>| value.as_ref().is_some_and(|value| value.len() == 0);
    let needed = if has_options(node.operator()) {
        1
    } else {
        node.inputs.len()
    };
    if !moved && node.inputs.iter().take(needed).any(empty) {
        return no_elements();
    }
    if domain == "ai.onnx.ml" {
        return ml::lower(node, context);
    }
    for family in families {
        if let Some(values) = family(node, context)? {
            return Ok(values);
        }
    }
    unsupported("this operator is not supported")
}
