//! What a version of a model takes and gives.

use assay_chain::runtime_types::pallet_models::types as chain;

use super::{AccountId32, Chain, ClientError};

/// A version, as the chain shows it.
pub type VersionInfo = chain::VersionInfo<AccountId32>;

/// Where versions are listed.
const ADVICE: &str = "`assay model list` says what there is";

impl Chain {
    /// A version.
    ///
    /// Fails with [`ClientError::NotFound`].
    pub fn version(&self, version: u32) -> Result<VersionInfo, ClientError> {
        let info = self.version_if_there(version)?;
        info.ok_or_else(|| ClientError::NotFound {
            what: format!("version {version}"),
            advice: ADVICE,
        })
    }

    /// A version, unless its owner removed it.
    pub fn version_if_there(&self, version: u32) -> Result<Option<VersionInfo>, ClientError> {
        self.ask(assay_chain::runtime_apis().models_api().version(version))
    }
}

/// The labels of a version's first output.
pub fn labels(info: &VersionInfo) -> Vec<String> {
    info.details.labels.0.iter().map(|label| text(&label.0)).collect()
}

/// Text of the chain, which does not check it: what is no UTF-8 is replaced.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
