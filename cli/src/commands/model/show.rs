//! `assay model show`.

use serde::Serialize;

use crate::client::provider::OfferInfo;
use crate::client::version::{labels, text, VersionInfo};
use crate::client::{Amount, Chain};
use crate::commands::interface::specs;
use crate::commands::{printable, text as lines_of, Failure, Node};
use crate::package::{Hash, TensorSpec};

/// Parts of a royalty that are one percent.
const PERCENT: f64 = 10_000_000.0;

/// Arguments of `assay model show`.
#[derive(Debug, clap::Args)]
pub struct Show {
    /// The model's number: `assay model list` says which there are.
    pub model: u32,
    /// The node.
    #[command(flatten)]
    pub node: Node,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// A model, as in JSON.
#[derive(Serialize)]
struct Description {
    model: u32,
    name: String,
    description: String,
    url: String,
    owner: String,
    versions: Vec<Version>,
}

/// A version of it.
#[derive(Serialize)]
struct Version {
    version: u32,
    program: Hash,
    /// The number of params on chain, or `null`.
    params: Option<u32>,
    params_root: Hash,
    params_len: u64,
    locations: Vec<String>,
    inputs: Vec<TensorSpec>,
    outputs: Vec<TensorSpec>,
    labels: Vec<String>,
    license: String,
    max_steps: u64,
    royalty_percent: f64,
    deprecated: bool,
    frozen: bool,
    offers: Vec<Offer>,
}

/// Who offers it. Amounts are plancks.
#[derive(Serialize)]
struct Offer {
    provider: String,
    per_job: Amount,
    per_step: Amount,
    free_stake: Amount,
    takes_jobs: bool,
    completed: u32,
    disproved: u32,
}

pub(super) fn show(arguments: &Show) -> Result<String, Failure> {
    let description = Description::of(&arguments.node.connect()?, arguments.model)?;
    match arguments.json {
        true => Ok(serde_json::to_string(&description)?),
        false => Ok(description.lines().join("\n")),
    }
}

impl Description {
    fn of(chain: &Chain, model: u32) -> Result<Self, Failure> {
        let info = chain.model(model)?;
        let mut versions = Vec::new();
        for version in &info.versions {
            let offers = chain.offers(*version)?;
            versions.push(Version::of(*version, &chain.version(*version)?, &offers));
        }
        Ok(Self {
            model,
            name: text(&info.metadata.name.0),
            description: text(&info.metadata.description.0),
            url: text(&info.metadata.url.0),
            owner: info.owner.to_string(),
            versions,
        })
    }

    fn lines(&self) -> Vec<String> {
        let mut lines = vec![
            format!("model     {}, {}", self.model, printable(&self.name)),
            format!("owner     {}", self.owner),
        ];
        for (what, text) in [("about     ", &self.description), ("more      ", &self.url)] {
            lines.extend((!text.is_empty()).then(|| format!("{what}{}", printable(text))));
        }
        lines.extend(self.versions.iter().flat_map(Version::lines));
        lines
    }
}

impl Version {
    fn of(version: u32, info: &VersionInfo, offers: &[OfferInfo]) -> Self {
        let details = &info.details;
        Self {
            version,
            program: Hash(info.program.0),
            params: info.params,
            params_root: Hash(info.params_root.0),
            params_len: info.params_len,
            locations: details
                .locations
                .0
                .iter()
                .map(|location| text(&location.0))
                .collect(),
            inputs: specs(&details.inputs.0),
            outputs: specs(&details.outputs.0),
            labels: labels(info),
            license: text(&details.license.0),
            max_steps: info.max_steps,
            royalty_percent: f64::from(info.royalty.0) / PERCENT,
            deprecated: info.deprecated,
            frozen: info.frozen,
            offers: offers.iter().map(Offer::of).collect(),
        }
    }

    fn lines(&self) -> Vec<String> {
        let place = match self.params {
            Some(params) => format!("on chain with the number {params}"),
            None => format!("at {}", printable(&self.locations.join(", "))),
        };
        let state = match (self.deprecated, self.frozen) {
            (true, _) => ", takes no new jobs",
            (_, true) => ", frozen: a part of its params cannot be had",
            _ => "",
        };
        let mut lines = vec![
            format!("version   {}{state}", self.version),
            format!("  inputs  {}", lines_of::specs(&self.inputs)),
            format!("  outputs {}", lines_of::specs(&self.outputs)),
            format!("  labels  {}", printable(&self.labels.join(", "))),
            format!("  license {}", printable(&self.license)),
            format!("  program {}", self.program),
            format!(
                "  params  {} bytes {place}, {}",
                self.params_len, self.params_root
            ),
            format!(
                "  steps   {} at most, royalty {} %",
                self.max_steps, self.royalty_percent
            ),
        ];
        lines.extend(self.offers.iter().map(Offer::line));
        if self.offers.is_empty() {
            lines.push("  offers  none".into());
        }
        lines
    }
}

impl Offer {
    fn of(offer: &OfferInfo) -> Self {
        Self {
            provider: offer.provider.to_string(),
            per_job: Amount(offer.price.per_job),
            per_step: Amount(offer.price.per_step),
            free_stake: Amount(offer.free_stake),
            takes_jobs: offer.takes_jobs,
            completed: offer.stats.completed,
            disproved: offer.stats.disproved,
        }
    }

    fn line(&self) -> String {
        let takes = if self.takes_jobs {
            ""
        } else {
            ", takes no jobs now"
        };
        format!(
            "  offer   {}: {} ASSAY a job, {} a step; {} answered, {} false{takes}",
            self.provider, self.per_job, self.per_step, self.completed, self.disproved
        )
    }
}
