//! Packs models for the step machine, inspects them and runs them.
//!
//! | module | what |
//! | --- | --- |
//! | [`lower`] | from an ONNX file to a plan for the network program |
//! | [`package`] | the file that the tools exchange: program, params, manifest |
//! | [`run`] | executes a package on this machine |
//! | [`commands`] | the subcommands of `assay` |

#![deny(missing_docs)]

pub mod commands;
pub mod lower;
pub mod package;
pub mod run;

/// The network program, as `programs/build.sh` built it.
pub const NETWORK_PROGRAM: &[u8] = include_bytes!("../../programs/dist/network.wasm");
