//! `assay model publish`.

use std::path::PathBuf;
use std::str::FromStr;

use assay_chain::runtime_types::pallet_models::specs::{
    ParamsSource, TensorSpec as ChainTensor, VersionSpec,
};
use assay_chain::runtime_types::sp_arithmetic::per_things::Perbill;
use assay_engine::limits::SEGMENT_LEN;
use serde_json::json;

use super::limits::{check, Wish};
use crate::client::keys::Signer;
use crate::client::version::VersionInfo;
use crate::client::{Chain, H256};
use crate::commands::interface::{chain_dtype, specs};
use crate::commands::{read_package, Failure, Signing, Usage};
use crate::package::{Manifest, Package, TensorSpec};
use crate::progress::Teller;
use crate::serve::region::{chunk_hashes, region_root};

/// Arguments of `assay model publish`.
#[derive(Debug, clap::Args)]
pub struct Publish {
    /// The package.
    pub package: PathBuf,
    /// Add a version to this model of yours, instead of making one.
    #[arg(long, value_name = "NUMBER")]
    pub model: Option<u32>,
    /// What the model is called. [default: as the package says]
    #[arg(long)]
    pub name: Option<String>,
    /// Your share of each payment: 5, or 2.5.
    #[arg(long, value_name = "PERCENT", default_value = "0")]
    pub royalty: Royalty,
    /// Keep the params off the chain: they are at this address, with `params.hashes` beside them. Up to four times.
    #[arg(long, value_name = "URL")]
    pub external: Vec<String>,
    /// Who publishes, and where.
    #[command(flatten)]
    pub signing: Signing,
}

/// A share of each payment, in parts of 10^9.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Royalty(u32);

impl FromStr for Royalty {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "a share is a number from 0 to 100, with up to seven digits after the point";
        let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number(whole) || !is_number(part) || part.len() > 7 {
            return Err(EXPECTED);
        }
        let parts = format!("{whole}{part:0<7}").parse().map_err(|_| EXPECTED)?;
        match parts <= 1_000_000_000 {
            true => Ok(Self(parts)),
            false => Err(EXPECTED),
        }
    }
}

pub(super) fn publish(arguments: &Publish) -> Result<String, Failure> {
    let package = read_package(&arguments.package)?;
    let signer = arguments.signing.account.signer()?;
    let publication = Publication {
        name: arguments.name.as_deref().unwrap_or(&package.manifest.name),
        root: region_root(&chunk_hashes(&package.params))
            .ok_or("the params are longer than a region of memory")?,
        package: &package,
        arguments,
        signer: &signer,
        teller: Teller::new(arguments.signing.json),
    };
    let published = publication.publish(&arguments.signing.connect()?)?;
    let Published {
        model,
        version,
        is_new,
    } = published;
    if arguments.signing.json {
        return Ok(json!({"model": model, "version": version, "new": is_new}).to_string());
    }
    let how = if is_new { "published" } else { "published already" };
    Ok(format!(
        "version {version} of model {model} is {how}. `assay provider offer {version}` offers to run it, \
         `assay infer {version}` asks for an answer"
    ))
}

/// What is published, by whom, and how.
struct Publication<'a> {
    name: &'a str,
    /// Of the params' region.
    root: [u8; 32],
    package: &'a Package,
    arguments: &'a Publish,
    signer: &'a Signer,
    teller: Teller,
}

/// What came of it.
struct Published {
    model: u32,
    version: u32,
    /// Whether the version was not there before.
    is_new: bool,
}

/// The model that gets the version.
enum Place {
    /// It has the version already.
    Published(Published),
    /// It is there.
    Model(u32),
    /// It is to be made.
    New,
}

impl Publication<'_> {
    fn publish(&self, chain: &Chain) -> Result<Published, Failure> {
        let wish = Wish {
            name: self.name,
            manifest: &self.package.manifest,
            royalty: self.arguments.royalty.0,
            locations: &self.arguments.external,
        };
        check(&wish, &chain.limits()?)?;
        chain.settle(self.signer.keypair())?;
        let model = match self.place(chain)? {
            Place::Published(published) => return Ok(published),
            Place::Model(model) => Some(model),
            Place::New => None,
        };
        self.upload_program(chain)?;
        let params = self.params(chain)?;
        let owner = self.signer.keypair();
        let model = match model {
            Some(model) => model,
            None => {
                let description = &self.package.manifest.description;
                let model = chain.create_model(owner, self.name, description)?;
                self.teller.say(&format!("model {model} is new"));
                model
            }
        };
        let spec = spec(&self.package.manifest, params, self.arguments.royalty)?;
        let version = chain.publish_version(owner, model, spec)?;
        Ok(Published {
            model,
            version,
            is_new: true,
        })
    }

    /// Where the version goes: it may be there, or an attempt that broke off may have made its model.
    fn place(&self, chain: &Chain) -> Result<Place, Failure> {
        let own = chain.models(Some(&self.signer.account()))?;
        let named = match self.arguments.model {
            Some(model) => {
                let not_own = format!(
                    "model {model} is none of yours: `assay model list --owner {}` says which are",
                    self.signer.account()
                );
                vec![own.into_iter().find(|own| own.id == model).ok_or(not_own)?]
            }
            None => own.into_iter().filter(|own| own.name == self.name).collect(),
        };
        for model in &named {
            for version in &model.versions {
                if self.is_same(&chain.version(*version)?) {
                    return Ok(Place::Published(Published {
                        model: model.id,
                        version: *version,
                        is_new: false,
                    }));
                }
            }
        }
        let fit = named
            .iter()
            .find(|model| self.arguments.model.is_some() || model.versions.is_empty());
        match (fit, named.first()) {
            (Some(model), _) => Ok(Place::Model(model.id)),
            (None, None) => Ok(Place::New),
            (None, Some(model)) => Err(Usage(format!(
                "you have a model `{}` already: --model {} adds this as a version of it, --name NAME calls this otherwise",
                self.name, model.id
            ))
            .into()),
        }
    }

    /// Whether a version is the one that would be published.
    fn is_same(&self, version: &VersionInfo) -> bool {
        let manifest = &self.package.manifest;
        !version.deprecated
            && version.program.0 == manifest.program_hash.0
            && version.params_root.0 == self.root
            && version.params_len == manifest.params_len
            && version.params.is_some() == self.arguments.external.is_empty()
            && version.royalty.0 == self.arguments.royalty.0
            && version.max_steps == manifest.steps
            && specs(&version.details.inputs.0) == manifest.inputs
            && specs(&version.details.outputs.0) == manifest.outputs
            && version.details.license.0 == manifest.license.as_bytes()
            && are(
                version.details.labels.0.iter().map(|label| &label.0),
                &manifest.labels,
            )
            && are(
                version.details.locations.0.iter().map(|location| &location.0),
                &self.arguments.external,
            )
    }

    fn upload_program(&self, chain: &Chain) -> Result<(), Failure> {
        let (hash, code) = (self.package.manifest.program_hash.0, self.package.program.clone());
        let is_new = chain.upload_program(self.signer.keypair(), hash, code)?;
        self.teller.say(match is_new {
            true => "the program is uploaded",
            false => "the program is on the chain already",
        });
        Ok(())
    }

    fn params(&self, chain: &Chain) -> Result<ParamsSource, Failure> {
        match self.arguments.external.is_empty() {
            true => Ok(ParamsSource::OnChain(self.upload_params(chain)?)),
            false => Ok(ParamsSource::External {
                root: H256(self.root),
                len: self.package.manifest.params_len,
                locations: self
                    .arguments
                    .external
                    .iter()
                    .map(|url| url.clone().into_bytes())
                    .collect(),
            }),
        }
    }

    /// Uploads the params, or what an attempt that broke off has left of them.
    fn upload_params(&self, chain: &Chain) -> Result<u32, Failure> {
        let (owner, bytes) = (self.signer.keypair(), &self.package.params);
        let segments = bytes.len().div_ceil(SEGMENT_LEN);
        let begun = match chain.begun(&self.signer.account(), bytes)? {
            Some(begun) => {
                let there = begun.segments;
                self.teller.say(&format!(
                    "the params {} have {there} of {segments} segments already",
                    begun.params
                ));
                begun
            }
            None => chain.begin_params(owner, bytes.len() as u64)?,
        };
        let mut progress = self.teller.counting("segment", segments as u64);
        chain.upload_segments(owner, begun, bytes, |there| progress.show(there as u64))?;
        drop(progress);
        let uploaded = segments - begun.segments;
        self.teller.say(&format!(
            "the params {} are uploaded: {uploaded} segments",
            begun.params
        ));
        Ok(begun.params)
    }
}

/// Whether texts of the chain are those.
fn are<'a>(chain: impl Iterator<Item = &'a Vec<u8>>, texts: &[String]) -> bool {
    chain.map(Vec::as_slice).eq(texts.iter().map(String::as_bytes))
}

/// The version of a package.
fn spec(manifest: &Manifest, params: ParamsSource, royalty: Royalty) -> Result<VersionSpec, Failure> {
    let tensors = |specs: &[TensorSpec]| specs.iter().map(tensor).collect::<Result<Vec<_>, _>>();
    Ok(VersionSpec {
        program: H256(manifest.program_hash.0),
        params,
        inputs: tensors(&manifest.inputs)?,
        outputs: tensors(&manifest.outputs)?,
        license: manifest.license.clone().into_bytes(),
        royalty: Perbill(royalty.0),
        max_steps: manifest.steps,
        labels: manifest
            .labels
            .iter()
            .map(|label| label.clone().into_bytes())
            .collect(),
    })
}

fn tensor(spec: &TensorSpec) -> Result<ChainTensor, Failure> {
    let shape = spec.shape.iter().copied().map(u32::try_from);
    let shape = shape.collect::<Result<_, _>>();
    Ok(ChainTensor {
        name: spec.name.clone().into_bytes(),
        dtype: chain_dtype(spec.dtype),
        shape: shape.map_err(|_| {
            format!(
                "the tensor `{}` has an axis that is longer than a chain's can be",
                spec.name
            )
        })?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_royalty_is_a_share_of_a_hundred() {
        for (text, parts) in [
            ("0", 0),
            ("5", 50_000_000),
            ("2.5", 25_000_000),
            ("100", 1_000_000_000),
            ("0.0000001", 1),
        ] {
            assert_eq!(text.parse(), Ok(Royalty(parts)), "{text}");
        }
        for text in ["", "-1", "101", "100.1", "1.", "5%", "0.00000001"] {
            assert!(text.parse::<Royalty>().is_err(), "{text}");
        }
    }
}
