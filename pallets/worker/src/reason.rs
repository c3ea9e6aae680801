//! Why the worker does not finish something now.

use assay_primitives::VersionId;
use assay_service::Refusal;
use codec::{Decode, Encode};
use core::fmt;

/// Why a job is not run, or not claimed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode)]
pub(crate) enum Reason {
    /// The version is not in state.
    VersionNotFound(VersionId),
    /// The program is not in state.
    ProgramNotFound,
    /// The job's input is not in state.
    InputNotFound,
    /// The version's params are not kept by the chain.
    ParamsExternal,
    /// The node has not seen a segment of the params.
    SegmentNotFound(u32),
    /// The params that the node has are not those of the version.
    ParamsCorrupt,
    /// The program does not load.
    BadProgram,
    /// The finished run makes no claim.
    NoClaim,
    /// The keystore does not sign with the worker key.
    NoSignature,
    /// The node's pool did not take the transaction.
    NotSubmitted,
    /// All slots are taken by other jobs.
    NoSlot,
    /// The run takes long and its state is larger than a checkpoint may be.
    TooLarge,
    /// Another worker took the run over.
    LockLost,
    /// The node's own run starts in another state than the claim.
    OwnStartDiffers,
    /// The node's own run has another trace than its claim.
    OwnTraceDiffers,
    /// The challenge window has passed.
    WindowClosed,
    /// The key's own account cannot spend the bond.
    NoBond,
    /// The node lacks what was shown of a trace.
    ShownNotFound,
    /// The node's own proof does not win.
    NotProven,
    /// The node's challenge of the claim has ended, and the claim stands.
    ChallengeLost,
    /// The claim was made by the rules of this version of the engine, which the runtime no longer runs.
    OtherEngine(u16),
    /// The compute server does not answer.
    ServerAway,
    /// The compute server answers with this HTTP status.
    ServerStatus(u16),
    /// What the compute server answers does not hold.
    ServerWrong,
    /// The compute server does not have the params yet.
    ServerFetching,
    /// The compute server cannot do it.
    ServerRefused(Refusal),
    /// The compute server does other runs first.
    ServerBusy,
}

impl Reason {
    /// Whether the compute server is to be waited for.
    pub fn is_wait(self) -> bool {
        matches!(self, Self::ServerFetching | Self::ServerBusy)
    }

    /// Whether the compute server is in trouble that may pass.
    pub fn is_trouble(self) -> bool {
        matches!(self, Self::ServerAway | Self::ServerStatus(_) | Self::ServerWrong)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::VersionNotFound(version) => write!(f, "version {version} is not in state"),
            Self::ProgramNotFound => f.write_str("its program is not in state"),
            Self::InputNotFound => f.write_str("its input is not in state"),
            Self::ParamsExternal => f.write_str(
                "its params are external, and this node fetches none (run `assay serve --node` beside it)",
            ),
            Self::SegmentNotFound(index) => write!(
                f,
                "segment {index} of its params is not in the off-chain database (start the node with \
                 --enable-offchain-indexing true and sync from before the upload)"
            ),
            Self::ParamsCorrupt => f.write_str("the params in the off-chain database have another root"),
            Self::BadProgram => f.write_str("its program does not load"),
            Self::NoClaim => f.write_str("its run makes no claim"),
            Self::NoSignature => f.write_str("the keystore does not sign with the worker key"),
            Self::NotSubmitted => {
                f.write_str("the transaction pool did not take the transaction, or had it already")
            }
            Self::NoSlot => f.write_str("other jobs take all slots, it waits"),
            Self::TooLarge => {
                f.write_str("it takes long, and keeps more than the 8 MiB that the worker can put by")
            }
            Self::OwnStartDiffers => f.write_str(
                "this node's own run starts elsewhere, so that its data is wrong and it accuses nobody",
            ),
            Self::OwnTraceDiffers => {
                f.write_str("this node's own run has another trace than the claim, it cannot reveal that one")
            }
            Self::WindowClosed => f.write_str("the claim is wrong, but its challenge window has passed"),
            Self::NoBond => f.write_str(
                "the claim is wrong, but the account of the worker key cannot spend the bond (send it some)",
            ),
            Self::ShownNotFound => f.write_str(
                "this node has not seen what was shown of the trace, so that it accuses nobody (start it with \
                 --enable-offchain-indexing true)",
            ),
            Self::NotProven => {
                f.write_str("what this node kept of its own run is damaged, so that it accuses nobody and runs again")
            }
            Self::ChallengeLost => f.write_str("this node challenged the claim and lost, it does not do so again"),
            Self::OtherEngine(version) => {
                write!(f, "its claim is by version {version} of the engine, which this runtime cannot run again")
            }
            Self::ServerAway => f.write_str("the compute server does not answer (is `assay serve` running?)"),
            Self::ServerStatus(401) => f.write_str("the compute server has another token (start `assay serve --node` anew)"),
            Self::ServerStatus(code) => write!(f, "the compute server answers with the HTTP status {code}"),
            Self::ServerWrong => f.write_str("what the compute server answers does not hold"),
            Self::ServerFetching => f.write_str("the compute server fetches its params, it waits"),
            Self::ServerBusy => f.write_str("the compute server does other runs first, it waits"),
            Self::ServerRefused(refusal) => write!(f, "the compute server refuses: {refusal}"),
            Self::LockLost => f.write_str("this worker was suspended, another one goes on"),
        }
    }
}
