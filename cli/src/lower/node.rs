//! A node of the graph, as operators see it.

use std::rc::Rc;

use super::value::Value;
use crate::onnx::proto::{AttributeProto, NodeProto};
use crate::onnx::{Tensor, TensorError};

/// Why a node cannot be lowered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// It does what the network program cannot.
    #[error("{0}")]
    Unsupported(String),
    /// It contradicts itself, or what ONNX says of its operator.
    #[error("{0}")]
    Invalid(String),
    /// An operand decides about shapes, so it must be known.
    #[error("its input `{0}` must be known when the model is packed: fix it with --const")]
    NotConstant(String),
    /// The smallest part of its work passes a limit of a step.
    #[error("its smallest tile does not fit into one step")]
    TooLarge,
    /// It needs more memory than there is.
    #[error("it needs too much memory")]
    Memory,
    /// A constant of the file cannot be read.
    #[error("a constant of it cannot be read: {0}")]
    Tensor(#[from] TensorError),
}

pub type Lowers<T> = Result<T, Problem>;

/// A node cannot be lowered because the network program cannot do it.
pub fn unsupported<T>(reason: impl Into<String>) -> Lowers<T> {
    Err(Problem::Unsupported(reason.into()))
}

/// A node makes or takes a tensor that has no elements.
pub fn no_elements<T>() -> Lowers<T> {
    unsupported("a tensor without elements is not supported")
}

/// A node breaks a rule of its operator.
pub fn invalid<T>(reason: impl Into<String>) -> Lowers<T> {
    Err(Problem::Invalid(reason.into()))
}

/// A node with the values of its inputs.
pub struct Node<'a> {
    pub proto: &'a NodeProto,
    pub inputs: Vec<Option<Value>>,
}

impl Node<'_> {
    pub fn operator(&self) -> &str {
        &self.proto.op_type
    }

    fn attribute(&self, name: &str) -> Option<&AttributeProto> {
        self.proto
            .attribute
            .iter()
            .find(|attribute| attribute.name == name)
    }

    pub fn has(&self, name: &str) -> bool {
        self.attribute(name).is_some()
    }

    pub fn int(&self, name: &str, default: i64) -> i64 {
        self.attribute(name).map_or(default, |attribute| attribute.i)
    }

    pub fn flag(&self, name: &str) -> bool {
        self.int(name, 0) != 0
    }

    pub fn float(&self, name: &str, default: f32) -> f32 {
        self.attribute(name).map_or(default, |attribute| attribute.f)
    }

    pub fn ints(&self, name: &str) -> Option<&[i64]> {
        self.attribute(name).map(|attribute| &attribute.ints[..])
    }

    pub fn floats(&self, name: &str) -> Option<&[f32]> {
        self.attribute(name).map(|attribute| &attribute.floats[..])
    }

    pub fn text(&self, name: &str) -> Option<&str> {
        let text = &self.attribute(name)?.s;
        std::str::from_utf8(text).ok()
    }

    pub fn texts(&self, name: &str) -> Option<Vec<&str>> {
        let texts = &self.attribute(name)?.strings;
        texts.iter().map(|text| std::str::from_utf8(text).ok()).collect()
    }

    pub fn tensor(&self, name: &str) -> Lowers<Option<Tensor>> {
        let tensor = self.attribute(name).and_then(|attribute| attribute.t.as_ref());
        Ok(tensor.map(Tensor::of).transpose()?)
    }

    /// How many outputs are asked for.
    pub fn outputs(&self) -> usize {
        let named = self.proto.output.iter().rposition(|name| !name.is_empty());
        named.map_or(0, |last| last + 1)
    }

    pub fn optional(&self, index: usize) -> Option<&Value> {
        self.inputs.get(index).and_then(Option::as_ref)
    }

    pub fn input(&self, index: usize) -> Lowers<&Value> {
        self.optional(index).ok_or_else(|| {
            let operator = self.operator();
            Problem::Invalid(format!("{operator} has no input {index}"))
        })
    }

    /// All inputs, of which none may be left out.
    pub fn all_inputs(&self) -> Lowers<Vec<&Value>> {
        (0..self.inputs.len()).map(|index| self.input(index)).collect()
    }

    /// An input whose elements are known.
    pub fn constant(&self, index: usize) -> Lowers<&Rc<Tensor>> {
        let value = self.input(index)?;
        let name = || self.proto.input.get(index).cloned().unwrap_or_default();
        value.constant().ok_or_else(|| Problem::NotConstant(name()))
    }

    /// The same, where it may be left out.
    pub fn optional_constant(&self, index: usize) -> Lowers<Option<&Rc<Tensor>>> {
        match self.optional(index) {
            Some(_) => self.constant(index).map(Some),
            None => Ok(None),
        }
    }

    /// Integers of an input, or of an attribute of older versions.
    pub fn ints_of(&self, index: usize, attribute: &str) -> Lowers<Option<Vec<i64>>> {
        match self.optional_constant(index)? {
            Some(tensor) => Ok(Some(tensor.to_integers())),
            None => Ok(self.ints(attribute).map(<[i64]>::to_vec)),
        }
    }
}

/// An axis of a tensor of this rank; a negative one counts from the end.
pub fn axis(axis: i64, rank: usize) -> Lowers<usize> {
    let place = if axis < 0 {
        axis.saturating_add(rank as i64)
    } else {
        axis
    };
    match usize::try_from(place) {
        Ok(place) if place < rank => Ok(place),
        _ => invalid(format!("a tensor of {rank} dimensions has no axis {axis}")),
    }
}

/// Some axes, in ascending order.
pub fn axes(given: &[i64], rank: usize) -> Lowers<Vec<usize>> {
    let mut axes = given
        .iter()
        .map(|one| axis(*one, rank))
        .collect::<Lowers<Vec<_>>>()?;
    axes.sort_unstable();
    axes.dedup();
    Ok(axes)
}

/// Fails for an operand of another shape.
pub fn need_shape(what: &str, value: &Value, shape: &[usize]) -> Lowers<()> {
    match value.shape() {
        own if own == shape => Ok(()),
        own => invalid(format!("the shape of its {what} is {own:?}, not {shape:?}")),
    }
}

/// A length that an attribute or a constant gives.
pub fn length(len: i64) -> Lowers<usize> {
    match usize::try_from(len) {
        Ok(len) if len < 1 << 31 => Ok(len),
        _ => invalid(format!("{len} is no length")),
    }
}
