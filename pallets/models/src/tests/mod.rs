//! Tests, one file for each topic.

mod availability;
mod integrity;
mod models;
mod params;
mod programs;
mod properties;
mod queries;
mod uses;
mod versions;

pub use crate::{
    mock::{Models, *},
    *,
};
pub use assay_primitives::{ModelId, VersionId};
pub use frame_support::{
    assert_noop, assert_ok,
    traits::{fungible::InspectHold, Hooks},
};
pub use sp_core::H256;
pub use sp_runtime::{DispatchError, Perbill, TokenError};
