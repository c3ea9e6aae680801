//! A connection to a node, and what it reads.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use subxt::backend::LegacyBackend;
use subxt::client::{ClientAtBlock, OnlineClientAtBlockImpl};
use subxt::config::substrate::H256;
use subxt::rpcs::client::RpcParams;
use subxt::rpcs::{self, rpc_params, RpcClient};
use subxt::storage::Address;
use subxt::{constants, runtime_apis, OnlineClient, PolkadotConfig};
use tokio::runtime::{Builder, Runtime};

use super::compatible;
use super::ClientError;

/// How the chain's accounts, blocks and transactions are made.
pub type Config = PolkadotConfig;
/// The chain as it is at one block.
pub type AtBlock = ClientAtBlock<Config, OnlineClientAtBlockImpl<Config>>;

type Listener = Box<dyn Fn(&str)>;

/// A node that does not answer for so long is not there.
const PATIENCE: Duration = Duration::from_secs(20);
/// A chain that makes no block for so long stands still.
pub(super) const STANDSTILL: Duration = Duration::from_secs(180);

/// A connection to a node whose runtime this tool knows.
pub struct Chain {
    url: String,
    client: OnlineClient<Config>,
    rpc: RpcClient,
    /// Answers the node in between, while a user thinks.
    runtime: Runtime,
    /// Hears of each call that is in a block, when the wait for the block to be final begins.
    listener: Option<Listener>,
}

impl Chain {
    /// Connects to the node at `url`, and makes sure that it knows its runtime.
    ///
    /// Fails with [`ClientError::BadUrl`], [`ClientError::Unreachable`] and [`ClientError::Incompatible`].
    pub fn connect(url: &str) -> Result<Self, ClientError> {
        if !url.starts_with("ws://") && !url.starts_with("wss://") {
            return Err(ClientError::BadUrl(url.into()));
        }
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(|error| ClientError::Unexpected(error.to_string()))?;
        let (rpc, client) = runtime.block_on(open(url))?;
        let chain = Self {
            url: url.into(),
            client,
            rpc,
            runtime,
            listener: None,
        };
        chain.check()?;
        Ok(chain)
    }

    /// Has `listener` hear the name of each call that is in a block, when the wait for the block to be final begins.
    pub fn with_listener(mut self, listener: impl Fn(&str) + 'static) -> Self {
        self.listener = Some(Box::new(listener));
        self
    }

    pub(super) fn waits_for_end(&self, call: &str) {
        if let Some(listener) = &self.listener {
            listener(call);
        }
    }

    /// Where the node is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Waits for the node.
    pub(super) fn wait<Output>(&self, work: impl Future<Output = Output>) -> Output {
        self.runtime.block_on(work)
    }

    /// Asks the node by RPC.
    pub(super) fn rpc<Answer: DeserializeOwned>(
        &self,
        method: &str,
        params: RpcParams,
    ) -> Result<Answer, rpcs::Error> {
        self.wait(self.rpc.request(method, params))
    }

    /// The chain as it is in the newest block that the node knows.
    pub(super) fn newest(&self) -> Result<AtBlock, ClientError> {
        let hash = self.rpc::<H256>("chain_getBlockHash", rpc_params![]);
        let hash = hash.map_err(|error| self.error(error))?;
        self.wait(self.client.at_block(hash))
            .map_err(|error| self.error(error))
    }

    /// The chain as it is in the newest block that will not go away.
    pub(super) fn finalized(&self) -> Result<AtBlock, ClientError> {
        self.wait(self.client.at_current_block())
            .map_err(|error| self.error(error))
    }

    /// The number of the newest block.
    pub fn height(&self) -> Result<u64, ClientError> {
        Ok(self.newest()?.block_number())
    }

    /// What a runtime API answers at the newest block.
    pub(super) fn ask<Call: runtime_apis::Payload>(
        &self,
        call: Call,
    ) -> Result<Call::ReturnType, ClientError> {
        let at = self.newest()?;
        self.wait(at.runtime_apis().call(call))
            .map_err(|error| self.error(error))
    }

    /// A value of the chain's state at the newest block.
    pub(super) fn fetch<Entry: Address>(
        &self,
        entry: Entry,
        key: Entry::KeyParts,
    ) -> Result<Option<Entry::Value>, ClientError> {
        let at = self.newest()?;
        let value = self.wait(at.storage().try_fetch(entry, key));
        let value = value.map_err(|error| self.error(error))?;
        let value = value.map(|value| value.decode());
        value.transpose().map_err(|error| self.error(error))
    }

    /// A constant of the chain's runtime.
    pub(super) fn constant<Entry: constants::Address>(
        &self,
        entry: Entry,
    ) -> Result<Entry::Target, ClientError> {
        let value = self.newest()?.constants().entry(entry);
        value.map_err(|error| self.error(error))
    }

    /// All values of a map of the chain's state at the newest block, by their keys.
    pub(super) fn fetch_all<Entry>(&self, entry: Entry) -> Result<Vec<(u32, Entry::Value)>, ClientError>
    where
        Entry: Address<KeyParts = (u32,)>,
    {
        let at = self.newest()?;
        let storage = at.storage();
        let mut entries = self
            .wait(storage.iter(entry, ()))
            .map_err(|error| self.error(error))?;
        let mut all = Vec::new();
        while let Some(entry) = self.wait(entries.next()) {
            let entry = entry.map_err(|error| self.error(error))?;
            let key = entry.key().map_err(|error| self.error(error))?;
            let (key,) = key.decode().map_err(|error| self.error(error))?;
            all.push((key, entry.value().decode().map_err(|error| self.error(error))?));
        }
        all.sort_by_key(|(key, _)| *key);
        Ok(all)
    }

    /// An error of `subxt` on this connection.
    pub(super) fn error(&self, error: impl Into<subxt::Error>) -> ClientError {
        ClientError::of(&self.url, error)
    }

    fn check(&self) -> Result<(), ClientError> {
        let at = self.newest()?;
        let known = compatible::built_in();
        let known = known.ok_or_else(|| ClientError::Unexpected("the built-in metadata is none".into()))?;
        let items = compatible::differences(&known, at.metadata_ref());
        match items.is_empty() {
            true => Ok(()),
            false => Err(ClientError::Incompatible {
                url: self.url.clone(),
                spec_version: at.spec_version(),
                items,
            }),
        }
    }
}

/// Opens a connection.
async fn open(url: &str) -> Result<(RpcClient, OnlineClient<Config>), ClientError> {
    let unreachable = |reason: String| ClientError::Unreachable {
        url: url.into(),
        reason,
    };
    let rpc = tokio::time::timeout(PATIENCE, RpcClient::from_insecure_url(url));
    let rpc = rpc.await.map_err(|_| unreachable("it does not answer".into()))?;
    let rpc = rpc.map_err(|error| unreachable(innermost(&error)))?;
    let backend = Arc::new(LegacyBackend::builder().build(rpc.clone()));
    let client = OnlineClient::from_backend(backend).await;
    Ok((rpc, client.map_err(|error| ClientError::of(url, error))?))
}

/// The cause behind all others, in words, without the layers that it came through.
fn innermost(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let text = causes.last().map(ToString::to_string).unwrap_or_default();
    text.trim_start_matches("RPC error: client error: ").into()
}
