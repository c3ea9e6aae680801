//! What only a provider's own node answers: its keystore and its off-chain storage.

use codec::Encode;
use subxt::rpcs::{self, rpc_params};
use subxt::utils::AccountId32;

use super::{Chain, ClientError};
use crate::hex;

/// The key type under which a node's keystore holds worker keys.
const WORKER_KEY_TYPE: &str = "assy";
/// The key of a segment's bytes in a node's off-chain storage begins with this.
const SEGMENT: [u8; 13] = *b"assay:segment";
/// What helps where a node keeps an RPC to itself.
const OWN_MACHINE: &str =
    "A node takes this from its own machine, or with --rpc-methods unsafe: run it where the node is";

impl Chain {
    /// Puts a worker key in the node's keystore. `secret` is a mnemonic, a seed, or either with a path.
    ///
    /// Fails with [`ClientError::RpcRefused`].
    pub fn insert_worker(&self, secret: &str, public_key: [u8; 32]) -> Result<(), ClientError> {
        let method = "author_insertKey";
        let params = rpc_params![WORKER_KEY_TYPE, secret, hex(&public_key)];
        let inserted = self.rpc::<()>(method, params);
        inserted.map_err(|error| self.refused(method, error))
    }

    /// Whether the node's keystore has a worker key.
    ///
    /// Fails with [`ClientError::RpcRefused`].
    pub fn has_worker(&self, public_key: [u8; 32]) -> Result<bool, ClientError> {
        let method = "author_hasKey";
        let has = self.rpc(method, rpc_params![hex(&public_key), WORKER_KEY_TYPE]);
        has.map_err(|error| self.refused(method, error))
    }

    /// Whether the node kept the bytes of a segment, as one with off-chain indexing does.
    ///
    /// Fails with [`ClientError::RpcRefused`].
    pub fn has_segment(&self, params: u32, index: u32) -> Result<bool, ClientError> {
        let method = "offchain_localStorageGet";
        let key = (SEGMENT, params, index).encode();
        let bytes = self.rpc::<Option<String>>(method, rpc_params!["PERSISTENT", hex(&key)]);
        let bytes = bytes.map_err(|error| self.refused(method, error))?;
        Ok(bytes.is_some())
    }

    /// Plancks that an account can spend, and that are on hold.
    pub fn balance(&self, account: &AccountId32) -> Result<Balance, ClientError> {
        let entry = assay_chain::storage().system().account();
        let account = self.fetch(entry, (*account,))?;
        let data = account.map(|account| account.data);
        Ok(data.map_or_else(Balance::default, |data| Balance {
            free: data.free,
            held: data.reserved,
        }))
    }

    fn refused(&self, method: &'static str, error: rpcs::Error) -> ClientError {
        match error {
            rpcs::Error::User(refusal) => ClientError::RpcRefused {
                method,
                reason: refusal.message,
                advice: OWN_MACHINE,
            },
            other => self.error(other),
        }
    }
}

/// What an account has, in plancks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// Not on hold.
    pub free: u128,
    /// On hold: stakes, escrows, deposits.
    pub held: u128,
}
