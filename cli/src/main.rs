//! The command line tool `assay`.

use std::process::ExitCode;

use clap::Parser;

use assay_cli::commands::{execute, printable, Arguments, Different};

/// Threads hand one another what they computed: the system's allocator takes a quarter of a run for that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match execute(&Arguments::parse().command) {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            match error.downcast_ref::<Different>() {
                Some(Different(report)) => println!("{report}"),
                None => eprintln!("error: {}", printable(&error.to_string())),
            }
            ExitCode::FAILURE
        }
    }
}
