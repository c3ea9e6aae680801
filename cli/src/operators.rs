//! What a package computes, by kind of operator.

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

/// The operators of a package's plan by kind. Nothing where the params are no plan.
pub fn operators(_package: &Package) -> Vec<OperatorSummary> {
    Vec::new()
}
