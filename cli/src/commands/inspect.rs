//! `assay inspect`.

use std::path::PathBuf;

use assay_engine::limits::{CHUNK_LEN, SEGMENT_LEN};
use serde::Serialize;

use super::text::{printable, specs};
use super::{read, Failure, Inputs};
use crate::chain::{params_deposit, program_deposit};
use crate::client::Amount;
use crate::operators::{operators, OperatorSummary};
use crate::package::{Hash, Manifest, Package};
use crate::profile::{profile, Profile};
use crate::serve::region::{chunk_hashes, region_root};
use crate::tensors::assign::zero_input;

/// Arguments of `assay inspect`.
#[derive(Debug, clap::Args)]
pub struct Inspect {
    /// The package.
    pub package: PathBuf,
    /// Run it once, on zeros or on the inputs given, and say what the run takes and what a dispute over it does.
    #[arg(long)]
    pub run: bool,
    /// What it runs on.
    #[command(flatten)]
    pub inputs: Inputs,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

pub(super) fn inspect(arguments: &Inspect) -> Result<String, Failure> {
    let bytes = read(&arguments.package)?;
    let package = Package::decode(&bytes)?;
    let inputs = &package.manifest.inputs;
    let profile = match (arguments.run, &arguments.inputs.input[..]) {
        (false, []) => None,
        (false, _) => return Err("--input is for --run: say both".into()),
        (true, []) => Some(profile(&package, &zero_input(inputs))?),
        (true, _) => Some(profile(&package, &arguments.inputs.only(inputs)?)?),
    };
    Ok(describe(&package, Hash::of(&bytes), profile, arguments.json))
}

/// What a package is, as in JSON.
#[derive(Serialize)]
struct Description<'a> {
    id: Hash,
    manifest: &'a Manifest,
    /// The root of the params' region, which a version names.
    params_root: Hash,
    /// Chunks of memory that the params fill.
    params_chunks: u64,
    /// Uploads that the params take.
    segments: u64,
    deposits: Deposits,
    operators: Vec<OperatorSummary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<Profile>,
}

/// What the chain holds of whoever uploads.
#[derive(Serialize)]
struct Deposits {
    program: Amount,
    params: Amount,
}

/// What a package is and, where it was run, what that takes.
pub(super) fn describe(package: &Package, id: Hash, run: Option<Profile>, json: bool) -> String {
    let manifest = &package.manifest;
    let description = Description {
        id,
        manifest,
        params_root: Hash(region_root(&chunk_hashes(&package.params)).unwrap_or_default()),
        params_chunks: manifest.params_len.div_ceil(CHUNK_LEN as u64),
        segments: manifest.params_len.div_ceil(SEGMENT_LEN as u64),
        deposits: Deposits {
            program: Amount(program_deposit(manifest.program_len)),
            params: Amount(params_deposit(manifest.params_len)),
        },
        operators: operators(package),
        run,
    };
    match json {
        // Nothing in it fails to be JSON.
        true => serde_json::to_string(&description).unwrap_or_default(),
        false => lines(&description).join("\n"),
    }
}

fn lines(description: &Description) -> Vec<String> {
    let manifest = description.manifest;
    let (program_len, params_len) = (manifest.program_len, manifest.params_len);
    let mut lines = vec![
        format!("id       {}", description.id),
        format!("name     {}", printable(&manifest.name)),
        format!("license  {}", printable(&manifest.license)),
        format!("labels   {}", printable(&manifest.labels.join(", "))),
        format!("inputs   {}", specs(&manifest.inputs)),
        format!("outputs  {}", specs(&manifest.outputs)),
        format!("program  {program_len} bytes, {}", manifest.program_hash),
        format!(
            "params   {params_len} bytes, {} chunks, {} segments to upload, {}",
            description.params_chunks, description.segments, description.params_root
        ),
        format!(
            "deposits {} ASSAY for the program, {} for the params",
            Amount(program_deposit(program_len)),
            Amount(params_deposit(params_len))
        ),
        format!("steps    {}", manifest.steps),
        format!("source   {}", manifest.source_hash),
    ];
    lines.extend(description.operators.iter().map(|operator| {
        let kind = printable(&operator.kind);
        format!(
            "operator {kind}: {}, {} steps",
            operator.operators, operator.steps
        )
    }));
    lines.extend(description.run.iter().flat_map(run_lines));
    lines
}

fn run_lines(run: &Profile) -> [String; 3] {
    let dispute = &run.dispute;
    [
        format!("run      {} steps, {} fuel", run.steps, run.fuel),
        format!(
            "a step   at most {} fuel (step {}), {} chunks touched (step {}), {} written (step {})",
            run.step_fuel.value,
            run.step_fuel.step,
            run.chunks_touched.value,
            run.chunks_touched.step,
            run.chunks_written.value,
            run.chunks_written.step
        ),
        format!(
            "dispute  {} reveals; a fraud proof of at most {} bytes (step {}), {:.1} ms and {} KiB of a block",
            dispute.reveals,
            dispute.proof_bytes.value,
            dispute.proof_bytes.step,
            dispute.proof_weight.ref_time as f64 / 1e9,
            dispute.proof_weight.proof_size.div_ceil(1024)
        ),
    ]
}
