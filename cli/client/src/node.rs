//! What only a provider's own node answers: its keystore and its off-chain storage.

use std::net::IpAddr;

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
    /// Puts a worker key in the node's keystore, unless it is there. `secret` is a mnemonic, a seed, or either with a path.
    ///
    /// Fails with [`ClientError::SecretStays`] and [`ClientError::RpcRefused`] before anybody hears the secret.
    pub fn insert_worker(&self, secret: &str, public_key: [u8; 32]) -> Result<(), ClientError> {
        if !is_here(self.url()) {
            return Err(ClientError::SecretStays {
                url: self.url().into(),
            });
        }
        if self.has_worker(public_key)? {
            return Ok(());
        }
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

/// Whether a URL is one of this machine.
fn is_here(url: &str) -> bool {
    let authority = url
        .split_once("://")
        .map_or(url, |(_, rest)| rest)
        .split(['/', '?', '#'])
        .next()
        .unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let name = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// What an account has, in plancks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// Not on hold.
    pub free: u128,
    /// On hold: stakes, escrows, deposits.
    pub held: u128,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_stays_on_this_machine() {
        for url in [
            "ws://127.0.0.1:9944",
            "ws://localhost",
            "wss://localhost:1/path",
            "ws://[::1]:9944",
            "ws://user:password@127.0.0.2:9944",
        ] {
            assert!(is_here(url), "{url}");
        }
        for url in [
            "ws://10.0.0.1:9944",
            "wss://rpc.example.org",
            "ws://localhost.example.org:9944",
            "ws://127.0.0.1@example.org",
            "ws://example.org/127.0.0.1",
            "ws://[2001:db8::1]:9944",
            "ws://",
        ] {
            assert!(!is_here(url), "{url}");
        }
    }
}
