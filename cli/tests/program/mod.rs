//! Which network program the tests run.

use assay_cli::commands::Failure;
use assay_cli::options::Options;
use assay_cli::package::{Hash, Package};

/// Packs a model with the committed network program, or with the file that `ASSAY_NETWORK_PROGRAM` names.
pub fn package_model(onnx: &[u8], name: &str) -> Result<Package, Failure> {
    let mut package = assay_cli::commands::package_model(onnx, name, &Options::default())?;
    if let Some(path) = std::env::var_os("ASSAY_NETWORK_PROGRAM") {
        package.program = std::fs::read(path)?;
        let hash = assay_engine::Program::new(package.program.clone())?.hash();
        package.manifest.program_hash = Hash(hash);
        package.manifest.program_len = package.program.len() as u64;
    }
    Ok(package)
}
