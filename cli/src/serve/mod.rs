//! The compute server: runs natively what the node beside it has to run. [`assay_service`] says what it is asked.
//!
//! | module | what |
//! | --- | --- |
//! | [`http`] | requests and replies |
//! | [`runs`] | runs, on threads |
//! | [`library`] | programs and params, on disk and in memory |
//! | [`fetch`], [`region`] | params from the web, checked against their root |
//! | [`counts`] | what was done, for Prometheus |
//! | [`node`] | tells the node where its server is |

pub mod counts;
pub mod fetch;
pub mod http;
pub mod library;
pub mod node;
pub mod region;
pub mod runs;

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use assay_service::Server;

use crate::executors::ExecutorKind;
use crate::package::Hash;
use http::Service;
use library::{Library, Limits};
use runs::Runs;

/// How a server is set up.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where it listens.
    pub listen: SocketAddr,
    /// What the node is told, if not the address it listens at.
    pub url: Option<String>,
    /// The HTTP address of the node's RPC.
    pub node: Option<String>,
    /// Where programs, params and the token are kept.
    pub folder: PathBuf,
    /// How much is kept.
    pub limits: Limits,
    /// What runs the steps; the fastest where there is none.
    pub executor: Option<ExecutorKind>,
    /// Runs at the same time.
    pub threads: usize,
    /// Bytes that a run may write.
    pub written_max: usize,
}

/// Why a server does not start, or ends.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A folder or file cannot be used.
    #[error("{0}: {1}")]
    File(PathBuf, io::Error),
    /// Another server uses the folder.
    #[error("another server uses {0}: stop it, or choose another --folder")]
    InUse(PathBuf),
    /// The address cannot be listened at.
    #[error("{0}: {1} (choose another address with --listen)")]
    Listen(SocketAddr, io::Error),
    /// The server broke down.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// Says in the log what happened. A log that cannot be written stops nothing.
fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{}", crate::commands::printable(line));
}

/// Serves until it is killed. What is killed in between leaves nothing behind that the next start does not use or repair.
pub fn serve(options: &Options) -> Result<(), ServeError> {
    let at = |path: &Path| {
        let path = path.to_owned();
        move |error| ServeError::File(path, error)
    };
    let folder = &options.folder;
    std::fs::create_dir_all(folder).map_err(at(folder))?;
    let _lock = locked(folder)?;
    let token_file = folder.join("token");
    let service = Arc::new(Service {
        library: Arc::new(Library::open(folder, options.limits).map_err(at(folder))?),
        runs: Runs::start(options.threads, options.executor, options.written_max),
        token: token(&token_file).map_err(at(&token_file))?,
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(options.listen).await;
        let listener = listener.map_err(|error| ServeError::Listen(options.listen, error))?;
        let address = listener.local_addr()?;
        say(&format!(
            "listening at http://{address}, the token is in {}",
            token_file.display()
        ));
        if let Some(node) = options.node.clone() {
            let server = Server {
                url: options.url.clone().unwrap_or_else(|| format!("http://{address}")),
                token: service.token.clone(),
            };
            std::thread::spawn(move || node::keep_telling(&node, &server));
        }
        axum::serve(listener, http::router(service)).await?;
        Ok(())
    })
}

/// Makes sure that one server at a time uses a folder.
fn locked(folder: &Path) -> Result<File, ServeError> {
    let path = folder.join("lock");
    let file = OpenOptions::new().create(true).append(true).open(&path);
    let file = file.map_err(|error| ServeError::File(path.clone(), error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(ServeError::InUse(folder.to_owned())),
        Err(TryLockError::Error(error)) => Err(ServeError::File(path, error)),
    }
}

/// The token in a file that only its owner reads. A new one where there is none.
fn token(path: &Path) -> io::Result<String> {
    match std::fs::read_to_string(path) {
        Ok(text) if !text.trim().is_empty() => return Ok(text.trim().to_owned()),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let mut seed = [0; 32];
    File::open("/dev/urandom")?.read_exact(&mut seed)?;
    let token = Hash::of(&seed).to_string()[2..].to_owned();
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    writeln!(file, "{token}")?;
    Ok(token)
}
