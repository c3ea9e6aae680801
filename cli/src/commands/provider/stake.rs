//! The commands that move a provider's stake, or stop and start it.

use serde_json::json;

use super::{Plain, Stake};
use crate::client::provider::Switch;
use crate::client::Amount;
use crate::commands::Failure;

pub(super) fn bond(arguments: &Stake) -> Result<String, Failure> {
    let (chain, signer) = arguments.signing.open()?;
    let added = Amount(chain.bond_more(signer.keypair(), arguments.amount.0)?);
    let text = format!("{added} ASSAY are added to the bond");
    Ok(arguments.signing.show(text, json!({"bonded": added})))
}

pub(super) fn unbond(arguments: &Stake) -> Result<String, Failure> {
    let (chain, signer) = arguments.signing.open()?;
    let leaving = chain.unbond(signer.keypair(), arguments.amount.0)?;
    let (amount, block) = (Amount(leaving.amount), leaving.unlocks_at);
    let text = format!(
        "{amount} ASSAY are on their way out: from block {block} on, `assay provider withdraw` takes them"
    );
    Ok(arguments
        .signing
        .show(text, json!({"unbonding": amount, "unlocks_at": block})))
}

pub(super) fn withdraw(arguments: &Plain) -> Result<String, Failure> {
    let (chain, signer) = arguments.signing.open()?;
    let amount = Amount(chain.withdraw(signer.keypair())?);
    Ok(arguments
        .signing
        .show(format!("{amount} ASSAY are out"), json!({"withdrawn": amount})))
}

pub(super) fn switch(arguments: &Plain, switch: Switch) -> Result<String, Failure> {
    let (chain, signer) = arguments.signing.open()?;
    chain.switch(signer.keypair(), switch)?;
    let (status, text) = match switch {
        Switch::Pause => ("paused", "no more jobs are taken, until `assay provider resume`"),
        Switch::Resume => ("active", "jobs are taken again"),
        Switch::Deregister => ("deregistered", "this account is no provider any more"),
    };
    let json = json!({"provider": signer.account().to_string(), "status": status});
    Ok(arguments.signing.show(text.into(), json))
}
