//! What a runtime's configuration has to fulfil.

use crate::*;
use assay_engine::limits::{MAX_PROGRAM_LEN, MAX_STEPS, REGION_LEN, SEGMENT_LEN};
use codec::MaxEncodedLen;
use frame_support::{dispatch::DispatchClass, traits::Get, weights::Weight};
use sp_runtime::traits::{SaturatedConversion, Zero};

/// Bytes of a proof of one chunk, at most.
const SHOWN_LEN: u32 = 8 * 1024;
/// Bytes of an extrinsic that are not the call's data: signature, extensions, indices.
const EXTRINSIC_OVERHEAD: u32 = 1024;

impl<T: Config> Pallet<T> {
    pub(crate) fn do_integrity_test() {
        assert!(
            !T::BaseDeposit::get().is_zero(),
            "BaseDeposit is zero: records are free"
        );
        assert!(
            !T::ByteDeposit::get().is_zero(),
            "ByteDeposit is zero: state is free"
        );
        assert!(
            !T::UploadTimeout::get().is_zero(),
            "UploadTimeout is zero: no upload lasts a block"
        );
        assert!(
            !T::MaxVersions::get().is_zero(),
            "MaxVersions is zero: a model needs versions"
        );
        assert!(
            (1..=MAX_STEPS).contains(&T::MaxSteps::get()),
            "MaxSteps is zero or above what the engine traces"
        );
        assert!(
            !T::ChunkTime::get().is_zero(),
            "ChunkTime is zero: no chunk can be shown in time"
        );
        assert!(
            !T::ChunkBond::get().is_zero(),
            "ChunkBond is zero: asking for chunks is free"
        );
        assert!(T::MaxParamsLen::get() > 0, "MaxParamsLen is zero: no params fit");
        assert!(
            T::MaxParamsLen::get() <= REGION_LEN,
            "MaxParamsLen is above what the engine addresses"
        );

        let longest_call = largest_segment::<T>().max(MAX_PROGRAM_LEN.saturated_into());
        assert!(
            longest_call.saturating_add(EXTRINSIC_OVERHEAD)
                <= *T::BlockLength::get().max.get(DispatchClass::Normal),
            "the longest call does not fit the block's length"
        );

        let budget = T::BlockWeights::get().max_block.div(4);
        for (call, weight) in Self::worst_weights() {
            assert!(
                weight.all_lte(budget),
                "{call} needs {weight:?}, more than a quarter of a block: {budget:?}"
            );
        }
    }

    /// The weight of each call at its worst. The call's data is part of the block's proof.
    fn worst_weights() -> [(&'static str, Weight); 16] {
        let data = |len: u32| Weight::from_parts(0, u64::from(len.saturating_add(EXTRINSIC_OVERHEAD)));
        let program = MAX_PROGRAM_LEN.saturated_into();
        let segment = largest_segment::<T>();
        let metadata = ModelMetadata::max_encoded_len().saturated_into();
        let details = VersionDetails::max_encoded_len().saturated_into();
        [
            (
                "upload_program",
                T::WeightInfo::upload_program(program).saturating_add(data(program)),
            ),
            (
                "remove_program",
                T::WeightInfo::remove_program().saturating_add(data(0)),
            ),
            (
                "begin_params",
                T::WeightInfo::begin_params().saturating_add(data(0)),
            ),
            (
                "begin_params",
                T::WeightInfo::begin_empty_params().saturating_add(data(0)),
            ),
            (
                "upload_segment",
                T::WeightInfo::upload_segment(segment).saturating_add(data(segment)),
            ),
            (
                "remove_params",
                T::WeightInfo::remove_params(segment_count(T::MaxParamsLen::get())).saturating_add(data(0)),
            ),
            (
                "create_model",
                T::WeightInfo::create_model().saturating_add(data(metadata)),
            ),
            (
                "set_model_metadata",
                T::WeightInfo::set_model_metadata().saturating_add(data(metadata)),
            ),
            (
                "transfer_model",
                T::WeightInfo::transfer_model().saturating_add(data(0)),
            ),
            (
                "remove_model",
                T::WeightInfo::remove_model().saturating_add(data(0)),
            ),
            (
                "publish_version",
                T::WeightInfo::publish_version().saturating_add(data(details)),
            ),
            (
                "deprecate_version",
                T::WeightInfo::deprecate_version().saturating_add(data(0)),
            ),
            (
                "remove_version",
                T::WeightInfo::remove_version().saturating_add(data(0)),
            ),
            ("ask_chunk", T::WeightInfo::ask_chunk().saturating_add(data(0))),
            (
                "show_chunk",
                T::WeightInfo::show_chunk().saturating_add(data(SHOWN_LEN)),
            ),
            (
                "reclaim_chunk_bond",
                T::WeightInfo::reclaim_chunk_bond().saturating_add(data(0)),
            ),
        ]
    }
}

/// Bytes of the largest segment that fits `MaxParamsLen`.
fn largest_segment<T: Config>() -> u32 {
    T::MaxParamsLen::get().min(SEGMENT_LEN as u64).saturated_into()
}
