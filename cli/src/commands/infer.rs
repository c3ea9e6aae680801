//! `assay infer`.

use std::path::PathBuf;

use serde_json::json;

use super::connect::account;
use super::exit::{RequestedAlready, UnansweredReport};
use super::interface::specs;
use super::job::watch;
use super::{ask, create_folder, Failure, Inputs, Signing, Usage};
use crate::client::job::{Price, Quote, Until};
use crate::client::version::VersionInfo;
use crate::client::Amount;
use crate::progress::Teller;

/// Arguments of `assay infer`.
#[derive(Debug, clap::Args)]
pub struct Infer {
    /// The number of a model's version: `assay model list` says what there is.
    pub version: u32,
    /// What it runs on.
    #[command(flatten)]
    pub inputs: Inputs,
    /// The most that it may cost: 1.5 is ASSAY, 100000plancks are plancks. Where dearer offers than the cheapest fit, their providers
    /// may answer, too; who raises its price afterwards may not. [default: what the cheapest provider asks at most]
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
    let quotes = chain.quotes(arguments.version, provider)?;
    let cheapest = quotes.first().ok_or_else(|| nobody(arguments, &version))?;
    teller.say(&offer_text(cheapest, &version));
    let limit = arguments.max_fee.map_or(cheapest.max, |fee| fee.0);
    let highest = highest(&quotes, limit, version.max_steps).ok_or_else(|| too_dear(cheapest, limit))?;
    let (max_price, max_fee) = (highest.price, Amount(highest.total));
    consent(arguments, max_fee)?;
    // Nobody pays for what cannot be written.
    arguments.output.as_deref().map(create_folder).transpose()?;
    let signer = arguments.signing.account.signer()?;
    teller.say("the request is on its way: the job has its number when it is final");
    let requested = chain.request(signer.keypair(), arguments.version, input, max_price, provider);
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

/// Why there is no offer, and what to do.
fn nobody(arguments: &Infer, info: &VersionInfo) -> Failure {
    let reason = match (info.deprecated, info.frozen) {
        (true, _) => "its owner takes no new jobs for it",
        (_, true) => "a part of its params cannot be had",
        _ if arguments.provider.is_some() => "that provider has no offer that takes a job now",
        _ => "no provider has an offer that takes a job now",
    };
    let (version, model) = (arguments.version, info.model);
    format!("nobody answers version {version}: {reason}. `assay model show {model}` says who offers what")
        .into()
}

fn too_dear(cheapest: &Quote, limit: u128) -> Failure {
    let (most, limit) = (Amount(cheapest.max), Amount(limit));
    format!(
        "the cheapest offer comes to {most} ASSAY at most, and --max-fee is {limit}: raise it, or ask later"
    )
    .into()
}

/// A price, and what it comes to for all steps of a version.
struct Highest {
    price: Price<u128>,
    total: u128,
}

impl Highest {
    /// `None` where nobody can count it.
    fn new(price: Price<u128>, steps: u64) -> Option<Self> {
        let total = price
            .per_step
            .checked_mul(steps.into())?
            .checked_add(price.per_job)?;
        Some(Self { price, total })
    }
}

/// The price that covers the `quotes`, taken in their order, as long as it comes to at most `limit`: those with which it would come to
/// more are left out. `None` where the cheapest is more.
fn highest(quotes: &[Quote], limit: u128, steps: u64) -> Option<Highest> {
    quotes.iter().fold(None, |highest: Option<Highest>, quote| {
        let so_far = highest.as_ref().map_or(&quote.price, |highest| &highest.price);
        let raised = Price {
            per_job: quote.price.per_job.max(so_far.per_job),
            per_step: quote.price.per_step.max(so_far.per_step),
        };
        let raised = Highest::new(raised, steps).filter(|raised| raised.total <= limit);
        raised.or(highest)
    })
}

fn offer_text(quote: &Quote, version: &VersionInfo) -> String {
    format!(
        "the cheapest offer is {} ASSAY for a job and {} for a step, {} at most; {} are held for the job's state until it ends",
        Amount(quote.price.per_job),
        Amount(quote.price.per_step),
        format_args!("{} for {} steps", Amount(quote.max), version.max_steps),
        Amount(quote.deposit),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::AccountId32;

    const STEPS: u64 = 10;

    fn quote(per_job: u128, per_step: u128) -> Quote {
        Quote {
            provider: AccountId32([0; 32]),
            price: Price { per_job, per_step },
            max: per_step.saturating_mul(STEPS.into()).saturating_add(per_job),
            exposure: 0,
            deposit: 0,
        }
    }

    fn found(quotes: &[Quote], limit: u128) -> Option<(u128, u128)> {
        highest(quotes, limit, STEPS).map(|highest| (highest.price.per_job, highest.price.per_step))
    }

    #[test]
    fn a_request_offers_what_the_cheapest_asks_and_more_only_within_the_limit() {
        // 100, 110 and 150 at most.
        let quotes = [quote(0, 10), quote(100, 1), quote(50, 10)];
        assert_eq!(found(&quotes, 99), None);
        assert_eq!(found(&quotes, 100), Some((0, 10)));
        // The second and the first together come to 200.
        assert_eq!(found(&quotes, 110), Some((0, 10)));
        // It is left out, and the third is not.
        assert_eq!(found(&quotes, 150), Some((50, 10)));
        assert_eq!(found(&quotes, 200), Some((100, 10)));
        assert_eq!(found(&[], 200), None);
        assert_eq!(
            found(&[quote(u128::MAX, 1), quote(1, u128::MAX)], u128::MAX),
            None
        );
    }
}
