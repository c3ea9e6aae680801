//! Talks to the chain through a node's RPC.
//!
//! A crate of its own, whose functions wait: what `subxt` makes of each call compiles here, once.
//!
//! | module | what |
//! | --- | --- |
//! | [`amount`] | amounts of the chain's token |
//! | [`keys`] | the keys with which a user signs |
//! | [`connection`] | a connection, and what it reads |
//! | [`provider`] | a provider, its stake and its offers |
//! | [`compatible`] | whether the node's runtime is one that this tool knows |
//! | [`submit`] | signs and submits calls, and finds their events |
//! | [`upload`] | brings programs and params to the chain |
//! | [`catalog`] | the models on the chain |
//! | [`version`] | what a version takes and gives |
//! | [`job`] | a job, from its request to its end |
//! | [`node`] | what only a provider's own node answers |
//! | [`error`] | why it failed |

#![deny(missing_docs)]

pub mod amount;
pub mod catalog;
pub mod compatible;
pub mod connection;
pub mod error;
pub mod job;
pub mod keys;
pub mod node;
pub mod provider;
pub mod submit;
pub mod upload;
pub mod version;

pub use amount::Amount;
pub use connection::Chain;
pub use error::ClientError;
pub use subxt::config::substrate::H256;
pub use subxt::utils::AccountId32;

/// `0x` and hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().map(|byte| format!("{byte:02x}"));
    format!("0x{}", digits.collect::<String>())
}
