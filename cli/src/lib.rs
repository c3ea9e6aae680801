//! Packs models for the step machine, inspects them and runs them.
//!
//! | module | what |
//! | --- | --- |
//! | [`onnx`] | reads ONNX files |
//! | [`lower`] | from an ONNX file to a plan for the network program |
//! | [`options`] | what a user decides about a model before it is packed |
//! | [`package`] | the file that the tools exchange: program, params, manifest |
//! | [`operators`] | what a package computes, by kind of operator |
//! | [`tensors`] | inputs and outputs: npy, JSON, pictures, raw bytes |
//! | [`executors`] | what runs steps |
//! | [`run`] | executes a package on this machine |
//! | [`trace`] | the state hashes of a run, computed beside it |
//! | [`profile`], [`chain`] | what a run takes, here and in a dispute |
//! | [`compare`], [`expect`] | the executors beside each other, and an output beside the expected one |
//! | [`serve`] | computes for a node |
//! | [`client`] | talks to the chain through a node |
//! | [`metrics`] | Prometheus' text format |
//! | [`progress`] | a line that says how far a run is |
//! | [`commands`] | the subcommands of `assay` |

#![deny(missing_docs)]

pub mod chain;
pub mod commands;
pub mod compare;
pub mod executors;
pub mod expect;
pub mod lower;
pub mod metrics;
pub mod native;
pub mod onnx;
pub mod operators;
pub mod options;
pub mod package;
pub mod profile;
pub mod progress;
pub mod run;
pub mod serve;
pub mod tensors;
pub mod trace;

pub use assay_client as client;

/// The network program, as `programs/build.sh` built it.
pub const NETWORK_PROGRAM: &[u8] = include_bytes!("../../programs/dist/network.wasm");
