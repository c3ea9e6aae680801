//! What a provider's node asks of the compute server beside it, and what it hears.
//!
//! The node's off-chain worker runs inside of a runtime: interpreted, in little memory. A *compute server* (`assay serve`) runs
//! the same steps natively. The node asks it over HTTP:
//!
//! | request | body | response |
//! | --- | --- | --- |
//! | `POST /v1/ask` | an [`Ask`] | a [`Reply`] |
//! | `PUT /v1/program` | a program's code | nothing |
//! | `PUT /v1/params/ROOT/LEN/INDEX` | a segment of params, see [`segment_path`] | nothing |
//!
//! Bodies are SCALE, and raw bytes in the two latter. Each request carries the header `authorization: Bearer TOKEN`, with a secret that
//! both know.
//!
//! A server keeps nothing that matters: who asks again gets the same again. The node believes it as little as it can: it checks
//! a claim as the chain will, and runs a step that it is to prove by itself.
#![cfg_attr(not(feature = "std"), no_std)]
#![deny(missing_docs)]

extern crate alloc;

use alloc::{format, string::String, vec::Vec};
use assay_engine::{claim::Claim, hash::Hash, memory::Proof, trace::TraceId, witness::StepWitness};
use codec::{Decode, Encode};
use core::fmt;

/// The key in a node's off-chain database of its server: an encoded [`Server`].
pub const SERVER_KEY: &[u8] = b"assay:server";
/// The most steps of a run that a server takes. The node keeps all of its state hashes, in a record of at most 8 MiB.
pub const MAX_STEPS: u64 = (1 << 18) - 1;
/// The most bytes of a reply: the state hashes of the longest run, and what stands around them.
pub const MAX_REPLY_LEN: usize = (MAX_STEPS as usize + 1) * size_of::<Hash>() + 1024;
/// The path of [`Ask`].
pub const ASK_PATH: &str = "/v1/ask";
/// The path of programs.
pub const PROGRAM_PATH: &str = "/v1/program";

/// The path of a segment: the root of the params' region in hexadecimal, the params' length in bytes, the segment's index.
pub fn segment_path(root: &Hash, len: u64, index: u32) -> String {
    let root = root.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    format!("/v1/params/{root}/{len}/{index}")
}

/// The value of the header `authorization`.
pub fn authorization(token: &str) -> String {
    format!("Bearer {token}")
}

/// Where a node finds its server.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
pub struct Server {
    /// Scheme, host and port: `http://127.0.0.1:9955`.
    pub url: String,
    /// The secret that both know.
    pub token: String,
}

/// Params, by what a version says of them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Encode, Decode)]
pub struct ParamsRef {
    /// The root of the region.
    pub root: Hash,
    /// Bytes.
    pub len: u64,
}

/// What is to be run.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
pub struct Run {
    /// The version of the engine by whose rules.
    pub engine: u16,
    /// The hash of the program.
    pub program: Hash,
    /// The params.
    pub params: ParamsRef,
    /// The input.
    pub input: Vec<u8>,
    /// The most steps.
    pub max_steps: u64,
}

/// Where a server gets params from that it does not have.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
pub enum Source {
    /// The node sends them.
    Node,
    /// These addresses, all of the same bytes.
    Locations(Vec<String>),
}

/// What is asked about a run.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
pub enum Question {
    /// The claim that its author makes of it: [`Reply::Claim`].
    Claim {
        /// The author's account.
        author: [u8; 32],
        /// The job.
        job: u64,
    },
    /// The hashes of the state before the first step and after each: [`Reply::States`].
    States,
    /// What runs this step again, counted from 0: [`Reply::Witness`].
    Witness {
        /// The step.
        step: u64,
    },
    /// The proof of this chunk of the params, whatever the run: [`Reply::Chunk`].
    Chunk {
        /// The chunk's place in the params.
        chunk: u32,
    },
}

impl Question {
    /// Asks for the claim that is bound to `id`.
    pub fn claim(id: TraceId) -> Self {
        Self::Claim {
            author: id.author,
            job: id.job,
        }
    }
}

/// A question.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
pub struct Ask {
    /// About this.
    pub run: Run,
    /// Where its params are.
    pub source: Source,
    /// What.
    pub question: Question,
    /// Milliseconds for which the answer may be waited for. Then it is [`Reply::Working`].
    pub wait: u32,
}

/// What a server says.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
pub enum Reply {
    /// The claim.
    Claim(Claim),
    /// The state hashes.
    States(Vec<Hash>),
    /// The step's witness.
    Witness(StepWitness),
    /// Put the program first.
    SendProgram,
    /// Put the segments of the params first, from this one on.
    SendSegments(u32),
    /// Ask again.
    Working(Work),
    /// There will be no answer.
    Refused(Refusal),
    /// The proof of the chunk.
    Chunk(Proof),
}

/// What a server is at.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode)]
pub enum Work {
    /// It fetches the params and has so many bytes of them.
    Fetching(u64),
    /// Other runs come first.
    Queued,
    /// So many steps are run.
    Running(u64),
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Fetching(bytes) => write!(f, "fetching its params, {bytes} bytes so far"),
            Self::Queued => f.write_str("waiting for other runs"),
            Self::Running(steps) => write!(f, "at step {steps}"),
        }
    }
}

/// Why there will be no answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode)]
pub enum Refusal {
    /// The server runs another version of the engine: this one.
    OtherEngine(u16),
    /// No location has the params, or the server has no room for so many.
    NoParams,
    /// The bytes that were sent are not these params.
    WrongParams,
    /// The program does not load.
    BadProgram,
    /// The run writes more than the server has memory for.
    TooLarge,
    /// The run has more than [`MAX_STEPS`] steps.
    TooLong,
    /// The run has no such step.
    NoSuchStep,
    /// The server broke down on it.
    Failed,
    /// Params have no such chunk.
    NoSuchChunk,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::OtherEngine(version) => write!(f, "it runs version {version} of the engine"),
            Self::NoParams => f.write_str("it cannot have the params, its log says why"),
            Self::WrongParams => f.write_str("the params that this node sent have another root"),
            Self::BadProgram => f.write_str("the program does not load"),
            Self::TooLarge => f.write_str("the run writes more memory than it gives one"),
            Self::TooLong => write!(f, "the run has more than {MAX_STEPS} steps"),
            Self::NoSuchStep => f.write_str("the run has no such step"),
            Self::NoSuchChunk => f.write_str("params have no such chunk"),
            Self::Failed => f.write_str("it broke down on the run, its log says why"),
        }
    }
}
