//! What holds between any two calls.

use crate::{types::*, Agenda, Challenges, Config, FirstChallenger, HoldReason, NextDue, Pallet, Reveals};
use alloc::collections::{BTreeMap, BTreeSet};
use assay_engine::trace::NodeId;
use assay_primitives::{ClaimId, Claims};
use frame_support::{ensure, traits::fungible::InspectHold};
use sp_runtime::{
    traits::{Saturating, Zero},
    TryRuntimeError,
};

impl<T: Config> Pallet<T> {
    /// Checks every invariant of the pallet's state.
    pub fn do_try_state() -> Result<(), TryRuntimeError> {
        Self::check_money()?;
        Self::check_holds()?;
        Self::check_reveals()?;
        Self::check_agenda()
    }

    /// What is held is what open challenges account for.
    fn check_money() -> Result<(), TryRuntimeError> {
        let mut bonds = BTreeMap::<T::AccountId, BalanceOf<T>>::new();
        for (_, who, challenge) in Challenges::<T>::iter() {
            let sum = bonds.entry(who).or_insert(Zero::zero());
            *sum = sum.saturating_add(challenge.bond);
        }
        for (who, bond) in bonds {
            ensure!(
                T::Fungible::balance_on_hold(&HoldReason::Bond.into(), &who) == bond,
                "bonds on hold are the sum over open challenges"
            );
        }
        Ok(())
    }

    /// A claim that can be judged has a hold for each of its challenges, and one of them is the first.
    fn check_holds() -> Result<(), TryRuntimeError> {
        let mut counts = BTreeMap::<ClaimId, u32>::new();
        for (id, _) in Challenges::<T>::iter_keys() {
            let count = counts.entry(id).or_default();
            *count = count.saturating_add(1);
        }
        for (id, count) in counts {
            if T::Claims::disputed(id).is_some() {
                ensure!(T::Claims::holds(id) == count, "a challenge holds its claim");
            }
            let first = FirstChallenger::<T>::get(id);
            ensure!(
                first.is_some_and(|first| Challenges::<T>::contains_key(id, first)),
                "a claim with challenges has a first one"
            );
        }
        let known = |id: ClaimId| Challenges::<T>::iter_key_prefix(id).next().is_some();
        ensure!(
            FirstChallenger::<T>::iter_keys().all(known),
            "a first challenge is open"
        );
        Ok(())
    }

    /// A reveal counts the challenges that asked for it.
    fn check_reveals() -> Result<(), TryRuntimeError> {
        let mut askers = BTreeMap::<(ClaimId, NodeId), u32>::new();
        for (id, _, challenge) in Challenges::<T>::iter() {
            for node in challenge.asked {
                let count = askers.entry((id, node)).or_default();
                *count = count.saturating_add(1);
            }
        }
        for (id, node, reveal) in Reveals::<T>::iter() {
            ensure!(
                askers.remove(&(id, node)) == Some(reveal.askers),
                "a reveal counts the challenges that asked for it"
            );
        }
        ensure!(askers.is_empty(), "what was asked for is in state");
        Ok(())
    }

    /// Each challenge is on the agenda once, and no block behind the cursor has an entry.
    fn check_agenda() -> Result<(), TryRuntimeError> {
        let mut entries = BTreeSet::new();
        for (block, id) in Agenda::<T>::iter_keys() {
            ensure!(
                NextDue::<T>::get().is_none_or(|next| block >= next),
                "the cursor passed no entry"
            );
            entries.insert((id, block));
        }
        for (id, who, challenge) in Challenges::<T>::iter() {
            ensure!(
                entries.remove(&((id, who), challenge.due)),
                "a challenge is on the agenda when it is due"
            );
        }
        ensure!(entries.is_empty(), "what is on the agenda is a challenge");
        Ok(())
    }
}
