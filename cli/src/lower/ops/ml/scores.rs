//! What becomes of a classifier's sums: classes, and scores as `post_transform` has them.

use assay_network_plan::{Normalization, Operation, Reduction};

use super::super::super::context::Context;
use super::super::super::node::{invalid, unsupported, Lowers, Node};
use super::super::super::value::Value;
use super::super::gather::along;
use super::super::layout::concat;
use super::super::reduce::{normalize, reduce};
use crate::onnx::Tensor;
use crate::package::Dtype;

/// What is made of sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transform {
    None,
    Logistic,
    Softmax,
}

impl Transform {
    pub fn of(node: &Node) -> Lowers<Self> {
        match node.text("post_transform").unwrap_or("NONE") {
            "NONE" => Ok(Self::None),
            "LOGISTIC" => Ok(Self::Logistic),
            "SOFTMAX" => Ok(Self::Softmax),
            other => unsupported(format!("the post_transform `{other}` is not supported")),
        }
    }

    /// The scores of rows of sums.
    pub fn apply(self, context: &mut Context, sums: &Value) -> Lowers<Value> {
        match self {
            Self::None => Ok(sums.clone()),
            Self::Logistic => of_each(context, sums, Operation::Sigmoid),
            Self::Softmax => normalize(context, sums, &[1], Normalization::Softmax, 0.0, [None, None]),
        }
    }
}

fn of_each(context: &mut Context, sums: &Value, operation: Operation) -> Lowers<Value> {
    context.express(Dtype::F32, &[sums], |e, v| e.one(operation, v[0]))
}

/// The classes' numbers.
pub fn labels(node: &Node, attribute: &str) -> Lowers<Vec<i64>> {
    if node.has("classlabels_strings") {
        return unsupported(
            "classes that are texts are not supported: export the model with numbered classes",
        );
    }
    match node.ints(attribute) {
        Some(labels) if !labels.is_empty() => Ok(labels.to_vec()),
        _ => invalid(format!("it has no `{attribute}`")),
    }
}

/// The class of the greatest sum of each row.
pub fn best(context: &mut Context, sums: &Value, labels: &[i64]) -> Lowers<Value> {
    let index = reduce(context, sums, &[1], false, Reduction::ArgMax)?;
    if labels.iter().copied().eq(0..labels.len() as i64) {
        return Ok(index);
    }
    let labels = Tensor::integers(Dtype::I64, &[labels.len()], labels).into();
    along(context, &labels, &index, 0)
}

/// One of two classes, the second where the sum is more than `bound`. `sums` has a column.
pub fn above(context: &mut Context, sums: &Value, bound: f32, [no, yes]: [i64; 2]) -> Lowers<Value> {
    let [no, yes] = [no, yes].map(|label| Value::from(Tensor::integers(Dtype::I64, &[], &[label])));
    let rows = sums.shape()[0];
    let sums = context.reshape(sums, &[rows])?;
    context.express(Dtype::I64, &[&sums, &yes, &no], |e, v| {
        let bound = e.float(bound);
        let above = e.two(Operation::Less, bound, v[0]);
        e.select(false, above, v[1], v[2])
    })
}

/// How one sum is two scores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pair {
    /// A probability, and what it lacks to 1.
    Complement,
    /// The logistic function of the sum, and that of its negative.
    Logistic,
    /// The sum's negative and the sum; the sum first where it is not positive.
    Opposite,
}

/// The two scores of one sum.
pub fn pair(context: &mut Context, sums: &Value, pair: Pair) -> Lowers<Value> {
    let sums = context.shared(sums)?;
    let mut columns = Vec::new();
    for second in [false, true] {
        columns.push(context.express(Dtype::F32, &[&sums], |e, v| {
            let (zero, one) = (e.float(0.0), e.float(1.0));
            let negative = e.one(Operation::Neg, v[0]);
            match (pair, second) {
                (Pair::Complement, false) => e.two(Operation::Sub, one, v[0]),
                (Pair::Complement, true) => v[0],
                (Pair::Logistic, false) => e.one(Operation::Sigmoid, negative),
                (Pair::Logistic, true) => e.one(Operation::Sigmoid, v[0]),
                (Pair::Opposite, second) => {
                    let positive = e.two(Operation::Less, zero, v[0]);
                    let [yes, no] = if second {
                        [v[0], negative]
                    } else {
                        [negative, v[0]]
                    };
                    e.select(true, positive, yes, no)
                }
            }
        })?);
    }
    concat(context, &columns, 1)
}
