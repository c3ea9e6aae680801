//! Linear models.

use assay_network_plan::{Finish, Operation};

use super::super::super::context::Context;
use super::super::super::node::{invalid, length, Lowers, Node};
use super::super::super::value::Value;
use super::super::matrix::{add_bias, matmul, Quantization};
use super::features;
use super::scores::{above, best, labels, pair, Pair, Transform};
use crate::onnx::Tensor;
use crate::package::Dtype;

/// `x · coefficients + intercepts`, a column for each target.
fn sums(node: &Node, context: &mut Context, targets: usize) -> Lowers<Value> {
    let (x, [_, features]) = features(node, context)?;
    let coefficients = node.floats("coefficients").unwrap_or_default();
    if Some(coefficients.len()) != targets.checked_mul(features) || coefficients.is_empty() {
        return invalid(format!(
            "its {} coefficients are not one for each of {features} features and {targets} targets",
            coefficients.len()
        ));
    }
    let columns: Vec<f32> = (0..features)
        .flat_map(|feature| (0..targets).map(move |target| coefficients[target * features + feature]))
        .collect();
    let weights = Tensor::floats(&[features, targets], &columns).into();
    let product = matmul(
        context,
        &x,
        &weights,
        &Quantization::NONE,
        Dtype::F32,
        Finish::NONE,
    )?;
    let intercepts = node.floats("intercepts").unwrap_or_default();
    if intercepts.is_empty() {
        return Ok(product);
    }
    if intercepts.len() != targets {
        return invalid(format!(
            "its {} intercepts are not one for each of {targets} targets",
            intercepts.len()
        ));
    }
    let bias = Tensor::floats(&[targets], intercepts).into();
    match add_bias(context, &product, &bias)? {
        Some(value) => Ok(value),
        None => context.express(Dtype::F32, &[&product, &bias], |e, v| {
            e.two(Operation::Add, v[0], v[1])
        }),
    }
}

pub fn regressor(node: &Node, context: &mut Context) -> Lowers<Value> {
    let targets = length(node.int("targets", 1))?;
    let sums = sums(node, context, targets)?;
    match targets {
        1 => Ok(sums),
        _ => Transform::of(node)?.apply(context, &sums),
    }
}

/// The class of each row, and the scores of all classes.
pub fn classifier(node: &Node, context: &mut Context) -> Lowers<Vec<Value>> {
    let labels = labels(node, "classlabels_ints")?;
    let transform = Transform::of(node)?;
    let targets = node.floats("intercepts").map_or(0, <[f32]>::len);
    let sums = sums(node, context, targets)?;
    let sums = context.shared(&sums)?;
    if targets > 1 {
        if labels.len() != targets {
            return invalid(format!("its {} classes are not {targets}", labels.len()));
        }
        let label = best(context, &sums, &labels)?;
        return Ok(vec![label, transform.apply(context, &sums)?]);
    }
    let classes = <[i64; 2]>::try_from(&labels[..]);
    let label = above(context, &sums, 0.0, classes.unwrap_or([0, 1]))?;
    let scores = match (classes, transform) {
        (Ok(_), Transform::Logistic) => pair(context, &sums, Pair::Logistic)?,
        (Ok(_), _) => pair(context, &sums, Pair::Complement)?,
        (Err(_), _) => sums,
    };
    Ok(vec![label, scores])
}
