//! Programs: WASM modules that every executor runs alike.
//!
//! # The rules
//!
//! - at most [`MAX_PROGRAM_LEN`](crate::limits::MAX_PROGRAM_LEN) bytes of valid WebAssembly 1.0 with
//!   sign extension, saturating float-to-integer conversion, mutable globals and 128-bit SIMD;
//! - imports only the functions of [`abi`] from the module `assay`, each with its type;
//! - exports the memory `memory`, the function `step: (i64) -> i64`, and no other function or memory;
//! - one memory of fixed size: `min == max`, at most
//!   [`MAX_MEMORY_PAGES`](crate::limits::MAX_MEMORY_PAGES) pages, no `memory.grow`;
//! - no table, so no `call_indirect`; no start function;
//! - no recursion, no chain of calls deeper than [`MAX_CALL_DEPTH`](crate::limits::MAX_CALL_DEPTH) or
//!   with more than [`MAX_STACK_VALUES`](crate::limits::MAX_STACK_VALUES) values: stack limits differ
//!   from engine to engine, so no program may reach one;
//! - at most [`MAX_LOCALS`](crate::limits::MAX_LOCALS) locals per function,
//!   [`MAX_GLOBALS`](crate::limits::MAX_GLOBALS) globals and
//!   [`MAX_DATA_LEN`](crate::limits::MAX_DATA_LEN) bytes of data segments: filling them is not metered;
//! - no `v128.store8_lane` and no `v128.store16_lane` with a static offset above
//!   [`MAX_LANE_STORE_OFFSET`](crate::limits::MAX_LANE_STORE_OFFSET);
//! - it instantiates.

mod calls;
mod check;

use crate::{
    hash::{hash, Tag},
    Hash,
};
use alloc::vec::Vec;
use codec::{Decode, Encode};
use core::fmt;
use scale_info::TypeInfo;

/// The names and types through which a program meets the machine.
pub mod abi {
    /// The module of all imports.
    pub const MODULE: &str = "assay";
    /// `read(addr: i64, ptr: i32, len: i32)`: copies from the machine's memory to the instance's.
    pub const READ: &str = "read";
    /// `write(addr: i64, ptr: i32, len: i32)`: copies from the instance's memory to the machine's.
    pub const WRITE: &str = "write";
    /// `params_len() -> i64`: bytes of params.
    pub const PARAMS_LEN: &str = "params_len";
    /// `input_len() -> i64`: bytes of input.
    pub const INPUT_LEN: &str = "input_len";
    /// `halt(output_len: i64)`: ends the program. Does not return.
    pub const HALT: &str = "halt";
    /// The exported memory.
    pub const MEMORY: &str = "memory";
    /// The exported function `step(pc: i64) -> i64`.
    pub const STEP: &str = "step";
}

/// The rule of the program check that a module breaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub enum ProgramError {
    /// More bytes than a program may have.
    TooLarge,
    /// Not valid WebAssembly, or it uses a proposal that is off.
    Invalid,
    /// An import that the machine does not offer, or with another type.
    UnknownImport,
    /// No export `memory` or `step`, another type, or another function or memory exported.
    WrongExports,
    /// Not exactly one memory, a memory that may grow, or one that is too large.
    MemoryShape,
    /// `memory.grow`.
    MemoryGrow,
    /// A table.
    Table,
    /// A start function.
    StartFunction,
    /// A function that calls itself, directly or through others.
    Recursion,
    /// A chain of calls that is too deep or holds too many values.
    StackTooDeep,
    /// A function with too many locals.
    TooManyLocals,
    /// Too many globals.
    TooManyGlobals,
    /// Data segments with too many bytes.
    TooMuchData,
    /// A store of a lane of 8 or 16 bits with a large static offset.
    LaneStoreOffset,
    /// Compiles or instantiates not.
    NotInstantiable,
}

impl fmt::Display for ProgramError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Self::TooLarge => "the program is larger than 128 KiB",
            Self::Invalid => "not valid WebAssembly 1.0 with sign extension, saturating conversions and SIMD",
            Self::UnknownImport => {
                "an import is none of assay.{read,write,params_len,input_len,halt}, or has another type"
            }
            Self::WrongExports => {
                "the exports are not the memory `memory` and the one function `step: (i64) -> i64`"
            }
            Self::MemoryShape => "there must be one memory with equal minimum and maximum, at most 128 pages",
            Self::MemoryGrow => "`memory.grow` is not allowed",
            Self::Table => "tables are not allowed",
            Self::StartFunction => "a start function is not allowed",
            Self::Recursion => "a function calls itself, directly or through others",
            Self::StackTooDeep => "a chain of calls is too deep or holds too many values",
            Self::TooManyLocals => "a function has more than 64 locals",
            Self::TooManyGlobals => "there are more than 64 globals",
            Self::TooMuchData => "the data segments have more than 64 KiB",
            Self::LaneStoreOffset => {
                "`v128.store8_lane` or `v128.store16_lane` has a static offset of more than 65,535 bytes"
            }
            Self::NotInstantiable => "the module cannot be instantiated",
        })
    }
}

impl core::error::Error for ProgramError {}

/// The code of a program that passed the check.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Program {
    code: Vec<u8>,
    hash: Hash,
}

impl Program {
    /// Checks `code` against the rules.
    pub fn new(code: Vec<u8>) -> Result<Self, ProgramError> {
        check::check(&code)?;
        Ok(Self::from_checked(code))
    }

    /// Takes code that passed the check before, as the code that a chain stores did.
    pub fn from_checked(code: Vec<u8>) -> Self {
        let hash = hash(Tag::Program, &[&code]);
        Self { code, hash }
    }

    /// The code.
    pub fn code(&self) -> &[u8] {
        &self.code
    }

    /// The hash that names the program.
    pub fn hash(&self) -> Hash {
        self.hash
    }
}

#[cfg(test)]
mod tests;
