//! Operators that move elements, or only see them otherwise.

use assay_network_plan::Operation;

use super::super::context::Context;
use super::super::node::{axes, axis, invalid, length, unsupported, Lowers, Node, Problem};
use super::super::value::{Array, Value};
use super::constant::{given_axes, line};
use crate::onnx::Tensor;
use crate::package::Dtype;

/// The outputs of an operator of this family.
pub fn lower(node: &Node, context: &mut Context) -> Lowers<Option<Vec<Value>>> {
    let value = match node.operator() {
        "Reshape" => reshape(node, context)?,
        "Flatten" => {
            let x = node.input(0)?;
            let at = match node.int("axis", 1) {
                at if at == x.rank() as i64 => x.rank(),
                at => axis(at, x.rank())?,
            };
            let (outer, inner) = x.shape().split_at(at);
            let shape = [outer.iter().product(), inner.iter().product()];
            context.reshape(x, &shape)?
        }
        "Squeeze" => squeeze(node, context)?,
        "Unsqueeze" => unsqueeze(node, context)?,
        "Transpose" => transpose(node, context)?,
        "Slice" => slice(node, context)?,
        "Split" => return split(node, context).map(Some),
        "Concat" => {
            let inputs = node.all_inputs()?;
            let values: Vec<Value> = inputs.into_iter().cloned().collect();
            let whole = values.iter().find(|value| value.len() > 0);
            let rank = whole.or(values.first()).map_or(0, Value::rank);
            concat(context, &values, axis(node.int("axis", 0), rank)?)?
        }
        "Expand" => expand(node, context)?,
        "Tile" => tile(node, context)?,
        "Pad" => pad(node, context)?,
        "DepthToSpace" => depth_to_space(node, context)?,
        "SpaceToDepth" => space_to_depth(node, context)?,
        "Trilu" => trilu(node, context)?,
        _ => return Ok(None),
    };
    Ok(Some(vec![value]))
}

fn reshape(node: &Node, context: &mut Context) -> Lowers<Value> {
    let x = node.input(0)?;
    let target = node.constant(1)?.to_integers();
    let copies = !node.flag("allowzero");
    let mut shape = Vec::new();
    let mut open = None;
    for (at, len) in target.iter().enumerate() {
        shape.push(match *len {
            -1 if open.is_none() => {
                open = Some(at);
                1
            }
            0 if copies => *x
                .shape()
                .get(at)
                .ok_or_else(|| Problem::Invalid(format!("there is no dimension {at} to keep")))?,
            len => length(len)?,
        });
    }
    if let Some(at) = open {
        let rest = shape
            .iter()
            .try_fold(1_usize, |product, len| product.checked_mul(*len));
        match rest {
            Some(rest) if rest > 0 && x.len() % rest == 0 => shape[at] = x.len() / rest,
            _ => return invalid(format!("{:?} cannot take the shape {target:?}", x.shape())),
        }
    }
    context.reshape(x, &shape)
}

fn squeeze(node: &Node, context: &mut Context) -> Lowers<Value> {
    let x = node.input(0)?;
    let gone = match given_axes(node, 1, x.rank())? {
        Some(axes) => axes,
        None => (0..x.rank()).filter(|axis| x.shape()[*axis] == 1).collect(),
    };
    if gone.iter().any(|axis| x.shape()[*axis] != 1) {
        return invalid(format!("{:?} cannot lose the axes {gone:?}", x.shape()));
    }
    context.view(x, |layout| {
        gone.iter()
            .rev()
            .fold(layout, |layout, axis| layout.without_axis(*axis))
    })
}

fn unsqueeze(node: &Node, context: &mut Context) -> Lowers<Value> {
    let x = node.input(0)?;
    let given = node.ints_of(1, "axes")?.unwrap_or_default();
    let fresh = axes(&given, x.rank() + given.len())?;
    if fresh.len() != given.len() {
        return invalid(format!("the axes {given:?} are not distinct"));
    }
    context.view(x, |layout| {
        fresh.iter().fold(layout, |layout, axis| layout.with_axis(*axis))
    })
}

fn transpose(node: &Node, context: &mut Context) -> Lowers<Value> {
    let x = node.input(0)?;
    let order: Vec<usize> = match node.ints("perm") {
        Some(order) => order
            .iter()
            .map(|one| axis(*one, x.rank()))
            .collect::<Lowers<_>>()?,
        None => (0..x.rank()).rev().collect(),
    };
    let mut sorted = order.clone();
    sorted.sort_unstable();
    if !sorted.into_iter().eq(0..x.rank()) {
        return invalid(format!("{order:?} is no order of {} axes", x.rank()));
    }
    context.view(x, |layout| layout.permuted(&order))
}

fn slice(node: &Node, context: &mut Context) -> Lowers<Value> {
    let x = node.input(0)?;
    let (starts, ends) = (node.constant(1)?.to_integers(), node.constant(2)?.to_integers());
    let on = match node.optional_constant(3)? {
        Some(tensor) => tensor.to_integers(),
        None => (0..starts.len() as i64).collect(),
    };
    let steps = match node.optional_constant(4)? {
        Some(tensor) => tensor.to_integers(),
        None => vec![1; starts.len()],
    };
    if ends.len() != starts.len() || on.len() != starts.len() || steps.len() != starts.len() {
        return invalid("its starts, ends, axes and steps are not equally many");
    }
    let mut parts: Vec<(usize, i64, i64, usize)> = Vec::new();
    for (((start, end), on), step) in starts.into_iter().zip(ends).zip(on).zip(steps) {
        let on = axis(on, x.rank())?;
        if parts.iter().any(|(other, ..)| *other == on) {
            return invalid(format!("its axis {on} is there twice"));
        }
        let len = x.shape()[on] as i64;
        let absolute = |at: i64| if at < 0 { at.saturating_add(len) } else { at };
        let (start, count) = match step {
            0 => return invalid("a step is 0"),
            1.. => {
                let (start, end) = (absolute(start).clamp(0, len), absolute(end).clamp(0, len));
                (
                    start,
                    (end - start).max(0).div_euclid(step) + i64::from((end - start).max(0) % step != 0),
                )
            }
            _ => {
                let (start, end) = (
                    absolute(start).clamp(-1, len - 1),
                    absolute(end).clamp(-1, len - 1),
                );
                let span = (start - end).max(0);
                let step = step.checked_neg().unwrap_or(i64::MAX);
                (start, span / step + i64::from(span % step != 0))
            }
        };
        let step = if count > 1 { step } else { 1 };
        parts.push((on, start.max(0), step, count as usize));
    }
    if parts.iter().any(|part| part.3 == 0) && x.constant().is_none() {
        return unsupported("a slice without elements is not supported");
    }
    context.view(x, |layout| {
        parts
            .into_iter()
            .fold(layout, |layout, (on, start, step, count)| {
                layout.sliced(on, start, step, count)
            })
    })
}

fn split(node: &Node, context: &mut Context) -> Lowers<Vec<Value>> {
    let x = context.shared(node.input(0)?)?;
    let on = axis(node.int("axis", 0), x.rank())?;
    let len = x.shape()[on];
    let parts: Vec<usize> = match node.ints_of(1, "split")? {
        Some(parts) => parts.iter().map(|len| length(*len)).collect::<Lowers<_>>()?,
        None => {
            let count = node.outputs().max(1);
            if node.int("num_outputs", count as i64) != count as i64 {
                return invalid(format!("it has {count} outputs and not as many as it says"));
            }
            let each = len.div_ceil(count);
            (0..count)
                .map(|i| each.min(len.saturating_sub(i * each)))
                .collect()
        }
    };
    if parts.iter().sum::<usize>() != len {
        return invalid(format!("parts of {parts:?} are not the whole of {len}"));
    }
    let mut start = 0;
    let mut values = Vec::new();
    for part in parts {
        values.push(context.view(&x, |layout| layout.sliced(on, start, 1, part))?);
        start += part as i64;
    }
    Ok(values)
}

/// Values one after the other along an axis.
pub fn concat(context: &mut Context, values: &[Value], on: usize) -> Lowers<Value> {
    let parts: Vec<&Value> = values.iter().filter(|value| value.len() > 0).collect();
    let Some(first) = parts.first() else {
        let first = values
            .first()
            .ok_or(Problem::Invalid("it has no operands".into()))?;
        return Ok(first.clone());
    };
    if let [only] = parts[..] {
        return Ok(only.clone());
    }
    let (dtype, mut shape) = (first.dtype(), first.shape().to_vec());
    shape[on] = 0;
    for part in &parts {
        let fits = part.rank() == shape.len()
            && part.dtype() == dtype
            && (0..shape.len()).all(|axis| axis == on || part.shape()[axis] == shape[axis]);
        if !fits {
            let (given, dtype) = (part.shape(), part.dtype());
            return invalid(format!(
                "{given:?} of {dtype:?} does not go with its other operands"
            ));
        }
        shape[on] += part.shape()[on];
    }
    let out = context.allocate(dtype, &shape)?;
    let mut start = 0;
    for part in parts {
        let place = Array {
            layout: out.layout.clone().sliced(on, start, 1, part.shape()[on]),
            ..out.clone()
        };
        context.write(part, &place)?;
        start += part.shape()[on] as i64;
    }
    Ok(out.into())
}

fn expand(node: &Node, context: &mut Context) -> Lowers<Value> {
    let x = node.input(0)?;
    let target = node.constant(1)?.to_integers();
    let target = target
        .iter()
        .map(|len| length(*len))
        .collect::<Lowers<Vec<_>>>()?;
    let shape = super::super::context::broadcast_shape([x.shape(), &target[..]].into_iter())?;
    context.broadcast(x, &shape)
}

fn tile(node: &Node, context: &mut Context) -> Lowers<Value> {
    let x = node.input(0)?;
    let times = node.constant(1)?.to_integers();
    let times = times.iter().map(|len| length(*len)).collect::<Lowers<Vec<_>>>()?;
    if times.len() != x.rank() {
        return invalid(format!("{times:?} are not as many as its dimensions"));
    }
    // Each dimension twice: how often it is repeated, and itself.
    let doubled: Vec<usize> = x.shape().iter().flat_map(|len| [1, *len]).collect();
    let wide: Vec<usize> = times
        .iter()
        .zip(x.shape())
        .flat_map(|(times, len)| [*times, *len])
        .collect();
    let shape: Vec<usize> = times
        .iter()
        .zip(x.shape())
        .map(|(times, len)| times * len)
        .collect();
    let value = context.reshape(x, &doubled)?;
    let value = context.broadcast(&value, &wide)?;
    context.reshape(&value, &shape)
}

fn pad(node: &Node, context: &mut Context) -> Lowers<Value> {
    let mut x = context.shared(node.input(0)?)?;
    let pads = node.ints_of(1, "pads")?.unwrap_or_default();
    let on = match node.optional_constant(3)? {
        Some(tensor) => {
            let given = tensor.to_integers();
            given
                .iter()
                .map(|one| axis(*one, x.rank()))
                .collect::<Lowers<Vec<_>>>()?
        }
        None => (0..x.rank()).collect(),
    };
    if pads.len() != 2 * on.len() {
        return invalid("its pads are not two for each axis");
    }
    for pad in &pads {
        length(pad.saturating_abs())?;
    }
    let mode = node.text("mode").unwrap_or("constant");
    let fill = match node.optional(2) {
        Some(value) => context.reshape(value, &[])?,
        None => Tensor::integers(x.dtype(), &[], &[0]).into(),
    };
    let (before, after) = pads.split_at(on.len());
    for ((on, before), after) in on.into_iter().zip(before).zip(after) {
        x = pad_axis(context, &x, on, [*before, *after], mode, &fill)?;
    }
    Ok(x)
}

/// Pads one axis; a negative padding takes elements away.
fn pad_axis(
    context: &mut Context,
    x: &Value,
    on: usize,
    [before, after]: [i64; 2],
    mode: &str,
    fill: &Value,
) -> Lowers<Value> {
    let len = x.shape()[on] as i64;
    let (cut_before, cut_after) = ((-before).max(0), (-after).max(0));
    let kept = len - cut_before - cut_after;
    if kept <= 0 {
        return unsupported("a padding that leaves no elements is not supported");
    }
    let inner = context.view(x, |layout| layout.sliced(on, cut_before, 1, kept as usize))?;
    let (before, after) = (before.max(0), after.max(0));
    let mut parts = filling(context, &inner, on, kept, before, true, mode, fill)?;
    parts.push(inner.clone());
    parts.extend(filling(context, &inner, on, kept, after, false, mode, fill)?);
    let joined = concat(context, &parts, on)?;
    context.shared(&joined)
}

/// The most copies that a tensor is padded with.
const COPIES_MAX: i64 = 1024;

/// What stands before or after a tensor along an axis.
#[allow(clippy::too_many_arguments)]
fn filling(
    context: &mut Context,
    x: &Value,
    on: usize,
    len: i64,
    count: i64,
    before: bool,
    mode: &str,
    fill: &Value,
) -> Lowers<Vec<Value>> {
    let mut shape = x.shape().to_vec();
    shape[on] = length(count)?;
    if count == 0 {
        return Ok(Vec::new());
    }
    match mode {
        "constant" => Ok(vec![context.broadcast(fill, &shape)?]),
        "edge" => {
            let at = if before { 0 } else { len - 1 };
            let edge = context.view(x, |layout| layout.sliced(on, at, 1, 1))?;
            Ok(vec![context.broadcast(&edge, &shape)?])
        }
        "reflect" if count < len => {
            let start = if before { count } else { len - 2 };
            Ok(vec![context.view(x, |layout| {
                layout.sliced(on, start, -1, count as usize)
            })?])
        }
        "wrap" => {
            // Whole copies, and a part of one.
            let (whole, part) = (count / len, count % len);
            if whole > COPIES_MAX {
                return unsupported(format!("a padding by {whole} copies is not supported"));
            }
            let start = if before { len - part } else { 0 };
            let rest = context.view(x, |layout| layout.sliced(on, start, 1, part as usize))?;
            let mut parts = vec![x.clone(); length(whole)?];
            if part > 0 {
                parts.insert(if before { 0 } else { parts.len() }, rest);
            }
            Ok(parts)
        }
        _ => unsupported(format!("a padding of {count} by `{mode}` is not supported")),
    }
}

/// Channels, rows and columns of an image.
fn image(node: &Node) -> Lowers<[usize; 4]> {
    match *node.input(0)?.shape() {
        [batch, channels, height, width] => Ok([batch, channels, height, width]),
        _ => invalid("its operand must have four dimensions"),
    }
}

fn depth_to_space(node: &Node, context: &mut Context) -> Lowers<Value> {
    let [batch, channels, height, width] = image(node)?;
    let size = length(node.int("blocksize", 1))?.max(1);
    if channels % (size * size) != 0 {
        return invalid(format!("{channels} channels are no blocks of {size} by {size}"));
    }
    let depth = channels / (size * size);
    let (shape, order) = match node.text("mode") {
        Some("CRD") => ([batch, depth, size, size, height, width], [0, 1, 4, 2, 5, 3]),
        _ => ([batch, size, size, depth, height, width], [0, 3, 4, 1, 5, 2]),
    };
    let value = context.reshape(node.input(0)?, &shape)?;
    let value = context.view(&value, |layout| layout.permuted(&order))?;
    context.reshape(&value, &[batch, depth, height * size, width * size])
}

fn space_to_depth(node: &Node, context: &mut Context) -> Lowers<Value> {
    let [batch, channels, height, width] = image(node)?;
    let size = length(node.int("blocksize", 1))?.max(1);
    if height % size != 0 || width % size != 0 {
        return invalid(format!("{height} by {width} are no blocks of {size} by {size}"));
    }
    let (rows, columns) = (height / size, width / size);
    let value = context.reshape(node.input(0)?, &[batch, channels, rows, size, columns, size])?;
    let order = match node.text("mode") {
        Some("CRD") => [0, 1, 3, 5, 2, 4],
        _ => [0, 3, 5, 1, 2, 4],
    };
    let value = context.view(&value, |layout| layout.permuted(&order))?;
    context.reshape(&value, &[batch, channels * size * size, rows, columns])
}

fn trilu(node: &Node, context: &mut Context) -> Lowers<Value> {
    let x = node.input(0)?;
    let above = node
        .optional_constant(1)?
        .map_or(0, |tensor| tensor.to_integers().first().copied().unwrap_or(0));
    let upper = node.int("upper", 1) != 0;
    let [.., rows, columns] = *x.shape() else {
        return invalid("its operand must have two dimensions at least");
    };
    let (row, column) = (line(rows, 0, 2, 1)?, line(columns, 1, 2, 1)?);
    let dtype = x.dtype();
    let above = i32::try_from(above.clamp(-(1 << 30), 1 << 30)).unwrap_or(0);
    context.express(dtype, &[x, &row, &column], |e, v| {
        let above = e.int(above);
        let diagonal = e.two(Operation::AddInt, v[1], above);
        let kept = match upper {
            true => e.two(Operation::LessEqualInt, diagonal, v[2]),
            false => e.two(Operation::LessEqualInt, v[2], diagonal),
        };
        let float = dtype == Dtype::F32;
        let zero = if float { e.float(0.0) } else { e.int(0) };
        e.select(float, kept, v[0], zero)
    })
}
