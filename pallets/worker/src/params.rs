//! Params: from the off-chain database into a memory tree that has the version's root.

use crate::reason::Reason;
use alloc::vec::Vec;
use assay_engine::{
    limits::SEGMENT_LEN,
    memory::{MemoryTree, Region},
};
use assay_primitives::ParamsId;
use sp_core::{offchain::StorageKind, H256};

/// The memory that holds `params`, checked against their `root`.
pub(crate) fn load(params: Option<ParamsId>, root: H256, len: u64) -> Result<MemoryTree, Reason> {
    let params = params.ok_or(Reason::ParamsExternal)?;
    let mut memory = MemoryTree::new();
    let mut addr = Region::Params.start();
    for index in 0..pallet_models::segment_count(len) {
        let segment = read_segment(params, index).ok_or(Reason::SegmentNotFound(index))?;
        if segment.len() > SEGMENT_LEN {
            return Err(Reason::ParamsCorrupt);
        }
        memory.write(addr, &segment).map_err(|_| Reason::ParamsCorrupt)?;
        addr = addr.saturating_add(SEGMENT_LEN as u64);
    }
    match memory.region_root(Region::Params) {
        Ok(found) if found == root.0 => Ok(memory),
        _ => Err(Reason::ParamsCorrupt),
    }
}

/// A segment as the chain's blocks showed it to this node.
pub(crate) fn read_segment(params: ParamsId, index: u32) -> Option<Vec<u8>> {
    sp_io::offchain::local_storage_get(
        StorageKind::PERSISTENT,
        &pallet_models::segment_key(params, index),
    )
}
