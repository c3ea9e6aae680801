//! The command line tool `assay`.

use std::io::{stdout, Write};
use std::process::ExitCode;

use clap::Parser;

use assay_cli::commands::{execute, exit_code, printable, report, Arguments, Different};

/// Threads hand one another what they computed: the system's allocator takes a quarter of a run for that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match execute(&Arguments::parse().command) {
        Ok(report) => {
            print(&report);
            ExitCode::SUCCESS
        }
        Err(error) => {
            if let Some(report) = report(&error) {
                print(report);
            }
            // Its report is the whole of it.
            if !error.is::<Different>() {
                eprintln!("error: {}", printable(&error.to_string()));
            }
            ExitCode::from(exit_code(&error))
        }
    }
}

/// Whoever reads it may have read enough.
fn print(text: &str) {
    let _ = writeln!(stdout(), "{text}");
}
