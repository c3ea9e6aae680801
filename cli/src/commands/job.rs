//! `assay job`.

use std::path::{Path, PathBuf};

use super::answer::{state, Answer};
use super::exit::UnansweredReport;
use super::{Failure, Node};
use crate::client::job::{JobInfo, JobStatus, Until};
use crate::client::Chain;
use crate::progress::{Progress, Teller};

/// Arguments of `assay job`.
#[derive(Debug, clap::Args)]
pub struct Job {
    /// What to do.
    #[command(subcommand)]
    pub command: JobCommand,
}

/// What `assay job` does.
#[derive(Debug, clap::Subcommand)]
pub enum JobCommand {
    /// Says how far a job is, and what it gave.
    Show {
        /// The job's number.
        job: u64,
        /// Where to ask, and how to print.
        #[command(flatten)]
        view: View,
    },
    /// Waits for a job's answer. Exits with 5 where it ends without one.
    Watch {
        /// The job's number.
        job: u64,
        /// How far the job is waited for.
        #[arg(long, value_enum, default_value = "final")]
        until: Until,
        /// Where to ask, and how to print.
        #[command(flatten)]
        view: View,
    },
}

/// Where to ask, and how to print.
#[derive(Debug, clap::Args)]
pub struct View {
    /// Write each output to this folder, as NAME.npy. The folder is created where it is missing.
    #[arg(long, value_name = "FOLDER")]
    pub output: Option<PathBuf>,
    /// The node.
    #[command(flatten)]
    pub node: Node,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

pub(super) fn job(arguments: &Job) -> Result<String, Failure> {
    match &arguments.command {
        JobCommand::Show { job, view } => {
            let chain = view.node.connect()?;
            let answer = Answer::of(&chain, *job, chain.job(*job)?)?;
            answer.show(view.output.as_deref(), view.json)
        }
        JobCommand::Watch { job, until, view } => {
            let chain = view.node.connect()?;
            watch(&chain, *job, *until, view.output.as_deref(), view.json)
        }
    }
}

/// Waits for a job's answer, tells what happens meanwhile, and shows the answer.
pub(super) fn watch(
    chain: &Chain,
    job: u64,
    until: Until,
    folder: Option<&Path>,
    json: bool,
) -> Result<String, Failure> {
    let mut story = Story::new(Teller::new(json));
    let waited = chain.watch(job, until, |info, height| story.go_on(info, height))?;
    drop(story);
    match waited {
        Ok(info) => Answer::of(chain, job, info)?.show(folder, json),
        Err(why) => {
            let answer = Answer::of(chain, job, chain.job(job)?)?;
            let report = answer.show(folder, json)?;
            Err(UnansweredReport { why, report }.into())
        }
    }
}

/// What happens to a job, told as it comes.
struct Story {
    teller: Teller,
    told: Option<String>,
    /// Blocks of the present state, from the first of them on.
    progress: Option<(u64, Progress)>,
}

impl Story {
    fn new(teller: Teller) -> Self {
        Self {
            teller,
            told: None,
            progress: None,
        }
    }

    fn go_on(&mut self, info: &JobInfo, height: u64) {
        let state = state(info);
        if self.told.as_ref() != Some(&state) {
            // The line that counts is gone before the next one is told.
            self.progress = None;
            self.teller.say(&format!("block {height}: {state}"));
            self.progress = self.counting(info, height);
            self.told = Some(state);
        }
        if let Some((start, progress)) = &mut self.progress {
            progress.show(height.saturating_sub(*start));
        }
    }

    fn counting(&self, info: &JobInfo, height: u64) -> Option<(u64, Progress)> {
        let what = match &info.status {
            JobStatus::Queued => "waiting for a provider, block",
            JobStatus::Assigned => "waiting for the answer, block",
            JobStatus::Pending => "waiting for the end of the window, block",
            JobStatus::Challenged | JobStatus::Final(_) => return None,
        };
        let blocks = u64::from(info.until?).checked_sub(height)?.saturating_add(1);
        Some((height, self.teller.counting(what, blocks)))
    }
}
