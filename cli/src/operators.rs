//! What a package computes, by kind of operator.

use std::collections::BTreeMap;

use assay_network_plan::{Field, Header, Op, Step};
use serde::Serialize;

use crate::package::Package;

/// The operators of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OperatorSummary {
    /// What they are called.
    pub kind: String,
    /// How many there are.
    pub operators: u64,
    /// Steps that they take together.
    pub steps: u64,
}

/// The operators of a package's plan by kind, those with the most steps first. Nothing where the params are no plan.
pub fn operators(package: &Package) -> Vec<OperatorSummary> {
    let mut kinds: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    let Some(steps) = steps_of_ops(&package.params) else {
        return Vec::new();
    };
    for (op, steps) in steps {
        let kind = kinds.entry(op.name()).or_default();
        *kind = (kind.0 + 1, kind.1 + steps);
    }
    let mut summaries: Vec<OperatorSummary> = kinds
        .into_iter()
        .map(|(kind, (operators, steps))| OperatorSummary {
            kind: kind.to_string(),
            operators,
            steps,
        })
        .collect();
    summaries.sort_by_key(|summary| std::cmp::Reverse(summary.steps));
    summaries
}

/// The operators of a plan, and the steps of each. `None` if the bytes are no plan.
fn steps_of_ops(params: &[u8]) -> Option<Vec<(Op, u64)>> {
    let header = Header::decode(params).ok()?;
    let table = |offset: u64, count: u32, len: usize| {
        let start = usize::try_from(offset).ok()?;
        let end = start.checked_add((count as usize).checked_mul(len)?)?;
        Some(params.get(start..end)?.chunks(len))
    };
    let mut ops = Vec::new();
    for record in table(header.ops_offset, header.ops, Op::LEN)? {
        ops.push((Op::decode(record).ok()?, 0));
    }
    for record in table(header.steps_offset, header.steps, Step::LEN)? {
        let step = Step::get(record).ok()?;
        ops.get_mut(step.op as usize)?.1 += 1;
    }
    Some(ops)
}
