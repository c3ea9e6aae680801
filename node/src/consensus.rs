//! What the node has to know of the runtime before it runs it.

use polkadot_omni_node_lib::{
    chain_spec::ChainSpec,
    runtime::{AuraConsensusId, BlockNumber, Consensus, Runtime, RuntimeResolver},
};

/// Knows that the runtime is Assay's. The library's own resolver compiles the chain's runtime to read it in its metadata,
/// which is half of what a start takes.
pub struct Resolver;

impl RuntimeResolver for Resolver {
    fn runtime(&self, _: &dyn ChainSpec) -> sc_cli::Result<Runtime> {
        Ok(Runtime::Omni(
            BlockNumber::U32,
            Consensus::Aura(AuraConsensusId::Sr25519),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain_spec::Loader;
    use polkadot_omni_node_lib::{chain_spec::LoadSpec, runtime::DefaultRuntimeResolver};

    #[test]
    fn resolver_says_what_stands_in_the_metadata() {
        let spec = Loader.load_spec("dev").unwrap();
        let read = DefaultRuntimeResolver.runtime(&*spec).unwrap();
        assert!(Resolver.runtime(&*spec).unwrap() == read);
    }
}
