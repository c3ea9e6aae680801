//! `assay model list`.

use serde::Serialize;

use crate::client::catalog::Model;
use crate::commands::connect::account;
use crate::commands::{printable, Failure, Node};

/// Arguments of `assay model list`.
#[derive(Debug, clap::Args)]
pub struct List {
    /// Only those of an owner: an address, or the name of a key.
    #[arg(long, value_name = "ADDRESS")]
    pub owner: Option<String>,
    /// The node.
    #[command(flatten)]
    pub node: Node,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// A model, as in JSON.
#[derive(Serialize)]
struct Line {
    model: u32,
    name: String,
    owner: String,
    versions: Vec<u32>,
}

pub(super) fn list(arguments: &List) -> Result<String, Failure> {
    let owner = arguments.owner.as_deref().map(account).transpose()?;
    let models = arguments.node.connect()?.models(owner.as_ref())?;
    let lines = models.into_iter().map(Line::of).collect::<Vec<_>>();
    if arguments.json {
        return Ok(serde_json::to_string(&lines)?);
    }
    match lines.is_empty() {
        true => Ok("there is no model: `assay model publish PACKAGE` makes one".into()),
        false => Ok(lines.iter().map(Line::text).collect::<Vec<_>>().join("\n")),
    }
}

impl Line {
    fn of(model: Model) -> Self {
        Self {
            model: model.id,
            name: model.name,
            owner: model.owner.to_string(),
            versions: model.versions,
        }
    }

    fn text(&self) -> String {
        let versions = self.versions.iter().map(ToString::to_string).collect::<Vec<_>>();
        let versions = match versions.is_empty() {
            true => "no version".into(),
            false => format!("version {}", versions.join(", ")),
        };
        format!(
            "model {}  {}  {versions}  of {}",
            self.model,
            printable(&self.name),
            self.owner
        )
    }
}
