//! From an ONNX file to a plan for the network program.
//!
//! `tract-onnx` parses the file, infers the shapes and simplifies the graph without changing its arithmetic; each node
//! that remains becomes an operator of the plan, is fused into the one before it, or is refused by name.

mod elementwise;
mod image;
mod matrix;
mod plan;
mod reader;
mod tiles;

use std::collections::HashMap;

use assay_network_plan::{Element, Op, Output, INPUT, INPUT_MAX, OUTPUT, OUTPUT_MAX};
use tract_onnx::prelude::*;
use tract_onnx::tract_core::ops::binary::TypedBinOp;
use tract_onnx::tract_core::ops::change_axes::AxisOp;
use tract_onnx::tract_core::ops::cnn::{Conv, MaxPool, SumPool};
use tract_onnx::tract_core::ops::einsum::EinSum;
use tract_onnx::tract_core::ops::element_wise::ElementWiseOp;
use tract_onnx::tract_core::ops::identity::Identity;
use tract_onnx::tract_core::ops::nn::{Reduce, Softmax};
use tract_onnx::tract_core::ops::quant::DequantizeLinearF32;
use tract_onnx::tract_core::ops::source::TypedSource;

use crate::package::{Dtype, TensorSpec};
use plan::PlanBuilder;
pub use reader::CONSTANTS_MAX;

/// A model as the network program runs it.
#[derive(Clone, Debug, PartialEq)]
pub struct Lowered {
    /// The plan, which is the package's params.
    pub params: Vec<u8>,
    /// Steps of one run.
    pub steps: u64,
    /// Products that one run multiplies and adds.
    pub products: u64,
    /// The model's inputs.
    pub inputs: Vec<TensorSpec>,
    /// The model's outputs.
    pub outputs: Vec<TensorSpec>,
}

/// Why a model cannot be lowered.
#[derive(Debug, thiserror::Error)]
pub enum LowerError {
    /// tract cannot read the file, or its shapes contradict each other.
    #[error("cannot read the model: {0}")]
    Unreadable(String),
    /// tract panics on the file.
    #[error("cannot read the model: the ONNX reader fails on it: {0}")]
    Panicked(String),
    /// With this node, what nodes make of constants has more bytes than [`CONSTANTS_MAX`].
    #[error("node `{0}`: the tensors that nodes make of constants have more than {CONSTANTS_MAX} bytes")]
    ConstantsTooLarge(String),
    /// A node does what the network program cannot.
    #[error("node `{node}` ({operator}): {reason}")]
    Unsupported {
        /// The node's name.
        node: String,
        /// The operator, as tract calls it.
        operator: String,
        /// What is not supported.
        reason: String,
    },
    /// A tensor's shape is not known before the model runs.
    #[error("node `{node}`: the shape {shape} is dynamic")]
    DynamicShape {
        /// Name of the node that makes the tensor.
        node: String,
        /// The shape.
        shape: String,
    },
    /// The smallest part of a node's work passes a limit of a step.
    #[error("node `{node}` ({operator}): its smallest tile does not fit into one step")]
    TooLarge {
        /// The node's name.
        node: String,
        /// The operator, as tract calls it.
        operator: String,
    },
    /// The inputs together are longer than a job's input may be.
    #[error("the inputs have {0} bytes, more than {INPUT_MAX}")]
    InputTooLong(u64),
    /// The outputs together are longer than a job's output may be.
    #[error("the outputs have {0} bytes, more than {OUTPUT_MAX}")]
    OutputTooLong(u64),
}

/// Lowers an ONNX model.
pub fn lower(onnx: &[u8]) -> Result<Lowered, LowerError> {
    reader::guarded(|| {
        let model = reader::read(onnx)?;
        Lowering::new(&model).run()
    })
}

/// A tensor has fewer elements.
const ELEMENTS_MAX: usize = 1 << 30;

/// A tensor that the model computes or is given.
#[derive(Clone, Debug)]
struct Value {
    address: u64,
    element: Element,
    shape: Vec<usize>,
}

impl Value {
    fn len(&self) -> usize {
        self.shape.iter().product()
    }

    fn bytes(&self) -> u64 {
        self.len() as u64 * u64::from(self.element.size())
    }
}

/// What is known of an operator besides its record.
struct Source {
    /// The node that it came from.
    node: usize,
    /// Elements of its output.
    elements: u32,
    /// What [`tiles::steps`] takes as `outer`.
    outer: u32,
    /// Products that it multiplies and adds.
    products: u64,
    /// Whether its bias is free to be set: it has none, and nothing was fused behind it.
    bias_free: bool,
}

type Lowers<T> = Result<T, LowerError>;

struct Lowering<'a> {
    model: &'a TypedModel,
    /// Scales by which the file quantizes.
    scales: &'a [f32],
    plan: PlanBuilder,
    sources: Vec<Source>,
    values: HashMap<OutletId, Value>,
}

impl<'a> Lowering<'a> {
    fn new(model: &'a reader::Model) -> Self {
        Self {
            model: &model.typed,
            scales: &model.scales,
            plan: PlanBuilder::new(),
            sources: Vec::new(),
            values: HashMap::new(),
        }
    }

    fn run(mut self) -> Lowers<Lowered> {
        let input_len = self.place_inputs()?;
        let order = self
            .model
            .eval_order()
            .map_err(|error| LowerError::Unreadable(error.to_string()))?;
        for node in order {
            self.node(&self.model.nodes[node])?;
        }
        self.place_outputs()?;
        let mut steps = Vec::new();
        for (index, (op, source)) in self.plan.ops.iter().zip(&self.sources).enumerate() {
            let tiles = tiles::steps(op, index as u32, source.elements, source.outer);
            steps.extend(tiles.ok_or_else(|| self.too_large(&self.model.nodes[source.node]))?);
        }
        Ok(Lowered {
            inputs: self.specs(&self.model.inputs)?,
            outputs: self.specs(&self.model.outputs)?,
            products: self.sources.iter().map(|source| source.products).sum(),
            steps: steps.len() as u64,
            params: self.plan.finish(input_len, &steps),
        })
    }

    fn place_inputs(&mut self) -> Lowers<u32> {
        let mut address = INPUT;
        for outlet in &self.model.inputs {
            let value = self.value_at(*outlet, address)?;
            address += value.bytes();
            self.values.insert(*outlet, value);
        }
        let len = address - INPUT;
        if len > INPUT_MAX as u64 {
            return Err(LowerError::InputTooLong(len));
        }
        Ok(len as u32)
    }

    fn place_outputs(&mut self) -> Lowers<()> {
        let outlets = &self.model.outputs;
        let values: Vec<Value> = outlets
            .iter()
            .map(|outlet| self.value(*outlet).cloned())
            .collect::<Lowers<_>>()?;
        let total: u64 = values.iter().map(Value::bytes).sum();
        if total > OUTPUT_MAX as u64 {
            return Err(LowerError::OutputTooLong(total));
        }
        let mut out = OUTPUT;
        for (i, (value, outlet)) in values.iter().zip(outlets).enumerate() {
            let halt = if i + 1 == values.len() { total as u32 } else { 0 };
            let op = Output {
                x: value.address,
                out,
                len: value.bytes() as u32,
                halt,
            };
            out += value.bytes();
            self.push(op, &self.model.nodes[outlet.node], value, 1, 0);
        }
        Ok(())
    }

    fn specs(&self, outlets: &[OutletId]) -> Lowers<Vec<TensorSpec>> {
        let spec = |outlet: &OutletId| {
            let value = self.value(*outlet)?;
            let name = self
                .model
                .outlet_label(*outlet)
                .unwrap_or(&self.model.nodes[outlet.node].name);
            let dtype = match value.element {
                Element::F32 => Dtype::F32,
                Element::I8 => Dtype::I8,
                Element::U8 => Dtype::U8,
                Element::I64 => Dtype::I64,
            };
            let shape = value.shape.iter().map(|len| *len as u64).collect();
            Ok(TensorSpec {
                name: name.to_string(),
                dtype,
                shape,
            })
        };
        outlets.iter().map(spec).collect()
    }

    fn node(&mut self, node: &'a TypedNode) -> Lowers<()> {
        if node.op_is::<TypedSource>() || node.outputs.iter().all(|out| out.fact.konst.is_some()) {
            return Ok(());
        }
        if let Some(op) = node.op_as::<EinSum>() {
            self.einsum(node, op)
        } else if let Some(op) = node.op_as::<Conv>() {
            self.conv(node, op)
        } else if let Some(op) = node.op_as::<MaxPool>() {
            self.max_pool(node, op)
        } else if let Some(op) = node.op_as::<SumPool>() {
            self.sum_pool(node, op)
        } else if let Some(op) = node.op_as::<Reduce>() {
            self.reduce(node, op)
        } else if let Some(op) = node.op_as::<Softmax>() {
            self.softmax(node, op)
        } else if let Some(op) = node.op_as::<TypedBinOp>() {
            self.binary(node, op)
        } else if let Some(op) = node.op_as::<ElementWiseOp>() {
            self.unary(node, op)
        } else if let Some(op) = node.op_as::<DequantizeLinearF32>() {
            self.dequantize(node, op)
        } else if let Some(op) = node.op_as::<AxisOp>() {
            self.reshape(node, op)
        } else if node.op_is::<Identity>() {
            self.alias(node)
        } else {
            Err(self.unsupported(node, "this operator is not supported"))
        }
    }

    /// The output is the input, seen in another shape.
    fn alias(&mut self, node: &'a TypedNode) -> Lowers<()> {
        let address = self.value(node.inputs[0])?.address;
        let outlet = OutletId::new(node.id, 0);
        let value = self.value_at(outlet, address)?;
        self.values.insert(outlet, value);
        Ok(())
    }

    /// A change of axes that leaves the elements in their order.
    fn reshape(&mut self, node: &'a TypedNode, op: &AxisOp) -> Lowers<()> {
        if let AxisOp::Move(from, to) = op {
            let shape = &self.value(node.inputs[0])?.shape;
            let (low, high) = (*from.min(to), *from.max(to));
            let crossed = if from < to {
                &shape[low + 1..=high]
            } else {
                &shape[low..high]
            };
            if shape[*from] != 1 && crossed.iter().any(|len| *len != 1) {
                return Err(self.unsupported(node, "a transposition that moves elements is not supported"));
            }
        }
        self.alias(node)
    }

    /// The value at an outlet, constants included.
    fn value(&self, outlet: OutletId) -> Lowers<&Value> {
        let node = &self.model.nodes[outlet.node];
        self.values
            .get(&outlet)
            .ok_or_else(|| self.unsupported(node, "a constant is not supported here"))
    }

    /// An outlet's constant, if it is one.
    fn constant(&self, outlet: OutletId) -> Option<&'a Tensor> {
        let fact = &self.model.nodes[outlet.node].outputs[outlet.slot].fact;
        fact.konst.as_deref()
    }

    /// An outlet's constant as values of type `T`.
    fn constant_values<T: Datum>(&self, node: &TypedNode, outlet: OutletId) -> Lowers<Vec<T>> {
        let tensor = self
            .constant(outlet)
            .ok_or_else(|| self.unsupported(node, "weights and parameters must be constants"))?;
        let values = tensor
            .cast_to::<T>()
            .and_then(|tensor| Ok(tensor.try_as_plain_ram()?.as_slice::<T>()?.to_vec()));
        values.map_err(|error| self.unsupported(node, &error.to_string()))
    }

    fn shape(&self, outlet: OutletId) -> Lowers<Vec<usize>> {
        let node = &self.model.nodes[outlet.node];
        let shape = &node.outputs[outlet.slot].fact.shape;
        shape
            .as_concrete()
            .map(<[usize]>::to_vec)
            .ok_or_else(|| LowerError::DynamicShape {
                node: node.name.clone(),
                shape: format!("{shape:?}"),
            })
    }

    fn value_at(&self, outlet: OutletId, address: u64) -> Lowers<Value> {
        let node = &self.model.nodes[outlet.node];
        let shape = self.shape(outlet)?;
        let datum = node.outputs[outlet.slot].fact.datum_type.unquantized();
        let element = match datum {
            DatumType::F32 => Element::F32,
            DatumType::I8 => Element::I8,
            DatumType::U8 => Element::U8,
            DatumType::I64 => Element::I64,
            _ => return Err(self.unsupported(node, &format!("the element type {datum:?} is not supported"))),
        };
        match shape
            .iter()
            .try_fold(1, |len: usize, axis| len.checked_mul(*axis))
        {
            Some(0) => Err(self.unsupported(node, "a tensor without elements is not supported")),
            Some(1..ELEMENTS_MAX) => Ok(Value {
                address,
                element,
                shape,
            }),
            _ => Err(self.too_large(node)),
        }
    }

    /// A new tensor in the work region for a node's output.
    fn output(&mut self, node: &TypedNode) -> Lowers<Value> {
        let outlet = OutletId::new(node.id, 0);
        let mut value = self.value_at(outlet, 0)?;
        value.address = self.plan.work(value.bytes());
        self.values.insert(outlet, value.clone());
        Ok(value)
    }

    /// Appends an operator. `outer` is what [`tiles::steps`] takes.
    fn push(&mut self, op: impl Into<Op>, node: &TypedNode, out: &Value, outer: usize, products: u64) {
        self.plan.ops.push(op.into());
        self.sources.push(Source {
            node: node.id,
            elements: out.len() as u32,
            outer: outer as u32,
            products,
            bias_free: false,
        });
    }

    /// The operator that makes an input, if nothing else sees what it makes.
    fn only_producer(&mut self, outlet: OutletId) -> Option<usize> {
        let alone = self.model.nodes[outlet.node].outputs[outlet.slot]
            .successors
            .len()
            == 1;
        if !alone || self.model.outputs.contains(&outlet) {
            return None;
        }
        self.sources.iter().rposition(|source| source.node == outlet.node)
    }

    fn unsupported(&self, node: &TypedNode, reason: &str) -> LowerError {
        LowerError::Unsupported {
            node: node.name.clone(),
            operator: node.op.name().to_string(),
            reason: reason.to_string(),
        }
    }

    fn too_large(&self, node: &TypedNode) -> LowerError {
        LowerError::TooLarge {
            node: node.name.clone(),
            operator: node.op.name().to_string(),
        }
    }
}
