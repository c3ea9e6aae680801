//! `assay unpack`.

use std::path::{Path, PathBuf};

use assay_engine::limits::SEGMENT_LEN;

use crate::serve::region::chunk_hashes;

use super::{at, create_folder, read_package, write, Failure};

/// Arguments of `assay unpack`.
#[derive(Debug, clap::Args)]
pub struct Unpack {
    /// The package.
    pub package: PathBuf,
    /// The folder for the files. It is created where it is missing.
    #[arg(short, long)]
    pub output: PathBuf,
    /// For params that do not go on chain: `params` in one file, and beside it `params.hashes`, by which those who fetch them check
    /// each chunk. Both belong at the version's locations.
    #[arg(long)]
    pub external: bool,
}

pub(super) fn unpack(arguments: &Unpack) -> Result<String, Failure> {
    let folder = &arguments.output;
    let package = read_package(&arguments.package)?;
    create_folder(folder)?;
    remove_segments(folder).map_err(|error| at(folder, error))?;
    let hashes = chunk_hashes(&package.params).concat();
    let mut files = vec![("program.wasm".to_string(), package.program.as_slice())];
    if arguments.external {
        files.push(("params".to_string(), &package.params));
        files.push(("params.hashes".to_string(), &hashes));
    } else {
        let segments = package.params.chunks(SEGMENT_LEN).enumerate();
        files.extend(segments.map(|(index, bytes)| (format!("params.{index}"), bytes)));
    }
    let mut lines = Vec::new();
    for (name, bytes) in files {
        let path = folder.join(name);
        write(&path, bytes)?;
        lines.push(format!("{}: {} bytes", path.display(), bytes.len()));
    }
    Ok(lines.join("\n"))
}

/// Removes the segments of another package: an upload would take them for this one's.
fn remove_segments(folder: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let index = name.to_str().and_then(|name| name.strip_prefix("params."));
        if index.is_some_and(|index| index.parse::<u64>().is_ok()) {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
