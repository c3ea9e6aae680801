//! `assay serve`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::thread::available_parallelism;

use super::Failure;
use crate::executors::ExecutorKind;
use crate::run::WRITTEN_MAX;
use crate::serve::library::Limits;
use crate::serve::{serve as run_server, Options};

const GIB: u64 = 1 << 30;

/// Arguments of `assay serve`.
#[derive(Debug, clap::Args)]
pub struct Serve {
    /// The node's RPC: the node is told the address and the token of this server, and asks it from then on.
    #[arg(long, value_name = "URL", num_args = 0..=1, default_missing_value = "http://127.0.0.1:9944")]
    pub node: Option<String>,
    /// Where to listen. Whoever reaches it and knows the token can have it compute and fetch.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:9958")]
    pub listen: SocketAddr,
    /// What the node is told, where it does not reach the server at the address it listens at.
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// Where programs, params and the token are kept. [default: $XDG_CACHE_HOME/assay/serve]
    #[arg(long)]
    pub folder: Option<PathBuf>,
    /// GiB of params that are kept on disk.
    #[arg(long, value_name = "GIB", default_value_t = 100)]
    pub cache_size: u64,
    /// GiB of params that are kept in memory.
    #[arg(long, value_name = "GIB", default_value_t = 8)]
    pub memory: u64,
    /// What runs the steps. By itself: the twin of the network program, machine code for others.
    #[arg(long, value_enum)]
    pub executor: Option<ExecutorKind>,
    /// Runs at the same time. [default: as many as there are cores]
    #[arg(long)]
    pub threads: Option<usize>,
}

pub(super) fn serve(arguments: &Serve) -> Result<String, Failure> {
    let cores = available_parallelism().map_or(1, usize::from);
    run_server(&Options {
        listen: arguments.listen,
        url: arguments.url.clone(),
        node: arguments.node.clone(),
        folder: arguments.folder.clone().map_or_else(default_folder, Ok)?,
        limits: Limits {
            disk: arguments.cache_size.saturating_mul(GIB),
            memory: arguments.memory.saturating_mul(GIB),
        },
        executor: arguments.executor,
        threads: arguments.threads.unwrap_or(cores).max(1),
        written_max: WRITTEN_MAX,
    })?;
    Ok(String::new())
}

fn default_folder() -> Result<PathBuf, Failure> {
    let variable = |name| std::env::var_os(name).map(PathBuf::from);
    let cache = variable("XDG_CACHE_HOME").or_else(|| Some(variable("HOME")?.join(".cache")));
    Ok(cache
        .ok_or("there is no home: choose a --folder")?
        .join("assay/serve"))
}
