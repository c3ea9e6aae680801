//! `assay provider offer`.

use serde_json::json;

use crate::client::Amount;
use crate::commands::{Failure, Signing};

/// Arguments of `assay provider offer`.
#[derive(Debug, clap::Args)]
pub struct Offer {
    /// The number of a model's version: `assay model list` says what there is.
    pub version: u32,
    /// What a job costs: 1.5 is ASSAY, 100000plancks are plancks.
    #[arg(long, value_name = "AMOUNT", required_unless_present = "remove")]
    pub per_job: Option<Amount>,
    /// What each step costs besides.
    #[arg(long, value_name = "AMOUNT", default_value = "0")]
    pub per_step: Amount,
    /// Jobs at the same time. With 0 the offer is closed.
    #[arg(long, value_name = "JOBS", default_value_t = 1)]
    pub capacity: u16,
    /// Take the offer back.
    #[arg(long, conflicts_with_all = ["per_job", "per_step", "capacity"])]
    pub remove: bool,
    /// Who signs, and where.
    #[command(flatten)]
    pub signing: Signing,
}

pub(super) fn offer(arguments: &Offer) -> Result<String, Failure> {
    match arguments.remove {
        true => remove(arguments),
        false => set(arguments),
    }
}

fn set(arguments: &Offer) -> Result<String, Failure> {
    let (chain, signer) = arguments.signing.open()?;
    let (version, capacity) = (arguments.version, arguments.capacity);
    let (per_job, per_step) = (arguments.per_job.unwrap_or_default(), arguments.per_step);
    let max_steps = chain.version(version)?.max_steps;
    chain.set_offer(signer.keypair(), version, per_job.0, per_step.0, capacity)?;
    let most = per_step
        .0
        .checked_mul(max_steps.into())
        .and_then(|steps| steps.checked_add(per_job.0));
    let most = most.map(|most| format!(", {} for one of {max_steps} steps", Amount(most)));
    let text = format!(
        "version {version} is offered for {per_job} ASSAY a job and {per_step} a step{}; {capacity} at a time",
        most.unwrap_or_default()
    );
    let json = json!({"version": version, "per_job": per_job, "per_step": per_step, "capacity": capacity});
    Ok(arguments.signing.show(text, json))
}

fn remove(arguments: &Offer) -> Result<String, Failure> {
    let (chain, signer) = arguments.signing.open()?;
    let version = arguments.version;
    chain.remove_offer(signer.keypair(), version)?;
    let text = format!("version {version} is not offered any more");
    Ok(arguments
        .signing
        .show(text, json!({"version": version, "removed": true})))
}
