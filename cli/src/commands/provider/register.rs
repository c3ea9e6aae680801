//! `assay provider register` and `assay provider worker`.

use serde_json::json;

use crate::client::keys::{KeyError, KeyFile, Signer, Store};
use crate::client::provider::Consent;
use crate::client::{hex, Amount, Chain, ClientError};
use crate::commands::connect::signer;
use crate::commands::{Failure, Signing};
use crate::progress::Teller;

/// Added to an account's name for that of its worker key.
const SUFFIX: &str = "-worker";
/// Added to a development chain's account for its worker key.
const PATH: &str = "//worker";

/// Arguments of `assay provider register`.
#[derive(Debug, clap::Args)]
pub struct Register {
    /// The stake: 1.5 is ASSAY, 100000plancks are plancks.
    #[arg(long, value_name = "AMOUNT")]
    pub bond: Amount,
    /// The worker key.
    #[command(flatten)]
    pub key: WorkerKey,
    /// Who signs, and where.
    #[command(flatten)]
    pub signing: Signing,
}

/// Arguments of `assay provider worker`.
#[derive(Debug, clap::Args)]
pub struct Worker {
    /// The worker key.
    #[command(flatten)]
    pub key: WorkerKey,
    /// Who signs, and where.
    #[command(flatten)]
    pub signing: Signing,
}

/// The key with which a node answers for a provider.
#[derive(Debug, clap::Args)]
pub struct WorkerKey {
    /// The worker key, by the name of a key. [default: the account's name and -worker, which is made where it is missing, unless with --no-insert]
    #[arg(long, value_name = "NAME")]
    pub worker: Option<String>,
    /// Leave the node's keystore as it is: the worker key is in it already, or belongs to another node.
    #[arg(long)]
    pub no_insert: bool,
}

pub(super) fn register(arguments: &Register) -> Result<String, Failure> {
    let signing = &arguments.signing;
    let teller = Teller::new(signing.json);
    let (chain, signer) = signing.open()?;
    let worker = arguments.key.open(signing.account.name()?, teller)?;
    let consent = arguments.key.ready(&chain, &signer, &worker, teller)?;
    let (bond, key) = (arguments.bond, hex(&worker.public_key()));
    chain.register(signer.keypair(), worker.public_key(), bond.0, consent)?;
    let account = signer.account();
    let text = format!(
        "{account} is a provider with a bond of {bond} ASSAY, and {key} answers for it. \
         `assay provider offer VERSION` offers a model"
    );
    let json = json!({"provider": account.to_string(), "worker": key, "bond": bond});
    Ok(signing.show(text, json))
}

pub(super) fn worker(arguments: &Worker) -> Result<String, Failure> {
    let signing = &arguments.signing;
    let teller = Teller::new(signing.json);
    let (chain, signer) = signing.open()?;
    let worker = arguments.key.open(signing.account.name()?, teller)?;
    let consent = arguments.key.ready(&chain, &signer, &worker, teller)?;
    chain.set_worker(signer.keypair(), worker.public_key(), consent)?;
    let (account, key) = (signer.account(), hex(&worker.public_key()));
    let text = format!("{key} answers for {account} from now on");
    Ok(signing.show(text, json!({"provider": account.to_string(), "worker": key})))
}

impl WorkerKey {
    /// The worker key of an account. It is made where it is missing and nobody named it, unless a node has it already.
    fn open(&self, account: &str, teller: Teller) -> Result<Signer, Failure> {
        match &self.worker {
            Some(name) => signer(name),
            None if account.starts_with("//") => Ok(Signer::of_phrase(&format!("{account}{PATH}"))?),
            None if self.no_insert => signer(&format!("{account}{SUFFIX}")),
            None => own_worker(&format!("{account}{SUFFIX}"), teller),
        }
    }

    /// Gives the node the worker key, and returns the key's consent to work for the provider.
    fn ready(
        &self,
        chain: &Chain,
        provider: &Signer,
        worker: &Signer,
        teller: Teller,
    ) -> Result<Consent, Failure> {
        if !self.no_insert {
            chain
                .insert_worker(worker.phrase()?, worker.public_key())
                .map_err(or_no_insert)?;
            teller.say(&format!("the node at {} has the worker key", chain.url()));
        }
        Ok(chain.consent(worker, provider)?)
    }
}

fn or_no_insert(error: ClientError) -> Failure {
    match error {
        ClientError::RpcRefused { .. } | ClientError::SecretStays { .. } => {
            format!("{error}; or say --no-insert, after `assay keys insert` where the node is").into()
        }
        other => other.into(),
    }
}

fn own_worker(name: &str, teller: Teller) -> Result<Signer, Failure> {
    let store = Store::of_user()?;
    match store.read(name) {
        Err(KeyError::NotFound(_)) => {
            let worker = Signer::random()?;
            store.add(name, &KeyFile::new(&worker, None)?)?;
            teller.say(&format!("the worker key `{name}` is new"));
            Ok(worker)
        }
        _ => signer(name),
    }
}
