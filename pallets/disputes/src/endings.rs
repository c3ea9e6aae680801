//! Endings: who loses when time is over, and where the bond goes. Nothing here can fail for good.

use crate::{
    types::*, Agenda, Challenges, Config, Error, Event, FirstChallenger, HoldReason, NextDue, Pallet,
    WeightInfo,
};
use assay_agenda::Pace;
use assay_primitives::{ClaimId, Claims};
use frame_support::{
    storage::with_storage_layer,
    traits::{
        fungible::MutateHold,
        tokens::{Fortitude, Precision, Restriction},
        Get,
    },
    weights::Weight,
};
use frame_system::pallet_prelude::BlockNumberFor;
use sp_runtime::{
    traits::{Saturating, Zero},
    DispatchResult,
};

const LOG: &str = "runtime::disputes";

/// What is due with a challenge.
enum Due<T: Config> {
    /// Its claim was judged: the bond goes back.
    Return,
    /// The provider did not reveal in time: its claim is judged, and the bond goes back.
    Judge,
    /// The challenger did not move in time: the bond is lost, and this claim has a hold less.
    Forfeit(DisputedClaimOf<T>),
}

/// Where a bond went.
#[derive(Default)]
struct Bond<Balance> {
    returned: Balance,
    forfeited: Balance,
    burnt: Balance,
}

impl<T: Config> Pallet<T> {
    /// The most weight that the agenda may take of a block: a quarter, in each dimension.
    pub(crate) fn agenda_limit() -> Weight {
        <T as frame_system::Config>::BlockWeights::get()
            .max_block
            .saturating_div(4)
    }

    /// What the agenda may take of a block.
    pub(crate) fn pace() -> Pace {
        Pace {
            limit: Self::agenda_limit(),
            most: T::MaxDuePerBlock::get(),
            base: T::WeightInfo::agenda_base(),
            look: T::WeightInfo::agenda_look(),
            heaviest: Self::heaviest_due(),
        }
    }

    /// The weight of the heaviest entry.
    fn heaviest_due() -> Weight {
        T::WeightInfo::due_return()
            .max(T::WeightInfo::due_withheld())
            .max(T::WeightInfo::due_abandoned())
    }

    /// The weight of the heaviest end that `settle` brings about.
    pub(crate) fn settle_weight() -> Weight {
        T::WeightInfo::settle().max(Self::heaviest_due())
    }

    /// Serves what is due, with at most `limit` of weight. Returns the weight.
    pub(crate) fn serve_agenda(now: BlockNumberFor<T>, limit: Weight) -> Weight {
        assay_agenda::serve::<_, _, NextDue<T>, Agenda<T>>(now, limit, Self::pace(), |(claim, challenger)| {
            Self::serve(claim, challenger, now)
        })
    }

    /// Does what is due with a challenge whose entry is off the agenda. Returns the weight.
    pub(crate) fn serve(id: ClaimId, who: T::AccountId, now: BlockNumberFor<T>) -> Weight {
        let Some(challenge) = Challenges::<T>::get(id, &who) else {
            return Weight::zero();
        };
        match Self::due(id, &challenge, now) {
            Ok(due) => Self::end(id, who, challenge, due),
            // Somebody moved since the entry was made.
            Err(until) => {
                Self::put_due(id, &who, challenge, until);
                T::WeightInfo::due_return()
            }
        }
    }

    /// Does what is due with a challenge while the agenda is behind, or its claim is judged already.
    pub(crate) fn do_settle(id: ClaimId, who: T::AccountId) -> DispatchResult {
        let challenge = Challenges::<T>::get(id, &who).ok_or(Error::<T>::ChallengeNotFound)?;
        let due = Self::due(id, &challenge, Self::now()).map_err(|_| Error::<T>::NotDue)?;
        Self::unschedule(id, &who, &challenge);
        Self::end(id, who, challenge, due);
        Ok(())
    }

    /// How a challenge ends now. `Err` with the last block of the move that it waits for.
    fn due(
        id: ClaimId,
        challenge: &ChallengeOf<T>,
        now: BlockNumberFor<T>,
    ) -> Result<Due<T>, BlockNumberFor<T>> {
        let Some(claim) = T::Claims::disputed(id) else {
            return Ok(Due::Return);
        };
        match Self::standing(id, &claim, challenge) {
            Standing::Challenger { until } if now > until => Ok(Due::Forfeit(claim)),
            Standing::Provider { until, .. } if now > until => Ok(Due::Judge),
            later => Err(later.until()),
        }
    }

    /// Judges a claim whose provider did not reveal in time.
    fn judge_withheld(id: ClaimId, who: &T::AccountId) {
        if let Err(error) = T::Claims::disprove(id, who) {
            log::error!(target: LOG, "{id:?} cannot be judged: {error:?}");
            Self::unhold(id);
        }
    }

    /// Ends the hold of a challenge that is gone.
    fn unhold(id: ClaimId) {
        if let Err(error) = T::Claims::unhold(id) {
            log::error!(target: LOG, "{id:?} has no hold: {error:?}");
        }
    }

    /// Ends a challenge. Returns the weight.
    fn end(id: ClaimId, who: T::AccountId, challenge: ChallengeOf<T>, due: Due<T>) -> Weight {
        Challenges::<T>::remove(id, &who);
        Self::pass_on_first(id, &who);
        for node in &challenge.asked {
            Self::uncount_asker(id, *node);
        }
        let (ending, bond, weight) = match due {
            Due::Return => {
                let bond = Self::return_bond(&who, challenge.bond);
                (Ending::ProvenFalse, bond, T::WeightInfo::due_return())
            }
            Due::Judge => {
                Self::judge_withheld(id, &who);
                let bond = Self::return_bond(&who, challenge.bond);
                (Ending::Withheld, bond, T::WeightInfo::due_withheld())
            }
            Due::Forfeit(claim) => {
                Self::unhold(id);
                let bond = Self::forfeit_bond(&who, challenge.bond, &claim);
                (Ending::Abandoned, bond, T::WeightInfo::due_abandoned())
            }
        };
        Self::deposit_event(Event::Ended {
            claim: id,
            challenger: who,
            ending,
            returned: bond.returned,
            forfeited: bond.forfeited,
            burnt: bond.burnt,
        });
        weight
    }

    /// Gives the place of the first challenger to one of the others, where it was that of `who`.
    fn pass_on_first(id: ClaimId, who: &T::AccountId) {
        if FirstChallenger::<T>::get(id).as_ref() == Some(who) {
            FirstChallenger::<T>::set(id, Challenges::<T>::iter_key_prefix(id).next());
        }
    }

    fn return_bond(who: &T::AccountId, bond: BalanceOf<T>) -> Bond<BalanceOf<T>> {
        let returned = with_storage_layer(|| {
            T::Fungible::release(&HoldReason::Bond.into(), who, bond, Precision::BestEffort)
        });
        Bond {
            returned: returned.unwrap_or_default(),
            ..Default::default()
        }
    }

    /// Gives the bond to the provider, but for the share that is burnt. What the provider cannot take is
    /// burnt, too.
    fn forfeit_bond(
        who: &T::AccountId,
        bond: BalanceOf<T>,
        claim: &DisputedClaimOf<T>,
    ) -> Bond<BalanceOf<T>> {
        let share = bond.saturating_sub(claim.terms.burn_share.mul_ceil(bond));
        let forfeited = with_storage_layer(|| {
            T::Fungible::transfer_on_hold(
                &HoldReason::Bond.into(),
                who,
                &claim.provider,
                share,
                Precision::Exact,
                Restriction::Free,
                Fortitude::Force,
            )
        })
        .unwrap_or_else(|_| Zero::zero());
        let burnt = with_storage_layer(|| {
            T::Fungible::burn_held(
                &HoldReason::Bond.into(),
                who,
                bond.saturating_sub(forfeited),
                Precision::BestEffort,
                Fortitude::Force,
            )
        });
        Bond {
            forfeited,
            burnt: burnt.unwrap_or_default(),
            ..Default::default()
        }
    }
}
