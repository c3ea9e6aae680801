//! The step machine.
//!
//! A computation is a list of *steps*. A step is a pure function of the machine's [`State`]: small
//! enough for a chain to re-execute inside one extrinsic, large enough that a trace is short.
//!
//! ```text
//!   Program ──load──▶ Executor ──run_step──▶ StepEnd ──▶ Machine ──state_hash──▶ Trace ──▶ Claim
//!                                  ▲                        │
//!                               Access ◀──── MemoryTree ◀───┘          StepWitness ──▶ FraudProof
//! ```
//!
//! - [`memory`]: the byte-addressed memory, a sparse Merkle tree over chunks of 4096 bytes.
//! - [`program`]: what a WASM module must look like to be a program.
//! - [`executor`]: runs one step in a fresh instance. The interpreter is the authority.
//! - [`machine`]: runs step after step and commits to the state after each.
//! - [`trace`]: the Merkle tree over those commitments, bound to its author.
//! - [`claim`]: what a provider says it computed, checkable without running anything.
//! - [`witness`]: all that is needed to run one step again, and its verification.
//! - [`fraud`]: proves that a step of a trace does not follow from the one before it.
//! - [`search`]: finds that step, by comparing one's own trace with another's.
//!
//! The crate knows nothing of FRAME and runs without `std`.
#![cfg_attr(not(feature = "std"), no_std)]
#![deny(missing_docs)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)
)]

extern crate alloc;

pub mod claim;
pub mod executor;
pub mod fraud;
pub mod hash;
pub mod limits;
pub mod machine;
pub mod memory;
pub mod program;
pub mod search;
pub mod state;
pub mod trace;
pub mod witness;

pub use executor::{Executor, WasmiExecutor};
pub use hash::Hash;
pub use machine::Machine;
pub use program::{Program, ProgramError};
pub use state::{State, Status, TrapReason};
