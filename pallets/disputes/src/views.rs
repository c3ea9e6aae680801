//! What clients and workers ask.

use crate::{types::*, Challenges, Config, Pallet, Reveals};
use alloc::vec::Vec;
use assay_primitives::{ClaimId, Claims};
use frame_system::pallet_prelude::BlockNumberFor;

/// The most entries of a list that a view returns.
pub const MAX_LISTED: usize = 1024;

type ChallengeInfoOf<T> =
    ChallengeInfo<<T as frame_system::Config>::AccountId, BalanceOf<T>, BlockNumberFor<T>>;

impl<T: Config> Pallet<T> {
    /// The open challenges of `id`, at most [`MAX_LISTED`].
    pub fn challenges_of(id: ClaimId) -> Vec<ChallengeInfoOf<T>> {
        let claim = T::Claims::disputed(id);
        Challenges::<T>::iter_prefix(id)
            .take(MAX_LISTED)
            .map(|(challenger, challenge)| Self::info(id, claim.as_ref(), challenger, challenge))
            .collect()
    }

    /// The open challenge of `id` by `challenger`.
    pub fn challenge_of(id: ClaimId, challenger: &T::AccountId) -> Option<ChallengeInfoOf<T>> {
        let challenge = Challenges::<T>::get(id, challenger)?;
        let claim = T::Claims::disputed(id);
        Some(Self::info(id, claim.as_ref(), challenger.clone(), challenge))
    }

    fn info(
        id: ClaimId,
        claim: Option<&DisputedClaimOf<T>>,
        challenger: T::AccountId,
        challenge: ChallengeOf<T>,
    ) -> ChallengeInfoOf<T> {
        ChallengeInfo {
            challenger,
            opened: challenge.opened,
            bond: challenge.bond,
            standing: claim.map(|claim| Self::standing(id, claim, &challenge)),
        }
    }

    /// The reveals of `id` that were asked for and not shown, at most [`MAX_LISTED`].
    pub fn owed_reveals(id: ClaimId) -> Vec<OwedReveal<BlockNumberFor<T>>> {
        Reveals::<T>::iter_prefix(id)
            .filter_map(|(node, reveal)| match reveal.state {
                RevealState::Asked { until } => Some(OwedReveal {
                    claim: id,
                    node,
                    until,
                }),
                RevealState::Shown { .. } => None,
            })
            .take(MAX_LISTED)
            .collect()
    }
}
