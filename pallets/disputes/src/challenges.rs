//! Challenges: how they are made, and whose move it is.

use crate::{
    types::*, Agenda, Challenges, Config, Error, Event, FirstChallenger, HoldReason, Pallet, Reveals,
};
use assay_primitives::{ClaimId, Claims};
use frame_support::{
    ensure,
    traits::{
        fungible::{Inspect, MutateHold},
        tokens::{Fortitude, Preservation},
    },
};
use frame_system::pallet_prelude::BlockNumberFor;
use sp_runtime::{
    traits::{One, Saturating},
    DispatchResult,
};

impl<T: Config> Pallet<T> {
    pub(crate) fn now() -> BlockNumberFor<T> {
        frame_system::Pallet::<T>::block_number()
    }

    /// The claim, where it can be disputed.
    pub fn disputed(claim: ClaimId) -> Result<DisputedClaimOf<T>, Error<T>> {
        T::Claims::disputed(claim).ok_or(Error::<T>::ClaimNotFound)
    }

    pub(crate) fn do_challenge(who: T::AccountId, id: ClaimId) -> DispatchResult {
        let claim = Self::disputed(id)?;
        ensure!(claim.provider != who, Error::<T>::OwnClaim);
        ensure!(
            !Challenges::<T>::contains_key(id, &who),
            Error::<T>::AlreadyChallenged
        );
        let bond = claim.terms.bond;
        ensure!(Self::can_bond(&claim, &who), Error::<T>::InsufficientFunds);
        T::Claims::hold(id)?;
        T::Fungible::hold(&HoldReason::Bond.into(), &who, bond)?;
        if !FirstChallenger::<T>::contains_key(id) {
            FirstChallenger::<T>::insert(id, &who);
        }
        let now = Self::now();
        let until = now.saturating_add(claim.terms.move_time);
        let challenge = Challenge {
            opened: now,
            bond,
            asked: Default::default(),
            turn: Turn::Challenger { until },
            due: until,
        };
        Self::put_due(id, &who, challenge, until);
        Self::deposit_event(Event::Challenged {
            claim: id,
            challenger: who,
            bond,
            until,
        });
        Ok(())
    }

    /// Whether `who` can spend the bond of a challenge of `claim`.
    ///
    /// What a lock keeps from being spent cannot be a bond either, or losing it would be a way around the
    /// lock.
    pub fn can_bond(claim: &DisputedClaimOf<T>, who: &T::AccountId) -> bool {
        let spendable = T::Fungible::reducible_balance(who, Preservation::Preserve, Fortitude::Polite);
        claim.terms.bond <= spendable
    }

    /// Stores `challenge` with its next attention in the block after `until`.
    pub(crate) fn put_due(
        id: ClaimId,
        who: &T::AccountId,
        mut challenge: ChallengeOf<T>,
        until: BlockNumberFor<T>,
    ) {
        challenge.due = until.saturating_add(One::one());
        Agenda::<T>::insert(challenge.due, (id, who), ());
        Challenges::<T>::insert(id, who, challenge);
    }

    /// Takes the entry of a challenge off the agenda.
    pub(crate) fn unschedule(id: ClaimId, who: &T::AccountId, challenge: &ChallengeOf<T>) {
        Agenda::<T>::remove(challenge.due, (id, who));
    }

    /// Whose move it is in a challenge of `claim`.
    pub(crate) fn standing(
        id: ClaimId,
        claim: &DisputedClaimOf<T>,
        challenge: &ChallengeOf<T>,
    ) -> Standing<BlockNumberFor<T>> {
        let node = match challenge.turn {
            Turn::Challenger { until } => return Standing::Challenger { until },
            Turn::Provider { node } => node,
        };
        match Reveals::<T>::get(id, node).map(|reveal| reveal.state) {
            Some(RevealState::Asked { until }) => Standing::Provider { node, until },
            Some(RevealState::Shown { at }) => Standing::Challenger {
                until: at.saturating_add(claim.terms.move_time),
            },
            // A reveal stays as long as a challenge that asked for it.
            None => Standing::Challenger { until: challenge.due },
        }
    }
}
