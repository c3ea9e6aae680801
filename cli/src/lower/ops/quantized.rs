//! Operators on integers that stand for numbers.

use assay_network_plan::{Finish, Operation, Reduction};

use super::super::context::Context;
use super::super::expression::{Expression, Id};
use super::super::node::{axis, invalid, need_shape, unsupported, Lowers, Node, Problem};
use super::super::value::Value;
use super::convolution::{convolve, Operands};
use super::matrix::{matmul, Quantization};
use super::reduce::reduce;
use crate::onnx::{self, Tensor};
use crate::package::Dtype;

/// The outputs of an operator of this family.
pub fn lower(node: &Node, context: &mut Context) -> Lowers<Option<Vec<Value>>> {
    let value = match node.operator() {
        "QuantizeLinear" => quantize_node(node, context)?,
        "DequantizeLinear" => dequantize_node(node, context)?,
        "DynamicQuantizeLinear" => return dynamic(node, context).map(Some),
        "QLinearMatMul" => linear_matmul(node, context)?,
        "QLinearConv" => linear_conv(node, context)?,
        "MatMulInteger" => matmul_integer(node, context)?,
        "ConvInteger" => conv_integer(node, context)?,
        _ => return Ok(None),
    };
    Ok(Some(vec![value]))
}

/// More than there are levels, above and below zero.
const LEVELS: i32 = 1 << 10;

/// The least and the greatest value of a type.
fn bounds(dtype: Dtype) -> Lowers<(i32, i32)> {
    match dtype {
        Dtype::I8 => Ok((-128, 127)),
        Dtype::U8 => Ok((0, 255)),
        other => unsupported(format!("quantization to {other:?} is not supported")),
    }
}

/// A scale or a zero point in the shape in which it broadcasts to x: one for all, one along an axis, or one for each block.
fn parameter(node: &Node, context: &mut Context, x: &Value, value: &Value) -> Lowers<Value> {
    if value.len() == 1 {
        return context.reshape(value, &[]);
    }
    if value.rank() != 1 {
        return blocked(node, context, x, value);
    }
    let on = axis(node.int("axis", 1), x.rank())?;
    let mut shape = vec![1; x.rank() - on];
    shape[0] = x.shape()[on];
    if value.len() != shape[0] {
        return invalid(format!(
            "{} parameters are not one for each of {}",
            value.len(),
            shape[0]
        ));
    }
    context.reshape(value, &shape)
}

/// A parameter for each block along an axis.
fn blocked(node: &Node, context: &mut Context, x: &Value, value: &Value) -> Lowers<Value> {
    let size = node.int("block_size", 0);
    let on = axis(node.int("axis", 1), x.rank())?;
    let size = usize::try_from(size).ok().filter(|size| *size > 0);
    let Some(size) =
        size.filter(|size| value.rank() == x.rank() && value.shape()[on] * size == x.shape()[on])
    else {
        return unsupported("parameters of this shape are not supported");
    };
    let value = context.view(value, |layout| layout.with_axis(on + 1))?;
    let mut wide = value.shape().to_vec();
    wide[on + 1] = size;
    let value = context.broadcast(&value, &wide)?;
    context.reshape(&value, x.shape())
}

/// `clamp(round_half_even(x / scale) + zero)`
fn quantize(e: &mut Expression, x: Id, scale: Id, zero: Option<Id>, (low, high): (i32, i32)) -> Id {
    let quotient = e.two(Operation::Div, x, scale);
    let rounded = e.one(Operation::Round, quotient);
    let mut level = e.one(Operation::ToInt, rounded);
    if let Some(zero) = zero {
        // Far beyond all levels, so that the sum does not wrap.
        let (least, most) = (e.int(-LEVELS), e.int(LEVELS));
        level = e.two(Operation::MaxInt, level, least);
        level = e.two(Operation::MinInt, level, most);
        level = e.two(Operation::AddInt, level, zero);
    }
    let (low, high) = (e.int(low), e.int(high));
    let level = e.two(Operation::MaxInt, level, low);
    e.two(Operation::MinInt, level, high)
}

fn quantize_node(node: &Node, context: &mut Context) -> Lowers<Value> {
    let x = node.input(0)?;
    super::elementwise::need_float(x)?;
    let scale = parameter(node, context, x, node.input(1)?)?;
    let dtype = match node.optional(2) {
        Some(zero) => zero.dtype(),
        None if node.int("output_dtype", 0) != 0 => onnx::dtype(node.int("output_dtype", 0) as i32)?,
        None => Dtype::U8,
    };
    let bounds = bounds(dtype)?;
    match node.optional(2) {
        Some(zero) => {
            let zero = parameter(node, context, x, zero)?;
            context.express(dtype, &[x, &scale, &zero], |e, v| {
                quantize(e, v[0], v[1], Some(v[2]), bounds)
            })
        }
        None => context.express(dtype, &[x, &scale], |e, v| quantize(e, v[0], v[1], None, bounds)),
    }
}

fn dequantize_node(node: &Node, context: &mut Context) -> Lowers<Value> {
    let x = node.input(0)?;
    if x.dtype() == Dtype::F32 {
        return invalid("its operand is not quantized");
    }
    let scale = parameter(node, context, x, node.input(1)?)?;
    match node.optional(2) {
        Some(zero) => {
            let zero = parameter(node, context, x, zero)?;
            context.express(Dtype::F32, &[x, &scale, &zero], |e, v| {
                let level = e.two(Operation::SubInt, v[0], v[2]);
                let level = e.one(Operation::ToFloat, level);
                e.two(Operation::Mul, level, v[1])
            })
        }
        None => context.express(Dtype::F32, &[x, &scale], |e, v| {
            let level = e.one(Operation::ToFloat, v[0]);
            e.two(Operation::Mul, level, v[1])
        }),
    }
}

/// Quantizes by the least and the greatest element, to u8.
fn dynamic(node: &Node, context: &mut Context) -> Lowers<Vec<Value>> {
    let x = context.shared(node.input(0)?)?;
    super::elementwise::need_float(&x)?;
    let all: Vec<usize> = (0..x.rank()).collect();
    let bound = |context: &mut Context, reduction, operation| {
        let value = match all.is_empty() {
            true => x.clone(),
            false => reduce(context, &x, &all, false, reduction)?,
        };
        let value = context.express(Dtype::F32, &[&value], |e, v| {
            let zero = e.float(0.0);
            e.two(operation, v[0], zero)
        })?;
        context.shared(&value)
    };
    let low = bound(context, Reduction::Min, Operation::Min)?;
    let high = bound(context, Reduction::Max, Operation::Max)?;
    let scale = context.express(Dtype::F32, &[&low, &high], |e, v| {
        let range = e.two(Operation::Sub, v[1], v[0]);
        let levels = e.float(255.0);
        e.two(Operation::Div, range, levels)
    })?;
    let scale = context.shared(&scale)?;
    let zero = context.express(Dtype::U8, &[&low, &scale], |e, v| {
        let none = e.float(0.0);
        let negated = e.two(Operation::Sub, none, v[0]);
        quantize(e, negated, v[1], None, (0, 255))
    })?;
    let zero = context.shared(&zero)?;
    let y = context.express(Dtype::U8, &[&x, &scale, &zero], |e, v| {
        quantize(e, v[0], v[1], Some(v[2]), (0, 255))
    })?;
    Ok(vec![y, scale, zero])
}

/// The only element of a constant, or one for each of some channels.
fn integers(node: &Node, index: usize) -> Lowers<Vec<i32>> {
    let tensor = node.optional_constant(index)?;
    let values = tensor.map_or(vec![0], |tensor| tensor.to_integers());
    Ok(values.into_iter().map(|value| value as i32).collect())
}

/// Fails for operands that are not quantized.
fn need_levels(operands: &[&Value]) -> Lowers<()> {
    let quantized = |value: &&Value| matches!(value.dtype(), Dtype::I8 | Dtype::U8);
    match operands.iter().all(quantized) {
        true => Ok(()),
        false => invalid("its operands are not of i8 or u8"),
    }
}

/// Fails for zero points that are neither one for all channels nor one for each.
pub fn need_one_or_each(zeros: &[i32], channels: usize) -> Lowers<()> {
    match zeros.len() {
        len if len == 1 || len == channels => Ok(()),
        len => invalid(format!(
            "its {len} zero points are neither one nor one for each of {channels}"
        )),
    }
}

fn first<T: Copy>(values: &[T]) -> Lowers<T> {
    match values {
        [value] => Ok(*value),
        _ => unsupported("one parameter for the whole tensor is needed here"),
    }
}

/// How sums become levels: `x_scale * scale / y_scale` for each channel.
fn requantization(
    context: &mut Context,
    node: &Node,
    [x_scale, scales, y_scale, y_zero]: [usize; 4],
    channels: usize,
    dtype: Dtype,
) -> Lowers<Finish> {
    let x_scale = first(&node.constant(x_scale)?.to_floats())?;
    let y_scale = first(&node.constant(y_scale)?.to_floats())?;
    let scales = node.constant(scales)?.to_floats();
    let multipliers: Vec<f32> = match scales.len() {
        1 => vec![x_scale * scales[0] / y_scale; channels],
        len if len == channels => scales.iter().map(|scale| x_scale * scale / y_scale).collect(),
        _ => return invalid("its scales are neither one nor one for each channel"),
    };
    let (low, high) = bounds(dtype)?;
    Ok(Finish {
        multiplier: context.store_floats(&multipliers)?,
        zero: first(&integers(node, y_zero)?)?,
        low,
        high,
        ..Finish::NONE
    })
}

/// The type of a quantized output: that of its zero point.
fn level_type(node: &Node, zero: usize) -> Lowers<Dtype> {
    Ok(node.input(zero)?.dtype())
}

fn linear_matmul(node: &Node, context: &mut Context) -> Lowers<Value> {
    let (x, y) = (node.input(0)?, node.input(3)?);
    need_levels(&[x, y])?;
    let dtype = level_type(node, 7)?;
    let columns = y.shape().last().copied().unwrap_or(1);
    let finish = requantization(context, node, [1, 4, 6, 7], columns, dtype)?;
    let quantization = Quantization {
        x_zero: first(&integers(node, 2)?)?,
        y_zeros: integers(node, 5)?,
    };
    matmul(context, x, y, &quantization, dtype, finish)
}

fn linear_conv(node: &Node, context: &mut Context) -> Lowers<Value> {
    let (x, weights) = (node.input(0)?, node.input(3)?);
    let dtype = level_type(node, 7)?;
    let channels = weights.shape().first().copied().unwrap_or(1);
    let mut finish = requantization(context, node, [1, 4, 6, 7], channels, dtype)?;
    need_levels(&[x, weights])?;
    if let Some(bias) = node.optional(8) {
        need_shape("bias", bias, &[channels])?;
        if bias.dtype() != Dtype::I32 {
            return invalid("its bias is not of i32");
        }
        finish.bias = context.dense(bias)?.address;
    }
    let operands = conv_operands(x, weights, first(&integers(node, 2)?)?, &integers(node, 5)?)?;
    convolve(node, context, operands, dtype, finish)
}

/// Weights minus their zero points, if those are not all the same.
fn conv_operands(x: &Value, weights: &Value, x_zero: i32, zeros: &[i32]) -> Lowers<Operands> {
    need_one_or_each(zeros, weights.shape().first().copied().unwrap_or(0))?;
    let same = zeros.iter().all(|zero| Some(zero) == zeros.first());
    let (weights, weights_zero) = match (same, weights.constant()) {
        (true, _) => (weights.clone(), zeros.first().copied().unwrap_or(0)),
        (false, Some(tensor)) => {
            let each = tensor.len() / zeros.len().max(1);
            let values = tensor.to_integers().into_iter().enumerate();
            let centred: Option<Vec<i64>> = values
                .map(|(at, weight)| {
                    i8::try_from(weight - i64::from(zeros[at / each]))
                        .ok()
                        .map(i64::from)
                })
                .collect();
            let centred = centred.ok_or(Problem::Unsupported(
                "weights minus their zero points do not fit into i8".into(),
            ))?;
            (Tensor::integers(Dtype::I8, &tensor.shape, &centred).into(), 0)
        }
        _ => return unsupported("a zero point for each channel is supported only with constant weights"),
    };
    Ok(Operands {
        x: x.clone(),
        weights,
        x_zero,
        weights_zero,
    })
}

/// Integer sums. A zero point that is not known is taken off afterwards, by the sums of the other operand.
fn matmul_integer(node: &Node, context: &mut Context) -> Lowers<Value> {
    let (x, y) = (node.input(0)?, node.input(1)?);
    need_levels(&[x, y])?;
    let known = |index: usize| node.optional(index).is_none_or(|zero| zero.constant().is_some());
    let by_row = node.optional(2).is_some_and(|zero| zero.len() > 1);
    if known(2) && known(3) && !by_row {
        let quantization = Quantization {
            x_zero: first(&integers(node, 2)?)?,
            y_zeros: integers(node, 3)?,
        };
        return matmul(context, x, y, &quantization, Dtype::I32, Finish::NONE);
    }
    let Some(y_constant) = y.constant().filter(|_| known(3) && y.rank() == 2) else {
        return unsupported("a zero point that is not known is supported only for the left of a constant");
    };
    let zeros = integers(node, 3)?;
    let [depth, columns] = y_constant.shape[..] else {
        return invalid("its operands are no matrices");
    };
    need_one_or_each(&zeros, columns)?;
    let weights = y_constant.to_integers();
    let zero_of = |column: usize| i64::from(if zeros.len() > 1 { zeros[column] } else { zeros[0] });
    let sums: Vec<i64> = (0..columns)
        .map(|column| {
            (0..depth)
                .map(|k| weights[k * columns + column] - zero_of(column))
                .sum()
        })
        .collect();
    let quantization = Quantization {
        x_zero: 0,
        y_zeros: zeros,
    };
    let product = matmul(context, x, y, &quantization, Dtype::I32, Finish::NONE)?;
    let sums = Tensor::integers(Dtype::I32, &[columns], &sums).into();
    let zero = node.input(2)?;
    let zero = match zero.len() {
        1 => context.reshape(zero, &[])?,
        len => context.reshape(zero, &[len, 1])?,
    };
    context.express(Dtype::I32, &[&product, &zero, &sums], |e, v| {
        let taken = e.two(Operation::MulInt, v[1], v[2]);
        let value = e.two(Operation::SubInt, v[0], taken);
        super::elementwise::narrow(e, value, Dtype::I32)
    })
}

fn conv_integer(node: &Node, context: &mut Context) -> Lowers<Value> {
    let (x, weights) = (node.input(0)?, node.input(1)?);
    need_levels(&[x, weights])?;
    let operands = conv_operands(x, weights, first(&integers(node, 2)?)?, &integers(node, 3)?)?;
    convolve(node, context, operands, Dtype::I32, Finish::NONE)
}
