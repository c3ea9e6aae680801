//! `assay provider`.

mod metrics;
mod offer;
mod register;
mod stake;
mod status;

use super::{Failure, Signing};
use crate::client::provider::Switch;
use crate::client::Amount;

pub use metrics::Metrics;
pub use offer::Offer;
pub use register::{Register, Worker};
pub use status::Status;

/// Arguments of `assay provider`.
#[derive(Debug, clap::Args)]
pub struct Provider {
    /// What to do.
    #[command(subcommand)]
    pub command: ProviderCommand,
}

/// What `assay provider` does.
#[derive(Debug, clap::Subcommand)]
pub enum ProviderCommand {
    /// Stakes a bond, and names the worker key with which a node answers.
    Register(Register),
    /// Names another worker key.
    Worker(Worker),
    /// Offers to run a version at a price, changes the offer, or takes it back.
    Offer(Offer),
    /// Says what a provider has, offers and does, and whether the node can work for it.
    Status(Status),
    /// Tells Prometheus the same, until Ctrl-C.
    Metrics(Metrics),
    /// Adds to the bond.
    Bond(Stake),
    /// Begins to take stake out. `withdraw` ends it, when the longest job could be over.
    Unbond(Stake),
    /// Takes out the stake that is unbonded.
    Withdraw(Plain),
    /// Takes no more jobs, until `resume`.
    Pause(Plain),
    /// Takes jobs again, also after too many timeouts.
    Resume(Plain),
    /// Stops being a provider: with no offers, no open jobs, and all stake unbonded.
    Deregister(Plain),
}

/// Arguments of a command that moves stake.
#[derive(Debug, clap::Args)]
pub struct Stake {
    /// How much: 1.5 is ASSAY, 100000plancks are plancks.
    pub amount: Amount,
    /// Who signs, and where.
    #[command(flatten)]
    pub signing: Signing,
}

/// Arguments of a command that has none of its own.
#[derive(Debug, clap::Args)]
pub struct Plain {
    /// Who signs, and where.
    #[command(flatten)]
    pub signing: Signing,
}

pub(super) fn provider(arguments: &Provider) -> Result<String, Failure> {
    match &arguments.command {
        ProviderCommand::Register(arguments) => register::register(arguments),
        ProviderCommand::Worker(arguments) => register::worker(arguments),
        ProviderCommand::Offer(arguments) => offer::offer(arguments),
        ProviderCommand::Status(arguments) => status::status(arguments),
        ProviderCommand::Metrics(arguments) => metrics::metrics(arguments),
        ProviderCommand::Bond(arguments) => stake::bond(arguments),
        ProviderCommand::Unbond(arguments) => stake::unbond(arguments),
        ProviderCommand::Withdraw(arguments) => stake::withdraw(arguments),
        ProviderCommand::Pause(arguments) => stake::switch(arguments, Switch::Pause),
        ProviderCommand::Resume(arguments) => stake::switch(arguments, Switch::Resume),
        ProviderCommand::Deregister(arguments) => stake::switch(arguments, Switch::Deregister),
    }
}
