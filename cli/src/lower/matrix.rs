//! Matrix products with constant weights, and how quantized sums are finished.

use assay_network_plan::{Activation, Conv, Dense, Element, Finish, Window, DENSE_BLOCK};
use tract_onnx::prelude::*;
use tract_onnx::tract_core::ops::einsum::EinSum;

use super::{Lowering, Lowers, Value};

/// Where the quantization parameters of a node stand among its inputs.
pub(super) struct Quantized {
    /// Zero point and scale of the data.
    pub x: [OutletId; 2],
    /// Zero point and scale of the weights.
    pub weights: [OutletId; 2],
    /// Zero point and scale of the output.
    pub out: [OutletId; 2],
}

/// How an axis takes part in a product.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// Of the data and the output.
    Row,
    /// Of the weights and the output.
    Column,
    /// Of the data and the weights: summed over.
    Depth,
}

/// The axes of a product that have more than one element.
struct Product {
    /// The data's axes: role and length, in order.
    data: Vec<(Role, usize)>,
    /// The output's axes: role and length, in order.
    out: Vec<(Role, usize)>,
    /// The weights' axes in the order depth, column, each in the order of data and output.
    order: Vec<usize>,
    depth: usize,
    columns: usize,
}

impl<'a> Lowering<'a> {
    /// A product of data and constant weights.
    pub(super) fn einsum(&mut self, node: &'a TypedNode, op: &EinSum) -> Lowers<()> {
        let operands = if op.q_params.is_some() { 9 } else { 2 };
        if node.inputs.len() != operands {
            return Err(self.unsupported(node, "only products of two tensors are supported"));
        }
        let slot = usize::from(self.constant(node.inputs[0]).is_some());
        let (x_outlet, weights_outlet) = (node.inputs[slot], node.inputs[1 - slot]);
        if self.constant(weights_outlet).is_none() {
            return Err(self.unsupported(node, "a product of two computed tensors is not supported"));
        }
        let x = self.value(x_outlet)?.clone();
        let product = self.product(node, op, slot)?;
        let quantized = op.q_params.map(|_| {
            let pair = |i: usize| [node.inputs[i], node.inputs[i + 1]];
            let [a, b] = [pair(3), pair(5)];
            let (x, weights) = if slot == 0 { (a, b) } else { (b, a) };
            Quantized {
                x,
                weights,
                out: pair(7),
            }
        });
        let roles = |axes: &[(Role, usize)]| axes.iter().map(|axis| axis.0).collect::<Vec<_>>();
        let lengths = |axes: &[(Role, usize)]| axes.iter().map(|axis| axis.1).product::<usize>();
        let first = |axes: &[(Role, usize)], role| axes.iter().position(|axis| axis.0 == role);
        let summed = first(&product.data, Role::Depth)
            .or(first(&product.out, Role::Column))
            .unwrap_or(product.data.len())
            .min(product.data.len());
        let rows = lengths(&product.data[..summed]);
        let after: Vec<_> = product.data[summed..]
            .iter()
            .copied()
            .filter(|axis| axis.0 == Role::Row)
            .collect();
        let pixels = lengths(&after);
        let data = [
            vec![Role::Row; summed],
            vec![Role::Depth; product.data.len() - summed - after.len()],
        ]
        .concat();
        let columns = vec![Role::Column; product.out.iter().filter(|axis| axis.0 == Role::Column).count()];
        let out = [vec![Role::Row; summed], columns, vec![Role::Row; after.len()]].concat();
        let data = [data, vec![Role::Row; after.len()]].concat();
        if roles(&product.data) != data || roles(&product.out) != out {
            return Err(self.unsupported(node, "this order of axes in a product is not supported"));
        }
        if pixels == 1 {
            self.dense(node, &x, &product, rows, weights_outlet, quantized)
        } else {
            let width = after.last().map_or(1, |axis| axis.1);
            let image = [pixels / width, width];
            self.pointwise(node, &x, &product, (rows, image), weights_outlet, quantized)
        }
    }

    /// Sorts the axes of a product by what they do.
    fn product(&self, node: &TypedNode, op: &EinSum, slot: usize) -> Lowers<Product> {
        let data_shape = self.shape(node.inputs[slot])?;
        let weights_shape = self.shape(node.inputs[1 - slot])?;
        let out_shape = self.shape(OutletId::new(node.id, 0))?;
        let mut data = vec![None; data_shape.len()];
        let mut out = vec![None; out_shape.len()];
        let mut in_weights = Vec::new();
        for axis in op.axes.iter_all_axes() {
            let places = [&axis.inputs[slot], &axis.inputs[1 - slot], &axis.outputs[0]];
            if places.iter().any(|places| places.len() > 1) {
                return Err(self.unsupported(node, "an axis that a tensor repeats is not supported"));
            }
            let [x, w, y] = places.map(|places| places.first().copied());
            let len = x
                .map(|i| data_shape[i])
                .max(w.map(|i| weights_shape[i]))
                .unwrap_or(1);
            if len == 1 {
                continue;
            }
            let role = match (x, w, y) {
                (Some(_), None, Some(_)) => Role::Row,
                (None, Some(_), Some(_)) => Role::Column,
                (Some(_), Some(_), None) => Role::Depth,
                _ => return Err(self.unsupported(node, "a product by batches is not supported")),
            };
            x.into_iter().for_each(|i| data[i] = Some((role, len)));
            y.into_iter().for_each(|i| out[i] = Some((role, len)));
            w.into_iter()
                .for_each(|i| in_weights.push((i, role, x.or(y).unwrap_or(0), len)));
        }
        in_weights.sort_by_key(|(_, role, place, _)| (*role == Role::Column, *place));
        let unit_axes = (0..weights_shape.len()).filter(|axis| weights_shape[*axis] == 1);
        let of_role = |wanted| {
            in_weights
                .iter()
                .filter(move |axis| axis.1 == wanted)
                .map(|axis| axis.3)
                .product()
        };
        Ok(Product {
            data: data.into_iter().flatten().collect(),
            out: out.into_iter().flatten().collect(),
            depth: of_role(Role::Depth),
            columns: of_role(Role::Column),
            order: unit_axes.chain(in_weights.iter().map(|axis| axis.0)).collect(),
        })
    }

    /// The weights of a product as `[depth][column]`.
    fn product_weights<T: Datum + Copy>(
        &self,
        node: &TypedNode,
        outlet: OutletId,
        order: &[usize],
    ) -> Lowers<Vec<T>> {
        let tensor = self.constant(outlet);
        let tensor = tensor.ok_or_else(|| self.unsupported(node, "weights must be constants"))?;
        let permuted = tensor.clone().permute_axes(order).and_then(|tensor| {
            let tensor = tensor.cast_to::<T>()?;
            Ok(tensor.try_as_plain_ram()?.as_slice::<T>()?.to_vec())
        });
        permuted.map_err(|error| self.unsupported(node, &error.to_string()))
    }

    fn dense(
        &mut self,
        node: &'a TypedNode,
        x: &Value,
        product: &Product,
        rows: usize,
        weights_outlet: OutletId,
        quantized: Option<Quantized>,
    ) -> Lowers<()> {
        let (depth, columns) = (product.depth, product.columns);
        let (weights, x_zero) = match &quantized {
            None => {
                self.need_float(node, x)?;
                let weights = self.product_weights::<f32>(node, weights_outlet, &product.order)?;
                (self.plan.floats(&blocks(&weights, columns, 1, 0.0)), 0)
            }
            Some(parameters) => {
                let weights = self.product_weights::<i32>(node, weights_outlet, &product.order)?;
                let zeros = self.spread::<i32>(node, parameters.weights[0], columns)?;
                let weights = self.centre(node, &weights, |i| zeros[i % columns])?;
                let bytes: Vec<u8> = blocks(&weights, columns, 2, 0).iter().map(|w| *w as u8).collect();
                (
                    self.plan.constant(&bytes),
                    self.constant_values::<i32>(node, parameters.x[0])?[0],
                )
            }
        };
        let out = self.output(node)?;
        let bias = quantized.as_ref().map(|_| node.inputs[2]);
        let finish = self.finish(node, bias, quantized, columns, out.element)?;
        let op = Dense {
            x: x.address,
            weights,
            out: out.address,
            sums: self.plan.work(4 * out.len() as u64),
            rows: rows as u32,
            columns: columns as u32,
            depth: depth as u32,
            x_element: x.element,
            x_zero,
            finish,
        };
        self.push(op, node, &out, 1, (rows * depth * columns) as u64);
        if let Some(source) = self.sources.last_mut() {
            source.bias_free = x.element == Element::F32;
        }
        Ok(())
    }

    /// A product along an axis that others follow, an image's height and width: a convolution with a kernel of one pixel.
    fn pointwise(
        &mut self,
        node: &'a TypedNode,
        x: &Value,
        product: &Product,
        (batch, [height, width]): (usize, [usize; 2]),
        weights_outlet: OutletId,
        quantized: Option<Quantized>,
    ) -> Lowers<()> {
        if quantized.is_some() {
            return Err(self.unsupported(node, "a quantized product before the last axis is not supported"));
        }
        self.need_float(node, x)?;
        let (depth, columns) = (product.depth, product.columns);
        let weights = self.product_weights::<f32>(node, weights_outlet, &product.order)?;
        let transposed: Vec<f32> = (0..depth * columns)
            .map(|i| weights[i % depth * columns + i / depth])
            .collect();
        let weights = self.plan.floats(&transposed);
        let out = self.output(node)?;
        let image = [height as u32, width as u32];
        let one = [1, 1];
        let op = Conv {
            x: x.address,
            weights,
            out: out.address,
            sums: self.plan.work(4 * out.len() as u64),
            channels_in: depth as u32,
            channels_out: columns as u32,
            groups: 1,
            x_element: x.element,
            x_zero: 0,
            window: Window {
                input: image,
                output: image,
                kernel: one,
                stride: one,
                dilation: one,
                padding: [0, 0],
            },
            finish: self.finish(node, None, None, columns, out.element)?,
        };
        let products = batch * height * width * depth * columns;
        self.push(op, node, &out, batch, products as u64);
        Ok(())
    }

    /// Bias and requantization of `channels` output channels.
    pub(super) fn finish(
        &mut self,
        node: &TypedNode,
        bias: Option<OutletId>,
        quantized: Option<Quantized>,
        channels: usize,
        element: Element,
    ) -> Lowers<Finish> {
        let mut finish = Finish {
            element,
            bias: 0,
            multiplier: 0,
            activation: Activation::NONE,
            zero: 0,
            low: 0,
            high: 0,
        };
        let Some(parameters) = quantized else {
            let bias = match bias {
                Some(bias) => self.spread::<f32>(node, bias, channels)?,
                None => vec![0.0; channels],
            };
            finish.bias = self.plan.floats(&bias);
            return Ok(finish);
        };
        let bias = match bias {
            Some(bias) => self.spread::<i32>(node, bias, channels)?,
            None => vec![0; channels],
        };
        let x_scale = self.constant_values::<f32>(node, parameters.x[1])?[0];
        let out_scale = self.constant_values::<f32>(node, parameters.out[1])?[0];
        let scales = self.spread::<f32>(node, parameters.weights[1], channels)?;
        let multipliers: Vec<f32> = scales.iter().map(|scale| x_scale * scale / out_scale).collect();
        (finish.low, finish.high) = match element {
            Element::I8 => (-128, 127),
            Element::U8 => (0, 255),
            _ => return Err(self.unsupported(node, "a quantized output must be i8 or u8")),
        };
        finish.bias = self.plan.integers(&bias);
        finish.multiplier = self.plan.floats(&multipliers);
        finish.zero = self.constant_values::<i32>(node, parameters.out[0])?[0];
        Ok(finish)
    }

    /// A constant with one value per channel, or one for all.
    pub(super) fn spread<T: Datum + Copy>(
        &self,
        node: &TypedNode,
        outlet: OutletId,
        channels: usize,
    ) -> Lowers<Vec<T>> {
        let values = self.constant_values::<T>(node, outlet)?;
        match values.len() {
            1 => Ok(vec![values[0]; channels]),
            len if len == channels => Ok(values),
            _ => Err(self.unsupported(node, "a parameter has neither one value nor one per channel")),
        }
    }

    /// Quantized weights without their zero point.
    pub(super) fn centre(
        &self,
        node: &TypedNode,
        weights: &[i32],
        zero: impl Fn(usize) -> i32,
    ) -> Lowers<Vec<i8>> {
        let centred = weights
            .iter()
            .enumerate()
            .map(|(i, weight)| i8::try_from(weight - zero(i)));
        centred
            .collect::<Result<_, _>>()
            .map_err(|_| self.unsupported(node, "weights minus their zero point do not fit into i8"))
    }

    pub(super) fn need_float(&self, node: &TypedNode, x: &Value) -> Lowers<()> {
        if x.element != Element::F32 {
            return Err(self.unsupported(node, "integers are supported only with quantization parameters"));
        }
        Ok(())
    }
}

/// `[depth][column]` as blocks of columns, each `[depth / pair][column][depth % pair]`, filled with `zero`.
fn blocks<T: Copy>(weights: &[T], columns: usize, pair: usize, zero: T) -> Vec<T> {
    let depth = weights.len() / columns.max(1);
    let mut out = Vec::new();
    for block in (0..columns).step_by(DENSE_BLOCK) {
        for k in (0..depth).step_by(pair) {
            for column in block..block + DENSE_BLOCK {
                for k in k..k + pair {
                    let inside = column < columns && k < depth;
                    out.push(if inside {
                        weights[k * columns + column]
                    } else {
                        zero
                    });
                }
            }
        }
    }
    out
}
