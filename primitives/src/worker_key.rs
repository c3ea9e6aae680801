//! The hot key of a provider's node.
//!
//! The provider's account names it on chain; it signs claims and what disputes take, so the account's own key can
//! stay cold.

use sp_application_crypto::KeyTypeId;

/// The key type under which a node's keystore holds worker keys.
pub const WORKER_KEY_TYPE: KeyTypeId = KeyTypeId(*b"assy");

mod app {
    use super::WORKER_KEY_TYPE;
    use sp_application_crypto::{app_crypto, sr25519};

    app_crypto!(sr25519, WORKER_KEY_TYPE);
}

/// The public half of a worker key (sr25519).
pub type WorkerId = app::Public;
/// A signature by a worker key.
pub type WorkerSignature = app::Signature;
#[cfg(feature = "std")]
/// A worker key.
pub type WorkerPair = app::Pair;
