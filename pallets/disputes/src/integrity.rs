//! What must hold of the configuration.

use crate::{proofs::ProofSize, types::*, weights::WeightInfo, Config, Pallet};
use assay_engine::limits::{MAX_PROGRAM_LEN, STEP_FUEL};
use frame_support::traits::Get;
use sp_runtime::SaturatedConversion;

impl<T: Config> Pallet<T> {
    /// Panics where the configuration breaks a promise of the pallet.
    pub(crate) fn check_config() {
        assert!(T::MaxDuePerBlock::get() > 0, "the agenda serves no challenge");
        let limit = Self::agenda_limit();
        let proof = ProofSize {
            code: MAX_PROGRAM_LEN.saturated_into(),
            chunks: MAX_PROOF_CHUNKS,
            fuel: STEP_FUEL,
        };
        let calls = [
            ("the agenda", Self::pace().least()),
            ("challenge", T::WeightInfo::challenge()),
            ("ask", T::WeightInfo::ask()),
            (
                "reveal",
                T::WeightInfo::reveal(MAX_SHOWN).saturating_add(T::WeightInfo::authorize_reveal(MAX_SHOWN)),
            ),
            ("prove_fraud", proof.weight::<T>()),
            ("settle", Self::settle_weight()),
        ];
        for (name, weight) in calls {
            assert!(
                weight.all_lte(limit),
                "{name} takes {weight}, more than a quarter of a block: {limit}"
            );
        }
    }
}
