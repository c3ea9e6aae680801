//! `assay verify`.

use std::path::PathBuf;

use serde::Serialize;

use super::outputs::Outputs;
use super::text::printable;
use super::{read_package, Different, Failure, Inputs};
use crate::compare::{compare, Comparison};
use crate::executors::ExecutorKind;
use crate::expect::{Agreement, Tolerance};
use crate::package::{Package, TensorSpec};
use crate::run::Runner;
use crate::tensors::assign::{read_source, split_name, wanted, InputError};

/// Arguments of `assay verify`.
#[derive(Debug, clap::Args)]
pub struct Verify {
    /// The package.
    pub package: PathBuf,
    /// What it runs on.
    #[command(flatten)]
    pub inputs: Inputs,
    /// What an output should be, say by onnxruntime: NAME=FILE, in the formats of --input.
    #[arg(long, value_name = "NAME=FILE")]
    pub expect: Vec<String>,
    /// How far a value may be from the expected one, as a share of that.
    #[arg(long, value_name = "NUMBER", default_value_t = 1e-4)]
    pub rtol: f64,
    /// How far it may be besides.
    #[arg(long, value_name = "NUMBER", default_value_t = 1e-6)]
    pub atol: f64,
    /// The most steps whose witnesses are verified: where there are more, so many of them, evenly chosen.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub steps: u64,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

pub(super) fn verify(arguments: &Verify) -> Result<String, Failure> {
    let package = read_package(&arguments.package)?;
    let expected = expected(arguments, &package.manifest.outputs)?;
    let input = arguments.inputs.only(&package.manifest.inputs)?;
    let runners = ExecutorKind::ALL.map(|kind| Runner::with(&package, kind));
    let runners = runners.into_iter().collect::<Result<Vec<_>, _>>()?;
    let comparison = compare(&package, &runners, &input, arguments.steps)?;
    let agreements = agreements(&package, &comparison, &expected, arguments)?;
    let report = Report::new(&runners, &comparison, agreements);
    let text = match arguments.json {
        true => serde_json::to_string(&report)?,
        false => lines(&report).join("\n"),
    };
    match report.same {
        true => Ok(text),
        false => Err(Different(text).into()),
    }
}

/// The outputs that are expected, by their index.
fn expected(arguments: &Verify, specs: &[TensorSpec]) -> Result<Vec<(usize, Vec<u8>)>, InputError> {
    let reading = arguments.inputs.reading(false);
    let mut expected = Vec::<(usize, Vec<u8>)>::new();
    for argument in &arguments.expect {
        let (index, spec, source) = named_output(argument, specs)?;
        let bytes = read_source("output", spec, source, &reading)?.concat();
        if expected.iter().any(|(other, _)| *other == index) {
            return Err(InputError::Repeated {
                kind: "output",
                name: spec.name.clone(),
            });
        }
        expected.push((index, bytes));
    }
    Ok(expected)
}

/// The only output needs no name.
fn named_output<'a, 's>(
    argument: &'a str,
    specs: &'s [TensorSpec],
) -> Result<(usize, &'s TensorSpec, &'a str), InputError> {
    match (split_name(argument, specs), specs) {
        (Some(named), _) => Ok(named),
        (None, [spec]) if !argument.contains('=') => Ok((0, spec, argument)),
        _ => Err(InputError::Unknown {
            kind: "output",
            name: argument.split('=').next().unwrap_or_default().to_string(),
            wanted: wanted(specs, "output"),
        }),
    }
}

fn agreements(
    package: &Package,
    comparison: &Comparison,
    expected: &[(usize, Vec<u8>)],
    arguments: &Verify,
) -> Result<Vec<Agreement>, Failure> {
    let Some(answer) = &comparison.answer else {
        return Ok(Vec::new());
    };
    let outputs = Outputs::of(&package.manifest.outputs, &answer.output)?;
    let tolerance = Tolerance {
        relative: arguments.rtol,
        absolute: arguments.atol,
    };
    let agreement = |(index, expected): &(usize, Vec<u8>)| {
        let (spec, actual) = outputs.0.get(*index)?;
        Some(Agreement::of(spec, actual, expected, tolerance))
    };
    Ok(expected.iter().filter_map(agreement).collect())
}

/// What was found, as in JSON.
#[derive(Serialize)]
struct Report {
    same: bool,
    executors: Vec<String>,
    /// Steps after which all states are the same.
    steps: u64,
    witnesses: Witnesses,
    difference: Option<Difference>,
    expected: Vec<Agreement>,
}

/// Witnesses that were verified.
#[derive(Serialize)]
struct Witnesses {
    verified: u64,
    greatest_bytes: u64,
}

/// Where the executors part.
#[derive(Serialize)]
struct Difference {
    step: u64,
    executor: String,
    what: String,
}

impl Report {
    fn new(runners: &[Runner], comparison: &Comparison, expected: Vec<Agreement>) -> Self {
        let difference = comparison.difference.as_ref().map(|difference| Difference {
            step: difference.step,
            executor: difference.executor.clone(),
            what: difference.to_string(),
        });
        Self {
            same: difference.is_none() && expected.iter().all(|agreement| agreement.same),
            executors: runners.iter().map(|runner| runner.name().to_string()).collect(),
            steps: comparison.steps,
            witnesses: Witnesses {
                verified: comparison.witnesses,
                greatest_bytes: comparison.greatest_witness,
            },
            difference,
            expected,
        }
    }
}

fn lines(report: &Report) -> Vec<String> {
    let Report { steps, witnesses, .. } = report;
    let mut lines = vec![
        format!("executors  {}", report.executors.join(", ")),
        format!("states     the same after each of {steps} steps"),
        format!(
            "witnesses  {} verified, of at most {} bytes",
            witnesses.verified, witnesses.greatest_bytes
        ),
    ];
    let difference = report.difference.iter();
    lines.extend(difference.map(|difference| format!("different  {}", printable(&difference.what))));
    lines.extend(report.expected.iter().map(|agreement| {
        let title = if agreement.same { "expected " } else { "different" };
        format!("{title}  {}", printable(&agreement.to_string()))
    }));
    lines
}
