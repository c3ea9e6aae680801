//! Operators of `ai.onnx.ml`: trees, linear models, and what stands before and after them.

mod linear;
mod scores;
mod table;
mod trees;

use assay_network_plan::{Operation, Reduction};

use super::super::context::Context;
use super::super::node::{invalid, unsupported, Lowers, Node};
use super::super::value::Value;
use super::elementwise::convert;
use super::reduce::reduce;
use crate::onnx::Tensor;
use crate::package::Dtype;

/// The outputs of an operator.
pub fn lower(node: &Node, context: &mut Context) -> Lowers<Vec<Value>> {
    let value = match node.operator() {
        "TreeEnsembleClassifier" => return trees::classifier(node, context),
        "TreeEnsembleRegressor" => trees::regressor(node, context)?,
        "LinearClassifier" => return linear::classifier(node, context),
        "LinearRegressor" => linear::regressor(node, context)?,
        "Scaler" => scaler(node, context)?,
        "Normalizer" => normalizer(node, context)?,
        "Binarizer" => binarizer(node, context)?,
        "Imputer" => imputer(node, context)?,
        "LabelEncoder" => table::label_encoder(node, context)?,
        "FeatureVectorizer" => feature_vectorizer(node, context)?,
        "ArrayFeatureExtractor" => {
            let x = node.input(0)?;
            let last = x.rank().checked_sub(1);
            let Some(last) = last else {
                return invalid("its operand has no dimensions");
            };
            let indices = context.reshape(node.input(1)?, &[node.input(1)?.len()])?;
            super::gather::along(context, x, &indices, last)?
        }
        // A tensor has no keys: it is the values, in the order of the classes.
        "ZipMap" => node.input(0)?.clone(),
        _ => return unsupported("this operator of `ai.onnx.ml` is not supported"),
    };
    Ok(vec![value])
}

/// The features as rows of f32.
fn features(node: &Node, context: &mut Context) -> Lowers<(Value, [usize; 2])> {
    as_rows(context, node.input(0)?)
}

/// A value as rows of f32; one of a single dimension is a row.
fn as_rows(context: &mut Context, value: &Value) -> Lowers<(Value, [usize; 2])> {
    let x = convert(context, value, Dtype::F32)?;
    let shape = match *x.shape() {
        [features] => [1, features],
        [rows, features] => [rows, features],
        _ => return invalid("its operands must have one or two dimensions"),
    };
    Ok((context.reshape(&x, &shape)?, shape))
}

/// One number for all features, or one for each.
fn for_features(values: &[f32], features: usize, what: &str) -> Lowers<Value> {
    match values.len() {
        1 => Ok(Tensor::floats(&[], values).into()),
        len if len == features => Ok(Tensor::floats(&[features], values).into()),
        len => invalid(format!(
            "its {len} numbers of `{what}` are neither one nor one for each of {features} features"
        )),
    }
}

/// `(x - offset) * scale`
fn scaler(node: &Node, context: &mut Context) -> Lowers<Value> {
    let x = convert(context, node.input(0)?, Dtype::F32)?;
    let features = x.shape().last().copied().unwrap_or(1);
    let offset = for_features(node.floats("offset").unwrap_or(&[0.0]), features, "offset")?;
    let scale = for_features(node.floats("scale").unwrap_or(&[1.0]), features, "scale")?;
    context.express(Dtype::F32, &[&x, &offset, &scale], |e, v| {
        let shifted = e.two(Operation::Sub, v[0], v[1]);
        e.two(Operation::Mul, shifted, v[2])
    })
}

/// Each row divided by its norm; a row whose norm is 0 stays as it is.
fn normalizer(node: &Node, context: &mut Context) -> Lowers<Value> {
    let x = convert(context, node.input(0)?, Dtype::F32)?;
    let x = context.shared(&x)?;
    let Some(last) = x.rank().checked_sub(1) else {
        return invalid("its operand has no dimensions");
    };
    let norm = node.text("norm").unwrap_or("MAX");
    let sum = match norm {
        "MAX" => reduce(context, &x, &[last], true, Reduction::Max)?,
        "L1" | "L2" => {
            let parts = context.express(Dtype::F32, &[&x], |e, v| match norm {
                "L1" => e.one(Operation::Abs, v[0]),
                _ => e.two(Operation::Mul, v[0], v[0]),
            })?;
            reduce(context, &parts, &[last], true, Reduction::Sum)?
        }
        other => return invalid(format!("`{other}` is no norm")),
    };
    context.express(Dtype::F32, &[&x, &sum], |e, v| {
        let norm = match norm {
            "L2" => e.one(Operation::Sqrt, v[1]),
            _ => v[1],
        };
        let zero = e.float(0.0);
        let none = e.two(Operation::Equal, norm, zero);
        let quotient = e.two(Operation::Div, v[0], norm);
        e.select(true, none, v[0], quotient)
    })
}

fn binarizer(node: &Node, context: &mut Context) -> Lowers<Value> {
    let x = node.input(0)?;
    super::elementwise::need_float(x)?;
    let threshold = node.float("threshold", 0.0);
    context.express(Dtype::F32, &[x], |e, v| {
        let (threshold, one, zero) = (e.float(threshold), e.float(1.0), e.float(0.0));
        let above = e.two(Operation::Less, threshold, v[0]);
        e.select(true, above, one, zero)
    })
}

/// Puts other values in the place of one, which may be NaN.
fn imputer(node: &Node, context: &mut Context) -> Lowers<Value> {
    let x = node.input(0)?;
    super::elementwise::need_float(x)?;
    let features = x.shape().last().copied().unwrap_or(1);
    let values = for_features(
        node.floats("imputed_value_floats").unwrap_or_default(),
        features,
        "imputed_value_floats",
    )?;
    let replaced = node.float("replaced_value_float", 0.0);
    context.express(Dtype::F32, &[x, &values], |e, v| {
        if replaced.is_nan() {
            let known = e.two(Operation::Equal, v[0], v[0]);
            return e.select(true, known, v[0], v[1]);
        }
        let replaced = e.float(replaced);
        let equal = e.two(Operation::Equal, v[0], replaced);
        e.select(true, equal, v[1], v[0])
    })
}

fn feature_vectorizer(node: &Node, context: &mut Context) -> Lowers<Value> {
    let mut parts = Vec::new();
    for input in node.all_inputs()? {
        parts.push(as_rows(context, input)?.0);
    }
    super::layout::concat(context, &parts, 1)
}
