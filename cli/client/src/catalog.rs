//! The models on the chain, and how one gets there.

use assay_chain::models::events::{ModelCreated, VersionPublished};
use assay_chain::runtime_types::pallet_models::specs::{ModelSpec, VersionSpec};
use assay_chain::runtime_types::pallet_models::types as chain;
use assay_chain::{constants, runtime_apis, storage, tx};
use subxt::utils::AccountId32;
use subxt_signer::sr25519::Keypair;

use super::version::text;
use super::{Chain, ClientError};

/// A model, as the chain shows it.
pub type ModelInfo = chain::ModelInfo<AccountId32>;

/// A model of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    /// Its number.
    pub id: u32,
    /// What it is called. Not unique.
    pub name: String,
    /// Who publishes its versions.
    pub owner: AccountId32,
    /// Its versions, the oldest first.
    pub versions: Vec<u32>,
}

/// What the chain takes of a version at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of params on the chain.
    pub params_len: u64,
    /// The owner's share of each payment, in parts of 10^9.
    pub royalty: u32,
}

impl Chain {
    /// What it takes of a version at most.
    pub fn limits(&self) -> Result<Limits, ClientError> {
        let models = constants().models();
        Ok(Limits {
            params_len: self.constant(models.max_params_len())?,
            royalty: self.constant(models.max_royalty())?.0,
        })
    }

    /// All models, or those of an owner, the oldest first.
    pub fn models(&self, owner: Option<&AccountId32>) -> Result<Vec<Model>, ClientError> {
        let records = self.fetch_all(storage().models().models())?;
        let wanted = records
            .into_iter()
            .filter(|(_, record)| owner.is_none_or(|owner| record.owner == *owner));
        let mut models = Vec::new();
        for (id, _) in wanted {
            let info = self.model(id)?;
            models.push(Model {
                id,
                name: text(&info.metadata.name.0),
                owner: info.owner,
                versions: info.versions,
            });
        }
        Ok(models)
    }

    /// A model.
    ///
    /// Fails with [`ClientError::NotFound`].
    pub fn model(&self, model: u32) -> Result<ModelInfo, ClientError> {
        let info = self.ask(runtime_apis().models_api().model(model))?;
        info.ok_or_else(|| ClientError::NotFound {
            what: format!("model {model}"),
            advice: "`assay model list` says what there is",
        })
    }

    /// Creates a model, and waits until it is final. Returns its number.
    ///
    /// Fails with [`ClientError::Refused`].
    pub fn create_model(&self, owner: &Keypair, name: &str, description: &str) -> Result<u32, ClientError> {
        let spec = ModelSpec {
            name: name.into(),
            description: description.into(),
            url: Vec::new(),
        };
        let included = self.submit(&tx().models().create_model(spec), owner)?;
        Ok(included.event::<ModelCreated>()?.model)
    }

    /// Publishes a version of a model, and waits until it is final. Returns its number.
    ///
    /// Fails with [`ClientError::Refused`] and [`ClientError::Unknown`].
    pub fn publish_version(
        &self,
        owner: &Keypair,
        model: u32,
        spec: VersionSpec,
    ) -> Result<u32, ClientError> {
        let included = self.submit(&tx().models().publish_version(model, spec), owner)?;
        Ok(included.event::<VersionPublished>()?.version)
    }
}
