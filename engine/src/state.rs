//! The machine's state and its hash.

use crate::{
    hash::{hash, Tag},
    Hash,
};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;

/// Why a step put the machine in [`Status::Trapped`].
///
/// The reason is part of the state hash. Every executor must find the same one.
#[derive(
    Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo, MaxEncodedLen,
)]
pub enum TrapReason {
    /// The `unreachable` instruction.
    #[codec(index = 0)]
    Unreachable,
    /// A load or store outside the instance's memory, or a host call that names bytes outside it.
    #[codec(index = 1)]
    InstanceOutOfBounds,
    /// An integer division or remainder by zero.
    #[codec(index = 2)]
    DivisionByZero,
    /// An integer division that overflows, or a float that no integer of the type can hold.
    #[codec(index = 3)]
    IntegerOverflow,
    /// A NaN converted to an integer.
    #[codec(index = 4)]
    BadConversion,
    /// The step used up its fuel.
    #[codec(index = 5)]
    OutOfFuel,
    /// The step read more chunks than a step may.
    #[codec(index = 6)]
    TooManyReads,
    /// The step wrote more chunks than a step may.
    #[codec(index = 7)]
    TooManyWrites,
    /// A write to the params or the input.
    #[codec(index = 8)]
    ReadOnly,
    /// An address outside the four regions, or an access across a region's end.
    #[codec(index = 9)]
    AddressOutOfBounds,
    /// `halt` with a length that no output may have.
    #[codec(index = 10)]
    OutputTooLong,
}

/// Whether the machine goes on.
#[derive(
    Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo, MaxEncodedLen,
)]
pub enum Status {
    /// The next step starts at the program counter.
    #[codec(index = 0)]
    Running,
    /// The program ended with an output.
    #[codec(index = 1)]
    Halted {
        /// Bytes of the output region that are the output.
        output_len: u32,
    },
    /// The step at the program counter trapped. What it wrote is discarded.
    #[codec(index = 2)]
    Trapped {
        /// Why.
        reason: TrapReason,
    },
}

/// The machine's state. The memory stands in it by its root.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo, MaxEncodedLen)]
pub struct State {
    /// The argument of the next step.
    pub pc: u64,
    /// Whether there is a next step.
    pub status: Status,
    /// Bytes of params.
    pub params_len: u64,
    /// Bytes of input.
    pub input_len: u64,
    /// Root of the memory tree.
    pub memory_root: Hash,
}

impl State {
    /// The hash that commits to the state.
    pub fn hash(&self) -> Hash {
        hash(Tag::State, &[&self.encode()])
    }

    /// Whether no step follows this state.
    pub fn is_terminal(&self) -> bool {
        self.status != Status::Running
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_hash_covers_every_field() {
        let base = State {
            pc: 1,
            status: Status::Running,
            params_len: 2,
            input_len: 3,
            memory_root: [4; 32],
        };
        let variants = [
            State {
                pc: 2,
                ..base.clone()
            },
            State {
                status: Status::Halted { output_len: 0 },
                ..base.clone()
            },
            State {
                status: Status::Halted { output_len: 1 },
                ..base.clone()
            },
            State {
                status: Status::Trapped {
                    reason: TrapReason::Unreachable,
                },
                ..base.clone()
            },
            State {
                status: Status::Trapped {
                    reason: TrapReason::ReadOnly,
                },
                ..base.clone()
            },
            State {
                params_len: 3,
                ..base.clone()
            },
            State {
                input_len: 2,
                ..base.clone()
            },
            State {
                memory_root: [5; 32],
                ..base.clone()
            },
            base,
        ];
        for (i, a) in variants.iter().enumerate() {
            for b in &variants[i + 1..] {
                assert_ne!(a.hash(), b.hash());
            }
        }
    }
}
