//! Whether external params can be had: anybody asks for a chunk of them, somebody shows it, or the version is
//! frozen.
//!
//! Nothing needs to happen at a deadline: whether a request is overdue follows from the block number.

use crate::*;
use assay_engine::{
    limits::REGION_LEVELS,
    memory::{Proof, ProofNode, Region},
};
use assay_primitives::{Awaited, VersionId};
use frame_support::{
    ensure,
    traits::{
        fungible::MutateHold,
        tokens::{Fortitude, Precision},
        Get,
    },
};
use frame_system::pallet_prelude::BlockNumberFor;
use sp_runtime::{traits::Saturating, DispatchResult};

/// Chunks of the params' region.
const CHUNKS: u32 = 1 << REGION_LEVELS;

/// Nodes of a proof of one chunk: two for each level below the root, and the root.
const MAX_NODES: usize = 2 * assay_engine::limits::MEMORY_LEVELS as usize + 1;

impl<T: Config> Pallet<T> {
    pub(crate) fn do_ask_chunk(who: T::AccountId, version: VersionId, chunk: u32) -> DispatchResult {
        let record = Versions::<T>::get(version).ok_or(Error::<T>::VersionNotFound)?;
        ensure!(record.params.is_none(), Error::<T>::ParamsOnChain);
        // Nobody has seen that the params end where they are said to: a program may read what is behind.
        ensure!(chunk < CHUNKS, Error::<T>::ChunkOutOfRange);
        let mut requests = ChunkRequests::<T>::get(version);
        ensure!(
            requests.iter().all(|request| request.chunk != chunk),
            Error::<T>::ChunkAlreadyAsked
        );
        let now = frame_system::Pallet::<T>::block_number();
        let until = now.saturating_add(T::ChunkTime::get());
        let bond = T::ChunkBond::get();
        requests
            .try_push(ChunkRequest {
                chunk,
                by: who.clone(),
                bond: Some(bond),
                since: now,
                until,
            })
            .map_err(|_| Error::<T>::TooManyChunkRequests)?;
        Self::hold(HoldReason::ChunkRequest, &who, bond)?;
        ChunkRequests::<T>::insert(version, requests);
        Self::deposit_event(Event::ChunkAsked {
            version,
            chunk,
            by: who,
            until,
        });
        Ok(())
    }

    pub(crate) fn do_show_chunk(version: VersionId, chunk: u32, proof: Proof) -> DispatchResult {
        let mut requests = ChunkRequests::<T>::get(version);
        let index = requests.iter().position(|request| request.chunk == chunk);
        let index = index.ok_or(Error::<T>::ChunkNotAsked)?;
        let record = Versions::<T>::get(version).ok_or(Error::<T>::VersionNotFound)?;
        ensure!(
            shows(proof, chunk) == Some(record.params_root.0),
            Error::<T>::WrongChunk
        );
        let request = requests.swap_remove(index);
        let late = request.is_overdue(frame_system::Pallet::<T>::block_number());
        if late {
            Self::return_bond(&request)?;
        } else if let Some(bond) = request.bond {
            let reason = HoldReason::ChunkRequest.into();
            T::Currency::burn_held(
                &reason,
                &request.by,
                bond,
                Precision::BestEffort,
                Fortitude::Force,
            )?;
        }
        Self::put_requests(version, requests);
        Self::deposit_event(Event::ChunkShown { version, chunk, late });
        Ok(())
    }

    pub(crate) fn do_reclaim_chunk_bond(version: VersionId, chunk: u32) -> DispatchResult {
        let now = frame_system::Pallet::<T>::block_number();
        ChunkRequests::<T>::try_mutate(version, |requests| {
            let request = requests.iter_mut().find(|request| request.chunk == chunk);
            let request = request.ok_or(Error::<T>::ChunkNotAsked)?;
            ensure!(request.is_overdue(now), Error::<T>::ChunkNotOverdue);
            Self::return_bond(request)?;
            request.bond.take().ok_or(Error::<T>::BondReturned)?;
            Ok(())
        })
    }

    /// Ends the requests about a version that is removed.
    pub(crate) fn drop_requests(version: VersionId) -> DispatchResult {
        let requests = ChunkRequests::<T>::take(version);
        requests.iter().try_for_each(Self::return_bond)
    }

    /// What is to come of the requests that were made up to block `asked_by`.
    pub(crate) fn awaited_of(version: VersionId, asked_by: BlockNumberFor<T>) -> Awaited<BlockNumberFor<T>> {
        let now = frame_system::Pallet::<T>::block_number();
        let requests = ChunkRequests::<T>::get(version);
        let asked = requests.iter().filter(|request| request.since <= asked_by);
        if asked.clone().any(|request| request.is_overdue(now)) {
            return Awaited::Missing;
        }
        asked
            .map(|request| request.until)
            .max()
            .map_or(Awaited::Nothing, Awaited::Until)
    }

    fn return_bond(request: &ChunkRequestOf<T>) -> DispatchResult {
        match request.bond {
            Some(bond) => Self::release_deposit(HoldReason::ChunkRequest, &request.by, bond),
            None => Ok(()),
        }
    }

    fn put_requests(version: VersionId, requests: ChunkRequestsOf<T>) {
        if requests.is_empty() {
            ChunkRequests::<T>::remove(version);
        } else {
            ChunkRequests::<T>::insert(version, requests);
        }
    }
}

impl<AccountId, Balance, BlockNumber: PartialOrd> ChunkRequest<AccountId, Balance, BlockNumber> {
    /// Whether nobody showed the chunk in time.
    pub fn is_overdue(&self, now: BlockNumber) -> bool {
        now > self.until
    }
}

/// The root of the params region of a memory of which `proof` shows the chunk `index`, and no other.
pub fn shows(proof: Proof, index: u32) -> Option<assay_engine::Hash> {
    let chunks = proof
        .nodes
        .iter()
        .filter(|node| matches!(node, ProofNode::Chunk(_)));
    if proof.nodes.len() > MAX_NODES || chunks.count() > 1 {
        return None;
    }
    let mut memory = proof.into_tree().ok()?;
    let chunk = Region::Params.first_chunk().saturating_add(index);
    memory.chunk(chunk).ok()?;
    memory.region_root(Region::Params).ok()
}
