//! What must hold of the configuration.

use crate::{types::*, weights::WeightInfo, Config, Pallet};
use assay_engine::limits::{MAX_INPUT_LEN, MAX_OUTPUT_LEN};
use codec::MaxEncodedLen;
use frame_support::{traits::Get, weights::Weight};

impl<T: Config> Pallet<T> {
    /// Panics where the configuration breaks a promise of the pallet.
    pub(crate) fn check_config() {
        assert!(T::MaxDuePerBlock::get() > 0, "the agenda serves no job");
        assert!(
            ReceiptOf::<T>::max_encoded_len() <= MAX_RECEIPT_LEN,
            "a receipt takes {} bytes, more than {MAX_RECEIPT_LEN}",
            ReceiptOf::<T>::max_encoded_len(),
        );
        assert!(
            Self::check_parameters(&ParametersOf::<T>::default()).is_ok(),
            "MaxJobDuration is shorter than a job by the default parameters"
        );

        let limit = Self::agenda_limit();
        let calls = [
            ("the agenda", Self::pace().least()),
            ("request", T::WeightInfo::request(MAX_INPUT_LEN)),
            ("cancel", T::WeightInfo::cancel()),
            (
                "claim",
                T::WeightInfo::claim(MAX_OUTPUT_LEN, MAX_CLAIM_HASHES)
                    .saturating_add(T::WeightInfo::authorize_claim(MAX_OUTPUT_LEN, MAX_CLAIM_HASHES)),
            ),
            (
                "decline",
                T::WeightInfo::decline().saturating_add(T::WeightInfo::authorize_decline()),
            ),
            ("advance", Self::advance_weight()),
            ("set_parameters", T::WeightInfo::set_parameters()),
        ];
        for (name, weight) in calls {
            assert!(
                weight.all_lte(limit),
                "{name} takes {weight}, more than a quarter of a block: {limit}"
            );
        }
    }

    /// The weight of the heaviest transition that `advance` does.
    pub(crate) fn advance_weight() -> Weight {
        T::WeightInfo::advance()
            .max(T::WeightInfo::due_time_out())
            .max(T::WeightInfo::due_expire())
    }
}
