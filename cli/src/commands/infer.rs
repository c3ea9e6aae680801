//! `assay infer`.

use std::path::PathBuf;

use serde_json::json;

use super::connect::account;
use super::exit::{RequestedAlready, UnansweredReport};
use super::interface::specs;
use super::job::watch;
use super::{ask, create_folder, Failure, Inputs, Signing, Usage};
use crate::client::job::{Quote, Until};
use crate::client::version::VersionInfo;
use crate::client::{AccountId32, Amount, Chain};
use crate::progress::Teller;

/// Arguments of `assay infer`.
#[derive(Debug, clap::Args)]
pub struct Infer {
    /// The number of a model's version: `assay model list` says what there is.
    pub version: u32,
    /// What it runs on.
    #[command(flatten)]
    pub inputs: Inputs,
    /// The most that it may cost: 1.5 is ASSAY, 100000plancks are plancks. [default: what the cheapest provider asks at most]
    #[arg(long, value_name = "AMOUNT")]
    pub max_fee: Option<Amount>,
    /// Who is to answer: an address, or the name of a key. [default: whom the chain draws]
    #[arg(long, value_name = "ADDRESS")]
    pub provider: Option<String>,
    /// How far to wait.
    #[arg(long, value_enum, default_value = "final")]
    pub until: Until,
    /// Print the job's number and do not wait.
    #[arg(long)]
    pub no_wait: bool,
    /// Write each output to this folder, as NAME.npy. The folder is created where it is missing.
    #[arg(long, value_name = "FOLDER")]
    pub output: Option<PathBuf>,
    /// Do not ask before it is paid. Without it and without --max-fee, nothing is paid where nobody can be asked.
    #[arg(long)]
    pub yes: bool,
    /// Who pays, and where.
    #[command(flatten)]
    pub signing: Signing,
}

pub(super) fn infer(arguments: &Infer) -> Result<String, Failure> {
    // What is wrong without the chain is found before it is asked.
    arguments.signing.account.name()?;
    let provider = arguments.provider.as_deref().map(account).transpose()?;
    let teller = Teller::new(arguments.signing.json);
    let chain = arguments.signing.node.connect()?;
    let version = chain.version(arguments.version)?;
    let input = arguments.inputs.only(&specs(&version.details.inputs.0))?;
    let quote = quote(&chain, arguments, &version, provider)?;
    let max_fee = arguments.max_fee.unwrap_or(Amount(quote.max));
    teller.say(&offer_text(&quote, &version));
    consent(arguments, max_fee)?;
    // Nobody pays for what cannot be written.
    arguments.output.as_deref().map(create_folder).transpose()?;
    let signer = arguments.signing.account.signer()?;
    teller.say("the request is on its way: the job has its number when it is final");
    let requested = chain.request(signer.keypair(), arguments.version, input, max_fee.0, provider);
    let job = requested?.job;
    teller.say(&format!("job {job} is requested, for at most {max_fee} ASSAY"));
    match arguments.no_wait {
        true if arguments.signing.json => Ok(json!({"job": job, "max_fee": max_fee}).to_string()),
        true => Ok(format!("job {job}: `assay job watch {job}` waits for its answer")),
        false => watch(
            &chain,
            job,
            arguments.until,
            arguments.output.as_deref(),
            arguments.signing.json,
        )
        .map_err(|failure| match failure.is::<UnansweredReport>() {
            true => failure,
            false => RequestedAlready { job, failure }.into(),
        }),
    }
}

/// Fails unless whoever pays agrees to a price: now, or by an option.
fn consent(arguments: &Infer, max_fee: Amount) -> Result<(), Failure> {
    if arguments.yes {
        return Ok(());
    }
    match arguments.signing.json || !ask::is_terminal() {
        true if arguments.max_fee.is_some() => Ok(()),
        true => Err(Usage(format!(
            "nobody can be asked whether it may cost {max_fee} ASSAY: say --yes, or --max-fee AMOUNT"
        ))
        .into()),
        false if ask::agrees(&format!("Pay at most {max_fee} ASSAY?"))? => Ok(()),
        false => Err("nothing was requested".into()),
    }
}

/// The cheapest price.
fn quote(
    chain: &Chain,
    arguments: &Infer,
    info: &VersionInfo,
    provider: Option<AccountId32>,
) -> Result<Quote, Failure> {
    let version = arguments.version;
    let quotes = chain.quotes(version, provider)?;
    let reason = match (info.deprecated, info.frozen) {
        (true, _) => "its owner takes no new jobs for it",
        (_, true) => "a part of its params cannot be had",
        _ if arguments.provider.is_some() => "that provider has no offer that takes a job now",
        _ => "no provider has an offer that takes a job now",
    };
    let none = || {
        format!(
            "nobody answers version {version}: {reason}. `assay model show {}` says who offers what",
            info.model
        )
    };
    Ok(quotes.into_iter().next().ok_or_else(none)?)
}

fn offer_text(quote: &Quote, version: &VersionInfo) -> String {
    format!(
        "the cheapest offer is {} ASSAY for a job and {} for a step, {} at most; {} are held for the job's state until it ends",
        Amount(quote.per_job),
        Amount(quote.per_step),
        format_args!("{} for {} steps", Amount(quote.max), version.max_steps),
        Amount(quote.deposit),
    )
}
