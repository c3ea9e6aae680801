//! The command line tool `assay`.

use std::io::{stdout, ErrorKind, Write};
use std::process::ExitCode;

use clap::Parser;

use assay_cli::commands::{
    as_json, execute, exit_code, printable, report, Arguments, Different, Failure, Usage,
};

/// Threads hand one another what they computed: the system's allocator takes a quarter of a run for that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Arguments that are none may ask for JSON all the same.
    let json = std::env::args_os().any(|argument| argument == "--json");
    let result = match Arguments::try_parse() {
        Ok(arguments) => execute(&arguments.command),
        Err(error) if json && error.use_stderr() => Err(usage(&error)),
        // `--help` is one of them.
        Err(error) => error.exit(),
    };
    match result {
        Ok(report) => printed(&report),
        Err(error) => {
            complain(&error, json);
            ExitCode::from(exit_code(&error))
        }
    }
}

/// What the parser of the arguments says.
fn usage(error: &clap::Error) -> Failure {
    let text = error.to_string();
    Usage(text.strip_prefix("error: ").unwrap_or(&text).trim().into()).into()
}

/// Prints what there is to show all the same, and on standard error why it failed.
fn complain(error: &Failure, json: bool) {
    if let Some(report) = report(error) {
        printed(report);
    }
    // Its report is the whole of it.
    if error.is::<Different>() {
        return;
    }
    match json {
        true => eprintln!("{}", as_json(error)),
        false => eprintln!("error: {}", printable(&error.to_string())),
    }
}

/// Whoever reads it may have read enough. Where it cannot be written, it failed.
fn printed(text: &str) -> ExitCode {
    match writeln!(stdout(), "{text}").and_then(|()| stdout().flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            eprintln!("error: standard output: {error}");
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}
