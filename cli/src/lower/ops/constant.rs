//! Operators that make constants: of nothing, or of shapes.

use super::super::context::Context;
use super::super::fold::CONSTANTS_MAX;
use super::super::node::{axes, invalid, length, unsupported, Lowers, Node, Problem};
use super::super::value::{Layout, Value};
use crate::onnx::{self, elements, Tensor};
use crate::package::Dtype;

/// The outputs of an operator of this family.
pub fn lower(node: &Node, _: &mut Context) -> Lowers<Option<Vec<Value>>> {
    let tensor = match node.operator() {
        "Constant" => constant(node)?,
        "Shape" => shape(node)?,
        "Size" => {
            let len = node.input(0)?.len() as i64;
            Tensor::integers(Dtype::I64, &[], &[len])
        }
        "ConstantOfShape" => filled(node)?,
        "Range" => range(node)?,
        "EyeLike" => eye(node)?,
        _ => return Ok(None),
    };
    Ok(Some(vec![tensor.into()]))
}

fn constant(node: &Node) -> Lowers<Tensor> {
    if let Some(tensor) = node.tensor("value")? {
        return Ok(tensor);
    }
    if let Some(values) = node.floats("value_floats") {
        return Ok(Tensor::floats(&[values.len()], values));
    }
    if let Some(values) = node.ints("value_ints") {
        return Ok(Tensor::integers(Dtype::I64, &[values.len()], values));
    }
    if node.has("value_float") {
        return Ok(Tensor::floats(&[], &[node.float("value_float", 0.0)]));
    }
    if node.has("value_int") {
        return Ok(Tensor::integers(Dtype::I64, &[], &[node.int("value_int", 0)]));
    }
    unsupported("a constant of text or without a value is not supported")
}

fn shape(node: &Node) -> Lowers<Tensor> {
    let shape = node.input(0)?.shape();
    let rank = shape.len() as i64;
    let bound = |at: i64| (if at < 0 { at.saturating_add(rank) } else { at }).clamp(0, rank) as usize;
    let (start, end) = (bound(node.int("start", 0)), bound(node.int("end", rank)));
    let lengths: Vec<i64> = shape[start..end.max(start)]
        .iter()
        .map(|len| *len as i64)
        .collect();
    Ok(Tensor::integers(Dtype::I64, &[lengths.len()], &lengths))
}

/// A shape that a constant may have.
fn bounded(shape: &[i64], dtype: Dtype) -> Lowers<Vec<usize>> {
    let shape = shape.iter().map(|len| length(*len)).collect::<Lowers<Vec<_>>>()?;
    let bytes = elements(&shape).map(|len| len * dtype.size());
    match bytes {
        Some(bytes) if bytes <= CONSTANTS_MAX => Ok(shape),
        _ => Err(Problem::Memory),
    }
}

fn filled(node: &Node) -> Lowers<Tensor> {
    let value = node.tensor("value")?;
    let value = value.unwrap_or_else(|| Tensor::floats(&[1], &[0.0]));
    if value.len() != 1 {
        return invalid("its value must have one element");
    }
    let shape = bounded(&node.constant(0)?.to_integers(), value.dtype)?;
    let layout = Layout {
        strides: vec![0; shape.len()],
        shape,
        offset: 0,
    };
    Ok(value.select(&layout))
}

fn range(node: &Node) -> Lowers<Tensor> {
    let [start, limit, step] = [0, 1, 2].map(|index| node.constant(index));
    let (start, limit, step) = (start?, limit?, step?);
    let dtype = start.dtype;
    if [start, limit, step]
        .iter()
        .any(|tensor| tensor.len() != 1 || tensor.dtype != dtype)
    {
        return invalid("its operands must be single elements of one type");
    }
    if dtype == Dtype::F32 {
        let [start, limit, step] = [start, limit, step].map(|tensor| f64::from(tensor.to_floats()[0]));
        let count = ((limit - start) / step).ceil().max(0.0);
        let shape = bounded(&[count as i64], dtype)?;
        let values: Vec<f32> = (0..shape[0]).map(|i| (start + i as f64 * step) as f32).collect();
        return Ok(Tensor::floats(&shape, &values));
    }
    let [start, limit, step] = [start, limit, step].map(|tensor| i128::from(tensor.to_integers()[0]));
    if step == 0 {
        return invalid("its step is 0");
    }
    let span = (limit - start) * step.signum();
    let count = (span.max(0) + step.abs() - 1) / step.abs();
    let shape = bounded(&[i64::try_from(count).unwrap_or(i64::MAX)], dtype)?;
    let values: Vec<i64> = (0..shape[0]).map(|i| (start + i as i128 * step) as i64).collect();
    Ok(Tensor::integers(dtype, &shape, &values))
}

fn eye(node: &Node) -> Lowers<Tensor> {
    let value = node.input(0)?;
    let dtype = match node.has("dtype") {
        true => onnx::dtype(node.int("dtype", 1) as i32)?,
        false => value.dtype(),
    };
    let [rows, columns] = value.shape() else {
        return invalid("its operand must have two dimensions");
    };
    let shape = bounded(&[*rows as i64, *columns as i64], dtype)?;
    let above = node.int("k", 0);
    let ones = (0..*rows as i64).flat_map(|row| (0..*columns as i64).map(move |column| (row, column)));
    let values: Vec<i64> = ones
        .map(|(row, column)| i64::from(column == row.saturating_add(above)))
        .collect();
    Ok(Tensor::integers(dtype, &shape, &values))
}

/// The most numbers that are made along an axis.
pub const LINE_MAX: usize = 1 << 22;

/// The numbers of an axis' indices, times a factor, in a shape that broadcasts to that of rank `rank`.
pub fn line(len: usize, on: usize, rank: usize, factor: usize) -> Lowers<Value> {
    if len > LINE_MAX {
        return Err(Problem::Memory);
    }
    let mut shape = vec![1; rank];
    shape[on] = len;
    let values: Vec<i64> = (0..len).map(|index| (index * factor) as i64).collect();
    Ok(Tensor::integers(Dtype::I64, &shape, &values).into())
}

/// Axes of an input or an attribute, for operators that take them as either.
pub fn given_axes(node: &Node, index: usize, rank: usize) -> Lowers<Option<Vec<usize>>> {
    node.ints_of(index, "axes")?
        .map(|given| axes(&given, rank))
        .transpose()
}
