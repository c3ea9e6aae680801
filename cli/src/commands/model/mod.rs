//! `assay model`.

mod limits;
mod list;
mod publish;
mod show;

use super::Failure;

pub use list::List;
pub use publish::Publish;
pub use show::Show;

/// Arguments of `assay model`.
#[derive(Debug, clap::Args)]
pub struct Model {
    /// What to do.
    #[command(subcommand)]
    pub command: ModelCommand,
}

/// What `assay model` does.
#[derive(Debug, clap::Subcommand)]
pub enum ModelCommand {
    /// Publishes a package: uploads what is missing, makes a model, and adds a version. Killed, it goes on when it is run again.
    Publish(Publish),
    /// Says which models there are.
    List(List),
    /// Says what a model is: its versions, and who offers them.
    Show(Show),
}

pub(super) fn model(arguments: &Model) -> Result<String, Failure> {
    match &arguments.command {
        ModelCommand::Publish(arguments) => publish::publish(arguments),
        ModelCommand::List(arguments) => list::list(arguments),
        ModelCommand::Show(arguments) => show::show(arguments),
    }
}
