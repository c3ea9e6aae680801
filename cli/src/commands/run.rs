//! `assay run`.

use std::path::PathBuf;

use serde::Serialize;

use super::outputs::{save, Outputs};
use super::{read_package, text, Failure, Inputs};
use crate::executors::ExecutorKind;
use crate::package::{Hash, Manifest};
use crate::run::{Answer, Runner};

/// Arguments of `assay run`.
#[derive(Debug, clap::Args)]
pub struct Run {
    /// The package.
    pub package: PathBuf,
    /// What it runs on.
    #[command(flatten)]
    pub inputs: Inputs,
    /// Run once for each entry of the inputs, which have one more axis in front, of the same length.
    #[arg(long)]
    pub batch: bool,
    /// What runs the steps.
    #[arg(long, value_enum, default_value_t)]
    pub executor: ExecutorKind,
    /// Write each output to this folder, as NAME.npy. The folder is created where it is missing.
    #[arg(long, value_name = "FOLDER")]
    pub output: Option<PathBuf>,
    /// Print the hashes of the state before the first step and after each, which a claim commits to.
    #[arg(long)]
    pub states: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

pub(super) fn run(arguments: &Run) -> Result<String, Failure> {
    let package = read_package(&arguments.package)?;
    let manifest = &package.manifest;
    let inputs = arguments.inputs.runs(&manifest.inputs, arguments.batch)?;
    let runner = Runner::with(&package, arguments.executor)?;
    let mut answers = Vec::new();
    for input in &inputs {
        let run = runner.start(input).with_progress();
        answers.push(run.to_end(arguments.states)?);
    }
    let outputs = answers
        .iter()
        .map(|(answer, _)| Outputs::of(&manifest.outputs, &answer.output));
    let outputs = outputs.collect::<Result<Vec<_>, _>>()?;
    let files = match &arguments.output {
        Some(folder) => save(&outputs, arguments.batch, folder)?,
        None => Vec::new(),
    };
    let reports = answers.iter().zip(outputs).map(|((answer, states), outputs)| {
        let states = states.iter().copied().map(Hash).collect();
        Report::new(answer, outputs, arguments.states.then_some(states))
    });
    let reports = reports.collect::<Vec<_>>();
    if arguments.json {
        return Ok(json(&reports, arguments.batch)?);
    }
    let mut lines = lines(&reports, manifest, arguments);
    lines.extend(files.iter().map(|path| format!("written to {}", path.display())));
    Ok(lines.join("\n"))
}

/// What a run gave, as in JSON.
#[derive(Serialize)]
struct Report<'a> {
    outputs: Outputs<'a>,
    steps: u64,
    /// `null` where the executor counts none.
    fuel: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    states: Option<Vec<Hash>>,
}

impl<'a> Report<'a> {
    fn new(answer: &Answer, outputs: Outputs<'a>, states: Option<Vec<Hash>>) -> Self {
        Self {
            outputs,
            steps: answer.steps,
            fuel: answer.total_fuel(),
            states,
        }
    }
}

fn json(reports: &[Report], batch: bool) -> serde_json::Result<String> {
    #[derive(Serialize)]
    struct Batch<'a> {
        runs: &'a [Report<'a>],
    }
    match reports {
        [report] if !batch => serde_json::to_string(report),
        runs => serde_json::to_string(&Batch { runs }),
    }
}

fn lines(reports: &[Report], manifest: &Manifest, arguments: &Run) -> Vec<String> {
    let each = reports.iter().enumerate().flat_map(|(index, report)| {
        let title = arguments.batch.then(|| format!("run {index}"));
        let lines = report_lines(report, manifest, arguments.executor);
        title.into_iter().chain(lines)
    });
    each.collect()
}

fn report_lines(report: &Report, manifest: &Manifest, executor: ExecutorKind) -> Vec<String> {
    let mut lines = text::outputs(&report.outputs.0, &manifest.labels);
    let states = report.states.iter().flatten().enumerate();
    lines.extend(states.map(|(step, hash)| format!("state {step}: {hash}")));
    let fuel = report.fuel.map(|fuel| format!("{fuel} fuel, "));
    let fuel = fuel.unwrap_or_default();
    lines.push(format!("{} steps, {fuel}by {executor}", report.steps));
    lines
}
