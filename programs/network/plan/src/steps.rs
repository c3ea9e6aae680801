//! The header and the steps of a plan.

use crate::codec::{record, DecodeError, Field};
use crate::{MAGIC, RANK, VERSION};

/// The start of a plan.
///
/// ```text
///  0  8  magic "ASSAYNET"
///  8  4  version
/// 12  4  input_len
/// 16  4  ops
/// 20  4  steps
/// 24  8  ops_offset
/// 32  8  steps_offset
/// 40 24  zero
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Bytes that the model's inputs have together; the first step traps on any other length.
    pub input_len: u32,
    /// Number of operators.
    pub ops: u32,
    /// Number of steps.
    pub steps: u32,
    /// Byte address of the operator table.
    pub ops_offset: u64,
    /// Byte address of the step table.
    pub steps_offset: u64,
}

impl Header {
    /// Bytes of a header.
    pub const LEN: usize = 64;

    /// The header's bytes.
    pub fn encode(&self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        bytes[..8].copy_from_slice(&MAGIC);
        VERSION.put(&mut bytes[8..]);
        self.input_len.put(&mut bytes[12..]);
        self.ops.put(&mut bytes[16..]);
        self.steps.put(&mut bytes[20..]);
        self.ops_offset.put(&mut bytes[24..]);
        self.steps_offset.put(&mut bytes[32..]);
        bytes
    }

    /// Reads a header from the first bytes of a plan.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let bytes: &[u8; Self::LEN] = bytes.first_chunk().ok_or(DecodeError::Truncated)?;
        if bytes[..8] != MAGIC {
            return Err(DecodeError::BadMagic);
        }
        if u32::get(&bytes[8..])? != VERSION {
            return Err(DecodeError::UnknownVersion);
        }
        Ok(Self {
            input_len: Field::get(&bytes[12..])?,
            ops: Field::get(&bytes[16..])?,
            steps: Field::get(&bytes[20..])?,
            ops_offset: Field::get(&bytes[24..])?,
            steps_offset: Field::get(&bytes[32..])?,
        })
    }
}

record! {
    /// One step: which tile of which operator it computes. A tile is a box of the operator's own dimensions, which the
    /// operator names; it has all indices from `from` up to, and without, `to`.
    ///
    /// ```text
    ///  0 4 op   4 4 zero   8 24 from   32 24 to   56 8 zero
    /// ```
    pub struct Step {
        /// Index of the operator.
        pub op: u32,
        /// Zero.
        pub reserved: u32,
        /// First index along each dimension.
        pub from: [u32; RANK],
        /// End along each dimension.
        pub to: [u32; RANK],
        /// Zero.
        pub reserved_end: u64,
    }
}
