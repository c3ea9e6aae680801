//! A job, from its request to its end.

use std::time::{Duration, Instant};

use assay_chain::jobs::events::Requested;
use assay_chain::runtime_types::assay_primitives::JobOutcome;
pub use assay_chain::runtime_types::assay_primitives::Price;
use assay_chain::runtime_types::pallet_jobs::types::{self as chain, ClaimEnding};
use assay_chain::{runtime_apis, tx};
use subxt::utils::AccountId32;
use subxt_signer::sr25519::Keypair;

use super::connection::STANDSTILL;
use super::{Chain, ClientError};

/// A job, as the chain shows it.
pub type JobInfo = chain::JobInfo<AccountId32, u128, u32>;
/// What a provider asks for a version.
pub type Quote = chain::Quote<AccountId32, u128>;
/// How far a job is.
pub type JobStatus = chain::JobStatus;
/// How a job ended.
pub type Outcome = JobOutcome;

/// Between two looks at the chain.
const PAUSE: Duration = Duration::from_millis(500);

/// How far a job is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Until {
    /// The answer is there, and can still be challenged.
    Pending,
    /// The answer cannot be challenged any more, and is paid.
    Final,
}

/// A wait ended without what was waited for.
#[derive(Debug, thiserror::Error)]
pub enum Unanswered {
    /// The job ended without an answer.
    #[error("job {job} ended without an answer: {}", ending(outcome))]
    Ended {
        /// The job.
        job: u64,
        /// How it ended.
        outcome: Outcome,
    },
    /// The claim says that there is no answer.
    #[error("job {job} has a claim without an answer: the program trapped, or did not finish. That can still be challenged")]
    Failing {
        /// The job.
        job: u64,
    },
    /// The chain stands still.
    #[error("the chain has made no block for {} s: look at the node, and `assay job watch {job}` goes on waiting", STANDSTILL.as_secs())]
    Standstill {
        /// The job.
        job: u64,
    },
}

fn ending(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Answered => "it was answered",
        Outcome::Failed => "the program trapped, or did not finish; what it did not cost went back",
        Outcome::Expired => "nobody answered in time; the whole fee went back",
        Outcome::Cancelled => "it was cancelled; the whole fee went back",
    }
}

impl Chain {
    /// The prices of those who take jobs for a version now, the cheapest first.
    pub fn quotes(&self, version: u32, provider: Option<AccountId32>) -> Result<Vec<Quote>, ClientError> {
        self.ask(runtime_apis().jobs_api().quote(version, provider))
    }

    /// Requests an answer of one who asks at most `max_price`, and waits until the request is final: the job's number, which is in the
    /// event, is another one if another block takes the place of the request's.
    ///
    /// Fails with [`ClientError::Refused`] and [`ClientError::Unknown`].
    pub fn request(
        &self,
        requester: &Keypair,
        version: u32,
        input: Vec<u8>,
        max_price: Price<u128>,
        provider: Option<AccountId32>,
    ) -> Result<Requested, ClientError> {
        let call = tx().jobs().request(version, input, max_price, provider);
        self.submit(&call, requester)?.event()
    }

    /// A job, open or finished.
    ///
    /// Fails with [`ClientError::NotFound`].
    pub fn job(&self, job: u64) -> Result<JobInfo, ClientError> {
        let info = self.ask(runtime_apis().jobs_api().job(job))?;
        info.ok_or_else(|| ClientError::NotFound {
            what: format!("job {job}"),
            advice: "the event jobs.Requested has a job's number, and `assay infer` prints it",
        })
    }

    /// Waits for a job. `changed` hears of it in each new block, with the block's number.
    ///
    /// The chain ends every state of a job by itself: the wait ends, if the chain goes on. Returns the job where it is as
    /// far as that, or further, unless it ended without an answer.
    pub fn watch(
        &self,
        job: u64,
        until: Until,
        mut changed: impl FnMut(&JobInfo, u64),
    ) -> Result<Result<JobInfo, Unanswered>, ClientError> {
        let (mut height, mut since) = (None, Instant::now());
        loop {
            let now = self.height()?;
            if height != Some(now) {
                (height, since) = (Some(now), Instant::now());
                let info = self.job(job)?;
                changed(&info, now);
                if is_reached(&info.status, until) {
                    return Ok(answered(job, info));
                }
            }
            if since.elapsed() > STANDSTILL {
                return Ok(Err(Unanswered::Standstill { job }));
            }
            std::thread::sleep(PAUSE);
        }
    }
}

fn is_reached(status: &JobStatus, until: Until) -> bool {
    match status {
        JobStatus::Queued | JobStatus::Assigned => false,
        JobStatus::Pending | JobStatus::Challenged => until == Until::Pending,
        JobStatus::Final(_) => true,
    }
}

/// The job, unless it ended without an answer.
fn answered(job: u64, info: JobInfo) -> Result<JobInfo, Unanswered> {
    match &info.status {
        JobStatus::Final(Outcome::Answered) => Ok(info),
        JobStatus::Final(outcome) => Err(Unanswered::Ended {
            job,
            outcome: outcome.clone(),
        }),
        JobStatus::Pending | JobStatus::Challenged if !has_answer(&info) => Err(Unanswered::Failing { job }),
        JobStatus::Queued | JobStatus::Assigned | JobStatus::Pending | JobStatus::Challenged => Ok(info),
    }
}

/// Whether there is a claim with an answer.
pub fn has_answer(info: &JobInfo) -> bool {
    matches!(info.ending, Some(ClaimEnding::Answer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_ends_at_its_state_or_at_the_end() {
        let reached = |status| [Until::Pending, Until::Final].map(|until| is_reached(&status, until));
        assert_eq!(reached(JobStatus::Queued), [false, false]);
        assert_eq!(reached(JobStatus::Assigned), [false, false]);
        assert_eq!(reached(JobStatus::Pending), [true, false]);
        assert_eq!(reached(JobStatus::Challenged), [true, false]);
        assert_eq!(reached(JobStatus::Final(Outcome::Expired)), [true, true]);
    }
}
