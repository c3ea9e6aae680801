//! `assay completions`.

use clap::CommandFactory;
use clap_complete::Shell;

use super::{Arguments, Failure};

/// Arguments of `assay completions`.
#[derive(Debug, clap::Args)]
pub struct Completions {
    /// The shell.
    #[arg(value_enum)]
    pub shell: Shell,
}

pub(super) fn completions(arguments: &Completions) -> Result<String, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Arguments::command(), "assay", &mut script);
    Ok(String::from_utf8(script)?)
}
