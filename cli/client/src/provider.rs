//! A provider, its stake and its offers.

use std::time::{Duration, Instant};

use assay_chain::providers::events::{Bonded, Unbonding, Withdrawn};
use assay_chain::runtime_types::assay_primitives::worker_key::app::{Public, Signature};
use assay_chain::runtime_types::assay_primitives::Price;
use assay_chain::runtime_types::pallet_providers::types as chain;
use assay_chain::{runtime_apis, tx};
use subxt_signer::sr25519::Keypair;

use super::connection::STANDSTILL;
use super::keys::Signer;
use super::{AccountId32, Chain, ClientError};

/// A provider, as the chain shows it.
pub type ProviderInfo = chain::ProviderInfo<u128, u32>;
/// An offer, as the chain shows it.
pub type OfferInfo = chain::OfferInfo<AccountId32, u128, u32>;
/// Whether a provider takes jobs.
pub type Status = chain::Status;
/// A worker key's consent to work for a provider.
pub struct Consent(Signature);

/// Stake on its way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaving {
    /// Plancks.
    pub amount: u128,
    /// The block from which on it can be withdrawn.
    pub unlocks_at: u32,
}

/// What a provider can do that takes no arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    /// Takes no more jobs.
    Pause,
    /// Takes jobs again.
    Resume,
    /// Is no provider any more.
    Deregister,
}

/// What the calls fail with where the chain refuses them: [`ClientError::Refused`].
impl Chain {
    /// A provider.
    ///
    /// Fails with [`ClientError::NotFound`].
    pub fn provider(&self, provider: &AccountId32) -> Result<ProviderInfo, ClientError> {
        let info = self.ask(runtime_apis().providers_api().provider(*provider))?;
        info.ok_or_else(|| ClientError::NotFound {
            what: format!("the provider {provider}"),
            advice: "`assay provider register` registers one",
        })
    }

    /// The offers of a version.
    pub fn offers(&self, version: u32) -> Result<Vec<OfferInfo>, ClientError> {
        self.ask(runtime_apis().providers_api().offers(version))
    }

    /// The jobs that wait for a provider's answer.
    pub fn assigned_to(&self, provider: &AccountId32) -> Result<Vec<u64>, ClientError> {
        self.ask(runtime_apis().jobs_api().assigned_to(*provider))
    }

    /// A worker key's consent to work for a provider, signed as a wallet signs bytes.
    pub fn consent(&self, worker: &Signer, provider: &Signer) -> Result<Consent, ClientError> {
        // The hash of the first block, which is a part of the message, is in state with the next one.
        let start = Instant::now();
        while self.height()? == 0 {
            if start.elapsed() > STANDSTILL {
                return Err(ClientError::Unexpected("the chain has no block yet".into()));
            }
            std::thread::sleep(Duration::from_millis(500));
        }
        let message = self.ask(
            runtime_apis()
                .providers_api()
                .worker_proof_message(provider.account()),
        )?;
        let wrapped = [b"<Bytes>", &message[..], b"</Bytes>"].concat();
        Ok(Consent(Signature(worker.keypair().sign(&wrapped).0)))
    }

    /// Registers a provider with a bond in plancks.
    pub fn register(
        &self,
        owner: &Keypair,
        worker: [u8; 32],
        bond: u128,
        consent: Consent,
    ) -> Result<(), ClientError> {
        let call = tx().providers().register(Public(worker), bond, consent.0);
        self.submit(&call, owner).map(|_| ())
    }

    /// Names another worker key.
    pub fn set_worker(&self, owner: &Keypair, worker: [u8; 32], consent: Consent) -> Result<(), ClientError> {
        let call = tx().providers().set_worker(Public(worker), consent.0);
        self.submit(&call, owner).map(|_| ())
    }

    /// Offers to run a version, at prices in plancks, `capacity` jobs at the same time.
    pub fn set_offer(
        &self,
        owner: &Keypair,
        version: u32,
        per_job: u128,
        per_step: u128,
        capacity: u16,
    ) -> Result<(), ClientError> {
        let call = tx()
            .providers()
            .set_offer(version, Price { per_job, per_step }, capacity);
        self.submit(&call, owner).map(|_| ())
    }

    /// Takes an offer back.
    pub fn remove_offer(&self, owner: &Keypair, version: u32) -> Result<(), ClientError> {
        self.submit(&tx().providers().remove_offer(version), owner)
            .map(|_| ())
    }

    /// Adds plancks to the bond. Returns how many.
    pub fn bond_more(&self, owner: &Keypair, amount: u128) -> Result<u128, ClientError> {
        let included = self.submit(&tx().providers().bond_more(amount), owner)?;
        Ok(included.event::<Bonded>()?.amount)
    }

    /// Begins to take plancks out of the bond.
    pub fn unbond(&self, owner: &Keypair, amount: u128) -> Result<Leaving, ClientError> {
        let included = self.submit(&tx().providers().unbond(amount), owner)?;
        let event = included.event::<Unbonding>()?;
        Ok(Leaving {
            amount: event.amount,
            unlocks_at: event.unlocks_at,
        })
    }

    /// Takes out the stake whose time has come. Returns how many plancks that are.
    pub fn withdraw(&self, owner: &Keypair) -> Result<u128, ClientError> {
        let included = self.submit(&tx().providers().withdraw(), owner)?;
        Ok(included.event::<Withdrawn>()?.amount)
    }

    /// Stops or starts a provider.
    pub fn switch(&self, owner: &Keypair, switch: Switch) -> Result<(), ClientError> {
        let included = match switch {
            Switch::Pause => self.submit(&tx().providers().pause(), owner),
            Switch::Resume => self.submit(&tx().providers().resume(), owner),
            Switch::Deregister => self.submit(&tx().providers().deregister(), owner),
        };
        included.map(|_| ())
    }
}
