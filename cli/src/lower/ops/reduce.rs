//! Operators over whole axes: sums, greatest elements, normalizations, orders.

use assay_network_plan::{
    CumSum, Normalization, Normalize, Operation, Reduce, Reduction, TopK, View, ABSENT, RANK,
};

use super::super::context::{joined, lengths, Context};
use super::super::node::{axes, axis, invalid, length, unsupported, Lowers, Node, Problem};
use super::super::value::{Array, Value};
use super::constant::{given_axes, line};
use super::elementwise::need_float;
use crate::onnx::Tensor;
use crate::package::Dtype;

/// The most elements of a row that is reduced at once; a longer one is reduced in two stages.
const ROW_MAX: usize = 16 * 1024;

/// The outputs of an operator of this family.
pub fn lower(node: &Node, context: &mut Context) -> Lowers<Option<Vec<Value>>> {
    let value = match node.operator() {
        "ReduceSum" | "ReduceMean" | "ReduceMax" | "ReduceMin" | "ReduceProd" | "ReduceL1" | "ReduceL2"
        | "ReduceSumSquare" | "ReduceLogSum" | "ReduceLogSumExp" => reduce_node(node, context)?,
        "GlobalAveragePool" | "GlobalMaxPool" => global_pool(node, context)?,
        "ArgMax" | "ArgMin" => arg(node, context)?,
        "Softmax" | "LogSoftmax" => {
            let x = node.input(0)?;
            need_float(x)?;
            let kind = match node.operator() {
                "Softmax" => Normalization::Softmax,
                _ => Normalization::LogSoftmax,
            };
            let on = axis(node.int("axis", -1), x.rank())?;
            normalize(context, x, &[on], kind, 0.0, [None, None])?
        }
        "Hardmax" => hardmax(node, context)?,
        "LayerNormalization" => return layer_normalization(node, context).map(Some),
        "RMSNormalization" => root_mean_square(node, context)?,
        "InstanceNormalization" => instance_normalization(node, context)?,
        "GroupNormalization" => group_normalization(node, context)?,
        "MeanVarianceNormalization" => {
            let x = node.input(0)?;
            need_float(x)?;
            let on = axes(node.ints("axes").unwrap_or(&[0, 2, 3]), x.rank())?;
            mean_variance(context, x, &on)?
        }
        "LpNormalization" => lp_normalization(node, context)?,
        "BatchNormalization" => batch_normalization(node, context)?,
        "TopK" => return top_k(node, context).map(Some),
        "CumSum" => cum_sum(node, context)?,
        _ => return Ok(None),
    };
    Ok(Some(vec![value]))
}

fn reduce_node(node: &Node, context: &mut Context) -> Lowers<Value> {
    let x = node.input(0)?;
    let given = given_axes(node, 1, x.rank())?.filter(|axes| !axes.is_empty());
    let on = match given {
        None if node.flag("noop_with_empty_axes") => Vec::new(),
        None => (0..x.rank()).collect(),
        Some(axes) => axes,
    };
    let keep = node.int("keepdims", 1) != 0;
    let operator = node.operator();
    if !matches!(
        operator,
        "ReduceSum" | "ReduceMax" | "ReduceMin" | "ReduceProd" | "ReduceSumSquare" | "ReduceL1"
    ) {
        need_float(x)?;
    }
    let dtype = x.dtype();
    let before = |context: &mut Context, operation: [Operation; 2]| {
        let float = dtype == Dtype::F32;
        context.express(dtype, &[x], |e, v| match (operation[0], float) {
            (Operation::Mul, true) => e.two(Operation::Mul, v[0], v[0]),
            (Operation::Mul, false) => e.two(Operation::MulInt, v[0], v[0]),
            (_, true) => e.one(Operation::Abs, v[0]),
            (_, false) => {
                let zero = e.int(0);
                let negated = e.two(Operation::SubInt, zero, v[0]);
                e.two(Operation::MaxInt, v[0], negated)
            }
        })
    };
    let square = [Operation::Mul, Operation::MulInt];
    let magnitude = [Operation::Abs, Operation::MaxInt];
    let float = |context: &mut Context, value: &Value, operation: Operation| {
        context.express(Dtype::F32, &[value], |e, v| e.one(operation, v[0]))
    };
    match operator {
        "ReduceSum" => reduce(context, x, &on, keep, Reduction::Sum),
        "ReduceMax" => reduce(context, x, &on, keep, Reduction::Max),
        "ReduceMin" => reduce(context, x, &on, keep, Reduction::Min),
        "ReduceProd" => reduce(context, x, &on, keep, Reduction::Product),
        "ReduceMean" => mean(context, x, &on, keep),
        "ReduceL1" => {
            let value = before(context, magnitude)?;
            reduce(context, &value, &on, keep, Reduction::Sum)
        }
        "ReduceSumSquare" => {
            let value = before(context, square)?;
            reduce(context, &value, &on, keep, Reduction::Sum)
        }
        "ReduceL2" => {
            let value = before(context, square)?;
            let value = reduce(context, &value, &on, keep, Reduction::Sum)?;
            float(context, &value, Operation::Sqrt)
        }
        "ReduceLogSum" => {
            let value = reduce(context, x, &on, keep, Reduction::Sum)?;
            float(context, &value, Operation::Log)
        }
        _ => log_sum_exp(context, x, &on, keep),
    }
}

/// The greatest element is taken off first, so that no exponential overflows; an infinite one is not.
fn log_sum_exp(context: &mut Context, x: &Value, on: &[usize], keep: bool) -> Lowers<Value> {
    let x = context.shared(x)?;
    let most = reduce(context, &x, on, true, Reduction::Max)?;
    let most = context.express(Dtype::F32, &[&most], |e, v| {
        let (zero, infinity) = (e.float(0.0), e.float(f32::INFINITY));
        let magnitude = e.one(Operation::Abs, v[0]);
        let infinite = e.two(Operation::Equal, magnitude, infinity);
        e.select(true, infinite, zero, v[0])
    })?;
    let most = context.shared(&most)?;
    let shifted = context.express(Dtype::F32, &[&x, &most], |e, v| {
        let difference = e.two(Operation::Sub, v[0], v[1]);
        e.one(Operation::Exp, difference)
    })?;
    let sum = reduce(context, &shifted, on, true, Reduction::Sum)?;
    let value = context.express(Dtype::F32, &[&sum, &most], |e, v| {
        let log = e.one(Operation::Log, v[0]);
        e.two(Operation::Add, log, v[1])
    })?;
    if keep {
        return Ok(value);
    }
    let rest: Vec<usize> = (0..x.rank())
        .filter(|axis| !on.contains(axis))
        .map(|axis| x.shape()[axis])
        .collect();
    context.reshape(&value, &rest)
}

fn mean(context: &mut Context, x: &Value, on: &[usize], keep: bool) -> Lowers<Value> {
    let count: usize = on.iter().map(|axis| x.shape()[*axis]).product();
    let sum = reduce(context, x, on, keep, Reduction::Sum)?;
    context.express(Dtype::F32, &[&sum], |e, v| {
        let count = e.float(count as f32);
        e.two(Operation::Div, v[0], count)
    })
}

/// Reduces some axes.
pub fn reduce(
    context: &mut Context,
    x: &Value,
    on: &[usize],
    keep: bool,
    reduction: Reduction,
) -> Lowers<Value> {
    if on.is_empty() {
        return Ok(x.clone());
    }
    let index = reduction as u32 >= Reduction::ArgMax as u32;
    let len: usize = on.iter().map(|axis| x.shape()[*axis]).product();
    let kept: Vec<usize> = (0..x.rank()).filter(|axis| !on.contains(axis)).collect();
    let shape: Vec<usize> = (0..x.rank())
        .filter(|axis| keep || !on.contains(axis))
        .map(|axis| if on.contains(&axis) { 1 } else { x.shape()[axis] })
        .collect();
    let mut value = x.clone();
    let rows: Vec<usize> = kept.iter().map(|axis| x.shape()[*axis]).collect();
    let order: Vec<usize> = kept.iter().chain(on).copied().collect();
    value = context.view(&value, |layout| layout.permuted(&order))?;
    if len > ROW_MAX {
        if index {
            return Err(Problem::TooLarge);
        }
        // Pieces of rows, and then what they give. The rest of a row that makes no whole piece is a piece too.
        let flat = context.reshape(&value, &[&rows[..], &[len]].concat())?;
        let last = rows.len();
        let pieces = len / ROW_MAX;
        let whole = context.view(&flat, |layout| layout.sliced(last, 0, 1, pieces * ROW_MAX))?;
        let whole = context.reshape(&whole, &[&rows[..], &[pieces, ROW_MAX]].concat())?;
        let mut parts = vec![reduce(context, &whole, &[last + 1], false, reduction)?];
        let rest = len - pieces * ROW_MAX;
        if rest > 0 {
            let rest = context.view(&flat, |layout| {
                layout.sliced(last, (pieces * ROW_MAX) as i64, 1, rest)
            })?;
            parts.push(reduce(context, &rest, &[last], true, reduction)?);
        }
        let joined = super::layout::concat(context, &parts, last)?;
        let value = reduce(context, &joined, &[last], false, reduction)?;
        return context.reshape(&value, &shape);
    }
    let out_dtype = if index { Dtype::I64 } else { x.dtype() };
    let x = context.array(&value)?;
    let out = context.allocate(out_dtype, &rows)?;
    let mut out_strides = out.layout.strides.clone();
    out_strides.resize(x.shape().len(), 0);
    let strides = [x.layout.strides.clone(), out_strides];
    let (dims, kept, views) = row_views(x.shape(), kept.len(), &strides, &[&x, &out])?;
    context.push(Reduce {
        dims,
        kept,
        reduction,
        x: views[0],
        out: views[1],
    })?;
    context.reshape(&out.into(), &shape)
}

/// Tensors as an operator on rows takes them: its dimensions, how many of them are kept, and the tensors' views.
type RowViews = ([u32; RANK], u32, Vec<View>);

/// Tensors of dimensions `shape` with rows along the axes `on`.
fn rows_along(on: &[usize], shape: &[usize], arrays: &[&Array]) -> Lowers<RowViews> {
    let kept: Vec<usize> = (0..shape.len()).filter(|axis| !on.contains(axis)).collect();
    let order: Vec<usize> = kept.iter().chain(on).copied().collect();
    let dims: Vec<usize> = order.iter().map(|axis| shape[*axis]).collect();
    let strides = arrays
        .iter()
        .map(|array| array.layout.clone().permuted(&order).strides);
    row_views(&dims, kept.len(), &strides.collect::<Vec<_>>(), arrays)
}

/// Tensors over dimensions of which those from `kept` on are a row. Dimensions are joined where they can be, those before
/// a row and those of it apart.
fn row_views(shape: &[usize], kept: usize, strides: &[Vec<i64>], arrays: &[&Array]) -> Lowers<RowViews> {
    let part = |range: std::ops::Range<usize>| {
        let strides: Vec<Vec<i64>> = strides
            .iter()
            .map(|strides| strides[range.clone()].to_vec())
            .collect();
        joined(&shape[range], &strides)
    };
    let (outer, outer_strides) = part(0..kept);
    let (mut row, mut row_strides) = part(kept..shape.len());
    if row.is_empty() {
        row.push(1);
        row_strides.iter_mut().for_each(|strides| strides.push(0));
    }
    let strides = outer_strides.into_iter().zip(row_strides);
    let views = arrays
        .iter()
        .zip(strides)
        .map(|(array, (outer, row))| array.view_over(&[outer, row].concat()).ok_or(Problem::TooLarge));
    let views = views.collect::<Lowers<_>>()?;
    let front = RANK.saturating_sub(row.len()) as u32;
    Ok((lengths(&[outer, row].concat())?, front, views))
}

fn global_pool(node: &Node, context: &mut Context) -> Lowers<Value> {
    let x = node.input(0)?;
    need_float(x)?;
    let on: Vec<usize> = (2..x.rank()).collect();
    match node.operator() {
        "GlobalMaxPool" => reduce(context, x, &on, true, Reduction::Max),
        _ => mean(context, x, &on, true),
    }
}

fn arg(node: &Node, context: &mut Context) -> Lowers<Value> {
    let x = node.input(0)?;
    let on = axis(node.int("axis", 0), x.rank())?;
    let reduction = match (node.operator(), node.flag("select_last_index")) {
        ("ArgMax", false) => Reduction::ArgMax,
        ("ArgMax", true) => Reduction::LastArgMax,
        (_, false) => Reduction::ArgMin,
        (_, true) => Reduction::LastArgMin,
    };
    reduce(context, x, &[on], node.int("keepdims", 1) != 0, reduction)
}

fn hardmax(node: &Node, context: &mut Context) -> Lowers<Value> {
    let x = node.input(0)?;
    let on = axis(node.int("axis", -1), x.rank())?;
    let (len, rank) = (x.shape()[on], x.rank());
    let best = reduce(context, x, &[on], true, Reduction::ArgMax)?;
    let line = line(len, on, rank, 1)?;
    context.express(Dtype::F32, &[&best, &line], |e, v| {
        let equal = e.two(Operation::EqualInt, v[0], v[1]);
        e.one(Operation::ToFloat, equal)
    })
}

/// Normalizes the rows that some axes make; `scale` and `bias` broadcast to the tensor.
pub fn normalize(
    context: &mut Context,
    x: &Value,
    on: &[usize],
    normalization: Normalization,
    epsilon: f32,
    scale_and_bias: [Option<&Value>; 2],
) -> Lowers<Value> {
    let shape = x.shape().to_vec();
    let out = context.allocate(Dtype::F32, &shape)?;
    let x = context.array(x)?;
    let mut arrays = vec![x, out.clone()];
    let mut present = [false; 2];
    for (present, value) in present.iter_mut().zip(scale_and_bias) {
        if let Some(value) = value {
            let array = context.array(value)?;
            let wide = context.broadcast(&array.into(), &shape)?;
            arrays.push(context.array(&wide)?);
            *present = true;
        }
    }
    let arrays: Vec<&Array> = arrays.iter().collect();
    let (dims, kept, views) = rows_along(on, &shape, &arrays)?;
    let absent = View {
        address: ABSENT,
        ..View::NONE
    };
    let mut rest = views[2..].iter().copied();
    let [scale, bias] = present.map(|present| {
        if present {
            rest.next().unwrap_or(absent)
        } else {
            absent
        }
    });
    context.push(Normalize {
        dims,
        kept,
        normalization,
        epsilon,
        x: views[0],
        out: views[1],
        scale,
        bias,
    })?;
    Ok(out.into())
}

fn layer_normalization(node: &Node, context: &mut Context) -> Lowers<Vec<Value>> {
    let x = &context.shared(node.input(0)?)?;
    need_float(x)?;
    let first = axis(node.int("axis", -1), x.rank())?;
    let on: Vec<usize> = (first..x.rank()).collect();
    let factors = [node.optional(1), node.optional(2)];
    let epsilon = node.float("epsilon", 1e-5);
    let mut outputs = vec![normalize(
        context,
        x,
        &on,
        Normalization::Standard,
        epsilon,
        factors,
    )?];
    if node.outputs() > 1 {
        outputs.extend(moments(context, x, &on, epsilon)?);
    }
    Ok(outputs)
}

/// `(x - mean) / (deviation + 1e-9)`
fn mean_variance(context: &mut Context, x: &Value, on: &[usize]) -> Lowers<Value> {
    let x = context.shared(x)?;
    let [average, variance] = mean_and_variance(context, &x, on)?;
    context.express(Dtype::F32, &[&x, &average, &variance], |e, v| {
        let difference = e.two(Operation::Sub, v[0], v[1]);
        let root = e.one(Operation::Sqrt, v[2]);
        let epsilon = e.float(1e-9);
        let deviation = e.two(Operation::Add, root, epsilon);
        e.two(Operation::Div, difference, deviation)
    })
}

fn mean_and_variance(context: &mut Context, x: &Value, on: &[usize]) -> Lowers<[Value; 2]> {
    let average = mean(context, x, on, true)?;
    let average = context.shared(&average)?;
    let square = context.express(Dtype::F32, &[x, &average], |e, v| {
        let difference = e.two(Operation::Sub, v[0], v[1]);
        e.two(Operation::Mul, difference, difference)
    })?;
    let variance = mean(context, &square, on, true)?;
    Ok([average, variance])
}

/// The mean of each row, and the reciprocal of its standard deviation.
fn moments(context: &mut Context, x: &Value, on: &[usize], epsilon: f32) -> Lowers<[Value; 2]> {
    let [average, variance] = mean_and_variance(context, x, on)?;
    let inverse = context.express(Dtype::F32, &[&variance], |e, v| {
        let (one, epsilon) = (e.float(1.0), e.float(epsilon));
        let shifted = e.two(Operation::Add, v[0], epsilon);
        let root = e.one(Operation::Sqrt, shifted);
        e.two(Operation::Div, one, root)
    })?;
    Ok([average, inverse])
}

fn root_mean_square(node: &Node, context: &mut Context) -> Lowers<Value> {
    let x = node.input(0)?;
    need_float(x)?;
    let first = axis(node.int("axis", -1), x.rank())?;
    let on: Vec<usize> = (first..x.rank()).collect();
    let epsilon = node.float("epsilon", 1e-5);
    normalize(
        context,
        x,
        &on,
        Normalization::RootMeanSquare,
        epsilon,
        [node.optional(1), None],
    )
}

/// One number for each channel, in a shape that broadcasts to a tensor of this rank whose channels are axis 1.
fn per_channel(context: &mut Context, value: &Value, channels: usize, rank: usize) -> Lowers<Value> {
    let mut shape = vec![1; rank.saturating_sub(1)];
    match shape.first_mut() {
        Some(first) if value.len() == channels => *first = channels,
        _ => {
            return invalid(format!(
                "{:?} is not one number for each of {channels} channels",
                value.shape()
            ))
        }
    }
    context.reshape(value, &shape)
}

fn instance_normalization(node: &Node, context: &mut Context) -> Lowers<Value> {
    let x = node.input(0)?;
    need_float(x)?;
    let [_, channels, ..] = *x.shape() else {
        return invalid("its operand has no channels");
    };
    let scale = per_channel(context, node.input(1)?, channels, x.rank())?;
    let bias = per_channel(context, node.input(2)?, channels, x.rank())?;
    let on: Vec<usize> = (2..x.rank()).collect();
    let epsilon = node.float("epsilon", 1e-5);
    normalize(
        context,
        x,
        &on,
        Normalization::Standard,
        epsilon,
        [Some(&scale), Some(&bias)],
    )
}

fn group_normalization(node: &Node, context: &mut Context) -> Lowers<Value> {
    let x = node.input(0)?;
    need_float(x)?;
    let [batch, channels, ..] = *x.shape() else {
        return invalid("its operand has no channels");
    };
    let groups = length(node.int("num_groups", 1))?.max(1);
    if channels % groups != 0 {
        return invalid(format!("{channels} channels are not {groups} groups"));
    }
    let inner: usize = x.shape()[2..].iter().product();
    let split = [batch, groups, channels / groups, inner];
    let value = context.reshape(x, &split)?;
    let mut factors = Vec::new();
    for index in [1, 2] {
        let given = node.input(index)?;
        let shape = match given.len() {
            len if len == channels => [groups, channels / groups, 1],
            len if len == groups => [groups, 1, 1],
            _ => return invalid("its scale and bias are neither by groups nor by channels"),
        };
        factors.push(context.reshape(given, &shape)?);
    }
    let epsilon = node.float("epsilon", 1e-5);
    let factors = [Some(&factors[0]), Some(&factors[1])];
    let value = normalize(
        context,
        &value,
        &[2, 3],
        Normalization::Standard,
        epsilon,
        factors,
    )?;
    context.reshape(&value, x.shape())
}

fn lp_normalization(node: &Node, context: &mut Context) -> Lowers<Value> {
    let x = context.shared(node.input(0)?)?;
    need_float(&x)?;
    let on = axis(node.int("axis", -1), x.rank())?;
    let two = node.int("p", 2) == 2;
    let parts = context.express(Dtype::F32, &[&x], |e, v| match two {
        true => e.two(Operation::Mul, v[0], v[0]),
        false => e.one(Operation::Abs, v[0]),
    })?;
    let sum = reduce(context, &parts, &[on], true, Reduction::Sum)?;
    context.express(Dtype::F32, &[&x, &sum], |e, v| {
        let norm = if two { e.one(Operation::Sqrt, v[1]) } else { v[1] };
        let zero = e.float(0.0);
        let none = e.two(Operation::Equal, norm, zero);
        let quotient = e.two(Operation::Div, v[0], norm);
        e.select(true, none, zero, quotient)
    })
}

fn batch_normalization(node: &Node, context: &mut Context) -> Lowers<Value> {
    if node.flag("training_mode") {
        return unsupported("training is not supported");
    }
    let x = node.input(0)?;
    need_float(x)?;
    let Some(channels) = x.shape().get(1).copied() else {
        return invalid("its operand has no channels");
    };
    let epsilon = node.float("epsilon", 1e-5);
    let mut factors = Vec::new();
    for index in 1..5 {
        factors.push(per_channel(context, node.input(index)?, channels, x.rank())?);
    }
    let [scale, bias, mean, variance] = &factors[..] else {
        return invalid("it has no scale, bias, mean and variance");
    };
    let known: Vec<Vec<f32>> = factors
        .iter()
        .filter_map(|factor| factor.constant().map(|tensor| tensor.to_floats()))
        .collect();
    if let [scale, bias, mean, variance] = &known[..] {
        // `x * factor + term`
        let factor: Vec<f32> = scale
            .iter()
            .zip(variance)
            .map(|(scale, v)| scale / (v + epsilon).sqrt())
            .collect();
        let term: Vec<f32> = (0..channels).map(|c| bias[c] - mean[c] * factor[c]).collect();
        if let Some(value) = super::convolution::scale_channels(context, x, &factor, &term)? {
            return Ok(value);
        }
        let shape = factors[0].shape();
        let (factor, term) = (
            Tensor::floats(shape, &factor).into(),
            Tensor::floats(shape, &term).into(),
        );
        return context.express(Dtype::F32, &[x, &factor, &term], |e, v| {
            let product = e.two(Operation::Mul, v[0], v[1]);
            e.two(Operation::Add, product, v[2])
        });
    }
    let factor = context.express(Dtype::F32, &[scale, variance], |e, v| {
        let epsilon = e.float(epsilon);
        let shifted = e.two(Operation::Add, v[1], epsilon);
        let root = e.one(Operation::Sqrt, shifted);
        e.two(Operation::Div, v[0], root)
    })?;
    let centred = context.express(Dtype::F32, &[x, mean], |e, v| e.two(Operation::Sub, v[0], v[1]))?;
    context.express(Dtype::F32, &[&centred, &factor, bias], |e, v| {
        let product = e.two(Operation::Mul, v[0], v[1]);
        e.two(Operation::Add, product, v[2])
    })
}

fn top_k(node: &Node, context: &mut Context) -> Lowers<Vec<Value>> {
    let x = node.input(0)?;
    let count = node.constant(1)?.to_integers();
    let count = length(count.first().copied().unwrap_or(0))?;
    let on = axis(node.int("axis", -1), x.rank())?;
    if count == 0 || count > x.shape()[on] {
        return invalid(format!("there are no {count} elements along its axis"));
    }
    let mut shape = x.shape().to_vec();
    shape[on] = count;
    let dtype = x.dtype();
    let values = context.allocate(dtype, &shape)?;
    let indices = context.allocate(Dtype::I64, &shape)?;
    let x = context.array(x)?;
    let (dims, kept, views) = rows_along(&[on], x.shape(), &[&x, &values, &indices])?;
    let op = TopK {
        dims,
        kept,
        count: count as u32,
        largest: u32::from(node.int("largest", 1) != 0),
        x: views[0],
        values: views[1],
        indices: views[2],
    };
    context.push(op)?;
    Ok(vec![values.into(), indices.into()])
}

fn cum_sum(node: &Node, context: &mut Context) -> Lowers<Value> {
    let x = node.input(0)?;
    if !matches!(x.dtype(), Dtype::F32 | Dtype::I32 | Dtype::I64) {
        return unsupported(format!("sums of {:?} are not supported", x.dtype()));
    }
    let given = node.constant(1)?.to_integers();
    let on = axis(given.first().copied().unwrap_or(0), x.rank())?;
    let out = context.allocate(x.dtype(), x.shape())?;
    let x = context.array(x)?;
    let (dims, kept, views) = rows_along(&[on], x.shape(), &[&x, &out])?;
    let op = CumSum {
        dims,
        kept,
        exclusive: u32::from(node.flag("exclusive")),
        reverse: u32::from(node.flag("reverse")),
        x: views[0],
        out: views[1],
    };
    context.push(op)?;
    Ok(out.into())
}
