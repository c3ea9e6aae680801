//! Params: the bytes of a model's weights, seen by the chain and kept outside of state.

use crate::*;
use alloc::vec::Vec;
use assay_engine::{
    limits::SEGMENT_LEN,
    memory::{segment_root, Frontier},
};
use assay_primitives::ParamsId;
use codec::Encode;
use frame_support::{
    dispatch::{DispatchResultWithPostInfo, Pays, PostDispatchInfo},
    ensure,
    traits::Get,
    weights::Weight,
};
use sp_core::H256;
use sp_runtime::{
    traits::{SaturatedConversion, Saturating},
    DispatchResult,
};

/// The key under which nodes with off-chain indexing keep the bytes of a segment.
///
/// Read it with `sp_io::offchain::local_storage_get(StorageKind::PERSISTENT, key)`. A node may not
/// have the segment, and what it has may be of another fork: check the params against their root.
pub fn segment_key(params: ParamsId, index: u32) -> Vec<u8> {
    (b"assay:segment", params, index).encode()
}

/// Segments of params with `len` bytes.
pub fn segment_count(len: u64) -> u32 {
    len.div_ceil(SEGMENT_LEN as u64).saturated_into()
}

/// Bytes of the segment at `index` of params with `len` bytes. Zero after the last.
pub fn segment_len(len: u64, index: u32) -> u32 {
    let start = u64::from(index).saturating_mul(SEGMENT_LEN as u64);
    len.saturating_sub(start).min(SEGMENT_LEN as u64).saturated_into()
}

impl<BlockNumber> ParamsStatus<BlockNumber> {
    /// The status when `frontier` is what arrived of `len` bytes.
    fn new(frontier: Frontier, len: u64, now: BlockNumber) -> Self {
        if frontier.segments() < segment_count(len) {
            Self::Uploading {
                frontier,
                last_progress: now,
            }
        } else {
            Self::Complete {
                root: H256(frontier.region_root()),
            }
        }
    }
}

impl<T: Config> Pallet<T> {
    /// An upload of no bytes is complete at once, which takes the hashes of an empty region.
    pub(crate) fn begin_params_weight(len: u64) -> Weight {
        match len {
            0 => T::WeightInfo::begin_empty_params(),
            _ => T::WeightInfo::begin_params(),
        }
    }

    pub(crate) fn do_begin_params(owner: T::AccountId, len: u64) -> DispatchResult {
        ensure!(len <= T::MaxParamsLen::get(), Error::<T>::ParamsTooLong);
        let params = NextParams::<T>::get();
        let next = params.checked_add(1).ok_or(Error::<T>::CounterExhausted)?;

        let deposit = Self::deposit_for_params(len);
        Self::hold(HoldReason::Params, &owner, deposit)?;
        let now = frame_system::Pallet::<T>::block_number();
        let status = ParamsStatus::new(Frontier::default(), len, now);
        Self::deposit_event(Event::ParamsBegun {
            params,
            owner: owner.clone(),
            len,
        });
        Self::deposit_event_if_complete(params, &status);
        Params::<T>::insert(
            params,
            ParamsRecord {
                owner,
                deposit,
                len,
                refs: 0,
                status,
            },
        );
        NextParams::<T>::put(next);
        Ok(())
    }

    pub(crate) fn do_upload_segment(
        who: T::AccountId,
        params: ParamsId,
        index: u32,
        bytes: &[u8],
    ) -> DispatchResult {
        let mut record = Params::<T>::get(params).ok_or(Error::<T>::ParamsNotFound)?;
        ensure!(record.owner == who, Error::<T>::NotOwner);
        let count = segment_count(record.len);
        let ParamsStatus::Uploading { mut frontier, .. } = record.status else {
            let error = if index < count {
                Error::SegmentAlreadyUploaded
            } else {
                Error::<T>::SegmentOutOfOrder
            };
            return Err(error.into());
        };
        ensure!(index >= frontier.segments(), Error::<T>::SegmentAlreadyUploaded);
        ensure!(index == frontier.segments(), Error::<T>::SegmentOutOfOrder);
        let expected = segment_len(record.len, index);
        ensure!(
            u32::try_from(bytes.len()) == Ok(expected),
            Error::<T>::WrongSegmentLength
        );
        let root = segment_root(bytes).ok_or(Error::<T>::WrongSegmentLength)?;
        ensure!(frontier.append(root), Error::<T>::SegmentOutOfOrder);

        sp_io::offchain_index::set(&segment_key(params, index), bytes);
        let now = frame_system::Pallet::<T>::block_number();
        record.status = ParamsStatus::new(frontier, record.len, now);
        Self::deposit_event(Event::SegmentUploaded { params, index });
        Self::deposit_event_if_complete(params, &record.status);
        Params::<T>::insert(params, record);
        Ok(())
    }

    pub(crate) fn do_remove_params(who: T::AccountId, params: ParamsId) -> DispatchResultWithPostInfo {
        let record = Params::<T>::get(params).ok_or(Error::<T>::ParamsNotFound)?;
        ensure!(record.refs == 0, Error::<T>::ParamsInUse);
        let segments = match &record.status {
            ParamsStatus::Complete { .. } => {
                ensure!(record.owner == who, Error::<T>::NotOwner);
                segment_count(record.len)
            }
            ParamsStatus::Uploading {
                frontier,
                last_progress,
            } => {
                let now = frame_system::Pallet::<T>::block_number();
                let stale = now.saturating_sub(*last_progress) >= T::UploadTimeout::get();
                ensure!(record.owner == who || stale, Error::<T>::UploadActive);
                frontier.segments()
            }
        };

        Self::release_deposit(HoldReason::Params, &record.owner, record.deposit)?;
        for index in 0..segments {
            sp_io::offchain_index::clear(&segment_key(params, index));
        }
        Params::<T>::remove(params);
        Self::deposit_event(Event::ParamsRemoved { params });
        Ok(PostDispatchInfo {
            actual_weight: Some(T::WeightInfo::remove_params(segments)),
            pays_fee: if record.owner == who { Pays::Yes } else { Pays::No },
        })
    }

    fn deposit_event_if_complete<BlockNumber>(params: ParamsId, status: &ParamsStatus<BlockNumber>) {
        if let ParamsStatus::Complete { root } = status {
            Self::deposit_event(Event::ParamsCompleted { params, root: *root });
        }
    }
}
