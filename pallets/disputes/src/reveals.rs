//! Reveals: how a hidden trace is shown, a piece at a time.

use crate::{types::*, Challenges, Config, Error, Event, Pallet, Reveals};
use alloc::vec::Vec;
use assay_engine::{
    limits::MAX_PUBLIC_STEPS,
    trace::{node_of_shown, root_of_path, shown_key, NodeId},
    Hash,
};
use assay_primitives::ClaimId;
use codec::Encode;
use frame_support::{
    ensure,
    pallet_prelude::{InvalidTransaction, TransactionSource, ValidTransaction},
    weights::Weight,
};
use frame_system::pallet_prelude::BlockNumberFor;
use sp_core::H256;
use sp_runtime::{
    traits::{One, Saturating},
    transaction_validity::{TransactionPriority, TransactionValidityError, TransactionValidityWithRefund},
    DispatchResult, SaturatedConversion,
};

/// The most blocks that a reveal stays in the pool unseen.
const MAX_LONGEVITY: u64 = 64;
/// Reveals go before what pays a usual fee: they have a deadline, and there are few.
const PRIORITY: TransactionPriority = TransactionPriority::MAX / 2;

impl<T: Config> Pallet<T> {
    pub(crate) fn do_ask(
        who: T::AccountId,
        id: ClaimId,
        node: NodeId,
        hash: H256,
        path: Path,
    ) -> DispatchResult {
        let claim = Self::disputed(id)?;
        let mut challenge = Challenges::<T>::get(id, &who).ok_or(Error::<T>::ChallengeNotFound)?;
        ensure!(claim.steps > MAX_PUBLIC_STEPS, Error::<T>::TraceIsPublic);
        let now = Self::now();
        match Self::standing(id, &claim, &challenge) {
            Standing::Challenger { until } => ensure!(now <= until, Error::<T>::DeadlinePassed),
            Standing::Provider { .. } => return Err(Error::<T>::NotYourTurn.into()),
        }
        ensure!(node.can_be_revealed(claim.steps), Error::<T>::WrongNode);
        ensure!(!challenge.asked.contains(&node), Error::<T>::AlreadyAsked);
        let path = path.iter().map(|hash| hash.0).collect::<Vec<Hash>>();
        ensure!(
            root_of_path(claim.steps, node, hash.0, &path) == Some(claim.trace_root.0),
            Error::<T>::WrongPath
        );
        let reveal_until = now.saturating_add(claim.terms.reveal_time);
        let (turn, until) = match Self::count_asker(id, node, hash, reveal_until) {
            RevealState::Asked { until } => (Turn::Provider { node }, until),
            RevealState::Shown { .. } => {
                let until = now.saturating_add(claim.terms.move_time);
                (Turn::Challenger { until }, until)
            }
        };
        challenge
            .asked
            .try_push(node)
            .map_err(|_| Error::<T>::WrongNode)?;
        Self::unschedule(id, &who, &challenge);
        challenge.turn = turn.clone();
        Self::put_due(id, &who, challenge, until);
        Self::deposit_event(Event::Asked {
            claim: id,
            challenger: who,
            node,
            hash,
            shown: matches!(turn, Turn::Challenger { .. }),
            until,
        });
        Ok(())
    }

    /// Counts one challenge more that asks for `node`, which can be shown up to block `until` unless somebody
    /// asked before. Returns how far the reveal is.
    fn count_asker(
        id: ClaimId,
        node: NodeId,
        hash: H256,
        until: BlockNumberFor<T>,
    ) -> RevealState<BlockNumberFor<T>> {
        let mut reveal = Reveals::<T>::get(id, node).unwrap_or(Reveal {
            hash,
            state: RevealState::Asked { until },
            askers: 0,
        });
        reveal.askers = reveal.askers.saturating_add(1);
        let state = reveal.state;
        Reveals::<T>::insert(id, node, reveal);
        state
    }

    /// Counts one challenge less that asked for `node`.
    pub(crate) fn uncount_asker(id: ClaimId, node: NodeId) {
        Reveals::<T>::mutate_exists(id, node, |slot| {
            let Some(reveal) = slot else { return };
            reveal.askers = reveal.askers.saturating_sub(1);
            if reveal.askers == 0 {
                *slot = None;
            }
        });
    }

    /// Checks that `hashes` are what is below `node`, and that somebody waits for them. Returns the reveal, and the steps of
    /// the trace.
    fn check_reveal(id: ClaimId, node: NodeId, hashes: &[H256]) -> Result<(RevealOf<T>, u64), Error<T>> {
        let claim = Self::disputed(id)?;
        let reveal = Reveals::<T>::get(id, node).ok_or(Error::<T>::NotAsked)?;
        let RevealState::Asked { until } = reveal.state else {
            return Err(Error::<T>::AlreadyShown);
        };
        ensure!(Self::now() <= until, Error::<T>::DeadlinePassed);
        let hashes = hashes.iter().map(|hash| hash.0).collect::<Vec<Hash>>();
        ensure!(
            node_of_shown(claim.steps, node, hashes) == Some(reveal.hash.0),
            Error::<T>::WrongHashes
        );
        Ok((reveal, claim.steps))
    }

    pub(crate) fn authorize_reveal(
        _source: TransactionSource,
        id: &ClaimId,
        node: &NodeId,
        hashes: &Hashes,
    ) -> TransactionValidityWithRefund {
        let (reveal, _) = Self::check_reveal(*id, *node, hashes).map_err(Rejected)?;
        let RevealState::Asked { until } = reveal.state else {
            return Err(Rejected(Error::<T>::AlreadyShown).into());
        };
        let left = until.saturating_sub(Self::now()).saturating_add(One::one());
        let validity = ValidTransaction::with_tag_prefix("assay:reveal")
            .priority(PRIORITY)
            .and_provides((id, node))
            .longevity(left.saturated_into::<u64>().min(MAX_LONGEVITY))
            .propagate(true)
            .into();
        Ok((validity, Weight::zero()))
    }

    pub(crate) fn do_reveal(id: ClaimId, node: NodeId, hashes: Hashes) -> DispatchResult {
        let (mut reveal, steps) = Self::check_reveal(id, node, &hashes)?;
        sp_io::offchain_index::set(&shown_key(steps, node, &reveal.hash.0), &hashes.encode());
        reveal.state = RevealState::Shown { at: Self::now() };
        Reveals::<T>::insert(id, node, reveal);
        Self::deposit_event(Event::Shown {
            claim: id,
            node,
            hashes: hashes.len().saturated_into(),
        });
        Ok(())
    }
}

/// Why the pool refuses a reveal: `InvalidTransaction::Custom` with the index of the error, from 1.
struct Rejected<T: Config>(Error<T>);

impl<T: Config> From<Rejected<T>> for TransactionValidityError {
    fn from(Rejected(error): Rejected<T>) -> Self {
        let index = error.encode().first().copied().unwrap_or_default();
        InvalidTransaction::Custom(index.saturating_add(1)).into()
    }
}
