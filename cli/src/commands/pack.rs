//! `assay pack`.

use std::path::PathBuf;

use super::inspect::describe;
use super::{read, write, Failure};
use crate::lower::lower;
use crate::options::Options;
use crate::package::{Hash, Manifest, Package};
use crate::NETWORK_PROGRAM;

/// Arguments of `assay pack`.
#[derive(Debug, clap::Args)]
pub struct Pack {
    /// The ONNX model.
    pub model: PathBuf,
    /// Where the package goes.
    #[arg(short, long)]
    pub output: PathBuf,
    /// Name of the model [default: the file's name].
    #[arg(long)]
    pub name: Option<String>,
    /// What the model does.
    #[arg(long, default_value = "")]
    pub description: String,
    /// SPDX expression of the model's license.
    #[arg(long, default_value = "")]
    pub license: String,
    /// Names of the classes, separated by commas.
    #[arg(long, value_delimiter = ',')]
    pub labels: Vec<String>,
    /// The size of a symbolic dimension of the model.
    #[arg(long, value_name = "NAME=SIZE")]
    pub dim: Vec<String>,
    /// The value of an input that is the same in every run: NAME=FILE.npy, NAME=FILE.json or `NAME=[1,2,3]`.
    #[arg(long = "const", value_name = "NAME=FILE")]
    pub constant: Vec<String>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Makes a package of an ONNX model's bytes.
pub fn package_model(onnx: &[u8], name: &str, options: &Options) -> Result<Package, Failure> {
    let model = lower(onnx, options)?;
    let program = assay_engine::Program::new(NETWORK_PROGRAM.to_vec())?;
    let manifest = Manifest {
        name: name.to_string(),
        description: String::new(),
        license: String::new(),
        labels: Vec::new(),
        inputs: model.inputs,
        outputs: model.outputs,
        program_len: NETWORK_PROGRAM.len() as u64,
        params_len: model.params.len() as u64,
        program_hash: Hash(program.hash()),
        steps: model.steps,
        source_hash: Hash::of(onnx),
    };
    Ok(Package {
        manifest,
        program: NETWORK_PROGRAM.to_vec(),
        params: model.params,
    })
}

pub(super) fn pack(arguments: &Pack) -> Result<String, Failure> {
    let stem = arguments.model.file_stem().unwrap_or_default().to_string_lossy();
    let name = arguments.name.as_deref().unwrap_or(&stem);
    let options = Options::parse(&arguments.dim, &arguments.constant)?;
    let mut package = package_model(&read(&arguments.model)?, name, &options)?;
    package.manifest.description.clone_from(&arguments.description);
    package.manifest.license.clone_from(&arguments.license);
    package.manifest.labels.clone_from(&arguments.labels);
    let bytes = package.encode()?;
    write(&arguments.output, &bytes)?;
    Ok(describe(&package, Hash::of(&bytes), None, arguments.json))
}
