//! Defends the node's own claims: reveals what challengers ask for.

use crate::{claims::OpenClaim, reason::Reason, record::Purpose, task::Outcome, Config, Pallet, LOG_TARGET};
use alloc::vec::Vec;
use assay_engine::trace::TraceTree;
use codec::Encode;
use pallet_disputes::Call;
use sp_core::{offchain::Timestamp, H256};

impl<T: Config> Pallet<T> {
    /// Reveals every node of an own claim's tree that somebody waits for.
    pub(crate) fn defend(claim: &OpenClaim<T>, end: Timestamp) -> Result<(), Reason> {
        let owed = pallet_disputes::Pallet::<T>::owed_reveals(claim.id);
        if owed.is_empty() {
            return Ok(());
        }
        let Outcome::Done(states) = claim.task.states(end)? else {
            return Ok(());
        };
        let tree = TraceTree::new(claim.trace.id, &states);
        if tree.root() != claim.trace.root {
            // Once: a later block's worker runs again, and what that gives is the node's own.
            if claim.task.store.last_reason() != Some(Reason::OwnTraceDiffers) {
                claim.task.store.clear_progress(Purpose::Trace);
            }
            return Err(Reason::OwnTraceDiffers);
        }
        for reveal in owed {
            let node = reveal.node;
            let hashes = tree.reveal(node).ok_or(Reason::OwnTraceDiffers)?;
            let hashes = hashes.into_iter().map(H256).collect::<Vec<_>>();
            let call = Call::<T>::reveal {
                claim: claim.id,
                node,
                hashes: hashes.try_into().map_err(|_| Reason::OwnTraceDiffers)?,
            };
            if claim
                .task
                .store
                .may_submit(call.using_encoded(sp_io::hashing::blake2_256))
            {
                log::info!(
                    target: LOG_TARGET,
                    "job {}: revealing what is below {} of height {}", claim.task.job, node.index, node.height
                );
                Self::submit_authorized(call)?;
            }
        }
        Ok(())
    }
}
