//! Elementwise nodes, softmax and reductions.

use assay_network_plan::{
    Activation, ArgMax, Element, Function, Map, Op, Operation, Pool, Quantization, Reduction, Softmax,
    Window, Zip,
};
use tract_onnx::prelude::*;
use tract_onnx::tract_core::ops::binary::TypedBinOp;
use tract_onnx::tract_core::ops::element_wise::{ElementWiseMiniOp, ElementWiseOp};
use tract_onnx::tract_core::ops::math;
use tract_onnx::tract_core::ops::nn::{self, Reducer, SoftmaxKind};
use tract_onnx::tract_core::ops::quant::{DequantizeLinearF32, QuantizeLinearI8, QuantizeLinearU8};

use super::{tiles, Lowering, Lowers, Value};

impl<'a> Lowering<'a> {
    /// A function of one tensor.
    pub(super) fn unary(&mut self, node: &'a TypedNode, op: &ElementWiseOp) -> Lowers<()> {
        let x = self.value(node.inputs[0])?.clone();
        if x.element != Element::F32 {
            return Err(self.unsupported(node, "only f32 is supported here"));
        }
        if let Some(to) = self.quantization(&*op.0) {
            return self
                .map(node, &x, Quantization::F32, to, Activation::NONE)
                .map(drop);
        }
        if let Some(activation) = activation(&*op.0) {
            return self.activate(node, activation);
        }
        match () {
            _ if op.0.is::<math::Square>() => self
                .zip(node, Operation::Mul, [&x, &x], [1, x.len()], false)
                .map(drop),
            _ if op.0.is::<math::Recip>() => self.zip_scalar(node, Operation::Div, &x, 1.0, true).map(drop),
            _ if op.0.is::<math::Rsqrt>() => {
                let root = self.map_float(node, &x, Function::Sqrt)?;
                self.zip_scalar(node, Operation::Div, &root, 1.0, true).map(drop)
            }
            _ if op.0.is::<nn::GeluExact>() => self.gelu(node, &x),
            _ => Err(self.unsupported(node, "this operator is not supported")),
        }
    }

    /// `x * (erf(x / sqrt(2)) + 1) / 2`, which tract makes of its parts.
    fn gelu(&mut self, node: &'a TypedNode, x: &Value) -> Lowers<()> {
        let scaled = self.zip_scalar(node, Operation::Div, x, core::f32::consts::SQRT_2, false)?;
        let erf = self.map_float(node, &scaled, Function::Erf)?;
        let raised = self.zip_scalar(node, Operation::Add, &erf, 1.0, false)?;
        let product = self.zip(node, Operation::Mul, [x, &raised], [1, x.len()], false)?;
        self.zip_scalar(node, Operation::Mul, &product, 0.5, false)
            .map(drop)
    }

    /// The operator of a producer with a function behind it, if steps can hold it.
    fn fuse(&self, producer: usize, activation: &Activation) -> Option<Op> {
        let mut op = self.plan.ops[producer];
        let before = fused(&mut op)?;
        *before = compose(before, activation)?;
        let source = &self.sources[producer];
        tiles::steps(&op, producer as u32, source.elements, source.outer).map(|_| op)
    }

    fn map_float(&mut self, node: &'a TypedNode, x: &Value, function: Function) -> Lowers<Value> {
        let activation = Activation::of(function);
        self.map(node, x, Quantization::F32, Quantization::F32, activation)
    }

    /// A function of a tensor and one value, the value first where `swapped`.
    fn zip_scalar(
        &mut self,
        node: &'a TypedNode,
        operation: Operation,
        x: &Value,
        scalar: f32,
        swapped: bool,
    ) -> Lowers<Value> {
        let y = Value {
            address: self.plan.floats(&[scalar]),
            element: Element::F32,
            shape: Vec::new(),
        };
        self.zip(node, operation, [x, &y], [x.len(), 1], swapped)
    }

    /// How a quantizing node writes its output.
    fn quantization(&self, op: &dyn ElementWiseMiniOp) -> Option<Quantization> {
        let quantized = |element, reciprocal, zero| Quantization {
            element,
            scale: self.scale(reciprocal),
            zero,
        };
        if let Some(op) = op.downcast_ref::<QuantizeLinearU8>() {
            return Some(quantized(Element::U8, op.scale, op.zero_point.into()));
        }
        let op = op.downcast_ref::<QuantizeLinearI8>()?;
        Some(quantized(Element::I8, op.scale, op.zero_point.into()))
    }

    /// The scale of which tract keeps the reciprocal. Two neighbouring floats may have the same: where the file has both,
    /// the first one is taken for both.
    fn scale(&self, reciprocal: f32) -> f32 {
        let mut scales = self.scales.iter().copied();
        scales
            .find(|scale| scale.recip() == reciprocal)
            .unwrap_or(reciprocal.recip())
    }

    /// From quantized values to f32.
    pub(super) fn dequantize(&mut self, node: &'a TypedNode, op: &DequantizeLinearF32) -> Lowers<()> {
        let x = self.value(node.inputs[0])?.clone();
        if !matches!(x.element, Element::I8 | Element::U8) {
            return Err(self.unsupported(node, "only i8 and u8 are supported here"));
        }
        let from = Quantization {
            element: x.element,
            scale: op.scale,
            zero: op.zero_point,
        };
        self.map(node, &x, from, Quantization::F32, Activation::NONE)
            .map(drop)
    }

    /// Fuses an f32 function into what makes its input, where a step can hold both, or makes an operator of it.
    fn activate(&mut self, node: &'a TypedNode, activation: Activation) -> Lowers<()> {
        if let Some(producer) = self.only_producer(node.inputs[0]) {
            if let Some(op) = self.fuse(producer, &activation) {
                self.plan.ops[producer] = op;
                self.sources[producer].node = node.id;
                self.sources[producer].bias_free = false;
                return self.alias(node);
            }
        }
        let x = self.value(node.inputs[0])?.clone();
        self.map(node, &x, Quantization::F32, Quantization::F32, activation)
            .map(drop)
    }

    fn map(
        &mut self,
        node: &'a TypedNode,
        x: &Value,
        from: Quantization,
        to: Quantization,
        activation: Activation,
    ) -> Lowers<Value> {
        let out = self.output(node)?;
        let op = Map {
            x: x.address,
            out: out.address,
            from,
            to,
            activation,
        };
        self.push(op, node, &out, 1, 0);
        Ok(out)
    }

    /// A function of two tensors, one of which may be smaller or constant.
    pub(super) fn binary(&mut self, node: &'a TypedNode, op: &TypedBinOp) -> Lowers<()> {
        let operation =
            operation(&*op.0).ok_or_else(|| self.unsupported(node, "this operator is not supported"))?;
        if let Some(bound) = self.bound(node, operation)? {
            return self.activate(node, bound);
        }
        if operation == Operation::Add && self.fuse_bias(node)? {
            return Ok(());
        }
        let shape = self.shape(OutletId::new(node.id, 0))?;
        let [left, right] = [self.operand(node, 0)?, self.operand(node, 1)?];
        let swapped = left.len() < right.len();
        let (x, y) = if swapped { (&right, &left) } else { (&left, &right) };
        let (inner, period) = broadcast(&shape, &x.shape, &y.shape)
            .ok_or_else(|| self.unsupported(node, "this kind of broadcast is not supported"))?;
        self.zip(node, operation, [x, y], [inner, period], swapped)
            .map(drop)
    }

    fn zip(
        &mut self,
        node: &'a TypedNode,
        operation: Operation,
        [x, y]: [&Value; 2],
        [inner, period]: [usize; 2],
        swapped: bool,
    ) -> Lowers<Value> {
        let out = self.output(node)?;
        let op = Zip {
            x: x.address,
            y: y.address,
            out: out.address,
            operation,
            swapped: swapped.into(),
            inner: inner as u32,
            period: period as u32,
            activation: Activation::NONE,
        };
        self.push(op, node, &out, 1, 0);
        Ok(out)
    }

    /// An operand as an f32 tensor in memory.
    fn operand(&mut self, node: &'a TypedNode, slot: usize) -> Lowers<Value> {
        let outlet = node.inputs[slot];
        if self.constant(outlet).is_some() {
            let values = self.constant_values::<f32>(node, outlet)?;
            let address = self.plan.floats(&values);
            return Ok(Value {
                address,
                element: Element::F32,
                shape: self.shape(outlet)?,
            });
        }
        let value = self.value(outlet)?.clone();
        if value.element != Element::F32 {
            return Err(self.unsupported(node, "only f32 is supported here"));
        }
        Ok(value)
    }

    /// The activation that a minimum or maximum with a constant scalar is.
    fn bound(&self, node: &'a TypedNode, operation: Operation) -> Lowers<Option<Activation>> {
        let [_, right] = node.inputs[..] else {
            return Ok(None);
        };
        let is_scalar = self.constant(right).is_some_and(|tensor| tensor.len() == 1);
        if !is_scalar || self.value(node.inputs[0])?.element != Element::F32 {
            return Ok(None);
        }
        let bound = self.constant_values::<f32>(node, right)?[0];
        let clip = |a, b| {
            Some(Activation {
                function: Function::Clip,
                a,
                b,
            })
        };
        Ok(match operation {
            Operation::Max if bound == 0.0 => Some(Activation::of(Function::Relu)),
            Operation::Max => clip(bound, f32::INFINITY),
            Operation::Min => clip(f32::NEG_INFINITY, bound),
            _ => None,
        })
    }

    /// Makes a constant that is added to a dense layer's output its bias; says whether it did.
    fn fuse_bias(&mut self, node: &'a TypedNode) -> Lowers<bool> {
        let [x, bias] = node.inputs[..] else {
            return Ok(false);
        };
        let Some(producer) = self.only_producer(x) else {
            return Ok(false);
        };
        let Op::Dense(dense) = self.plan.ops[producer] else {
            return Ok(false);
        };
        let Some(tensor) = self.constant(bias) else {
            return Ok(false);
        };
        let shape = self.shape(OutletId::new(node.id, 0))?;
        let fits = tensor.len() == dense.columns as usize
            && self.value(x)?.len() == shape.iter().product::<usize>()
            && broadcast(&shape, &shape, tensor.shape()).is_some_and(|(inner, _)| inner == 1);
        if !fits || !self.sources[producer].bias_free {
            return Ok(false);
        }
        let address = {
            let values = self.constant_values::<f32>(node, bias)?;
            self.plan.floats(&values)
        };
        if let Op::Dense(dense) = &mut self.plan.ops[producer] {
            dense.finish.bias = address;
        }
        self.sources[producer].node = node.id;
        self.sources[producer].bias_free = false;
        self.alias(node)?;
        Ok(true)
    }

    /// Softmax over consecutive axes.
    pub(super) fn softmax(&mut self, node: &'a TypedNode, op: &nn::Softmax) -> Lowers<()> {
        let x = self.value(node.inputs[0])?.clone();
        let (outer, len, inner) = split(&x.shape, &op.axes)
            .filter(|_| x.element == Element::F32 && op.kind == SoftmaxKind::Softmax)
            .ok_or_else(|| self.unsupported(node, "only f32 softmax over consecutive axes is supported"))?;
        let out = self.output(node)?;
        let op = Softmax {
            x: x.address,
            out: out.address,
            len: len as u32,
            inner: inner as u32,
        };
        self.push(op, node, &out, outer, 0);
        Ok(())
    }

    /// Argmax, or a sum or maximum over the last axes.
    pub(super) fn reduce(&mut self, node: &'a TypedNode, op: &nn::Reduce) -> Lowers<()> {
        let x = self.value(node.inputs[0])?.clone();
        let (outer, len, inner) = split(&x.shape, &op.axes)
            .filter(|_| x.element == Element::F32)
            .ok_or_else(|| {
                self.unsupported(node, "only f32 reductions over consecutive axes are supported")
            })?;
        let reduction = match op.reducer {
            Reducer::Sum if inner == 1 => Reduction::Sum,
            Reducer::Max if inner == 1 => Reduction::Max,
            Reducer::ArgMax(false) => return self.arg_max(node, &x, [outer, len, inner]),
            _ => return Err(self.unsupported(node, "this reduction is not supported")),
        };
        let out = self.output(node)?;
        let line = [1, len as u32];
        let window = Window {
            input: line,
            output: [1, 1],
            kernel: line,
            stride: [1, 1],
            dilation: [1, 1],
            padding: [0, 0],
        };
        let op = Pool {
            x: x.address,
            out: out.address,
            element: Element::F32,
            reduction,
            window,
        };
        self.push(op, node, &out, outer, 0);
        Ok(())
    }

    fn arg_max(&mut self, node: &'a TypedNode, x: &Value, [outer, len, inner]: [usize; 3]) -> Lowers<()> {
        let out = self.output(node)?;
        let op = ArgMax {
            x: x.address,
            out: out.address,
            len: len as u32,
            inner: inner as u32,
        };
        self.push(op, node, &out, outer, 0);
        Ok(())
    }
}

/// The function that an operator of the plan applies last, where it has one.
fn fused(op: &mut Op) -> Option<&mut Activation> {
    match op {
        Op::Dense(op) if op.finish.element == Element::F32 => Some(&mut op.finish.activation),
        Op::Conv(op) if op.finish.element == Element::F32 => Some(&mut op.finish.activation),
        Op::Zip(op) => Some(&mut op.activation),
        Op::Map(op) if op.to.element == Element::F32 => Some(&mut op.activation),
        _ => None,
    }
}

/// One function that does what two do one after the other.
fn compose(first: &Activation, second: &Activation) -> Option<Activation> {
    let clip = |a, b| {
        Some(Activation {
            function: Function::Clip,
            a,
            b,
        })
    };
    match (first.function, second.function) {
        (Function::Identity, _) => Some(*second),
        (Function::Relu, Function::Clip) if second.a == f32::NEG_INFINITY && second.b >= 0.0 => {
            clip(0.0, second.b)
        }
        (Function::Clip, Function::Clip) if first.b == f32::INFINITY && second.a == f32::NEG_INFINITY => {
            clip(first.a, second.b)
        }
        _ => None,
    }
}

fn activation(op: &dyn ElementWiseMiniOp) -> Option<Activation> {
    if let Some(op) = op.downcast_ref::<nn::LeakyRelu>() {
        return Some(Activation {
            function: Function::LeakyRelu,
            a: op.alpha,
            b: 0.0,
        });
    }
    let function = match () {
        _ if op.is::<nn::Sigmoid>() => Function::Sigmoid,
        _ if op.is::<nn::Silu>() => Function::Silu,
        _ if op.is::<math::Tanh>() => Function::Tanh,
        _ if op.is::<math::Exp>() => Function::Exp,
        _ if op.is::<math::Ln>() => Function::Log,
        _ if op.is::<math::Sqrt>() => Function::Sqrt,
        _ if op.is::<math::Abs>() => Function::Abs,
        _ if op.is::<math::Neg>() => Function::Neg,
        _ if op.is::<math::Erf>() => Function::Erf,
        _ => return None,
    };
    Some(Activation::of(function))
}

fn operation(op: &dyn tract_onnx::tract_core::ops::binary::BinMiniOp) -> Option<Operation> {
    Some(match () {
        _ if op.is::<math::Add>() => Operation::Add,
        _ if op.is::<math::Sub>() => Operation::Sub,
        _ if op.is::<math::Mul>() => Operation::Mul,
        _ if op.is::<math::Div>() => Operation::Div,
        _ if op.is::<math::Min>() => Operation::Min,
        _ if op.is::<math::Max>() => Operation::Max,
        _ => return None,
    })
}

/// `inner` and `period` of [`Zip`]: y has the output's lengths along consecutive axes and 1 along all others.
fn broadcast(out: &[usize], x: &[usize], y: &[usize]) -> Option<(usize, usize)> {
    if x.iter().product::<usize>() != out.iter().product::<usize>() || y.len() > out.len() {
        return None;
    }
    let y = [vec![1; out.len() - y.len()], y.to_vec()].concat();
    let own: Vec<usize> = (0..out.len()).filter(|axis| y[*axis] != 1).collect();
    let (Some(first), Some(last)) = (own.first(), own.last()) else {
        return Some((out.iter().product::<usize>().max(1), 1));
    };
    let same = (*first..=*last).all(|axis| y[axis] == out[axis]);
    same.then(|| (out[last + 1..].iter().product(), y.iter().product()))
}

/// The lengths before, of, and after some consecutive axes.
fn split(shape: &[usize], axes: &[usize]) -> Option<(usize, usize, usize)> {
    let (first, last) = (*axes.first()?, *axes.last()?);
    let consecutive = axes.iter().copied().eq(first..=last) && last < shape.len();
    let product = |axes: &[usize]| axes.iter().product();
    consecutive.then(|| {
        (
            product(&shape[..first]),
            product(&shape[first..=last]),
            product(&shape[last + 1..]),
        )
    })
}
