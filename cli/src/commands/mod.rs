//! The subcommands of `assay`.

mod answer;
mod ask;
mod completions;
mod connect;
mod exit;
mod infer;
mod inputs;
mod inspect;
mod interface;
mod job;
mod keys;
mod model;
mod outputs;
mod pack;
mod provider;
mod run;
mod serve;
mod text;
mod unpack;
mod verify;

use std::error::Error;
use std::path::Path;

use clap::{Parser, Subcommand};

use crate::package::Package;

pub use completions::Completions;
pub use connect::{Account, Node, Signing};
pub use exit::{as_json, exit_code, report, UnansweredReport, Usage};
pub use infer::Infer;
pub use inputs::{Inputs, Pictures};
pub use inspect::Inspect;
pub use job::{Job, JobCommand, View};
pub use keys::{Keys, KeysCommand};
pub use model::{List, Model, ModelCommand, Publish, Show};
pub use pack::{package_model, Pack};
pub use provider::{Offer, Provider, ProviderCommand, Register, Status, Worker};
pub use run::Run;
pub use serve::Serve;
pub use text::printable;
pub use unpack::Unpack;
pub use verify::Verify;

/// Packs, runs and verifies models, publishes them on the chain, provides them, and asks for answers.
#[derive(Debug, Parser)]
#[command(name = "assay", version)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What `assay` does.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Makes a package of an ONNX model.
    Pack(Pack),
    /// Says what a package holds and what it takes.
    Inspect(Inspect),
    /// Takes a package apart for an upload by hand: `program.wasm`, and params in segments `params.0`, `params.1`, ...
    Unpack(Unpack),
    /// Runs a package on this machine. A run may write 1 GiB of memory.
    Run(Run),
    /// Computes for a node: runs its jobs natively, and fetches params that are not on chain.
    Serve(Serve),
    /// Runs a package by every executor and compares them, step by step. Exits with 1 where they differ.
    Verify(Verify),
    /// Keeps the keys with which the commands below sign.
    Keys(Keys),
    /// Provides compute for a stake: registers, offers, and says how it goes.
    Provider(Provider),
    /// Publishes models on the chain, and says which there are.
    Model(Model),
    /// Asks the chain for an answer of a model: requests it, pays, waits, and prints it.
    Infer(Infer),
    /// Says how far a job is, and waits for its answer.
    Job(Job),
    /// Prints what a shell needs to complete these commands.
    Completions(Completions),
}

/// What a subcommand fails with.
pub type Failure = Box<dyn Error>;

/// A comparison found differences. The report is what the subcommand prints all the same.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Different(pub String);

/// Executes a subcommand and returns what it prints.
pub fn execute(command: &Command) -> Result<String, Failure> {
    match command {
        Command::Pack(arguments) => pack::pack(arguments),
        Command::Inspect(arguments) => inspect::inspect(arguments),
        Command::Unpack(arguments) => unpack::unpack(arguments),
        Command::Run(arguments) => run::run(arguments),
        Command::Serve(arguments) => serve::serve(arguments),
        Command::Verify(arguments) => verify::verify(arguments),
        Command::Keys(arguments) => keys::keys(arguments),
        Command::Provider(arguments) => provider::provider(arguments),
        Command::Model(arguments) => model::model(arguments),
        Command::Infer(arguments) => infer::infer(arguments),
        Command::Job(arguments) => job::job(arguments),
        Command::Completions(arguments) => completions::completions(arguments),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| at(path, error))
}

fn read_package(path: &Path) -> Result<Package, Failure> {
    Ok(Package::decode(&read(path)?)?)
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    std::fs::write(path, bytes).map_err(|error| at(path, error))
}

fn create_folder(path: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(path).map_err(|error| at(path, error))
}

fn at(path: &Path, error: std::io::Error) -> Failure {
    format!("{}: {error}", path.display()).into()
}
