//! `assay provider status`.

use std::io::{stdout, IsTerminal, Write};
use std::time::Duration;

use serde::Serialize;

use crate::client::provider::{OfferInfo, ProviderInfo, Status as ChainStatus};
use crate::client::{hex, AccountId32, Amount, Chain, ClientError};
use crate::commands::connect::account;
use crate::commands::{Account, Failure, Node};

/// Between two looks at the chain.
const PAUSE: Duration = Duration::from_millis(500);

/// Arguments of `assay provider status`.
#[derive(Debug, clap::Args)]
pub struct Status {
    /// The provider: an address, or the name of a key. [default: --key]
    pub provider: Option<String>,
    /// Whose, if nobody is named.
    #[command(flatten)]
    pub account: Account,
    /// Look again at each block, until Ctrl-C.
    #[arg(long)]
    pub watch: bool,
    /// The node.
    #[command(flatten)]
    pub node: Node,
    /// Print JSON, with --watch one line for each block.
    #[arg(long)]
    pub json: bool,
}

pub(super) fn status(arguments: &Status) -> Result<String, Failure> {
    let provider = account(arguments.account.name_or(arguments.provider.as_deref())?)?;
    let chain = arguments.node.connect()?;
    loop {
        let report = Report::of(&chain, &provider)?;
        let text = report.text(arguments.json)?;
        if !arguments.watch {
            return Ok(text);
        }
        show_again(&text)?;
        while chain.height()? == report.block {
            std::thread::sleep(PAUSE);
        }
    }
}

/// Prints a report that another one follows, on a terminal in the place of the one before.
fn show_again(text: &str) -> std::io::Result<()> {
    let clear = if stdout().is_terminal() {
        "\x1b[H\x1b[2J"
    } else {
        ""
    };
    writeln!(stdout(), "{clear}{text}")
}

/// A provider, as in JSON. Amounts are plancks.
#[derive(Serialize)]
pub(super) struct Report {
    pub(super) block: u64,
    provider: String,
    pub(super) status: &'static str,
    pub(super) free: Amount,
    bonded: Amount,
    pub(super) exposed: Amount,
    pub(super) free_stake: Amount,
    pub(super) unbonding: Vec<Chunk>,
    pub(super) open_jobs: u32,
    to_claim: Vec<u64>,
    strikes: u32,
    pub(super) stats: Stats,
    worker: String,
    pub(super) worker_free: Amount,
    pub(super) node: NodeReport,
    offers: Vec<Offered>,
}

#[derive(Serialize)]
pub(super) struct Chunk {
    pub(super) amount: Amount,
    unlocks_at: u32,
}

#[derive(Serialize)]
pub(super) struct Stats {
    pub(super) completed: u32,
    pub(super) timed_out: u32,
    pub(super) disproved: u32,
    pub(super) released: u32,
    pub(super) slashed: Amount,
}

/// What the node can do for the provider. `None` where it does not say.
#[derive(Serialize)]
pub(super) struct NodeReport {
    pub(super) has_worker_key: Option<bool>,
    pub(super) off_chain_indexing: Option<bool>,
}

#[derive(Serialize)]
struct Offered {
    version: u32,
    /// `None` where the version's owner removed it.
    name: Option<String>,
    per_job: Amount,
    per_step: Amount,
    capacity: u16,
    free_capacity: u16,
    takes_jobs: bool,
}

impl Report {
    pub(super) fn of(chain: &Chain, provider: &AccountId32) -> Result<Self, Failure> {
        let block = chain.height()?;
        let info = chain.provider(provider)?;
        let mut offers = Vec::new();
        for version in &info.offers {
            let offer = chain.offers(*version)?;
            let offer = offer.into_iter().find(|offer| offer.provider == *provider);
            if let Some(offer) = offer {
                offers.push(Offered::of(chain, *version, &offer)?);
            }
        }
        Ok(Self {
            block,
            provider: provider.to_string(),
            status: status_name(&info.status),
            free: Amount(chain.balance(provider)?.free),
            to_claim: chain.assigned_to(provider)?,
            node: NodeReport::of(chain, &info)?,
            offers,
            bonded: Amount(info.bonded),
            exposed: Amount(info.exposed),
            free_stake: Amount(info.free_stake),
            unbonding: info
                .unbonding
                .iter()
                .map(|chunk| Chunk {
                    amount: Amount(chunk.amount),
                    unlocks_at: chunk.unlocks_at,
                })
                .collect(),
            open_jobs: info.jobs,
            strikes: info.strikes,
            stats: Stats {
                completed: info.stats.completed,
                timed_out: info.stats.timed_out,
                disproved: info.stats.disproved,
                released: info.stats.released,
                slashed: Amount(info.stats.slashed),
            },
            worker: hex(&info.worker.0),
            worker_free: Amount(chain.balance(&AccountId32(info.worker.0))?.free),
        })
    }

    fn text(&self, json: bool) -> Result<String, Failure> {
        match json {
            true => Ok(serde_json::to_string(self)?),
            false => Ok(self.lines().join("\n")),
        }
    }

    fn lines(&self) -> Vec<String> {
        let stats = &self.stats;
        let mut lines = vec![
            format!(
                "provider  {}, {} in block {}",
                self.provider, self.status, self.block
            ),
            format!("balance   {} ASSAY free", self.free),
            format!(
                "stake     {} ASSAY: {} back open jobs, {} are free",
                self.bonded, self.exposed, self.free_stake
            ),
        ];
        lines.extend(self.unbonding.iter().map(|chunk| {
            format!(
                "unbonding {} ASSAY, from block {} on",
                chunk.amount, chunk.unlocks_at
            )
        }));
        lines.push(format!(
            "jobs      {} open, {} of them to compute{}",
            self.open_jobs,
            self.to_claim.len(),
            list(&self.to_claim)
        ));
        lines.push(format!(
            "so far    {} completed, {} timed out ({} in a row), {} disproved, {} given up; {} ASSAY slashed",
            stats.completed, stats.timed_out, self.strikes, stats.disproved, stats.released, stats.slashed
        ));
        lines.push(format!(
            "worker    {}, with {} ASSAY free",
            self.worker, self.worker_free
        ));
        lines.extend(self.node.lines());
        lines.extend(self.offers.iter().map(Offered::line));
        if self.offers.is_empty() {
            lines.push("offers    none: `assay provider offer VERSION --per-job AMOUNT` makes one".into());
        }
        lines
    }
}

fn list(jobs: &[u64]) -> String {
    let jobs = jobs.iter().map(ToString::to_string).collect::<Vec<_>>();
    match jobs.is_empty() {
        true => String::new(),
        false => format!(": {}", jobs.join(", ")),
    }
}

fn status_name(status: &ChainStatus) -> &'static str {
    match status {
        ChainStatus::Active => "active",
        ChainStatus::Paused => "paused",
        ChainStatus::Suspended => "suspended",
    }
}

impl NodeReport {
    fn of(chain: &Chain, info: &ProviderInfo) -> Result<Self, Failure> {
        Ok(Self {
            has_worker_key: known(chain.has_worker(info.worker.0))?,
            off_chain_indexing: indexes(chain, &info.offers)?,
        })
    }

    fn lines(&self) -> [String; 2] {
        let key = match self.has_worker_key {
            Some(true) => "has the worker key",
            Some(false) => "does NOT have the worker key: `assay keys insert NAME` gives it to it",
            None => "does not say whether it has the worker key: ask it on its own machine",
        };
        let indexing = match self.off_chain_indexing {
            Some(true) => "keeps params: off-chain indexing is on",
            Some(false) => {
                "does NOT have the params of an offered version: run it with --enable-offchain-indexing true"
            }
            None => "is not known to keep params: no offered version has any on chain, or it does not say",
        };
        [format!("node      {key}"), format!("node      {indexing}")]
    }
}

/// Whether the node has the params of all offered versions. `None` where none has any on chain.
fn indexes(chain: &Chain, versions: &[u32]) -> Result<Option<bool>, Failure> {
    let mut indexes = None;
    for version in versions {
        let Some(info) = chain.version_if_there(*version)? else {
            continue;
        };
        if let (Some(params), 1..) = (info.params, info.params_len) {
            match known(chain.has_segment(params, 0))? {
                Some(has) => indexes = Some(indexes.unwrap_or(true) && has),
                None => return Ok(None),
            }
        }
    }
    Ok(indexes)
}

/// An answer, or `None` where the node keeps it to itself.
fn known(answer: Result<bool, ClientError>) -> Result<Option<bool>, Failure> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(ClientError::RpcRefused { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

impl Offered {
    fn of(chain: &Chain, version: u32, offer: &OfferInfo) -> Result<Self, Failure> {
        Ok(Self {
            version,
            name: chain
                .version_if_there(version)?
                .map(|info| crate::client::version::text(&info.name.0)),
            per_job: Amount(offer.price.per_job),
            per_step: Amount(offer.price.per_step),
            capacity: offer.capacity,
            free_capacity: offer.free_capacity,
            takes_jobs: offer.takes_jobs,
        })
    }

    fn line(&self) -> String {
        let Some(name) = &self.name else {
            return format!(
                "offer     version {0} is gone, its owner removed it: `assay provider offer {0} --remove` takes the offer back",
                self.version
            );
        };
        let takes = if self.takes_jobs {
            "takes jobs"
        } else {
            "takes no jobs now"
        };
        format!(
            "offer     version {} ({}): {} ASSAY a job, {} a step; {} of {} free, {takes}",
            self.version,
            crate::commands::printable(name),
            self.per_job,
            self.per_step,
            self.free_capacity,
            self.capacity
        )
    }
}
