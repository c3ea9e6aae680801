//! Operators that move a window over images of one or two dimensions.

use assay_network_plan::{Code, Conv, Finish, Op, Operation, Pool, Pooling, Window, ABSENT, INPUT};

use super::super::context::Context;
use super::super::expression::Expression;
use super::super::node::{invalid, length, need_shape, unsupported, Lowers, Node, Problem};
use super::super::value::{element, Array, Value};
use super::elementwise::need_float;
use crate::package::Dtype;

/// The greatest kernel, stride, dilation or padding.
const WINDOW_MAX: usize = u16::MAX as usize;

/// A window of one pixel that moves over an image of one.
const POINT: Window = Window {
    input: [1, 1],
    output: [1, 1],
    kernel: [1, 1],
    stride: [1, 1],
    dilation: [1, 1],
    padding: [0, 0],
    padding_after: [0, 0],
};

/// The outputs of an operator of this family.
pub fn lower(node: &Node, context: &mut Context) -> Lowers<Option<Vec<Value>>> {
    let value = match node.operator() {
        "Conv" => {
            need_float(node.input(0)?)?;
            need_float(node.input(1)?)?;
            let operands = Operands {
                x: node.input(0)?.clone(),
                weights: node.input(1)?.clone(),
                x_zero: 0,
                weights_zero: 0,
            };
            let channels = operands.weights.shape().first().copied().unwrap_or(0);
            let finish = with_bias(node, context, channels)?;
            convolve(node, context, operands, Dtype::F32, finish)?
        }
        "ConvTranspose" => transposed(node, context)?,
        "MaxPool" => return pool(node, context, Pooling::Max).map(Some),
        "AveragePool" => {
            need_float(node.input(0)?)?;
            let pooling = match node.flag("count_include_pad") {
                true => Pooling::MeanWithPadding,
                false => Pooling::Mean,
            };
            return pool(node, context, pooling).map(Some);
        }
        "LRN" => local_response(node, context)?,
        _ => return Ok(None),
    };
    Ok(Some(vec![value]))
}

/// Adds a node's third input to the channels, where it has one.
fn with_bias(node: &Node, context: &mut Context, channels: usize) -> Lowers<Finish> {
    let Some(bias) = node.optional(2) else {
        return Ok(Finish::NONE);
    };
    need_float(bias)?;
    need_shape("bias", bias, &[channels])?;
    Ok(Finish {
        bias: context.dense(bias)?.address,
        ..Finish::NONE
    })
}

/// Fails for a window over images that the network program does not take.
fn need_window(window: &Window) -> Lowers<()> {
    assay_network::check_window(window)
        .map_err(|_| Problem::Unsupported("images, kernels or outputs of this size are not supported".into()))
}

/// What is convolved.
pub struct Operands {
    pub x: Value,
    pub weights: Value,
    pub x_zero: i32,
    pub weights_zero: i32,
}

/// The geometry of a node with a window over an image, and whether the image has one dimension only.
struct Geometry {
    window: Window,
    line: bool,
}

impl Geometry {
    fn new(node: &Node, image: &[usize], kernel: &[usize]) -> Lowers<Self> {
        if image.is_empty() || image.len() > 2 || kernel.len() != image.len() {
            return unsupported("only images of one or two dimensions are supported");
        }
        let given = |name: &str| -> Lowers<Vec<usize>> {
            match node.ints(name) {
                None => Ok(vec![1; image.len()]),
                Some(values) if values.len() == image.len() => values
                    .iter()
                    .map(|value| length(*value).map(|value| value.max(1)))
                    .collect(),
                Some(_) => invalid(format!("its {name} are not one for each dimension")),
            }
        };
        let strides = given("strides")?;
        let dilations = given("dilations")?;
        let mut geometry = Self {
            window: POINT,
            line: image.len() == 1,
        };
        for axis in 0..image.len() {
            let (stride, dilation) = (strides[axis], dilations[axis]);
            let reach = (kernel[axis].max(1) - 1)
                .checked_mul(dilation)
                .map(|reach| reach + 1)
                .ok_or(Problem::TooLarge)?;
            let (before, after, output) = padding(node, axis, image, [reach, stride])?;
            let all = [kernel[axis], stride, dilation, before + 1, after + 1];
            if all.iter().any(|len| *len > WINDOW_MAX || *len == 0) {
                return unsupported("a kernel, stride, dilation or padding of this length is not supported");
            }
            let window = &mut geometry.window;
            let place = axis + 2 - image.len();
            for (field, value) in [
                (&mut window.input, image[axis]),
                (&mut window.output, output),
                (&mut window.kernel, kernel[axis]),
                (&mut window.stride, stride),
                (&mut window.dilation, dilation),
                (&mut window.padding, before),
                (&mut window.padding_after, after),
            ] {
                field[place] = u32::try_from(value).map_err(|_| Problem::TooLarge)?;
            }
        }
        Ok(geometry)
    }

    /// The shape of the output.
    fn shape(&self, batch: usize, channels: usize) -> Vec<usize> {
        let [height, width] = self.window.output.map(|len| len as usize);
        match self.line {
            true => vec![batch, channels, width],
            false => vec![batch, channels, height, width],
        }
    }
}

/// Padding before and after an image along an axis, and the length of the output.
fn padding(
    node: &Node,
    axis: usize,
    image: &[usize],
    [reach, stride]: [usize; 2],
) -> Lowers<(usize, usize, usize)> {
    let len = image[axis];
    match node.text("auto_pad").unwrap_or("NOTSET") {
        "SAME_UPPER" | "SAME_LOWER" => {
            let output = len.div_ceil(stride);
            let total = ((output - 1) * stride + reach).saturating_sub(len);
            let less = total / 2;
            let (before, after) = match node.text("auto_pad") {
                Some("SAME_UPPER") => (less, total - less),
                _ => (total - less, less),
            };
            return Ok((before, after, output));
        }
        _ => {}
    }
    let (before, after) = match node.ints("pads") {
        Some(pads) if pads.len() == 2 * image.len() => {
            (length(pads[axis])?, length(pads[axis + image.len()])?)
        }
        None => (0, 0),
        _ => return invalid("its pads are not two for each dimension"),
    };
    let (before, after) = match node.text("auto_pad") {
        Some("VALID") => (0, 0),
        _ => (before, after),
    };
    let Some(room) = (len + before + after).checked_sub(reach) else {
        return invalid("its kernel is larger than its image");
    };
    let mut output = room / stride + 1;
    if node.flag("ceil_mode") {
        output = room.div_ceil(stride) + 1;
        // No window starts behind the image and the padding before it.
        if (output - 1) * stride >= len + before {
            output -= 1;
        }
    }
    Ok((before, after, output))
}

/// A convolution.
pub fn convolve(
    node: &Node,
    context: &mut Context,
    operands: Operands,
    dtype: Dtype,
    finish: Finish,
) -> Lowers<Value> {
    let Operands { x, weights, .. } = &operands;
    let ([batch, channels_in, image @ ..], [channels_out, depth, kernel @ ..]) = (x.shape(), weights.shape())
    else {
        return invalid("its operands have too few dimensions");
    };
    let geometry = Geometry::new(node, image, kernel)?;
    let groups = length(node.int("group", 1))?.max(1);
    if depth * groups != *channels_in || channels_out % groups != 0 {
        return invalid(format!(
            "weights of {:?} in {groups} groups do not go with {:?}",
            weights.shape(),
            x.shape()
        ));
    }
    let shape = geometry.shape(*batch, *channels_out);
    emit(
        context,
        &operands,
        &geometry.window,
        groups,
        &shape,
        dtype,
        finish,
    )
}

/// Appends a convolution.
fn emit(
    context: &mut Context,
    operands: &Operands,
    window: &Window,
    groups: usize,
    shape: &[usize],
    dtype: Dtype,
    finish: Finish,
) -> Lowers<Value> {
    need_window(window)?;
    let x = context.dense(&operands.x)?;
    let (weights, weights_dtype) = match &operands.weights {
        // A copy of its own, which may be changed.
        Value::Constant(tensor) => (context.store(&tensor.bytes)?, tensor.dtype),
        other => {
            let array = context.dense(other)?;
            (array.address, array.dtype)
        }
    };
    let out = context.allocate(dtype, shape)?;
    let sums = context
        .plan
        .buffers
        .take(out.layout.len() as u64 * 4)
        .ok_or(Problem::Memory)?;
    let per_output: usize = operands.weights.shape()[1..].iter().product();
    context.products += (out.layout.len() * per_output) as u64;
    let producer = context.push(Conv {
        x: x.address,
        weights,
        out: out.address,
        sums,
        channels_in: x.shape()[1] as u32,
        channels_out: shape[1] as u32,
        groups: groups as u32,
        x_element: element(x.dtype),
        x_zero: operands.x_zero,
        weights_element: element(weights_dtype),
        weights_zero: operands.weights_zero,
        out_element: element(dtype),
        batch: shape[0] as u32,
        window: *window,
        finish,
    })?;
    Ok(Value::Computed(Array {
        producer: Some(producer),
        ..out
    }))
}

/// Multiplies the channels of a convolution and adds to them, by its weights and its bias.
pub fn scale_channels(
    context: &mut Context,
    x: &Value,
    factor: &[f32],
    term: &[f32],
) -> Lowers<Option<Value>> {
    let Value::Computed(array) = x else {
        return Ok(None);
    };
    let Some(producer) = array.producer else {
        return Ok(None);
    };
    let Op::Conv(op) = context.plan.ops[producer] else {
        return Ok(None);
    };
    let constant = |address: u64| address < INPUT;
    let fits = constant(op.weights)
        && (op.finish.bias == ABSENT || constant(op.finish.bias))
        && op.finish.code == Code::NONE
        && op.channels_out as usize == factor.len();
    if !fits {
        return Ok(None);
    }
    let per_channel = (op.channels_in / op.groups * op.window.kernel[0] * op.window.kernel[1]) as usize;
    let weights = context
        .plan
        .params_mut(op.weights, 4 * per_channel * factor.len());
    let weights = weights.ok_or(Problem::Memory)?.as_chunks_mut::<4>().0;
    for (channel, factor) in weights.chunks_mut(per_channel.max(1)).zip(factor) {
        for weight in channel {
            *weight = (f32::from_le_bytes(*weight) * factor).to_le_bytes();
        }
    }
    let mut bias = vec![0.0; factor.len()];
    if op.finish.bias != ABSENT {
        let bytes = context.plan.params_mut(op.finish.bias, 4 * factor.len());
        let bytes = bytes.ok_or(Problem::Memory)?.as_chunks::<4>().0;
        bias = bytes.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    }
    let bias: Vec<f32> = (0..factor.len()).map(|c| bias[c] * factor[c] + term[c]).collect();
    let address = context.store_floats(&bias)?;
    if let Op::Conv(op) = &mut context.plan.ops[producer] {
        op.finish.bias = address;
    }
    Ok(Some(x.clone()))
}

/// A convolution of the image with zeros between its pixels, by the reversed kernel.
fn transposed(node: &Node, context: &mut Context) -> Lowers<Value> {
    let (x, weights) = (node.input(0)?, node.input(1)?);
    need_float(x)?;
    need_float(weights)?;
    let ([batch, channels_in, image @ ..], [depth, per_group, kernel @ ..]) = (x.shape(), weights.shape())
    else {
        return invalid("its operands have too few dimensions");
    };
    let groups = length(node.int("group", 1))?.max(1);
    if depth != channels_in || *channels_in % groups != 0 || kernel.len() != image.len() {
        return invalid(format!(
            "weights of {:?} do not go with {:?}",
            weights.shape(),
            x.shape()
        ));
    }
    if image.is_empty() || image.len() > 2 {
        return unsupported("only images of one or two dimensions are supported");
    }
    let (batch, per_group) = (*batch, *per_group);
    let mut spread = context.shared(x)?;
    let mut window = POINT;
    for axis in 0..image.len() {
        let one = spread_axis(node, context, &spread, axis, image, kernel)?;
        spread = one.value;
        let place = axis + 2 - image.len();
        window.input[place] = spread.shape()[axis + 2] as u32;
        window.output[place] = one.output as u32;
        window.kernel[place] = kernel[axis] as u32;
        window.dilation[place] = one.dilation as u32;
        window.padding[place] = one.padding as u32;
    }
    let channels_out = per_group * groups;
    let weights = reversed(context, weights, groups)?;
    let finish = with_bias(node, context, channels_out)?;
    let mut shape = vec![batch, channels_out];
    shape.extend(&window.output.map(|len| len as usize)[2 - image.len()..]);
    let operands = Operands {
        x: spread,
        weights,
        x_zero: 0,
        weights_zero: 0,
    };
    emit(context, &operands, &window, groups, &shape, Dtype::F32, finish)
}

/// An axis of an image with zeros between its pixels.
struct Spread {
    value: Value,
    output: usize,
    dilation: usize,
    padding: usize,
}

fn spread_axis(
    node: &Node,
    context: &mut Context,
    x: &Value,
    axis: usize,
    image: &[usize],
    kernel: &[usize],
) -> Lowers<Spread> {
    let given = |name: &str, default: i64| -> Lowers<usize> {
        match node.ints(name) {
            None => length(default),
            Some(values) => length(values.get(axis).copied().unwrap_or(default)),
        }
    };
    let (stride, dilation) = (given("strides", 1)?.max(1), given("dilations", 1)?.max(1));
    let extra = given("output_padding", 0)?;
    let len = image[axis];
    let reach = kernel[axis].saturating_sub(1).saturating_mul(dilation) + 1;
    let full = (len - 1).saturating_mul(stride) + reach + extra;
    if [stride, dilation, reach, extra, kernel[axis]]
        .iter()
        .any(|len| *len > WINDOW_MAX)
        || full > 1 << 30
    {
        return unsupported("a kernel, stride, dilation or padding of this length is not supported");
    }
    let pads = match node.ints("pads") {
        Some(pads) if pads.len() == 2 * image.len() => {
            Some([length(pads[axis])?, length(pads[axis + image.len()])?])
        }
        Some(_) => return invalid("its pads are not two for each dimension"),
        None => None,
    };
    let auto = node.text("auto_pad").unwrap_or("NOTSET");
    let wanted = match node.ints("output_shape") {
        Some(shape) => {
            let index = shape.len().checked_sub(image.len()).map(|skip| skip + axis);
            Some(length(
                index.and_then(|index| shape.get(index)).copied().unwrap_or(0),
            )?)
        }
        None if auto.starts_with("SAME") => Some(len * stride),
        None => None,
    };
    let (before, output) = match wanted {
        Some(output) => {
            let total = full.saturating_sub(output);
            let before = if auto == "SAME_UPPER" {
                total / 2
            } else {
                total - total / 2
            };
            (before, output)
        }
        None => {
            let [before, after] = pads.unwrap_or([0, 0]);
            (before, full.saturating_sub(before + after))
        }
    };
    if output == 0 {
        return invalid("its padding leaves nothing");
    }
    // The reversed kernel sees `reach - 1` pixels before the image, less what is taken away.
    let lead = (reach - 1) as i64 - before as i64;
    let mut value = zeros_between(context, x, axis + 2, stride)?;
    if lead < 0 {
        let skip = -lead;
        let len = value.shape()[axis + 2];
        let rest = len.checked_sub(skip as usize).filter(|rest| *rest > 0);
        let rest = rest.ok_or(Problem::Invalid("its padding leaves nothing".into()))?;
        value = context.view(&value, |layout| layout.sliced(axis + 2, skip, 1, rest))?;
    }
    Ok(Spread {
        value,
        output,
        dilation,
        padding: lead.max(0) as usize,
    })
}

fn zeros_between(context: &mut Context, x: &Value, axis: usize, stride: usize) -> Lowers<Value> {
    if stride == 1 {
        return Ok(x.clone());
    }
    let len = x.shape()[axis];
    let mut shape = x.shape().to_vec();
    shape[axis] = (len - 1) * stride + 1;
    let out = context.allocate(Dtype::F32, &shape)?;
    let mut zero = Expression::new(&shape, Dtype::F32);
    zero.float(0.0);
    context.compute_to(&zero, &out)?;
    let places = Array {
        layout: out.layout.clone().sliced(axis, 0, stride as i64, len),
        ..out.clone()
    };
    context.write(x, &places)?;
    Ok(out.into())
}

/// Weights `[in][out of the group][..]` as `[out][in of the group][.. reversed]`.
fn reversed(context: &mut Context, weights: &Value, groups: usize) -> Lowers<Value> {
    let [channels_in, per_group, kernel @ ..] = weights.shape() else {
        return invalid("its weights have too few dimensions");
    };
    let depth = channels_in / groups;
    let split = [&[groups, depth, *per_group], kernel].concat();
    let order: Vec<usize> = [0, 2, 1].into_iter().chain(3..split.len()).collect();
    let shape = [&[groups * per_group, depth], kernel].concat();
    let kernel = kernel.to_vec();
    let value = context.reshape(weights, &split)?;
    let value = context.view(&value, |layout| {
        let turned = layout.permuted(&order);
        kernel.iter().enumerate().fold(turned, |layout, (axis, len)| {
            layout.sliced(axis + 3, *len as i64 - 1, -1, *len)
        })
    })?;
    context.reshape(&value, &shape)
}

fn pool(node: &Node, context: &mut Context, pooling: Pooling) -> Lowers<Vec<Value>> {
    let x = node.input(0)?;
    if !matches!(x.dtype(), Dtype::F32 | Dtype::I8 | Dtype::U8) {
        return unsupported(format!("pooling of {:?} is not supported", x.dtype()));
    }
    let [batch, channels, image @ ..] = x.shape() else {
        return invalid("its operand has too few dimensions");
    };
    let kernel = node.ints("kernel_shape").unwrap_or_default();
    let kernel = kernel
        .iter()
        .map(|len| length(*len))
        .collect::<Lowers<Vec<_>>>()?;
    let geometry = Geometry::new(node, image, &kernel)?;
    let shape = geometry.shape(*batch, *channels);
    need_window(&geometry.window)?;
    let planes = u32::try_from(batch * channels).map_err(|_| Problem::Memory)?;
    let x = context.dense(x)?;
    let out = context.allocate(x.dtype, &shape)?;
    let indices = match node.outputs() {
        2.. => Some(context.allocate(Dtype::I64, &shape)?),
        _ => None,
    };
    context.push(Pool {
        x: x.address,
        out: out.address,
        element: element(x.dtype),
        pooling,
        window: geometry.window,
        indices: indices.as_ref().map_or(ABSENT, |indices| indices.address),
        column_major: u32::from(node.flag("storage_order")),
        planes,
    })?;
    Ok([Some(out), indices]
        .into_iter()
        .flatten()
        .map(Value::from)
        .collect())
}

/// `x / (bias + alpha / size * sum of x^2 over neighbouring channels) ^ beta`
fn local_response(node: &Node, context: &mut Context) -> Lowers<Value> {
    let x = context.shared(node.input(0)?)?;
    need_float(&x)?;
    let [batch, channels, ..] = *x.shape() else {
        return invalid("its operand has no channels");
    };
    let size = length(node.int("size", 1))?.max(1);
    let inner = x.len() / (batch * channels);
    if size > WINDOW_MAX || u32::try_from(inner).is_err() {
        return unsupported("a window of this length is not supported");
    }
    let square = context.express(Dtype::F32, &[&x], |e, v| e.two(Operation::Mul, v[0], v[0]))?;
    let square = context.dense(&square)?;
    let sums = context.allocate(Dtype::F32, x.shape())?;
    let (channels, inner, before) = (channels as u32, inner as u32, (size as u32 - 1) / 2);
    let window = Window {
        input: [channels, inner],
        output: [channels, inner],
        kernel: [size as u32, 1],
        padding: [before, 0],
        padding_after: [size as u32 - 1 - before, 0],
        ..POINT
    };
    need_window(&window)?;
    context.push(Pool {
        x: square.address,
        out: sums.address,
        element: element(Dtype::F32),
        pooling: Pooling::Sum,
        window,
        indices: ABSENT,
        column_major: 0,
        planes: batch as u32,
    })?;
    let (alpha, beta, bias) = (
        node.float("alpha", 1e-4),
        node.float("beta", 0.75),
        node.float("bias", 1.0),
    );
    context.express(Dtype::F32, &[&x, &sums.into()], |e, v| {
        let (scale, bias, beta) = (e.float(alpha / size as f32), e.float(bias), e.float(beta));
        let scaled = e.two(Operation::Mul, v[1], scale);
        let base = e.two(Operation::Add, scaled, bias);
        let power = e.two(Operation::Pow, base, beta);
        e.two(Operation::Div, v[0], power)
    })
}
