//! Why talking to the chain failed, and what to do.

use subxt::error::{BackendError, DispatchError, ExtrinsicError, RpcError, TransactionEventsError};
use subxt::rpcs;

/// Why talking to the chain failed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody answers.
    #[error(
        "the node at {url} cannot be reached ({reason}): start one, for example `assay-node --dev`, \
         or name another with --url or ASSAY_URL"
    )]
    Unreachable {
        /// Where it would be.
        url: String,
        /// Why.
        reason: String,
    },
    /// The address is none of an RPC.
    #[error("`{0}` is no address of a node's RPC: it begins with ws:// or wss://, as ws://127.0.0.1:9944")]
    BadUrl(String),
    /// The node's runtime differs in what this tool uses.
    #[error(
        "the runtime of the node at {url} (spec version {spec_version}) is not the one that this `assay` was built for: \
         {} differ. Use an `assay` of that runtime's release, or renew cli/metadata/assay.scale and build it again",
        items.join(", ")
    )]
    Incompatible {
        /// Where the node is.
        url: String,
        /// Of the node's runtime.
        spec_version: u32,
        /// The calls, APIs, queries and events that differ.
        items: Vec<String>,
    },
    /// The chain refused a call.
    #[error("the chain refused {call}: {name}: {explanation}")]
    Refused {
        /// `pallet.call`.
        call: String,
        /// `pallet.Error`, or `pool` where the call got into no block.
        name: String,
        /// What the runtime's documentation says about it.
        explanation: String,
    },
    /// A call may be in a block, and may be in none.
    #[error("it is not known what came of {call} ({reason}): look on the chain before you repeat it")]
    Unknown {
        /// `pallet.call`.
        call: String,
        /// Why.
        reason: String,
    },
    /// A secret would leave this machine.
    #[error(
        "the secret of a worker key goes to a node on this machine, and not to {url}: run this where the node is, \
         or bring its RPC here with `ssh -L 9944:127.0.0.1:9944 HOST`"
    )]
    SecretStays {
        /// Where the node is.
        url: String,
    },
    /// The node refused an RPC.
    #[error("the node refuses {method}: {reason}. {advice}")]
    RpcRefused {
        /// The RPC.
        method: &'static str,
        /// Why.
        reason: String,
        /// What to do.
        advice: &'static str,
    },
    /// There is no such thing on the chain.
    #[error("{what} is not on the chain: {advice}")]
    NotFound {
        /// What was looked for.
        what: String,
        /// Where to look.
        advice: &'static str,
    },
    /// The chain says something that this tool does not expect.
    #[error("the chain answered what was not expected: {0}")]
    Unexpected(String),
    /// Anything else.
    #[error("{0}")]
    Other(Box<subxt::Error>),
}

impl ClientError {
    /// An error of `subxt`, about the node at `url`.
    pub(super) fn of(url: &str, error: impl Into<subxt::Error>) -> Self {
        let error = error.into();
        let text = error.to_string();
        // What the client says whose connection has ended; subxt keeps its type to itself.
        let reason = match text {
            _ if text.contains("equest timeout") => "it does not answer",
            _ if ["estart required", "background task", "onnection closed"]
                .iter()
                .any(|part| text.contains(part)) =>
            {
                "the connection was lost"
            }
            _ => return Self::Other(Box::new(error)),
        };
        Self::Unreachable {
            url: url.into(),
            reason: reason.into(),
        }
    }

    /// `call` was submitted, and nobody says what came of it.
    pub(super) fn unknown(call: &str, reason: impl ToString) -> Self {
        Self::Unknown {
            call: call.into(),
            reason: reason.to_string(),
        }
    }

    /// `call` got into no block.
    pub(super) fn of_pool(call: &str, reason: impl Into<String>) -> Self {
        Self::Refused {
            call: call.into(),
            name: "pool".into(),
            explanation: reason.into(),
        }
    }

    /// `call` was submitted, and not taken, or nobody says so.
    pub(super) fn of_submission(call: &str, error: ExtrinsicError) -> Self {
        match error {
            ExtrinsicError::ErrorSubmittingTransaction(BackendError::Rpc(RpcError::ClientError(
                rpcs::Error::User(refusal),
            ))) => {
                let data = refusal.data.map(|data| data.get().trim_matches('"').to_string());
                let text = [Some(refusal.message), data].into_iter().flatten();
                Self::of_pool(call, text.collect::<Vec<_>>().join(": "))
            }
            other => Self::unknown(call, other),
        }
    }

    /// `call` failed in its block, or cannot be seen there.
    pub(super) fn of_events(call: &str, error: TransactionEventsError) -> Self {
        match error {
            TransactionEventsError::ExtrinsicFailed(failure) => {
                let (name, explanation) = explain(&failure);
                Self::Refused {
                    call: call.into(),
                    name,
                    explanation,
                }
            }
            other => Self::unknown(call, other),
        }
    }
}

/// The name of a failure, and what it means.
fn explain(failure: &DispatchError) -> (String, String) {
    match failure {
        DispatchError::Module(module) => match module.details() {
            Ok(details) => (
                format!("{}.{}", first_lower(details.pallet.name()), details.variant.name),
                details.variant.docs.join(" ").trim().to_string(),
            ),
            Err(_) => ("module".into(), module.to_string()),
        },
        DispatchError::Token(token) => (
            format!("token.{token:?}"),
            format!("{token} What an account has is in `assay keys show NAME --balance`."),
        ),
        other => (format!("{other:?}"), other.to_string()),
    }
}

/// As clients in JavaScript write the names of pallets.
pub(super) fn first_lower(name: &str) -> String {
    let mut chars = name.chars();
    let first = chars.next().map(|first| first.to_ascii_lowercase());
    first.into_iter().chain(chars).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pallet_is_named_as_in_javascript() {
        assert_eq!(first_lower("Providers"), "providers");
        assert_eq!(first_lower("TransactionPayment"), "transactionPayment");
        assert_eq!(first_lower(""), "");
    }

    #[test]
    fn an_error_says_what_to_do() {
        let text = ClientError::Unreachable {
            url: "ws://nowhere".into(),
            reason: "refused".into(),
        }
        .to_string();
        assert!(
            text.contains("--url") && text.contains("assay-node --dev"),
            "{text}"
        );
    }
}
