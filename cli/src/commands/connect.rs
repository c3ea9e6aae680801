//! The options that say which node is talked to, and who signs.

use std::str::FromStr;

use serde_json::Value;

use super::{ask, Failure, Usage};
use crate::client::keys::{Signer, Store};
use crate::client::{AccountId32, Chain};
use crate::progress::Teller;

/// Which node is talked to.
#[derive(Clone, Debug, clap::Args)]
pub struct Node {
    /// The RPC of a node of the chain.
    #[arg(
        long,
        value_name = "URL",
        env = "ASSAY_URL",
        default_value = "ws://127.0.0.1:9944"
    )]
    pub url: String,
}

/// Who signs.
#[derive(Clone, Debug, clap::Args)]
pub struct Account {
    /// Who signs: a key of `assay keys list`, or //NAME of a development chain, as //Alice.
    #[arg(long, value_name = "NAME", env = "ASSAY_KEY")]
    pub key: Option<String>,
}

impl Node {
    /// Connects to the node.
    pub(super) fn connect(&self) -> Result<Chain, Failure> {
        Ok(Chain::connect(&self.url)?)
    }
}

impl Account {
    /// The name of the key.
    pub(super) fn name(&self) -> Result<&str, Failure> {
        let missing =
            "who signs? Say so with --key NAME or ASSAY_KEY: `assay keys list` says which keys there are, \
                       `assay keys new NAME` makes one, and //Alice is one of a development chain";
        Ok(self.key.as_deref().ok_or_else(|| Usage(missing.into()))?)
    }

    /// Somebody who is named, or else the key.
    pub(super) fn name_or<'a>(&'a self, named: Option<&'a str>) -> Result<&'a str, Failure> {
        named.map_or_else(|| self.name(), Ok)
    }

    /// The key.
    pub(super) fn signer(&self) -> Result<Signer, Failure> {
        signer(self.name()?)
    }
}

/// Who signs, where, and how to print.
#[derive(Debug, clap::Args)]
pub struct Signing {
    /// Who signs.
    #[command(flatten)]
    pub account: Account,
    /// The node.
    #[command(flatten)]
    pub node: Node,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

impl Signing {
    /// Opens the key, and connects to the node.
    pub(super) fn open(&self) -> Result<(Chain, Signer), Failure> {
        let signer = self.account.signer()?;
        Ok((self.connect()?, signer))
    }

    /// Connects to the node, and says what it waits for.
    pub(super) fn connect(&self) -> Result<Chain, Failure> {
        let teller = Teller::new(self.json);
        let say = move |call: &str| teller.say(&format!("{call} is in a block: waiting until it is final"));
        Ok(self.node.connect()?.with_listener(say))
    }

    /// What a command prints: for people, or for machines.
    pub(super) fn show(&self, text: String, json: Value) -> String {
        if self.json {
            json.to_string()
        } else {
            text
        }
    }
}

/// A key by its name, or by the path of a development chain's.
pub(super) fn signer(name: &str) -> Result<Signer, Failure> {
    match name.starts_with("//") {
        true => Ok(Signer::of_phrase(name)?),
        false => Ok(Store::of_user()?.read(name)?.open(|| ask::password(name))?),
    }
}

/// An account by its address, by the name of a key, or by the path of a development chain's.
pub(super) fn account(text: &str) -> Result<AccountId32, Failure> {
    if let Ok(account) = AccountId32::from_str(text) {
        return Ok(account);
    }
    if text.starts_with("//") {
        return Ok(Signer::of_phrase(text)?.account());
    }
    let key = Store::of_user()?.read(text);
    let key = key.map_err(|error| format!("`{text}` is no address, and as the name of a key: {error}"))?;
    Ok(key
        .account()
        .ok_or_else(|| format!("the key `{text}` has no address"))?)
}
