//! Signs calls, submits them, and finds their events.

use std::time::{Duration, Instant};

use subxt::config::DefaultExtrinsicParamsBuilder;
use subxt::events::DecodeAsEvent;
use subxt::extrinsics::ExtrinsicEvents;
use subxt::rpcs::rpc_params;
use subxt::tx::{Payload, TransactionInBlock, TransactionProgress, TransactionStatus};
use subxt_signer::sr25519::Keypair;

use super::connection::{Config, STANDSTILL};
use super::error::first_lower;
use super::{Chain, ClientError};

/// Blocks after which a call that got into none is forgotten.
const MORTALITY: u64 = 256;
/// Between two looks at the chain.
const PAUSE: Duration = Duration::from_millis(500);
/// What is on its way for so long stays there.
const SETTLED: Duration = Duration::from_secs(60);

type Client = subxt::client::OnlineClientAtBlockImpl<Config>;

/// In which block a call has to be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// In the newest one. Another may take its place, where the call may find other numbers given away.
    Best,
    /// In one that will not go away.
    Final,
}

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
    /// Signs a call, submits it, and waits until it is in a block that is final: what is done next builds on it.
    ///
    /// Fails with [`ClientError::Refused`] and [`ClientError::Unknown`].
    pub(super) fn submit<Call: Payload>(
        &self,
        call: &Call,
        signer: &Keypair,
    ) -> Result<Included, ClientError> {
        self.submit_to(Depth::Final, call, signer)
    }

    /// The same, for a block of some depth.
    pub(super) fn submit_to<Call: Payload>(
        &self,
        depth: Depth,
        call: &Call,
        signer: &Keypair,
    ) -> Result<Included, ClientError> {
        let nonce = self.nonce(signer)?;
        self.send(call, signer, nonce)?.included(depth)
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
    /// Fails with [`ClientError::Refused`] where the pool does not take it, and with [`ClientError::Unknown`] where it does not
    /// say.
    pub(super) fn send<Call: Payload>(
        &self,
        call: &Call,
        signer: &Keypair,
        nonce: u64,
    ) -> Result<Sent<'_>, ClientError> {
        let name = format!("{}.{}", first_lower(call.pallet_name()), call.call_name());
        // A block that will not go away is known to every node.
        let mut transactions = self.finalized()?.transactions();
        let params = DefaultExtrinsicParamsBuilder::new()
            .nonce(nonce)
            .mortal(MORTALITY);
        let signed = self.wait(transactions.create_signed(call, signer, params.build()));
        let signed = signed.map_err(|error| self.error(error))?;
        let progress = self.wait(signed.submit_and_watch());
        let progress = progress.map_err(|error| ClientError::of_submission(&name, error))?;
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
    /// Fails with [`ClientError::Refused`] where it failed there, and with [`ClientError::Unknown`] where it cannot be seen whether
    /// it is in one.
    pub(super) fn included(mut self, depth: Depth) -> Result<Included, ClientError> {
        let block = self.block(depth)?;
        let events = self.chain.wait(block.wait_for_success());
        let events = events.map_err(|error| ClientError::of_events(&self.call, error))?;
        Ok(Included {
            call: self.call,
            events,
        })
    }

    fn block(&mut self, depth: Depth) -> Result<TransactionInBlock<Config, Client>, ClientError> {
        loop {
            match self.next_status()? {
                TransactionStatus::InFinalizedBlock(block) => return Ok(block),
                TransactionStatus::InBestBlock(block) if depth == Depth::Best => return Ok(block),
                TransactionStatus::InBestBlock(_) => self.chain.waits_for_end(&self.call),
                // A block that another node made may have it all the same.
                TransactionStatus::Error { message }
                | TransactionStatus::Invalid { message }
                | TransactionStatus::Dropped { message } => {
                    return Err(ClientError::unknown(&self.call, message));
                }
                TransactionStatus::Validated
                | TransactionStatus::Broadcasted
                | TransactionStatus::NoLongerInBestBlock => {}
            }
        }
    }

    /// What happens to the call next, if the chain goes on.
    fn next_status(&mut self) -> Result<TransactionStatus<Config, Client>, ClientError> {
        let mut height = self.final_height()?;
        loop {
            let next = async { tokio::time::timeout(STANDSTILL, self.progress.next()).await };
            match self.chain.wait(next) {
                Ok(Some(Ok(status))) => return Ok(status),
                Ok(Some(Err(error))) => return Err(ClientError::unknown(&self.call, error)),
                Ok(None) => return Err(ClientError::unknown(&self.call, "the connection was lost")),
                Err(_) => {
                    let now = self.final_height()?;
                    if now == height {
                        let reason = format!("no block became final for {} s", STANDSTILL.as_secs());
                        return Err(ClientError::unknown(&self.call, reason));
                    }
                    height = now;
                }
            }
        }
    }

    fn final_height(&self) -> Result<u64, ClientError> {
        let newest = self.chain.finalized();
        let newest = newest.map_err(|error| ClientError::unknown(&self.call, error))?;
        Ok(newest.block_number())
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
