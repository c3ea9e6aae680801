//! The command line tool `assay`.

use std::process::ExitCode;

use clap::Parser;

use assay_cli::commands::{execute, printable, Arguments};

fn main() -> ExitCode {
    match execute(&Arguments::parse().command) {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {}", printable(&error.to_string()));
            ExitCode::FAILURE
        }
    }
}
