//! Operators that find elements by their numbers.

use assay_network_plan::{Operation, Put, Scattering, Take};

use super::super::context::Context;
use super::super::expression::{Expression, Id};
use super::super::node::{axis, invalid, length, need_shape, unsupported, Lowers, Node, Problem};
use super::super::value::{element, Value};
use super::constant::line;
use super::elementwise::convert;
use crate::package::Dtype;

/// The outputs of an operator of this family.
pub fn lower(node: &Node, context: &mut Context) -> Lowers<Option<Vec<Value>>> {
    let value = match node.operator() {
        "Gather" => gather(node, context)?,
        "GatherElements" => gather_elements(node, context)?,
        "GatherND" => gather_nd(node, context)?,
        "ScatterND" => scatter_nd(node, context)?,
        "ScatterElements" => scatter_elements(node, context)?,
        "OneHot" => one_hot(node, context)?,
        _ => return Ok(None),
    };
    Ok(Some(vec![value]))
}

/// Numbers of elements or rows, as i64.
fn numbers(context: &mut Context, value: &Value) -> Lowers<Value> {
    match value.dtype() {
        Dtype::I64 | Dtype::I32 => convert(context, value, Dtype::I64),
        other => invalid(format!("its indices are of {other:?}")),
    }
}

fn gather(node: &Node, context: &mut Context) -> Lowers<Value> {
    let (x, indices) = (node.input(0)?, node.input(1)?);
    let on = axis(node.int("axis", 0), x.rank())?;
    along(context, x, indices, on)
}

/// The elements of an axis by their numbers.
pub fn along(context: &mut Context, x: &Value, indices: &Value, on: usize) -> Lowers<Value> {
    let (outer, rest) = x.shape().split_at(on);
    let (len, inner) = (rest[0], &rest[1..]);
    let shape = [outer, indices.shape(), inner].concat();
    if let Some(single) = indices.constant().filter(|tensor| tensor.len() == 1) {
        // One index is a slice.
        let at = axis(single.to_integers()[0], len)? as i64;
        let value = context.view(x, |layout| layout.sliced(on, at, 1, 1))?;
        return context.reshape(&value, &shape);
    }
    let [outer, inner] = [outer, inner].map(|lengths| lengths.iter().product());
    take(context, x, indices, [outer, len, inner], &shape)
}

/// `out[o, i] = x[o, indices[i]]`, where x is seen as `[outer][len][inner]`.
fn take(
    context: &mut Context,
    x: &Value,
    indices: &Value,
    [outer, len, inner]: [usize; 3],
    shape: &[usize],
) -> Lowers<Value> {
    let indices = numbers(context, indices)?;
    let (dtype, count) = (x.dtype(), indices.len());
    let x = context.dense(x)?;
    let indices = context.dense(&indices)?;
    let out = context.allocate(dtype, shape)?;
    let row = u32::try_from(inner * dtype.size()).map_err(|_| Problem::Memory)?;
    context.push(Take {
        x: x.address,
        indices: indices.address,
        out: out.address,
        outer: outer as u32,
        count: count as u32,
        len: len as u32,
        row,
    })?;
    Ok(out.into())
}

/// An index that counts from the end where it is negative.
fn from_start(e: &mut Expression, index: Id, len: usize) -> Id {
    let (zero, len) = (e.int(0), e.int(len as i32));
    let negative = e.two(Operation::LessInt, index, zero);
    let shifted = e.two(Operation::AddInt, index, len);
    e.select(false, negative, shifted, index)
}

/// The most elements of a tensor of which single ones are found.
const NUMBERED_MAX: usize = 1 << 29;

/// What an index along an axis adds to an element's number. One that the axis does not have makes the number one that no
/// tensor has, so that the step that uses it ends the run.
fn share(e: &mut Expression, index: Id, len: usize, stride: usize) -> Id {
    let index = from_start(e, index, len);
    let (minus, len) = (e.int(-1), e.int(len as i32));
    let after = e.two(Operation::LessInt, minus, index);
    let before = e.two(Operation::LessInt, index, len);
    let inside = e.two(Operation::And, after, before);
    let (stride, none) = (e.int(stride as i32), e.int(i32::MIN));
    let share = e.two(Operation::MulInt, index, stride);
    e.select(false, inside, share, none)
}

fn need_numbers(x: &Value) -> Lowers<()> {
    match x.len() {
        ..=NUMBERED_MAX => Ok(()),
        _ => Err(Problem::Memory),
    }
}

/// Each element's number in x, of which the index along `on` is given and the others are its own.
fn places(context: &mut Context, shape: &[usize], on: usize, indices: &Value) -> Lowers<Value> {
    let indices = numbers(context, indices)?;
    let strides: Vec<usize> = (0..shape.len())
        .map(|axis| shape[axis + 1..].iter().product())
        .collect();
    let (len, stride) = (shape[on], strides[on]);
    let mut sum = context.express(Dtype::I64, &[&indices], |e, v| share(e, v[0], len, stride))?;
    for axis in (0..shape.len()).filter(|axis| *axis != on) {
        let own = line(indices.shape()[axis], axis, shape.len(), strides[axis])?;
        sum = context.express(Dtype::I64, &[&sum, &own], |e, v| {
            e.two(Operation::AddInt, v[0], v[1])
        })?;
    }
    Ok(sum)
}

fn gather_elements(node: &Node, context: &mut Context) -> Lowers<Value> {
    let (x, indices) = (node.input(0)?, node.input(1)?);
    need_numbers(x)?;
    let fits = |axis: usize| axis < x.rank() && indices.shape()[axis] <= x.shape()[axis];
    let on = axis(node.int("axis", 0), x.rank())?;
    if indices.rank() != x.rank() || !(0..x.rank()).all(|axis| axis == on || fits(axis)) {
        return invalid("its indices do not go with its data");
    }
    let places = places(context, x.shape(), on, indices)?;
    take(context, x, &places, [1, x.len(), 1], indices.shape())
}

/// The numbers of rows that tuples of indices name, of a tensor's dimensions `lengths`. The last axis of `indices` is a tuple.
fn tuples(context: &mut Context, lengths: &[usize], indices: &Value) -> Lowers<Value> {
    let indices = numbers(context, indices)?;
    let indices = context.shared(&indices)?;
    let last = indices.rank() - 1;
    let mut sum: Option<Value> = None;
    for (at, len) in lengths.iter().enumerate() {
        let stride: usize = lengths[at + 1..].iter().product();
        let one = context.view(&indices, |layout| {
            layout.sliced(last, at as i64, 1, 1).without_axis(last)
        })?;
        let part = context.express(Dtype::I64, &[&one], |e, v| share(e, v[0], *len, stride))?;
        sum = Some(match sum {
            None => part,
            Some(sum) => context.express(Dtype::I64, &[&sum, &part], |e, v| {
                e.two(Operation::AddInt, v[0], v[1])
            })?,
        });
    }
    sum.ok_or(Problem::Invalid("its indices have no elements".into()))
}

fn gather_nd(node: &Node, context: &mut Context) -> Lowers<Value> {
    let (x, indices) = (node.input(0)?, node.input(1)?);
    let batch = length(node.int("batch_dims", 0))?;
    let Some(&depth) = indices.shape().last() else {
        return invalid("its indices have no dimension");
    };
    if batch + depth > x.rank() || batch >= indices.rank() || x.shape()[..batch] != indices.shape()[..batch] {
        return invalid("its indices do not go with its data");
    }
    need_numbers(x)?;
    let lengths = &x.shape()[batch..batch + depth];
    let inner = &x.shape()[batch + depth..];
    let shape = [&indices.shape()[..indices.rank() - 1], inner].concat();
    let mut rows = tuples(context, lengths, indices)?;
    let each: usize = lengths.iter().product();
    // A batch is a part of all rows.
    let mut stride = each;
    for axis in (0..batch).rev() {
        let own = line(x.shape()[axis], axis, rows.rank(), stride)?;
        rows = context.express(Dtype::I64, &[&rows, &own], |e, v| {
            e.two(Operation::AddInt, v[0], v[1])
        })?;
        stride *= x.shape()[axis];
    }
    let inner: usize = inner.iter().product();
    take(context, x, &rows, [1, x.len() / inner, inner], &shape)
}

fn scattering(node: &Node) -> Lowers<Scattering> {
    Ok(match node.text("reduction").unwrap_or("none") {
        "none" => Scattering::Replace,
        "add" => Scattering::Add,
        "mul" => Scattering::Mul,
        "min" => Scattering::Min,
        "max" => Scattering::Max,
        other => return unsupported(format!("the reduction `{other}` is not supported")),
    })
}

/// Puts rows of `inner` elements into a copy of x.
fn put(context: &mut Context, node: &Node, rows: &Value, updates: &Value, inner: usize) -> Lowers<Value> {
    let x = node.input(0)?;
    let scattering = scattering(node)?;
    let dtype = x.dtype();
    if updates.dtype() != dtype {
        return invalid("its updates have another type");
    }
    if scattering != Scattering::Replace && !matches!(dtype, Dtype::F32 | Dtype::I64) {
        return unsupported(format!(
            "a scattering that combines elements of {dtype:?} is not supported"
        ));
    }
    let count = rows.len();
    let rows = context.dense(rows)?;
    let updates = context.dense(updates)?;
    let out = context.allocate(dtype, x.shape())?;
    context.write(x, &out)?;
    context.push(Put {
        x: updates.address,
        indices: rows.address,
        out: out.address,
        count: count as u32,
        len: (x.len() / inner) as u32,
        row: inner as u32,
        element: element(dtype),
        scattering,
    })?;
    Ok(out.into())
}

fn scatter_nd(node: &Node, context: &mut Context) -> Lowers<Value> {
    let (x, indices, updates) = (node.input(0)?, node.input(1)?, node.input(2)?);
    let depth = indices.shape().last().copied().unwrap_or(0);
    if depth == 0 || depth > x.rank() {
        return invalid("its indices do not go with its data");
    }
    need_numbers(x)?;
    let (lengths, inner) = x.shape().split_at(depth);
    let shape = [&indices.shape()[..indices.rank() - 1], inner].concat();
    if updates.shape() != shape {
        return invalid(format!("its updates are {:?} and not {shape:?}", updates.shape()));
    }
    let rows = tuples(context, lengths, indices)?;
    put(context, node, &rows, updates, inner.iter().product())
}

fn scatter_elements(node: &Node, context: &mut Context) -> Lowers<Value> {
    let (x, indices, updates) = (node.input(0)?, node.input(1)?, node.input(2)?);
    need_numbers(x)?;
    let on = axis(node.int("axis", 0), x.rank())?;
    let fits = |axis: usize| axis == on || indices.shape()[axis] <= x.shape()[axis];
    if indices.rank() != x.rank() || updates.shape() != indices.shape() || !(0..x.rank()).all(fits) {
        return invalid("its indices do not go with its data");
    }
    let rows = places(context, x.shape(), on, indices)?;
    put(context, node, &rows, updates, 1)
}

fn one_hot(node: &Node, context: &mut Context) -> Lowers<Value> {
    let (indices, values) = (node.input(0)?, node.input(2)?);
    let depth = node.constant(1)?.to_integers();
    let depth = length(depth.first().copied().unwrap_or(0))?;
    let rank = indices.rank() + 1;
    let on = axis(node.int("axis", -1), rank)?;
    let indices = convert(context, indices, Dtype::I64)?;
    let indices = context.view(&indices, |layout| layout.with_axis(on))?;
    let line = line(depth, on, rank, 1)?;
    need_shape("values", values, &[2])?;
    let values = context.shared(values)?;
    let off = context.view(&values, |layout| layout.sliced(0, 0, 1, 1).without_axis(0))?;
    let hot = context.view(&values, |layout| layout.sliced(0, 1, 1, 1).without_axis(0))?;
    let dtype = values.dtype();
    context.express(dtype, &[&indices, &line, &hot, &off], |e, v| {
        let index = from_start(e, v[0], depth);
        let equal = e.two(Operation::EqualInt, index, v[1]);
        e.select(dtype == Dtype::F32, equal, v[2], v[3])
    })
}
