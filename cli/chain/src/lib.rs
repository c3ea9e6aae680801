//! The chain's calls, queries, events and runtime APIs as Rust types, made of `cli/metadata/assay.scale`.
//!
//! A crate of its own: the types compile once, and not again with each change of the tools.

#![deny(missing_docs)]

/// The metadata that the types were made of (version 16). A constant that the runtime reads from state is that of no state.
///
/// `runtime/tests/metadata.rs` asserts that it is the runtime's, and says how to renew it.
pub const METADATA: &[u8] = include_bytes!("../../metadata/assay.scale");

/// What `subxt` makes of the metadata.
#[allow(clippy::all, missing_docs)]
#[subxt::subxt(
    runtime_metadata_path = "../metadata/assay.scale",
    derive_for_all_types = "Clone, PartialEq, Eq"
)]
mod generated {}

pub use generated::*;
