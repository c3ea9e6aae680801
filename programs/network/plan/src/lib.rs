//! The binary plan that the network program executes.
//!
//! A plan fills the `params` region of the step machine. It says, for every step, which part of which operator to
//! compute, and carries the weights. All numbers are little-endian; no field is padded.
//!
//! ```text
//! offset                what                       size
//! 0                     [Header]                   64 bytes
//! as operators say      weights, biases, scales
//! header.ops_offset     operator table: [Op]       512 bytes each
//! header.steps_offset   step table: [Step]         64 bytes each, step `pc` at 64 * pc
//! ```
//!
//! The tables begin on a chunk border, so no record straddles two chunks: a step reads the header's chunk, one chunk
//! of each table, and its tensors.
//!
//! # Tensors
//!
//! An operator names a tensor by the byte address of its first element, in any region, and mostly by its strides: a
//! [`View`]. So a transposition, a slice, a reversal or a repetition of a tensor costs nothing, and a reshape of a dense
//! one neither. Addresses are those of the step machine: `params` from 0, `input` from [`INPUT`], `work` from [`WORK`],
//! `output` from [`OUTPUT`]. The model's inputs lie one after the other from the start of `input`, its outputs from the
//! start of `output`, dense, in ONNX's own order (row-major; images as batch, channel, row, column).
//!
//! # Steps and tiles
//!
//! One step computes one tile of one operator; [`Step`] says which. The next step is `pc + 1`. The last step is one of
//! operator [`Halt`].
//!
//! # Arithmetic
//!
//! f32 operators follow IEEE 754 in round-to-nearest-even; products are rounded before they are added (no fused
//! multiply-add). The sum of a matrix product or a convolution starts at +0.0 and adds its products one at a time in ascending order
//! of the reduced index (input channel, kernel row, kernel column); the bias is added last. The SIMD lanes run over
//! independent outputs, so no sum is ever split over lanes: tiling, lane width and target change no bit.
//! Quantized sums are exact i32; they become `round_half_even(clamp(sum * multiplier))` as in onnxruntime.

#![no_std]
#![deny(missing_docs)]

mod codec;
mod ops;
mod steps;
mod views;

pub use codec::{DecodeError, Field, Record};
pub use ops::*;
pub use steps::*;
pub use views::*;

/// First byte address of the `input` region.
pub const INPUT: u64 = 1 << 40;
/// First byte address of the `work` region.
pub const WORK: u64 = 2 << 40;
/// First byte address of the `output` region.
pub const OUTPUT: u64 = 3 << 40;
/// Bytes per chunk, the unit in which the step machine counts what a step touches.
pub const CHUNK: usize = 4096;
/// Distinct chunks that a step may read, and as many that it may write.
pub const CHUNKS_PER_STEP: usize = 64;
/// Bytes that an answer may have.
pub const OUTPUT_MAX: usize = 16 * 1024;
/// Bytes that a model's inputs may have together.
pub const INPUT_MAX: usize = 64 * 1024;
/// Bytes of the buffer in which the program holds a tile: its operands, its columns and its result together.
pub const ARENA: usize = 472 * 1024;
/// Bytes of the right operand of a matrix product that the program holds at a time.
pub const SLICE: usize = 16 * 1024;
/// Columns of a matrix product, or pixels of a convolution, that are computed side by side.
pub const BLOCK: usize = 16;
/// Elements that an elementwise program computes at a time.
pub const ELEMENTS: usize = 256;
/// Dimensions of an operator; those that a tensor has not are 1, and come first.
pub const RANK: usize = 6;

/// The first bytes of a plan.
pub const MAGIC: [u8; 8] = *b"ASSAYNET";
/// The only version of the format.
pub const VERSION: u32 = 2;
