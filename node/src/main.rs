//! The Assay node.

mod chain_spec;
mod consensus;
mod defaults;

use polkadot_omni_node_lib::{run, CliConfig, RunConfig, NODE_VERSION};

struct Assay;

impl CliConfig for Assay {
    fn impl_version() -> String {
        format!("{}-sdk-{NODE_VERSION}", env!("CARGO_PKG_VERSION"))
    }

    fn author() -> String {
        env!("CARGO_PKG_AUTHORS").into()
    }

    fn support_url() -> String {
        "the issue tracker of this repository".into()
    }

    fn copyright_start_year() -> u16 {
        2026
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    defaults::apply()?;
    let config = RunConfig::new(Box::new(consensus::Resolver), Box::new(chain_spec::Loader));
    Ok(run::<Assay>(config)?)
}
