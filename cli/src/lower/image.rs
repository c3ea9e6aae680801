//! Convolutions and pools.

use assay_network_plan::{Conv, Element, Pool, Reduction, Window};
use tract_onnx::prelude::*;
use tract_onnx::tract_core::ops::cnn::{self, KernelFormat, MaxPool, PaddingSpec, PoolSpec, SumPool};
use tract_onnx::tract_core::ops::nn::DataFormat;

use super::matrix::Quantized;
use super::{Lowering, Lowers, Value};

/// The greatest kernel, stride, dilation or padding.
const WINDOW_MAX: usize = u16::MAX as usize;

impl<'a> Lowering<'a> {
    /// A convolution with constant weights.
    pub(super) fn conv(&mut self, node: &'a TypedNode, op: &cnn::Conv) -> Lowers<()> {
        if op.kernel_fmt != KernelFormat::OIHW {
            return Err(self.unsupported(node, "only kernels in the order OIHW are supported"));
        }
        let x = self.value(node.inputs[0])?.clone();
        let (window, batch) = self.window(node, &op.pool_spec, &x)?;
        let channels = op.pool_spec.output_channels;
        let quantized = op.q_params.map(|_| {
            let pair = |i: usize| [node.inputs[i], node.inputs[i + 1]];
            Quantized {
                x: pair(3),
                weights: pair(5),
                out: pair(7),
            }
        });
        let (weights, weights_len, x_zero) = match &quantized {
            None => {
                self.need_float(node, &x)?;
                let weights = self.constant_values::<f32>(node, node.inputs[1])?;
                (self.plan.floats(&weights), weights.len(), 0)
            }
            Some(parameters) => {
                let weights = self.constant_values::<i32>(node, node.inputs[1])?;
                let zeros = self.spread::<i32>(node, parameters.weights[0], channels)?;
                let per_channel = weights.len() / channels;
                let weights = self.centre(node, &weights, |i| zeros[i / per_channel])?;
                let bytes: Vec<u8> = weights.iter().map(|weight| *weight as u8).collect();
                (
                    self.plan.constant(&bytes),
                    bytes.len(),
                    self.constant_values::<i32>(node, parameters.x[0])?[0],
                )
            }
        };
        let out = self.output(node)?;
        let finish = self.finish(node, Some(node.inputs[2]), quantized, channels, out.element)?;
        let op = Conv {
            x: x.address,
            weights,
            out: out.address,
            sums: self.plan.work(4 * out.len() as u64),
            channels_in: op.pool_spec.input_channels as u32,
            channels_out: channels as u32,
            groups: op.group as u32,
            x_element: x.element,
            x_zero,
            window,
            finish,
        };
        let pixels = out.len() / channels;
        self.push(op, node, &out, batch, (pixels * weights_len) as u64);
        Ok(())
    }

    /// The greatest element under each window.
    pub(super) fn max_pool(&mut self, node: &'a TypedNode, op: &MaxPool) -> Lowers<()> {
        if op.with_index_outputs.is_some() {
            return Err(self.unsupported(node, "the indices of a maximum are not supported"));
        }
        self.pool(node, &op.pool_spec, Reduction::Max)
    }

    /// The sum or mean of the elements under each window.
    pub(super) fn sum_pool(&mut self, node: &'a TypedNode, op: &SumPool) -> Lowers<()> {
        let reduction = match (op.normalize, op.count_include_pad) {
            (false, _) => Reduction::Sum,
            (true, false) => Reduction::Mean,
            (true, true) => Reduction::MeanWithPadding,
        };
        if self.value(node.inputs[0])?.element != Element::F32 {
            return Err(self.unsupported(node, "sums of windows are supported only in f32"));
        }
        if reduction == Reduction::MeanWithPadding && self.leaves_padding(node, &op.pool_spec)? {
            let reason =
                "a mean that counts padding where its window leaves the padded image is not supported";
            return Err(self.unsupported(node, reason));
        }
        self.pool(node, &op.pool_spec, reduction)
    }

    fn pool(&mut self, node: &'a TypedNode, spec: &PoolSpec, reduction: Reduction) -> Lowers<()> {
        let x = self.value(node.inputs[0])?.clone();
        let (window, batch) = self.window(node, spec, &x)?;
        let out = self.output(node)?;
        let op = Pool {
            x: x.address,
            out: out.address,
            element: x.element,
            reduction,
            window,
        };
        self.push(op, node, &out, batch * spec.input_channels, 0);
        Ok(())
    }

    /// Whether a window that rounds its output's size up sees what lies behind the padding.
    fn leaves_padding(&self, node: &TypedNode, spec: &PoolSpec) -> Lowers<bool> {
        let PaddingSpec::ExplicitOnnxPool(before, after, true) = &spec.padding else {
            return Ok(false);
        };
        let x = self.value(node.inputs[0])?.clone();
        let (window, _) = self.window(node, spec, &x)?;
        let absent = 2 - before.len();
        Ok((0..before.len()).any(|axis| {
            let [input, output, kernel, stride, dilation] = [
                window.input,
                window.output,
                window.kernel,
                window.stride,
                window.dilation,
            ]
            .map(|pair| pair[axis + absent] as usize);
            (output - 1) * stride + (kernel - 1) * dilation + 1 > input + before[axis] + after[axis]
        }))
    }

    /// The geometry of a window over one or two axes, and the number of images.
    fn window(&self, node: &TypedNode, spec: &PoolSpec, x: &Value) -> Lowers<(Window, usize)> {
        let (batch, image) = match (spec.data_format, &x.shape[..]) {
            (DataFormat::NCHW, [batch, _, image @ ..]) => (*batch, image),
            (DataFormat::CHW, [_, image @ ..]) => (1, image),
            _ => return Err(self.unsupported(node, "channels must come before rows and columns")),
        };
        if image.is_empty() || image.len() > 2 {
            return Err(self.unsupported(node, "only windows over one or two axes are supported"));
        }
        let (strides, dilations) = (spec.strides(), spec.dilations());
        let mut lengths = spec.kernel_shape.iter().chain(&*strides).chain(&*dilations);
        if !lengths.all(|len| (1..=WINDOW_MAX).contains(len)) {
            return Err(self.unsupported(
                node,
                "a kernel, stride or dilation of this length is not supported",
            ));
        }
        let padded = spec.computed_padding(image);
        if !padded.iter().all(|axis| axis.pad_before <= WINDOW_MAX) {
            return Err(self.unsupported(node, "a padding of this length is not supported"));
        }
        let pair = |axes: Vec<usize>, absent: u32| match axes[..] {
            [row, column] => [row as u32, column as u32],
            _ => [absent, axes[0] as u32],
        };
        let window = Window {
            input: pair(image.to_vec(), 1),
            output: pair(padded.iter().map(|axis| axis.convoluted).collect(), 1),
            kernel: pair(spec.kernel_shape.to_vec(), 1),
            stride: pair(strides.to_vec(), 1),
            dilation: pair(dilations.to_vec(), 1),
            padding: pair(padded.iter().map(|axis| axis.pad_before).collect(), 0),
        };
        Ok((window, batch))
    }
}
