//! The chains that the node knows by name.

use assay_runtime::constants::{SS58_PREFIX, TOKEN_DECIMALS, TOKEN_SYMBOL};
use polkadot_omni_node_lib::chain_spec::{ChainSpec, Extensions, GenericChainSpec, LoadSpec};
use sc_chain_spec::{ChainType, Properties};

/// The relay chain of a local test network.
const RELAY_CHAIN: &str = "rococo-local";

/// Loads `dev` and `local` from the embedded runtime, and everything else from a file.
pub struct Loader;

impl LoadSpec for Loader {
    fn load_spec(&self, id: &str) -> Result<Box<dyn ChainSpec>, String> {
        Ok(Box::new(match id {
            "" | "dev" | "development" => {
                from_preset("Assay Development", "assay-dev", ChainType::Development)?
            }
            "local" | "local_testnet" => from_preset("Assay Local Testnet", "assay-local", ChainType::Local)?,
            path => GenericChainSpec::from_json_file(path.into())
                .map_err(|error| format!("`{path}` is neither `dev`, `local` nor a chain spec: {error}"))?,
        }))
    }
}

fn from_preset(name: &str, id: &str, chain_type: ChainType) -> Result<GenericChainSpec, String> {
    let preset = match chain_type {
        ChainType::Development => assay_runtime::presets::DEVELOPMENT,
        _ => assay_runtime::presets::LOCAL_TESTNET,
    };
    let wasm = assay_runtime::WASM_BINARY
        .ok_or("the node was built without its runtime: build it again without SKIP_WASM_BUILD")?;
    let extensions = Extensions::new(RELAY_CHAIN.into(), assay_runtime::presets::PARA_ID);
    Ok(GenericChainSpec::builder(wasm, extensions)
        .with_name(name)
        .with_id(id)
        .with_protocol_id(id)
        .with_chain_type(chain_type)
        .with_properties(properties())
        .with_genesis_config_preset_name(preset)
        .build())
}

fn properties() -> Properties {
    let mut properties = Properties::new();
    properties.insert("tokenSymbol".into(), TOKEN_SYMBOL.into());
    properties.insert("tokenDecimals".into(), TOKEN_DECIMALS.into());
    properties.insert("ss58Format".into(), SS58_PREFIX.into());
    properties
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specs_of_known_names_hold_the_runtime_and_the_token() {
        for id in ["dev", "local"] {
            let spec = Loader.load_spec(id).unwrap();
            assert_eq!(spec.properties()["tokenSymbol"], TOKEN_SYMBOL);
        }
        // Compiles the runtime. The journeys' nodes build the other one's.
        assert!(Loader.load_spec("local").unwrap().build_storage().is_ok());
    }

    #[test]
    fn unknown_name_is_an_error_that_says_what_is_known() {
        let error = Loader.load_spec("no-such-chain").err().unwrap();
        assert!(error.contains("neither `dev`, `local`"), "{error}");
    }
}
