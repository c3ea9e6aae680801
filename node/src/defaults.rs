//! What `--dev` implies beyond what the node library makes of it.
//!
//! The library reads its arguments from the process and offers no way to change a default. So the node
//! starts itself once more with the arguments completed; the process stays the same one.

use std::{ffi::OsString, io, os::unix::process::CommandExt, process::Command};

/// Options of a development node with the value that they have unless it is given.
///
/// Params of models live in the off-chain database, and the off-chain worker is the provider.
const DEVELOPMENT: [(&str, &str); 2] = [
    ("--enable-offchain-indexing", "true"),
    ("--offchain-worker", "always"),
];

/// Replaces the process by one with the completed arguments. Returns where there is nothing to add.
pub fn apply() -> io::Result<()> {
    let arguments = std::env::args_os().skip(1).collect::<Vec<_>>();
    let missing = missing_options(&arguments);
    if missing.is_empty() {
        return Ok(());
    }
    let before_relay_chain = arguments
        .iter()
        .position(|argument| argument == "--")
        .unwrap_or(arguments.len());
    let (own, relay_chain) = arguments.split_at(before_relay_chain);
    Err(Command::new(std::env::current_exe()?)
        .args(own)
        .args(missing)
        .args(relay_chain)
        .exec())
}

fn missing_options(arguments: &[OsString]) -> Vec<String> {
    let own = arguments.iter().take_while(|argument| *argument != "--");
    let own = own.map(|argument| argument.to_string_lossy()).collect::<Vec<_>>();
    let has = |name: &str| {
        own.iter()
            .any(|own| own == name || own.starts_with(&format!("{name}=")))
    };
    // A subcommand knows none of the options.
    let runs_a_node = own.first().is_none_or(|first| first.starts_with('-'));
    if !runs_a_node || !has("--dev") {
        return Vec::new();
    }
    let missing = DEVELOPMENT.iter().filter(|(name, _)| !has(name));
    missing.map(|(name, value)| format!("{name}={value}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missing(arguments: &[&str]) -> Vec<String> {
        missing_options(&arguments.iter().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn development_node_gets_what_is_not_given() {
        assert_eq!(
            missing(&["--dev"]),
            ["--enable-offchain-indexing=true", "--offchain-worker=always"]
        );
        assert_eq!(
            missing(&["--dev", "--offchain-worker", "never"]),
            ["--enable-offchain-indexing=true"]
        );
        assert_eq!(
            missing(&[
                "--dev",
                "--enable-offchain-indexing=false",
                "--offchain-worker=never"
            ]),
            [""; 0]
        );
    }

    #[test]
    fn other_nodes_and_subcommands_are_left_alone() {
        assert_eq!(missing(&["--chain", "local"]), [""; 0]);
        assert_eq!(missing(&["build-spec", "--dev"]), [""; 0]);
        assert_eq!(missing(&["--collator", "--", "--dev"]), [""; 0]);
    }
}
