//! An agenda: what gets attention in which block.
//!
//! A pallet that gives every one of its states a deadline keeps an entry for each in a double map from
//! the block in which it is due. The agenda serves entries from the oldest block on. Its cursor never
//! moves past a block whose entries are not all served, so nothing is lost when a block cannot serve
//! them all.
#![cfg_attr(not(feature = "std"), no_std)]
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation
)]

use codec::FullCodec;
use frame_support::{
    storage::{IterableStorageDoubleMap, StorageValue},
    weights::{Weight, WeightMeter},
};
use sp_runtime::traits::AtLeast32BitUnsigned;

/// How much of a block an agenda may take, and what for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pace {
    /// The most weight that all of it may take.
    pub limit: Weight,
    /// The most entries.
    pub most: u32,
    /// The weight of reading and writing the cursor.
    pub base: Weight,
    /// The weight of taking one entry, or of finding that a block has no more.
    pub look: Weight,
    /// The weight of serving the heaviest entry.
    pub heaviest: Weight,
}

impl Pace {
    /// The least limit with which an entry is served.
    pub fn least(&self) -> Weight {
        self.base.saturating_add(self.look).saturating_add(self.heaviest)
    }
}

/// Serves entries until all that are due by `now` are served, or neither `pace` nor what is `left_of_block`
/// has room for one more.
///
/// `serve` does what is due, and returns its weight. Returns the weight of all.
pub fn serve<BlockNumber, Id, Cursor, Entries>(
    now: BlockNumber,
    left_of_block: Weight,
    pace: Pace,
    mut serve: impl FnMut(Id) -> Weight,
) -> Weight
where
    BlockNumber: AtLeast32BitUnsigned + FullCodec + Copy,
    Id: FullCodec,
    Cursor: StorageValue<BlockNumber, Query = Option<BlockNumber>>,
    Entries: IterableStorageDoubleMap<BlockNumber, Id, ()>,
{
    let mut meter = WeightMeter::with_limit(pace.limit.min(left_of_block));
    if meter.try_consume(pace.base).is_err() {
        return Weight::zero();
    }
    let room_for_one = pace.heaviest.saturating_add(pace.look);
    let mut left = pace.most;
    let mut block = Cursor::get().unwrap_or(now);
    while block <= now {
        let mut entries = Entries::drain_prefix(block);
        loop {
            if left == 0 || !meter.can_consume(room_for_one) {
                Cursor::put(block);
                return meter.consumed();
            }
            meter.consume(pace.look);
            let Some((id, ())) = entries.next() else { break };
            left = left.saturating_sub(1);
            meter.consume(serve(id));
        }
        block.saturating_inc();
    }
    Cursor::put(block);
    meter.consumed()
}
