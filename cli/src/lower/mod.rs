//! From an ONNX file to a plan for the network program.
//!
//! The graph is walked once, in its own order. Each name stands for a value: a constant, a tensor in the
//! machine's memory, or an expression that waits for its use. A node whose inputs are all constants is computed here, by
//! the kernels that the network program has; any other one becomes operators of the plan, or is refused by name. All
//! shapes are known at every node, so that there is no separate inference of shapes.
//!
//! | file | what |
//! | --- | --- |
//! | `node.rs` | a node: its attributes and inputs, and why it is refused |
//! | `value.rs` | what a name stands for: constants, strided tensors |
//! | `expression.rs` | elementwise expressions over several nodes, and the programs that they become |
//! | `context.rs` | gives tensors their places and expressions their operators |
//! | `ops/` | the operators of ONNX |
//! | `tiles.rs` | cuts an operator into steps |
//! | `memory.rs` | lets tensors share memory |
//! | `plan.rs` | the bytes of the plan |
//! | `fold.rs` | computes what depends on constants alone |

mod context;
mod expression;
mod fold;
mod memory;
mod node;
mod ops;
mod plan;
mod tiles;
mod value;

use std::collections::HashMap;

use assay_network_plan::{Halt, Step, INPUT, INPUT_MAX, OUTPUT, OUTPUT_MAX};

use crate::onnx::proto::{GraphProto, NodeProto, ValueInfoProto};
use crate::onnx::{self, OnnxError, Tensor, TensorError};
use crate::options::{ConstantTensor, Options};
use crate::package::{Dtype, TensorSpec};
use context::Context;
use node::{Node, Problem};
use value::{Array, Value};

pub use tiles::fits as tile_fits;

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
    /// It is not a model.
    #[error(transparent)]
    Onnx(#[from] OnnxError),
    /// A constant of the file cannot be read.
    #[error("constant `{name}`: {error}")]
    Constant {
        /// Its name.
        name: String,
        /// What is wrong with it.
        error: TensorError,
    },
    /// The shape of an input is not known.
    #[error("input `{name}`: the length of its dimension {axis} is not known{}", hint(.dimension))]
    DynamicShape {
        /// The input's name.
        name: String,
        /// Number of the dimension.
        axis: usize,
        /// The dimension's name, if it has one.
        dimension: String,
    },
    /// An input cannot be an input of a package.
    #[error("input `{name}`: {reason}")]
    Input {
        /// The input's name.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An option names what the model has not.
    #[error("the model has no input `{0}`")]
    NoSuchInput(String),
    /// A node cannot be lowered.
    #[error("node `{node}` ({operator}): {problem}")]
    Node {
        /// The node's name; where it has none, that of its first output.
        node: String,
        /// The operator.
        operator: String,
        /// Why not.
        problem: Problem,
    },
    /// A name is used before it is made.
    #[error(
        "node `{node}` takes `{name}`, which nothing before it makes: the graph is cyclic or not in order"
    )]
    Unordered {
        /// The node's name.
        node: String,
        /// The name.
        name: String,
    },
    /// An output of the graph that nothing makes.
    #[error("nothing makes the output `{0}`")]
    NoSuchOutput(String),
    /// The inputs together are longer than a job's input may be.
    #[error("the inputs have {0} bytes, more than {INPUT_MAX}")]
    InputTooLong(u64),
    /// The outputs together are longer than a job's output may be.
    #[error("the outputs have {0} bytes, more than {OUTPUT_MAX}")]
    OutputTooLong(u64),
    /// The model takes more steps than a plan may have.
    #[error("the model takes more than {STEPS_MAX} steps")]
    TooManySteps,
}

fn hint(dimension: &str) -> String {
    match dimension {
        "" => String::from(": fix the input with --const, or export the model with a fixed shape"),
        name => format!(": give it with --dim {name}=SIZE"),
    }
}

/// The most steps of a plan.
pub const STEPS_MAX: usize = 1 << 22;

/// Lowers an ONNX model.
pub fn lower(bytes: &[u8], options: &Options) -> Result<Lowered, LowerError> {
    let model = onnx::read(bytes)?;
    let lowering = Lowering {
        context: Context::new(),
        values: HashMap::new(),
        uses: HashMap::new(),
        nodes: Vec::new(),
        folding: fold::Budget::default(),
    };
    let graph = model.graph.as_ref().ok_or(OnnxError::NoGraph)?;
    lowering.model(graph, options)
}

struct Lowering<'a> {
    context: Context,
    values: HashMap<&'a str, Value>,
    /// How often a name is used.
    uses: HashMap<&'a str, usize>,
    /// The node of each operator, as far as there are any.
    nodes: Vec<Option<&'a NodeProto>>,
    folding: fold::Budget,
}

impl<'a> Lowering<'a> {
    fn model(mut self, graph: &'a GraphProto, options: &Options) -> Result<Lowered, LowerError> {
        self.count_uses(graph);
        self.initializers(graph)?;
        let (inputs, input_len) = self.inputs(graph, options)?;
        self.graph(graph)?;
        let outputs = self.outputs(graph)?;
        let steps = self.steps()?;
        Ok(Lowered {
            inputs,
            outputs,
            products: self.context.products,
            steps: steps.len() as u64,
            params: self.context.plan.finish(input_len, &steps),
        })
    }

    fn count_uses(&mut self, graph: &'a GraphProto) {
        for name in graph.node.iter().flat_map(|node| &node.input) {
            *self.uses.entry(name).or_default() += 1;
        }
        for output in &graph.output {
            *self.uses.entry(&output.name).or_default() += 1;
        }
        // What a graph inside of a node uses is used elsewhere too.
        for inner in graph
            .node
            .iter()
            .flat_map(|node| &node.attribute)
            .filter_map(|attribute| attribute.g.as_ref())
        {
            self.count_uses(inner);
        }
    }

    fn initializers(&mut self, graph: &'a GraphProto) -> Result<(), LowerError> {
        for proto in &graph.initializer {
            let tensor = Tensor::of(proto).map_err(|error| LowerError::Constant {
                name: proto.name.clone(),
                error,
            })?;
            self.values.insert(&proto.name, tensor.into());
        }
        Ok(())
    }

    /// Places the inputs, those left out that are constants or fixed.
    fn inputs(
        &mut self,
        graph: &'a GraphProto,
        options: &Options,
    ) -> Result<(Vec<TensorSpec>, u32), LowerError> {
        let known = |name: &str| graph.input.iter().any(|input| input.name == name);
        if let Some((name, _)) = options.constants.iter().find(|(name, _)| !known(name)) {
            return Err(LowerError::NoSuchInput(name.clone()));
        }
        let fixed = |name: &str| options.constants.iter().find(|(other, _)| other == name);
        let mut specs = Vec::new();
        let mut address = INPUT;
        for input in &graph.input {
            if let Some((_, tensor)) = fixed(&input.name) {
                let tensor = constant(input, tensor)?;
                self.values.insert(&input.name, tensor.into());
            } else if !self.values.contains_key(&input.name[..]) {
                let (dtype, shape) = input_type(input, options)?;
                let array = Array::dense(address, dtype, &shape);
                address += array.bytes();
                specs.push(spec(&input.name, &array.clone().into()));
                self.values.insert(&input.name, array.into());
            }
        }
        let len = address - INPUT;
        match u32::try_from(len) {
            Ok(short) if len <= INPUT_MAX as u64 => Ok((specs, short)),
            _ => Err(LowerError::InputTooLong(len)),
        }
    }

    fn graph(&mut self, graph: &'a GraphProto) -> Result<(), LowerError> {
        graph.node.iter().try_for_each(|node| self.node(node))
    }

    fn node(&mut self, proto: &'a NodeProto) -> Result<(), LowerError> {
        let failed = |problem| failed(proto, problem);
        let mut inputs = Vec::new();
        for name in &proto.input {
            inputs.push(self.use_value(name, proto).transpose()?);
        }
        let node = Node { proto, inputs };
        if proto.op_type == "If" && proto.domain.is_empty() {
            return self.branch(&node);
        }
        let outputs = fold::lower(&node, &mut self.context, &mut self.folding).map_err(failed)?;
        for (name, value) in proto.output.iter().zip(outputs) {
            let value = self.made(name, value).map_err(failed)?;
            self.values.insert(name, value);
        }
        self.nodes.resize(self.context.plan.ops.len(), Some(proto));
        Ok(())
    }

    /// The value of a name, for a node. Nothing for an operand that is left out.
    fn use_value(&mut self, name: &'a str, node: &NodeProto) -> Option<Result<Value, LowerError>> {
        if name.is_empty() {
            return None;
        }
        let unordered = || LowerError::Unordered {
            node: name_of(node).to_string(),
            name: name.to_string(),
        };
        Some(self.values.get(name).cloned().ok_or_else(unordered))
    }

    /// A value as it is kept: what is used several times is computed once, and not changed any more.
    fn made(&mut self, name: &str, value: Value) -> Result<Value, Problem> {
        let uses = self.uses.get(name).copied().unwrap_or(0);
        if uses > 1 {
            self.context.shared(&value)
        } else {
            Ok(value)
        }
    }

    /// `If`: one of its graphs takes its place.
    fn branch(&mut self, node: &Node<'a>) -> Result<(), LowerError> {
        let failed = |problem| failed(node.proto, problem);
        let condition = node.constant(0).map_err(failed)?.to_integers();
        let name = if condition.first().is_some_and(|value| *value != 0) {
            "then_branch"
        } else {
            "else_branch"
        };
        let attribute = node
            .proto
            .attribute
            .iter()
            .find(|attribute| attribute.name == name);
        let missing = || failed(Problem::Invalid(format!("it has no {name}")));
        let graph = attribute
            .and_then(|attribute| attribute.g.as_ref())
            .ok_or_else(missing)?;
        self.initializers(graph)?;
        self.graph(graph)?;
        for (name, output) in node.proto.output.iter().zip(&graph.output) {
            let value = self.values.get(&output.name[..]).cloned();
            let value = value.ok_or_else(|| LowerError::NoSuchOutput(output.name.clone()))?;
            let value = self.made(name, value).map_err(failed)?;
            self.values.insert(name, value);
        }
        Ok(())
    }

    /// Copies the outputs to their region, and halts.
    fn outputs(&mut self, graph: &'a GraphProto) -> Result<Vec<TensorSpec>, LowerError> {
        let mut specs = Vec::new();
        let mut address = OUTPUT;
        for output in &graph.output {
            let value = self.values.get(&output.name[..]).cloned();
            let value = value.ok_or_else(|| LowerError::NoSuchOutput(output.name.clone()))?;
            let out = Array::dense(address, value.dtype(), value.shape());
            address += out.bytes();
            if address - OUTPUT > OUTPUT_MAX as u64 {
                continue;
            }
            specs.push(spec(&output.name, &value));
            self.context
                .write(&value, &out)
                .map_err(|problem| LowerError::Node {
                    node: output.name.clone(),
                    operator: "output".into(),
                    problem,
                })?;
        }
        let len = address - OUTPUT;
        if len > OUTPUT_MAX as u64 {
            return Err(LowerError::OutputTooLong(len));
        }
        let halt = self.context.push(Halt { len: len as u32 });
        halt.map_err(|_| LowerError::TooManySteps)?;
        Ok(specs)
    }

    fn steps(&mut self) -> Result<Vec<Step>, LowerError> {
        let mut steps = Vec::new();
        self.nodes.resize(self.context.plan.ops.len(), None);
        for (index, (op, node)) in self.context.plan.ops.iter().zip(&self.nodes).enumerate() {
            let tiles = tiles::steps(op, index as u32, STEPS_MAX - steps.len());
            let tiles = tiles.map_err(|problem| LowerError::Node {
                node: node.map_or("output", name_of).to_string(),
                operator: node.map_or("output", |node| &node.op_type).to_string(),
                problem,
            })?;
            steps.extend(tiles.ok_or(LowerError::TooManySteps)?);
        }
        Ok(steps)
    }
}

/// A node cannot be lowered.
fn failed(node: &NodeProto, problem: Problem) -> LowerError {
    LowerError::Node {
        node: name_of(node).to_string(),
        operator: node.op_type.clone(),
        problem,
    }
}

/// A node's name; where it has none, that of its first output.
fn name_of(node: &NodeProto) -> &str {
    let output = node.output.iter().find(|output| !output.is_empty());
    match (&node.name[..], output) {
        ("", Some(output)) => output,
        (name, _) => name,
    }
}

fn spec(name: &str, value: &Value) -> TensorSpec {
    TensorSpec {
        name: name.to_string(),
        dtype: value.dtype(),
        shape: value.shape().iter().map(|len| *len as u64).collect(),
    }
}

/// A constant that takes the place of an input, in the input's type.
fn constant(input: &ValueInfoProto, tensor: &ConstantTensor) -> Result<Tensor, LowerError> {
    let bad = |reason: String| LowerError::Input {
        name: input.name.clone(),
        reason,
    };
    let kind = input.r#type.as_ref().and_then(|kind| kind.tensor_type.as_ref());
    let kind = kind.ok_or_else(|| bad("only tensors can be inputs".into()))?;
    let dtype = onnx::dtype(kind.elem_type).map_err(|error| bad(error.to_string()))?;
    let tensor = tensor
        .clone()
        .converted(dtype)
        .map_err(|error| bad(error.to_string()))?;
    let shape = tensor.shape.iter().map(|len| usize::try_from(*len).ok());
    let shape: Option<Vec<usize>> = shape.collect();
    Ok(Tensor {
        dtype,
        shape: shape.ok_or_else(|| bad("it has too many elements".into()))?,
        bytes: tensor.bytes.into(),
    })
}

/// Type and shape of an input.
fn input_type(input: &ValueInfoProto, options: &Options) -> Result<(Dtype, Vec<usize>), LowerError> {
    let bad = |reason: &str| LowerError::Input {
        name: input.name.clone(),
        reason: reason.to_string(),
    };
    let tensor = input.r#type.as_ref().and_then(|kind| kind.tensor_type.as_ref());
    let tensor = tensor.ok_or_else(|| bad("only tensors can be inputs"))?;
    let dtype = onnx::dtype(tensor.elem_type).map_err(|error| bad(&error.to_string()))?;
    let shape = tensor
        .shape
        .as_ref()
        .ok_or_else(|| bad("its shape is not known"))?;
    let mut lengths = Vec::new();
    for (axis, dimension) in shape.dim.iter().enumerate() {
        let named = options.dims.iter().find(|(name, _)| *name == dimension.dim_param);
        let len = match named {
            Some((_, len)) => usize::try_from(*len).unwrap_or(usize::MAX),
            None => usize::try_from(dimension.dim_value).unwrap_or(0),
        };
        if len == 0 {
            return Err(LowerError::DynamicShape {
                name: input.name.clone(),
                axis,
                dimension: dimension.dim_param.clone(),
            });
        }
        lengths.push(len);
    }
    onnx::elements(&lengths).ok_or_else(|| bad("it has too many elements"))?;
    Ok((dtype, lengths))
}
