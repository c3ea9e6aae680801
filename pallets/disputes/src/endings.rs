//! Endings: who loses when time is over, and where the bond goes. Nothing here can fail for good.

use crate::{types::*, Agenda, Challenges, Config, Error, Event, HoldReason, NextDue, Pallet, WeightInfo};
use assay_agenda::Pace;
use assay_primitives::{ClaimId, Claims, Verdict};
use frame_support::{
    ensure,
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
        let pace = Pace {
            limit: limit.min(Self::agenda_limit()),
            ..Self::pace()
        };
        assay_agenda::serve::<_, _, NextDue<T>, Agenda<T>>(now, pace, |(claim, challenger)| {
            Self::serve(claim, challenger, now)
        })
    }

    /// Does what is due with a challenge whose entry is off the agenda. Returns the weight.
    pub(crate) fn serve(id: ClaimId, who: T::AccountId, now: BlockNumberFor<T>) -> Weight {
        let Some(challenge) = Challenges::<T>::get(id, &who) else {
            return Weight::zero();
        };
        let Some(claim) = T::Claims::disputed(id) else {
            Self::end(id, who, challenge, Ending::ProvenFalse, None);
            return T::WeightInfo::due_return();
        };
        match Self::standing(id, &claim, &challenge) {
            Standing::Challenger { until } if now > until => {
                Self::end(id, who, challenge, Ending::Abandoned, Some(&claim));
                T::WeightInfo::due_abandoned()
            }
            Standing::Provider { until, .. } if now > until => {
                Self::judge_withheld(id, &who);
                Self::end(id, who, challenge, Ending::Withheld, None);
                T::WeightInfo::due_withheld()
            }
            // Somebody moved since the entry was made.
            later => {
                Self::put_due(id, &who, challenge, later.until());
                T::WeightInfo::due_return()
            }
        }
    }

    /// Does what is due with a challenge while the agenda is behind, or its claim is judged already.
    pub(crate) fn do_settle(id: ClaimId, who: T::AccountId) -> DispatchResult {
        let challenge = Challenges::<T>::get(id, &who).ok_or(Error::<T>::ChallengeNotFound)?;
        let now = Self::now();
        if let Some(claim) = T::Claims::disputed(id) {
            let until = Self::standing(id, &claim, &challenge).until();
            ensure!(now > until, Error::<T>::NotDue);
        }
        Self::unschedule(id, &who, &challenge);
        Self::serve(id, who, now);
        Ok(())
    }

    /// Judges a claim whose provider did not reveal in time.
    fn judge_withheld(id: ClaimId, who: &T::AccountId) {
        let challenger = Some(who.clone());
        if let Err(error) = T::Claims::judge(id, Verdict::Disproved { challenger }) {
            log::error!(target: LOG, "{id:?} cannot be judged: {error:?}");
        }
    }

    /// Ends a challenge. `claim` is the one that it leaves to become final.
    fn end(
        id: ClaimId,
        who: T::AccountId,
        challenge: ChallengeOf<T>,
        ending: Ending,
        claim: Option<&DisputedClaimOf<T>>,
    ) {
        Challenges::<T>::remove(id, &who);
        for node in &challenge.asked {
            Self::uncount_asker(id, *node);
        }
        let bond = match claim {
            None => Self::return_bond(&who, challenge.bond),
            Some(claim) => {
                if let Err(error) = T::Claims::unhold(id) {
                    log::error!(target: LOG, "{id:?} has no hold: {error:?}");
                }
                Self::forfeit_bond(&who, challenge.bond, claim)
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
