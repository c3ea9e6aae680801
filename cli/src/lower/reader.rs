//! From an ONNX file to tract's graph, for files that may be made to break tract.

use std::any::Any;
use std::cell::Cell;
use std::collections::HashSet;
use std::panic::{catch_unwind, set_hook, take_hook, AssertUnwindSafe};
use std::sync::Once;

use tract_onnx::pb::{ModelProto, NodeProto, TensorProto};
use tract_onnx::prelude::*;
use tract_onnx::tract_core::ops::konst::Const;
use tract_onnx::tract_hir::infer::{Factoid, InferenceFact};
use tract_onnx::tract_hir::ops::source::Source;

use super::LowerError;

/// The most bytes of tensors that nodes make of constants, initializers left out.
pub const CONSTANTS_MAX: u64 = 256 << 20;

/// A model as tract reads it.
pub(super) struct Model {
    /// Simplified, without changes to its arithmetic.
    pub typed: TypedModel,
    /// The scales of the file's QuantizeLinear nodes, of which tract keeps the reciprocals.
    pub scales: Vec<f32>,
}

/// Reads a file.
pub(super) fn read(onnx: &[u8]) -> Result<Model, LowerError> {
    let framework = tract_onnx::onnx();
    let proto = framework.proto_model_for_read(&mut &*onnx).map_err(unreadable)?;
    let mut model = framework.model_for_proto_model(&proto).map_err(unreadable)?;
    bound_constants(&mut model)?;
    let typed = model.into_typed().map_err(unreadable)?;
    Ok(Model {
        typed: typed.into_decluttered().map_err(unreadable)?,
        scales: quantization_scales(&proto),
    })
}

fn unreadable(error: TractError) -> LowerError {
    LowerError::Unreadable(format!("{error:#}"))
}

/// Infers the shapes node by node and stops before a node makes too large a tensor of constants: tract evaluates those.
fn bound_constants(model: &mut InferenceModel) -> Result<(), LowerError> {
    let mut computed = HashSet::new();
    let mut total = 0_u64;
    for id in model.eval_order().map_err(unreadable)? {
        let node = &model.nodes[id];
        if node.op_is::<Source>() || node.inputs.iter().any(|outlet| computed.contains(&outlet.node)) {
            computed.insert(id);
        } else if !node.op_is::<Const>() {
            let bytes = made_bytes(model, id).map_err(unreadable)?;
            total = total.saturating_add(bytes);
            if total > CONSTANTS_MAX {
                return Err(LowerError::ConstantsTooLarge(node.name.clone()));
            }
        }
        infer(model, id).map_err(unreadable)?;
    }
    Ok(())
}

/// Bytes of a node's outputs, as far as their shapes follow from its inputs.
fn made_bytes(model: &InferenceModel, id: usize) -> TractResult<u64> {
    let (inputs, outputs) = model.node_facts(id)?;
    let mut op = model.nodes[id].op.clone();
    let (_, made, _) = op.infer_facts(inputs, outputs, observed(model, id)?)?;
    Ok(made.iter().map(fact_bytes).fold(0, u64::saturating_add))
}

/// Infers what a node makes; evaluates it where its inputs are constants.
fn infer(model: &mut InferenceModel, id: usize) -> TractResult<()> {
    let (inputs, outputs) = model.node_facts(id)?;
    let mut op = model.nodes[id].op.clone();
    let (_, made, _) = op.infer(inputs, outputs, observed(model, id)?)?;
    for (slot, fact) in made.into_iter().enumerate() {
        let outlet = OutletId::new(id, slot);
        let fact = fact.unify(model.outlet_fact(outlet)?)?;
        model.set_outlet_fact(outlet, fact)?;
    }
    Ok(())
}

fn observed(model: &InferenceModel, id: usize) -> TractResult<TVec<&InferenceFact>> {
    let node = &model.nodes[id];
    let outlets = node.op.observe_outlets(model, node)?;
    let facts = outlets.iter().map(|outlet| model.outlet_fact(*outlet));
    facts.collect()
}

fn fact_bytes(fact: &InferenceFact) -> u64 {
    let size = fact.datum_type.concretize().map_or(1, |datum| datum.size_of());
    let shape = fact.shape.concretize().unwrap_or_default();
    let lengths = shape.iter().map(|len| len.to_i64().unwrap_or(1).max(0) as u64);
    lengths.fold(size as u64, u64::saturating_mul)
}

fn quantization_scales(proto: &ModelProto) -> Vec<f32> {
    let Some(graph) = &proto.graph else {
        return Vec::new();
    };
    let of_node = |node: &NodeProto| {
        node.attribute
            .iter()
            .find_map(|attribute| attribute.t.as_ref())
            .and_then(scalar)
    };
    let constant = |name: &String| {
        let initializer = graph.initializer.iter().find(|tensor| tensor.name == *name);
        let node = graph.node.iter().find(|node| node.output.contains(name));
        initializer.and_then(scalar).or(node.and_then(of_node))
    };
    let quantizing = graph.node.iter().filter(|node| node.op_type == "QuantizeLinear");
    quantizing
        .filter_map(|node| constant(node.input.get(1)?))
        .collect()
}

/// The value of a tensor of one f32.
fn scalar(tensor: &TensorProto) -> Option<f32> {
    let floats = (tensor.data_type == DATA_TYPE_FLOAT).then(|| match tensor.raw_data.as_chunks::<4>().0 {
        [] => tensor.float_data.clone(),
        raw => raw.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect(),
    })?;
    <[f32; 1]>::try_from(floats).ok().map(|[value]| value)
}

const DATA_TYPE_FLOAT: i32 = tract_onnx::pb::tensor_proto::DataType::Float as i32;

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Does some work and makes an error of its panic, without the panic's message on the terminal.
pub(super) fn guarded<T>(work: impl FnOnce() -> Result<T, LowerError>) -> Result<T, LowerError> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let hook = take_hook();
        set_hook(Box::new(move |panic| {
            if !GUARDED.get() {
                hook(panic);
            }
        }));
    });
    GUARDED.set(true);
    let result = catch_unwind(AssertUnwindSafe(work));
    GUARDED.set(false);
    result.unwrap_or_else(|panic| Err(LowerError::Panicked(message(&*panic))))
}

fn message(panic: &dyn Any) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or(panic.downcast_ref::<&str>().copied());
    let line = text.and_then(|text| text.lines().next());
    line.unwrap_or("a panic without a message").to_string()
}
