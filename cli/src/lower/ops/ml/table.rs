//! Tables of keys and values.

use std::collections::HashSet;

use assay_network_plan::{Operation, Reduction};

use super::super::super::context::Context;
use super::super::super::node::{invalid, unsupported, Lowers, Node};
use super::super::super::value::Value;
use super::super::elementwise::convert;
use super::super::reduce::reduce;
use crate::onnx::Tensor;
use crate::package::Dtype;

/// The most keys.
const KEYS_MAX: usize = 4096;

/// Numbers of an attribute, of whatever type it has.
fn numbers(node: &Node, side: &str) -> Lowers<Tensor> {
    if let Some(values) = node.ints(&format!("{side}_int64s")) {
        return Ok(Tensor::integers(Dtype::I64, &[values.len()], values));
    }
    if let Some(values) = node.floats(&format!("{side}_floats")) {
        return Ok(Tensor::floats(&[values.len()], values));
    }
    match node.tensor(&format!("{side}_tensor"))? {
        Some(tensor) => Ok(Tensor {
            shape: vec![tensor.len()],
            ..tensor
        }),
        None => unsupported("keys and values that are texts are not supported"),
    }
}

/// The value of each key. Every key is compared: the sums have one element that is not 0.
pub fn label_encoder(node: &Node, context: &mut Context) -> Lowers<Value> {
    let (keys, values) = (numbers(node, "keys")?, numbers(node, "values")?);
    if keys.len() != values.len() || keys.is_empty() {
        return invalid("its keys and values are not equally many");
    }
    if keys.len() > KEYS_MAX {
        return unsupported(format!("more than {KEYS_MAX} keys are not supported"));
    }
    let size = keys.dtype.size();
    if keys.bytes.chunks(size).collect::<HashSet<_>>().len() != keys.len() {
        return unsupported("a key that is there twice is not supported");
    }
    let default: Value = match (values.dtype, node.tensor("default_tensor")?) {
        (_, Some(tensor)) if tensor.len() == 1 => tensor.into(),
        (Dtype::F32, _) => Tensor::floats(&[1], &[node.float("default_float", -0.0)]).into(),
        _ => Tensor::integers(Dtype::I64, &[1], &[node.int("default_int64", -1)]).into(),
    };
    let x = convert(context, node.input(0)?, keys.dtype)?;
    let rank = x.rank();
    let x = context.view(&x, |layout| layout.with_axis(rank))?;
    let x = context.shared(&x)?;
    let (dtype, float_keys) = (values.dtype, keys.dtype == Dtype::F32);
    if default.dtype() != dtype {
        return invalid("its default has another type than its values");
    }
    let keys: Value = keys.into();
    let values: Value = values.into();
    let equal = if float_keys {
        Operation::Equal
    } else {
        Operation::EqualInt
    };
    let known = context.express(Dtype::I64, &[&x, &keys], |e, v| e.two(equal, v[0], v[1]))?;
    let known = reduce(context, &known, &[rank], false, Reduction::Max)?;
    let chosen = context.express(dtype, &[&x, &keys, &values], |e, v| {
        let zero = if dtype == Dtype::F32 {
            e.float(0.0)
        } else {
            e.int(0)
        };
        let same = e.two(equal, v[0], v[1]);
        e.select(dtype == Dtype::F32, same, v[2], zero)
    })?;
    let chosen = reduce(context, &chosen, &[rank], false, Reduction::Sum)?;
    let default = context.reshape(&default, &[])?;
    context.express(dtype, &[&known, &chosen, &default], |e, v| {
        e.select(dtype == Dtype::F32, v[0], v[1], v[2])
    })
}
