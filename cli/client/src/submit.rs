//! Signs calls, submits them, and finds their events.

use std::time::{Duration, Instant};

use subxt::config::DefaultExtrinsicParamsBuilder;
use subxt::events::DecodeAsEvent;
use subxt::extrinsics::ExtrinsicEvents;
use subxt::rpcs::rpc_params;
use subxt::tx::{Payload, TransactionInBlock, TransactionProgress, TransactionStatus};
use subxt_signer::sr25519::Keypair;

use super::connection::Config;
use super::error::first_lower;
use super::{Chain, ClientError};

/// Blocks after which a call that got into none is forgotten.
const MORTALITY: u64 = 256;
/// Between two looks at the chain.
const PAUSE: Duration = Duration::from_millis(500);
/// What is on its way for so long stays there.
const SETTLED: Duration = Duration::from_secs(60);

type Client = subxt::client::OnlineClientAtBlockImpl<Config>;

/// A call that a node's pool has taken.
pub(super) struct Sent<'a> {
    chain: &'a Chain,
    call: String,
    progress: TransactionProgress<Config, Client>,
}

/// A call that succeeded in a block.
pub(super) struct Included {
    call: String,
    events: ExtrinsicEvents<Config>,
}

impl Chain {
    /// Signs a call, submits it, and waits until it is in a block.
    ///
    /// Fails with [`ClientError::Refused`].
    pub(super) fn submit<Call: Payload>(
        &self,
        call: &Call,
        signer: &Keypair,
    ) -> Result<Included, ClientError> {
        let nonce = self.nonce(signer)?;
        self.send(call, signer, nonce)?.included()
    }

    /// The number of an account's next call, counting those that wait in the node's pool.
    pub(super) fn nonce(&self, signer: &Keypair) -> Result<u64, ClientError> {
        let account = signer.public_key().to_account_id().to_string();
        let nonce = self.rpc("system_accountNextIndex", rpc_params![account]);
        nonce.map_err(|error| self.error(error))
    }

    /// Waits until no call of an account is on its way: what somebody who was killed had submitted is in a block, or is
    /// not to come for a while.
    pub fn settle(&self, signer: &Keypair) -> Result<(), ClientError> {
        let (account, start) = (signer.public_key().to_account_id(), Instant::now());
        while start.elapsed() < SETTLED {
            let entry = self.fetch(assay_chain::storage().system().account(), (account,))?;
            if entry.map_or(0, |entry| u64::from(entry.nonce)) >= self.nonce(signer)? {
                break;
            }
            std::thread::sleep(PAUSE);
        }
        Ok(())
    }

    /// Signs a call and submits it. `nonce` counts the account's calls.
    ///
    /// Fails with [`ClientError::Refused`] where the pool does not take it.
    pub(super) fn send<Call: Payload>(
        &self,
        call: &Call,
        signer: &Keypair,
        nonce: u64,
    ) -> Result<Sent<'_>, ClientError> {
        let name = format!("{}.{}", first_lower(call.pallet_name()), call.call_name());
        let failed = |error| ClientError::of_submission(self.url(), &name, error);
        // A block that will not go away is known to every node.
        let mut transactions = self.finalized()?.transactions();
        let params = DefaultExtrinsicParamsBuilder::new()
            .nonce(nonce)
            .mortal(MORTALITY);
        let signed = self.wait(transactions.create_signed(call, signer, params.build()));
        let signed = signed.map_err(failed)?;
        let progress = self.wait(signed.submit_and_watch()).map_err(failed)?;
        Ok(Sent {
            chain: self,
            call: name,
            progress,
        })
    }
}

impl Sent<'_> {
    /// Waits until the call is in a block.
    ///
    /// Fails with [`ClientError::Refused`] where it failed there, or gets into none.
    pub(super) fn included(mut self) -> Result<Included, ClientError> {
        let chain = self.chain;
        let block = chain.wait(self.block())?;
        let events = chain.wait(block.wait_for_success());
        let events = events.map_err(|error| ClientError::of_events(self.chain.url(), &self.call, error))?;
        Ok(Included {
            call: self.call,
            events,
        })
    }

    async fn block(&mut self) -> Result<TransactionInBlock<Config, Client>, ClientError> {
        while let Some(status) = self.progress.next().await {
            match status.map_err(|error| self.chain.error(error))? {
                TransactionStatus::InBestBlock(block) | TransactionStatus::InFinalizedBlock(block) => {
                    return Ok(block);
                }
                TransactionStatus::Error { message }
                | TransactionStatus::Invalid { message }
                | TransactionStatus::Dropped { message } => {
                    return Err(ClientError::of_pool(&self.call, message));
                }
                TransactionStatus::Validated
                | TransactionStatus::Broadcasted
                | TransactionStatus::NoLongerInBestBlock => {}
            }
        }
        Err(ClientError::Unreachable {
            url: self.chain.url().into(),
            reason: format!("the connection was lost while {} was on its way", self.call),
        })
    }
}

impl Included {
    /// The first event of a kind that the call emitted.
    ///
    /// Fails with [`ClientError::Unexpected`] where it emitted none.
    pub(super) fn event<Event: DecodeAsEvent>(&self) -> Result<Event, ClientError> {
        let event = self.events.find_first::<Event>();
        let missing = || format!("{} emitted no {}", self.call, std::any::type_name::<Event>());
        let event = event.ok_or_else(|| ClientError::Unexpected(missing()))?;
        event.map_err(|error| ClientError::Unexpected(error.to_string()))
    }
}
