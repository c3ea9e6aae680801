//! A job, as people and machines read it.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::interface::specs;
use super::outputs::{save, Outputs};
use super::{text, Failure};
use crate::client::job::{JobInfo, JobStatus, Outcome};
use crate::client::version::labels;
use crate::client::{Amount, Chain, ClientError};
use crate::package::{Dtype, Hash, TensorSpec};

/// A job with what it gave.
pub(super) struct Answer {
    job: u64,
    info: JobInfo,
    /// What the output consists of.
    specs: Vec<TensorSpec>,
    labels: Vec<String>,
}

/// A job, as in JSON.
#[derive(Serialize)]
struct Report<'a> {
    job: u64,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<&'static str>,
    version: u32,
    requester: String,
    provider: Option<String>,
    /// The last block of the state.
    until: Option<u32>,
    max_fee: Option<Amount>,
    paid: Option<Amount>,
    steps: Option<u64>,
    finished_at: Option<u32>,
    receipt: Receipt,
    outputs: Option<Outputs<'a>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    files: &'a [PathBuf],
}

/// What stays of a job for good.
#[derive(Serialize)]
struct Receipt {
    input_hash: Hash,
    output_hash: Option<Hash>,
    trace_root: Option<Hash>,
}

impl Answer {
    /// A job with the tensors of its version.
    ///
    /// Fails where the output is not the one that was claimed.
    pub fn of(chain: &Chain, job: u64, info: JobInfo) -> Result<Self, Failure> {
        let claimed = info.output_hash.map(|hash| Hash(hash.0));
        if info
            .output
            .as_ref()
            .is_some_and(|output| Some(Hash::of(output)) != claimed)
        {
            return Err(
                "the node gave an output that is not the one whose hash was claimed: ask another node".into(),
            );
        }
        let len = info.output.as_ref().map_or(0, Vec::len);
        let (specs, labels) = match chain.version(info.version) {
            Ok(version) => (specs(&version.details.outputs.0), labels(&version)),
            // A version may be removed when its jobs have ended.
            Err(ClientError::NotFound { .. }) => (bytes(len), Vec::new()),
            Err(error) => return Err(error.into()),
        };
        Ok(Self {
            job,
            info,
            specs: if specs.is_empty() { bytes(len) } else { specs },
            labels,
        })
    }

    /// The job as text or as JSON. `folder` gets the outputs as files.
    pub fn show(&self, folder: Option<&Path>, json: bool) -> Result<String, Failure> {
        let output = self.info.output.as_deref().filter(|output| !output.is_empty());
        let outputs = output
            .map(|output| Outputs::of(&self.specs, output))
            .transpose()?;
        let files = match (&outputs, folder) {
            (Some(outputs), Some(folder)) => save(std::slice::from_ref(outputs), false, folder)?,
            _ => Vec::new(),
        };
        match json {
            true => Ok(serde_json::to_string(&self.report(outputs, &files))?),
            false => Ok(self.lines(outputs.as_ref(), &files).join("\n")),
        }
    }

    fn report<'a>(&self, outputs: Option<Outputs<'a>>, files: &'a [PathBuf]) -> Report<'a> {
        let info = &self.info;
        Report {
            job: self.job,
            status: status(&info.status),
            outcome: outcome(&info.status),
            version: info.version,
            requester: info.requester.to_string(),
            provider: info.provider.as_ref().map(ToString::to_string),
            until: info.until,
            max_fee: info.max_fee.map(Amount),
            paid: info.paid.map(Amount),
            steps: info.steps,
            finished_at: info.finished_at,
            receipt: Receipt {
                input_hash: Hash(info.input_hash.0),
                output_hash: info.output_hash.map(|hash| Hash(hash.0)),
                trace_root: info.trace_root.map(|root| Hash(root.0)),
            },
            outputs,
            files,
        }
    }

    fn lines(&self, outputs: Option<&Outputs>, files: &[PathBuf]) -> Vec<String> {
        let info = &self.info;
        let outputs = outputs.map(|outputs| text::outputs(&outputs.0, &self.labels));
        let mut lines = outputs.unwrap_or_default();
        lines.push(format!("job       {}, of version {}", self.job, info.version));
        lines.push(format!("state     {}", state(info)));
        lines.push(format!("requester {}", info.requester));
        lines.extend(
            info.provider
                .as_ref()
                .map(|provider| format!("provider  {provider}")),
        );
        lines.extend(info.paid.map(|paid| {
            let steps = info.steps.map(|steps| format!(" for {steps} steps"));
            format!("paid      {} ASSAY{}", Amount(paid), steps.unwrap_or_default())
        }));
        lines.extend(info.max_fee.map(|fee| format!("escrow    {} ASSAY", Amount(fee))));
        lines.push(format!("input     {}", Hash(info.input_hash.0)));
        lines.extend(info.output_hash.map(|hash| format!("output    {}", Hash(hash.0))));
        lines.extend(info.trace_root.map(|root| format!("trace     {}", Hash(root.0))));
        lines.extend(files.iter().map(|path| format!("written to {}", path.display())));
        lines
    }
}

/// An output of which nobody says what it is.
fn bytes(len: usize) -> Vec<TensorSpec> {
    vec![TensorSpec {
        name: "output".into(),
        dtype: Dtype::U8,
        shape: vec![len as u64],
    }]
}

/// How far a job is, in a word.
fn status(status: &JobStatus) -> &'static str {
    match status {
        JobStatus::Queued => "queued",
        JobStatus::Assigned => "assigned",
        JobStatus::Pending => "pending",
        JobStatus::Challenged => "challenged",
        JobStatus::Final(_) => "final",
    }
}

fn outcome(status: &JobStatus) -> Option<&'static str> {
    match status {
        JobStatus::Final(Outcome::Answered) => Some("answered"),
        JobStatus::Final(Outcome::Failed) => Some("failed"),
        JobStatus::Final(Outcome::Expired) => Some("expired"),
        JobStatus::Final(Outcome::Cancelled) => Some("cancelled"),
        _ => None,
    }
}

/// How far a job is, in words: `pending until block 12: the answer can be challenged`.
pub(super) fn state(info: &JobInfo) -> String {
    let until = info
        .until
        .map(|until| format!(" until block {until}"))
        .unwrap_or_default();
    let name = status(&info.status);
    match &info.status {
        JobStatus::Queued => format!("{name}{until}: waits for a provider"),
        JobStatus::Assigned => format!("{name}{until}: a provider computes"),
        JobStatus::Pending => format!("{name}{until}: the answer is there, and can be challenged"),
        JobStatus::Challenged => format!("{name}: the answer is there, and somebody doubts it"),
        JobStatus::Final(_) => {
            let block = info.finished_at.map(|block| format!(", in block {block}"));
            format!(
                "{name}: {}{}",
                outcome(&info.status).unwrap_or_default(),
                block.unwrap_or_default()
            )
        }
    }
}
