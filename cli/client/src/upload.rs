//! Brings programs and params to the chain, and finds what is there already.

use std::collections::VecDeque;

use assay_chain::models::events::ParamsBegun;
use assay_chain::runtime_types::pallet_models::types::{ParamsRecord, ParamsStatus};
use assay_chain::{storage, tx};
use assay_engine::limits::SEGMENT_LEN;
use assay_engine::memory::{segment_root, Frontier};
use assay_engine::Hash;
use codec::Encode;
use subxt::config::substrate::H256;
use subxt::utils::AccountId32;
use subxt_signer::sr25519::Keypair;

use super::submit::Depth;
use super::{Chain, ClientError};

/// Segments that wait in the node's pool at a time: 2 MiB, which is less than a block takes.
const WINDOW: usize = 8;

/// How much of some params is on the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Begun {
    /// The params' number.
    pub params: u32,
    /// Segments that are there, from the first on.
    pub segments: usize,
}

impl Chain {
    /// Uploads a program, unless it is there. Returns whether it was missing.
    ///
    /// Fails with [`ClientError::Refused`].
    pub fn upload_program(&self, owner: &Keypair, hash: Hash, code: Vec<u8>) -> Result<bool, ClientError> {
        if self
            .fetch(storage().models().programs(), (H256(hash),))?
            .is_some()
        {
            return Ok(false);
        }
        // Nothing is built on it but what is sent later by the same account, which no block takes before it.
        self.submit_to(Depth::Best, &tx().models().upload_program(code), owner)?;
        Ok(true)
    }

    /// The params of an owner that begin as `bytes` do and are as long: complete ones, or those of which most is there.
    pub fn begun(&self, owner: &AccountId32, bytes: &[u8]) -> Result<Option<Begun>, ClientError> {
        let records = self.fetch_all(storage().models().params())?;
        let own = records.into_iter().filter(|(_, record)| record.owner == *owner);
        let frontiers = Frontiers::of(bytes);
        let begun = own.filter_map(|(params, record)| {
            let segments = frontiers.segments_of(&record, bytes.len())?;
            Some(Begun { params, segments })
        });
        Ok(begun.max_by_key(|begun| begun.segments))
    }

    /// Begins an upload of `len` bytes of params, and waits until that is final: another block may give the number away.
    ///
    /// Fails with [`ClientError::Refused`].
    pub fn begin_params(&self, owner: &Keypair, len: u64) -> Result<Begun, ClientError> {
        let included = self.submit(&tx().models().begin_params(len), owner)?;
        Ok(Begun {
            params: included.event::<ParamsBegun>()?.params,
            segments: 0,
        })
    }

    /// Uploads the segments that are missing, several at a time. `arrived` hears how many are there.
    ///
    /// Fails with [`ClientError::Refused`].
    pub fn upload_segments(
        &self,
        owner: &Keypair,
        begun: Begun,
        bytes: &[u8],
        mut arrived: impl FnMut(usize),
    ) -> Result<(), ClientError> {
        let nonce = self.nonce(owner)?;
        let mut sent = VecDeque::new();
        let mut there = begun.segments;
        let missing = bytes.chunks(SEGMENT_LEN).zip(0_u32..).skip(begun.segments);
        arrived(there);
        for ((segment, index), nonce) in missing.zip(nonce..) {
            if sent.len() == WINDOW {
                included(&mut sent)?;
                there += 1;
                arrived(there);
            }
            let call = tx()
                .models()
                .upload_segment(begun.params, index, segment.to_vec());
            sent.push_back(self.send(&call, owner, nonce)?);
        }
        while !sent.is_empty() {
            included(&mut sent)?;
            there += 1;
            arrived(there);
        }
        Ok(())
    }
}

/// Waits for the oldest of some calls.
fn included(sent: &mut VecDeque<super::submit::Sent<'_>>) -> Result<(), ClientError> {
    match sent.pop_front() {
        Some(oldest) => oldest.included(Depth::Best).map(|_| ()),
        None => Ok(()),
    }
}

/// What the chain keeps of an upload after each segment, and at its end.
struct Frontiers {
    after: Vec<Frontier>,
    root: Hash,
}

impl Frontiers {
    fn of(bytes: &[u8]) -> Self {
        let mut frontier = Frontier::default();
        let mut after = vec![frontier.clone()];
        for segment in bytes.chunks(SEGMENT_LEN) {
            // No segment is longer than a segment; a region that is full takes no more, and the chain refuses its length.
            if segment_root(segment).is_some_and(|root| frontier.append(root)) {
                after.push(frontier.clone());
            }
        }
        Self {
            after,
            root: frontier.region_root(),
        }
    }

    /// How many segments of an upload are there, if it is one of these bytes.
    fn segments_of(&self, record: &ParamsRecord<AccountId32, u128, u32>, len: usize) -> Option<usize> {
        if record.len != len as u64 {
            return None;
        }
        match &record.status {
            ParamsStatus::Complete { root } => (root.0 == self.root).then_some(self.after.len() - 1),
            ParamsStatus::Uploading { frontier, .. } => {
                let expected = self.after.get(frontier.segments as usize)?;
                let same = (frontier.segments, frontier.complete).encode() == expected.encode();
                same.then_some(frontier.segments as usize)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use assay_chain::runtime_types::assay_engine::memory::frontier::Frontier as ChainFrontier;

    /// Bytes of three segments, the last of which is short.
    fn params() -> Vec<u8> {
        (0..2 * SEGMENT_LEN + 100).map(|at| (at % 251) as u8).collect()
    }

    fn record(len: usize, status: ParamsStatus<u32>) -> ParamsRecord<AccountId32, u128, u32> {
        ParamsRecord {
            owner: AccountId32([0; 32]),
            deposit: 0,
            len: len as u64,
            refs: 0,
            status,
        }
    }

    /// An upload of which the first segments have arrived.
    fn uploading(bytes: &[u8], segments: usize) -> ParamsStatus<u32> {
        let frontier = Frontiers::of(bytes).after[segments].encode();
        let complete = frontier[4..].to_vec();
        let mut complete = &complete[..];
        ParamsStatus::Uploading {
            frontier: ChainFrontier {
                segments: segments as u32,
                complete: codec::Decode::decode(&mut complete).unwrap(),
            },
            last_progress: 0,
        }
    }

    #[test]
    fn an_upload_goes_on_where_it_broke_off() {
        let bytes = params();
        let frontiers = Frontiers::of(&bytes);
        for segments in 0..=3 {
            let record = record(bytes.len(), uploading(&bytes, segments));
            assert_eq!(frontiers.segments_of(&record, bytes.len()), Some(segments));
        }
    }

    #[test]
    fn an_upload_of_other_bytes_or_another_length_is_none_of_these() {
        let bytes = params();
        let mut other = bytes.clone();
        other[0] ^= 1;
        let frontiers = Frontiers::of(&bytes);
        let changed = record(bytes.len(), uploading(&other, 1));
        assert_eq!(frontiers.segments_of(&changed, bytes.len()), None);
        let longer = record(bytes.len() + 1, uploading(&bytes, 1));
        assert_eq!(frontiers.segments_of(&longer, bytes.len()), None);
    }

    #[test]
    fn complete_params_are_known_by_their_root() {
        let bytes = params();
        let frontiers = Frontiers::of(&bytes);
        let complete = |root| record(bytes.len(), ParamsStatus::Complete { root: H256(root) });
        assert_eq!(
            frontiers.segments_of(&complete(frontiers.root), bytes.len()),
            Some(3)
        );
        assert_eq!(frontiers.segments_of(&complete([0; 32]), bytes.len()), None);
    }
}
