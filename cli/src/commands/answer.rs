//! A job, as people and machines read it.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::interface::specs;
use super::outputs::{save, Outputs};
use super::{text, Failure};
use crate::client::job::{has_answer, JobInfo, JobStatus, Outcome};
use crate::client::version::labels;
use crate::client::{Amount, Chain};
use crate::package::{Dtype, Hash, TensorSpec};

/// A job with what it gave.
pub(super) struct Answer {
    job: u64,
    info: JobInfo,
    /// What the output consists of.
    specs: Vec<TensorSpec>,
    labels: Vec<String>,
    /// What is odd about it.
    note: Option<String>,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
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
        // A version may be removed when its jobs have ended.
        let (specs, labels) = match chain.version_if_there(info.version)? {
            Some(version) => (specs(&version.details.outputs.0), labels(&version)),
            None => Default::default(),
        };
        let (specs, note) = fitting(specs, info.output.as_deref());
        Ok(Self {
            job,
            info,
            specs,
            labels,
            note,
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

    fn report<'a>(&'a self, outputs: Option<Outputs<'a>>, files: &'a [PathBuf]) -> Report<'a> {
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
            note: self.note.as_deref(),
            files,
        }
    }

    fn lines(&self, outputs: Option<&Outputs>, files: &[PathBuf]) -> Vec<String> {
        let info = &self.info;
        let outputs = outputs.map(|outputs| text::outputs(&outputs.0, &self.labels));
        let mut lines = outputs.unwrap_or_default();
        lines.extend(self.note.iter().map(|note| format!("note      {note}")));
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

/// The tensors of an output: those of its version, if they are as long as it is. Nobody has made sure of that, and the bytes are
/// paid. Or else the bytes as they are, and why.
fn fitting(specs: Vec<TensorSpec>, output: Option<&[u8]>) -> (Vec<TensorSpec>, Option<String>) {
    let len = output.map_or(0, <[u8]>::len);
    let declared = TensorSpec::bytes_of_all(&specs);
    if specs.is_empty() {
        return (bytes(len), None);
    }
    match len == 0 || declared == len as u64 {
        true => (specs, None),
        false => {
            let note = format!("the program gave {len} bytes, and the version's outputs have {declared}");
            (bytes(len), Some(note))
        }
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

/// What a claim says.
fn claimed(info: &JobInfo) -> &'static str {
    match has_answer(info) {
        true => "the answer is there",
        false => "the program failed, as its provider says",
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
        JobStatus::Pending => format!("{name}{until}: {}, and can be challenged", claimed(info)),
        JobStatus::Challenged => format!("{name}: {}, and somebody doubts it", claimed(info)),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_output_of_another_length_is_shown_all_the_same() {
        let declared = bytes(3);
        let of = |output: Option<&[u8]>| fitting(declared.clone(), output);
        assert_eq!(of(None), (declared.clone(), None));
        assert_eq!(of(Some(&[1, 2, 3])), (declared.clone(), None));
        let (specs, note) = of(Some(&[1, 2]));
        assert_eq!(specs, bytes(2));
        assert!(note.unwrap().contains("gave 2 bytes"));
        assert_eq!(fitting(Vec::new(), Some(&[1])), (bytes(1), None));
    }
}
