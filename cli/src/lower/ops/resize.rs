//! Resizing: along each axis a choice of elements, or a linear map whose matrix is known.

use assay_network_plan::Finish;

use super::super::context::Context;
use super::super::node::{axis, invalid, length, no_elements, unsupported, Lowers, Node, Problem};
use super::super::value::Value;
use super::constant::LINE_MAX;
use super::matrix::{matmul, Quantization};
use crate::onnx::Tensor;
use crate::package::Dtype;

/// The outputs of an operator of this family.
pub fn lower(node: &Node, context: &mut Context) -> Lowers<Option<Vec<Value>>> {
    match node.operator() {
        "Resize" => resize(node, context).map(|value| Some(vec![value])),
        _ => Ok(None),
    }
}

/// The most elements of a matrix that resizes an axis.
const MATRIX_MAX: usize = 1 << 22;

/// How one axis is resized.
struct Axis {
    input: usize,
    output: usize,
    scale: f64,
    /// Start and end of what is cropped, as shares of the axis.
    roi: [f64; 2],
}

fn resize(node: &Node, context: &mut Context) -> Lowers<Value> {
    let mut value = node.input(0)?.clone();
    let on = match node.ints("axes") {
        Some(axes) => axes
            .iter()
            .map(|one| axis(*one, value.rank()))
            .collect::<Lowers<Vec<_>>>()?,
        None => (0..value.rank()).collect(),
    };
    let axes = sizes(node, &value, &on)?;
    let mode = node.text("mode").unwrap_or("nearest");
    let crops = node.text("coordinate_transformation_mode") == Some("tf_crop_and_resize");
    for (on, axis) in on.into_iter().zip(axes) {
        if axis.input == axis.output && axis.scale == 1.0 && !crops {
            continue;
        }
        value = match mode {
            "nearest" => choose(node, context, &value, on, &axis)?,
            "linear" | "cubic" => combine(node, context, &value, on, &axis)?,
            other => return unsupported(format!("the mode `{other}` is not supported")),
        };
    }
    Ok(value)
}

/// The sizes of the axes that are resized.
fn sizes(node: &Node, x: &Value, on: &[usize]) -> Lowers<Vec<Axis>> {
    let given = |index: usize| -> Lowers<Option<Vec<f64>>> {
        let tensor = node.optional_constant(index)?.filter(|tensor| !tensor.is_empty());
        let Some(tensor) = tensor else {
            return Ok(None);
        };
        if tensor.len() != on.len() && index != 1 {
            return invalid("its sizes or scales are not one for each axis");
        }
        Ok(Some(match tensor.dtype {
            Dtype::F32 => tensor.to_floats().into_iter().map(f64::from).collect(),
            _ => tensor.to_integers().into_iter().map(|len| len as f64).collect(),
        }))
    };
    let roi = given(1)?.unwrap_or_default();
    let (scales, sizes) = (given(2)?, given(3)?);
    let policy = node.text("keep_aspect_ratio_policy").unwrap_or("stretch");
    let ratios: Vec<f64> = match (&scales, &sizes) {
        (Some(scales), None) => scales.clone(),
        (None, Some(sizes)) => sizes
            .iter()
            .zip(on)
            .map(|(size, axis)| size / x.shape()[*axis] as f64)
            .collect(),
        _ => return invalid("it needs either sizes or scales"),
    };
    let common = match policy {
        "stretch" => None,
        "not_larger" => ratios.iter().copied().reduce(f64::min),
        "not_smaller" => ratios.iter().copied().reduce(f64::max),
        other => return unsupported(format!("the policy `{other}` is not supported")),
    };
    let mut axes = Vec::new();
    for (place, axis) in on.iter().enumerate() {
        let input = x.shape()[*axis];
        let scale = common.filter(|_| sizes.is_some()).unwrap_or(ratios[place]);
        let output = match (&sizes, common) {
            (Some(sizes), None) => sizes[place],
            (Some(_), Some(scale)) => (input as f64 * scale + 0.5).floor(),
            _ => (input as f64 * scale).floor(),
        };
        let output = length(output as i64)?;
        if output == 0 {
            return no_elements();
        }
        if output > LINE_MAX {
            return Err(Problem::Memory);
        }
        let roi = [roi.get(place), roi.get(place + on.len())].map(|value| value.copied());
        axes.push(Axis {
            input,
            output,
            scale,
            roi: [roi[0].unwrap_or(0.0), roi[1].unwrap_or(1.0)],
        });
    }
    Ok(axes)
}

/// Where an element of the output lies in the input.
fn source(node: &Node, axis: &Axis, index: usize) -> Lowers<f64> {
    let (x, input, output) = (index as f64, axis.input as f64, axis.output as f64);
    // Without rounding, as scales say it.
    let scaled = axis.scale * input;
    Ok(
        match node
            .text("coordinate_transformation_mode")
            .unwrap_or("half_pixel")
        {
            "half_pixel" => (x + 0.5) / axis.scale - 0.5,
            "half_pixel_symmetric" => {
                let adjustment = output / scaled;
                let offset = input / 2.0 * (1.0 - adjustment);
                offset + (x + 0.5) / axis.scale - 0.5
            }
            "pytorch_half_pixel" if axis.output > 1 => (x + 0.5) / axis.scale - 0.5,
            "pytorch_half_pixel" => 0.0,
            "align_corners" if axis.output > 1 => x * (input - 1.0) / (scaled - 1.0),
            "align_corners" => 0.0,
            "asymmetric" => x / axis.scale,
            "tf_crop_and_resize" => {
                let [start, end] = axis.roi;
                match axis.output {
                    1 => 0.5 * (start + end) * (input - 1.0),
                    _ => start * (input - 1.0) + x * (end - start) * (input - 1.0) / (output - 1.0),
                }
            }
            other => return unsupported(format!("coordinates by `{other}` are not supported")),
        },
    )
}

/// Whether an element of the output lies outside of the input, where it is cropped.
fn is_outside(node: &Node, axis: &Axis, source: f64) -> bool {
    node.text("coordinate_transformation_mode") == Some("tf_crop_and_resize")
        && (source < 0.0 || source > (axis.input - 1) as f64)
}

fn choose(node: &Node, context: &mut Context, x: &Value, on: usize, axis: &Axis) -> Lowers<Value> {
    let mut runs: Vec<(i64, usize)> = Vec::new();
    let mut outside = vec![0; axis.output];
    for (index, outside) in outside.iter_mut().enumerate() {
        let source = source(node, axis, index)?;
        *outside = i64::from(is_outside(node, axis, source));
        let nearest = match node.text("nearest_mode").unwrap_or("round_prefer_floor") {
            "round_prefer_floor" => (source - 0.5).ceil(),
            "round_prefer_ceil" => (source + 0.5).floor(),
            "floor" => source.floor(),
            "ceil" => source.ceil(),
            other => return unsupported(format!("the mode `{other}` is not supported")),
        };
        let nearest = nearest.clamp(0.0, (axis.input - 1) as f64) as i64;
        match runs.last_mut() {
            Some((last, count)) if *last == nearest => *count += 1,
            _ => runs.push((nearest, 1)),
        }
    }
    let times = runs[0].1;
    let even = runs
        .iter()
        .enumerate()
        .all(|(at, run)| *run == (at as i64, times));
    let mut shape = x.shape().to_vec();
    shape[on] = axis.output;
    let value = if even && runs.len() == axis.input {
        let value = context.view(x, |layout| layout.with_axis(on + 1))?;
        let mut wide = value.shape().to_vec();
        wide[on + 1] = times;
        let value = context.broadcast(&value, &wide)?;
        context.reshape(&value, &shape)?
    } else {
        let indices = runs
            .iter()
            .flat_map(|(index, count)| std::iter::repeat_n(*index, *count));
        let indices: Vec<i64> = indices.collect();
        let indices = Tensor::integers(Dtype::I64, &[indices.len()], &indices).into();
        super::gather::along(context, x, &indices, on)?
    };
    extrapolate(node, context, value, on, &outside)
}

/// Elements outside of what is cropped have a value of their own.
fn extrapolate(
    node: &Node,
    context: &mut Context,
    value: Value,
    on: usize,
    outside: &[i64],
) -> Lowers<Value> {
    if outside.iter().all(|outside| *outside == 0) {
        return Ok(value);
    }
    super::elementwise::need_float(&value)?;
    let mut shape = vec![1; value.rank()];
    shape[on] = outside.len();
    let mask = Tensor::integers(Dtype::Bool, &shape, outside).into();
    let other = node.float("extrapolation_value", 0.0);
    context.express(Dtype::F32, &[&mask, &value], |e, v| {
        let other = e.float(other);
        e.select(true, v[0], other, v[1])
    })
}

/// The product with a matrix that has, for each element of the output, the weights of those of the input.
fn combine(node: &Node, context: &mut Context, x: &Value, on: usize, axis: &Axis) -> Lowers<Value> {
    super::elementwise::need_float(x)?;
    if axis.input.saturating_mul(axis.output) > MATRIX_MAX {
        return Err(Problem::TooLarge);
    }
    let mut matrix = vec![0.0_f32; axis.input * axis.output];
    let mut outside = vec![0; axis.output];
    for (index, outside) in outside.iter_mut().enumerate() {
        let source = source(node, axis, index)?;
        *outside = i64::from(is_outside(node, axis, source));
        for (from, weight) in weights(node, axis, source)? {
            matrix[from * axis.output + index] += weight as f32;
        }
    }
    let last = x.rank() - 1;
    let mut order: Vec<usize> = (0..x.rank()).collect();
    order.swap(on, last);
    let value = context.view(x, |layout| layout.permuted(&order))?;
    let matrix = Tensor::floats(&[axis.input, axis.output], &matrix).into();
    let value = matmul(
        context,
        &value,
        &matrix,
        &Quantization::NONE,
        Dtype::F32,
        Finish::NONE,
    )?;
    let value = context.view(&value, |layout| layout.permuted(&order))?;
    extrapolate(node, context, value, on, &outside)
}

/// The elements of the input that make one of the output, and their weights.
fn weights(node: &Node, axis: &Axis, source: f64) -> Lowers<Vec<(usize, f64)>> {
    let linear = node.text("mode") == Some("linear");
    let stretch = if node.flag("antialias") {
        axis.scale.min(1.0)
    } else {
        1.0
    };
    let support = if linear { 1.0 } else { 2.0 } / stretch;
    let coefficient = f64::from(node.float("cubic_coeff_a", -0.75));
    let kernel = |distance: f64| {
        let x = (distance * stretch).abs();
        match (linear, x) {
            (true, ..1.0) => 1.0 - x,
            (false, ..=1.0) => ((coefficient + 2.0) * x - (coefficient + 3.0)) * x * x + 1.0,
            (false, ..2.0) => (((x - 5.0) * x + 8.0) * x - 4.0) * coefficient,
            _ => 0.0,
        }
    };
    let first = (source - support).floor() as i64;
    let last = (source + support).ceil() as i64;
    let exclude = node.flag("exclude_outside");
    let end = axis.input as i64 - 1;
    let mut found = Vec::new();
    for at in first..=last {
        let weight = kernel(source - at as f64);
        let inside = (0..=end).contains(&at);
        if weight != 0.0 && (inside || !exclude) {
            found.push((at.clamp(0, end) as usize, weight));
        }
    }
    let total: f64 = found.iter().map(|(_, weight)| weight).sum();
    if total != 0.0 {
        found.iter_mut().for_each(|(_, weight)| *weight /= total);
    }
    Ok(found)
}
