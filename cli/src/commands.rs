//! The subcommands of `assay`.

use std::error::Error;
use std::path::{Path, PathBuf};

use assay_engine::limits::SEGMENT_LEN;
use clap::{Parser, Subcommand};
use serde_json::json;

use crate::lower::lower;
use crate::package::{Dtype, Hash, Manifest, Package, TensorSpec};
use crate::run::Runner;
use crate::NETWORK_PROGRAM;

/// Packs models for the step machine, inspects them and runs them.
#[derive(Debug, Parser)]
#[command(name = "assay", version)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What `assay` does.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Makes a package of an ONNX model.
    Pack(Pack),
    /// Says what a package holds.
    Inspect {
        /// The package.
        package: PathBuf,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Takes a package apart for an upload by hand: `program.wasm`, and params in segments `params.0`, `params.1`, ...
    Unpack {
        /// The package.
        package: PathBuf,
        /// The folder for the files. It is created where it is missing.
        #[arg(short, long)]
        output: PathBuf,
    },
    /// Runs a package on this machine. A run may write 1 GiB of memory.
    Run {
        /// The package.
        package: PathBuf,
        /// The input tensors' bytes, little-endian, one tensor after the other.
        #[arg(long)]
        input: PathBuf,
        /// Print the hashes of the state before the first step and after each, which a claim commits to.
        #[arg(long)]
        states: bool,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

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
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// What a subcommand fails with.
pub type Failure = Box<dyn Error>;

/// Executes a subcommand and returns what it prints.
pub fn execute(command: &Command) -> Result<String, Failure> {
    match command {
        Command::Pack(arguments) => pack(arguments),
        Command::Inspect { package, json } => {
            let bytes = read(package)?;
            Ok(describe(&Package::decode(&bytes)?, Hash::of(&bytes), *json))
        }
        Command::Unpack { package, output } => unpack(package, output),
        Command::Run {
            package,
            input,
            states,
            json,
        } => run(package, input, *states, *json),
    }
}

/// Makes a package of an ONNX model's bytes.
pub fn package_model(onnx: &[u8], name: &str) -> Result<Package, Failure> {
    let model = lower(onnx)?;
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

fn pack(arguments: &Pack) -> Result<String, Failure> {
    let stem = arguments.model.file_stem().unwrap_or_default().to_string_lossy();
    let name = arguments.name.as_deref().unwrap_or(&stem);
    let mut package = package_model(&read(&arguments.model)?, name)?;
    package.manifest.description.clone_from(&arguments.description);
    package.manifest.license.clone_from(&arguments.license);
    package.manifest.labels.clone_from(&arguments.labels);
    let bytes = package.encode()?;
    std::fs::write(&arguments.output, &bytes).map_err(|error| at(&arguments.output, error))?;
    Ok(describe(&package, Hash::of(&bytes), arguments.json))
}

fn unpack(package: &Path, folder: &Path) -> Result<String, Failure> {
    let package = Package::decode(&read(package)?)?;
    std::fs::create_dir_all(folder).map_err(|error| at(folder, error))?;
    remove_segments(folder).map_err(|error| at(folder, error))?;
    let segments = package.params.chunks(SEGMENT_LEN).enumerate();
    let segments = segments.map(|(index, bytes)| (format!("params.{index}"), bytes));
    let files = std::iter::once(("program.wasm".to_string(), package.program.as_slice())).chain(segments);
    let mut lines = Vec::new();
    for (name, bytes) in files {
        let path = folder.join(name);
        std::fs::write(&path, bytes).map_err(|error| at(&path, error))?;
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

fn run(package: &Path, input: &Path, with_states: bool, json: bool) -> Result<String, Failure> {
    let package = Package::decode(&read(package)?)?;
    let (runner, input) = (Runner::new(&package)?, read(input)?);
    let (answer, states) = match with_states {
        true => runner.run_traced(&input)?,
        false => (runner.run(&input)?, Vec::new()),
    };
    let states = states.into_iter().map(Hash).collect::<Vec<_>>();
    let values = decode_values(&package.manifest.outputs, &answer.output);
    if json {
        let mut report = json!({ "steps": answer.steps, "fuel": answer.fuel, "outputs": values });
        if with_states {
            report["states"] = json!(states);
        }
        return Ok(report.to_string());
    }
    let outputs = package.manifest.outputs.iter().zip(&values);
    let outputs = outputs.map(|(spec, values)| format!("{}: {}", printable(&spec.name), json!(values)));
    let states = states
        .iter()
        .enumerate()
        .map(|(step, hash)| format!("state {step}: {hash}"));
    let end = format!("{} steps, {} fuel", answer.steps, answer.fuel);
    Ok(outputs.chain(states).chain([end]).collect::<Vec<_>>().join("\n"))
}

/// The numbers of each output tensor.
fn decode_values(specs: &[TensorSpec], mut bytes: &[u8]) -> Vec<Vec<f64>> {
    let mut tensors = Vec::new();
    for spec in specs {
        let size = size_of_dtype(spec.dtype);
        let len = spec.shape.iter().copied().fold(size as u64, u64::saturating_mul);
        let (tensor, rest) = bytes.split_at(len.min(bytes.len() as u64) as usize);
        tensors.push(
            tensor
                .chunks_exact(size)
                .map(|bytes| decode_value(spec.dtype, bytes))
                .collect(),
        );
        bytes = rest;
    }
    tensors
}

fn size_of_dtype(dtype: Dtype) -> usize {
    match dtype {
        Dtype::I8 | Dtype::U8 | Dtype::Bool => 1,
        Dtype::F32 | Dtype::I32 => 4,
        Dtype::I64 => 8,
    }
}

/// One number. `bytes` has as many bytes as the type.
fn decode_value(dtype: Dtype, bytes: &[u8]) -> f64 {
    let word = bytes
        .iter()
        .rev()
        .fold(0_u64, |word, byte| word << 8 | u64::from(*byte));
    match dtype {
        Dtype::F32 => f32::from_bits(word as u32).into(),
        Dtype::I8 => (word as i8).into(),
        Dtype::U8 | Dtype::Bool => (word as u8).into(),
        Dtype::I32 => (word as i32).into(),
        Dtype::I64 => word as i64 as f64,
    }
}

fn describe(package: &Package, id: Hash, json: bool) -> String {
    let manifest = &package.manifest;
    if json {
        return json!({ "id": id, "manifest": manifest }).to_string();
    }
    let tensors = |specs: &[TensorSpec]| {
        let tensor =
            |spec: &TensorSpec| format!("{} {:?} {:?}", printable(&spec.name), spec.dtype, spec.shape);
        specs.iter().map(tensor).collect::<Vec<_>>().join(", ")
    };
    [
        format!("id       {id}"),
        format!("name     {}", printable(&manifest.name)),
        format!("license  {}", printable(&manifest.license)),
        format!("labels   {}", printable(&manifest.labels.join(", "))),
        format!("inputs   {}", tensors(&manifest.inputs)),
        format!("outputs  {}", tensors(&manifest.outputs)),
        format!(
            "program  {} bytes, {}",
            manifest.program_len, manifest.program_hash
        ),
        format!("params   {} bytes", manifest.params_len),
        format!("steps    {}", manifest.steps),
        format!("source   {}", manifest.source_hash),
    ]
    .join("\n")
}

/// Text of a file that anyone may have written: control characters would command the terminal.
pub fn printable(text: &str) -> String {
    let escape = |char: char| match char.is_control() {
        true => char.escape_default().collect(),
        false => String::from(char),
    };
    text.chars().map(escape).collect()
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| at(path, error))
}

fn at(path: &Path, error: std::io::Error) -> Failure {
    format!("{}: {error}", path.display()).into()
}
