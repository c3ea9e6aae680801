//! What the tool exits with.

use serde_json::{json, Value};

use super::{Different, Failure};
use crate::client::job::Unanswered;
use crate::client::ClientError;

/// It failed.
const FAILED: u8 = 1;
/// The arguments are none.
const USAGE: u8 = 2;
/// The chain refused a call.
const REFUSED: u8 = 3;
/// The node cannot be reached.
const UNREACHABLE: u8 = 4;
/// A wait ended without what was waited for.
const UNANSWERED: u8 = 5;
/// A call was submitted, and nobody knows what came of it.
const UNKNOWN: u8 = 6;

/// The arguments do not go together.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Usage(pub String);

/// What the tool exits with after a failure.
pub fn exit_code(failure: &Failure) -> u8 {
    if failure.is::<Usage>() {
        return USAGE;
    }
    if failure.is::<UnansweredReport>() {
        return UNANSWERED;
    }
    if let Some(requested) = failure.downcast_ref::<RequestedAlready>() {
        return exit_code(&requested.failure);
    }
    match failure.downcast_ref::<ClientError>() {
        Some(ClientError::Refused { .. }) => REFUSED,
        Some(ClientError::Unreachable { .. }) => UNREACHABLE,
        Some(ClientError::BadUrl(_)) => USAGE,
        Some(ClientError::Unknown { .. }) => UNKNOWN,
        _ => FAILED,
    }
}

/// A failure for machines, as `README.md` describes it.
pub fn as_json(failure: &Failure) -> Value {
    let code = exit_code(failure);
    let kind = match code {
        USAGE => "usage",
        REFUSED => "refused",
        UNREACHABLE => "unreachable",
        UNANSWERED => "unanswered",
        UNKNOWN => "unknown",
        _ => "failed",
    };
    let mut json = json!({"error": kind, "exit_code": code, "message": failure.to_string()});
    match failure.downcast_ref() {
        Some(ClientError::Refused { call, name, .. }) => {
            json["call"] = json!(call);
            json["name"] = json!(name);
        }
        Some(ClientError::Unknown { call, .. }) => json["call"] = json!(call),
        _ => {}
    }
    if let Some(requested) = failure.downcast_ref::<RequestedAlready>() {
        json["job"] = json!(requested.job);
    }
    json
}

/// Something failed after a job was requested, which goes on.
#[derive(Debug, thiserror::Error)]
#[error("{failure}. Job {job} is requested all the same: `assay job watch {job}` waits for its answer")]
pub struct RequestedAlready {
    /// The job.
    pub job: u64,
    /// What failed.
    pub failure: Failure,
}

/// A wait ended without what was waited for, and there is something to show all the same.
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
pub struct UnansweredReport {
    /// Why it ended.
    pub why: Unanswered,
    /// What the subcommand prints.
    pub report: String,
}

/// What a failed subcommand prints besides its error.
pub fn report(failure: &Failure) -> Option<&str> {
    let different = failure
        .downcast_ref::<Different>()
        .map(|Different(report)| report);
    let unanswered = failure
        .downcast_ref::<UnansweredReport>()
        .map(|unanswered| &unanswered.report);
    different.or(unanswered).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(failure: impl Into<Failure>) -> u8 {
        exit_code(&failure.into())
    }

    #[test]
    fn each_kind_of_failure_has_its_code() {
        assert_eq!(code("anything"), 1);
        assert_eq!(code(Different(String::new())), 1);
        assert_eq!(code(ClientError::Unexpected(String::new())), 1);
        assert_eq!(code(Usage(String::new())), 2);
        assert_eq!(code(ClientError::BadUrl(String::new())), 2);
        assert_eq!(
            code(ClientError::Refused {
                call: String::new(),
                name: String::new(),
                explanation: String::new(),
            }),
            3
        );
        assert_eq!(
            code(ClientError::Unreachable {
                url: String::new(),
                reason: String::new(),
            }),
            4
        );
        let unanswered = UnansweredReport {
            why: Unanswered::Standstill { job: 0 },
            report: String::new(),
        };
        assert_eq!(code(unanswered), 5);
        let unknown = ClientError::Unknown {
            call: String::new(),
            reason: String::new(),
        };
        assert_eq!(code(unknown), 6);
    }

    #[test]
    fn who_has_paid_is_told_the_job() {
        let lost = ClientError::Unreachable {
            url: "ws://nowhere".into(),
            reason: "lost".into(),
        };
        let failure = Failure::from(RequestedAlready {
            job: 7,
            failure: lost.into(),
        });
        let json = as_json(&failure);
        assert_eq!((&json["job"], &json["exit_code"]), (&json!(7), &json!(4)));
        assert!(failure
            .to_string()
            .ends_with("`assay job watch 7` waits for its answer"));
    }

    #[test]
    fn a_machine_reads_which_call_was_refused_and_why() {
        let refused = ClientError::Refused {
            call: "jobs.request".into(),
            name: "jobs.PriceTooLow".into(),
            explanation: "Pay more.".into(),
        };
        let expected = json!({
            "error": "refused",
            "exit_code": 3,
            "message": "the chain refused jobs.request: jobs.PriceTooLow: Pay more.",
            "call": "jobs.request",
            "name": "jobs.PriceTooLow",
        });
        assert_eq!(as_json(&refused.into()), expected);
        let usage = Failure::from(Usage("no".into()));
        assert_eq!(
            as_json(&usage),
            json!({"error": "usage", "exit_code": 2, "message": "no"})
        );
        assert_eq!(as_json(&"anything".into())["error"], "failed");
    }

    #[test]
    fn a_failure_may_have_something_to_show() {
        assert_eq!(report(&Different("shown".into()).into()), Some("shown"));
        let unanswered = UnansweredReport {
            why: Unanswered::Standstill { job: 7 },
            report: "shown".into(),
        };
        let failure = Failure::from(unanswered);
        assert_eq!((report(&failure), exit_code(&failure)), (Some("shown"), 5));
        assert_eq!(report(&"nothing".into()), None);
    }
}
