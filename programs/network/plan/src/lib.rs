//! The binary plan that the network program executes.
//!
//! A plan fills the `params` region of the step machine. It says, for every step, which part of which operator to
//! compute, and carries the weights. All numbers are little-endian; no field is padded.
//!
//! ```text
//! offset                what                       size
//! 0                     [Header]                   64 bytes
//! as operators say      weights, biases, scales
//! header.ops_offset     operator table: [Op]       256 bytes each
//! header.steps_offset   step table: [Step]         32 bytes each, step `pc` at 32 * pc
//! ```
//!
//! The tables begin on a chunk border, so no record straddles two chunks: a step reads the header's chunk, one chunk
//! of each table, and its tensors.
//!
//! # Tensors
//!
//! A tensor is dense, in ONNX's own order (row-major; images as batch, channel, row, column), so a reshape costs
//! nothing. An operator names a tensor by the byte address of its first element, in any region. Addresses are those of
//! the step machine: `params` from 0, `input` from [`INPUT`], `work` from [`WORK`], `output` from [`OUTPUT`]. The
//! model's inputs lie one after the other from the start of `input`, its outputs from the start of `output`.
//!
//! # Steps and tiles
//!
//! One step computes one tile of one operator; [`Step`] says which. The next step is `pc + 1`. The last step is one of
//! operator [`Output`], which halts.
//!
//! # Arithmetic
//!
//! f32 operators follow IEEE 754 in round-to-nearest-even; products are rounded before they are added (no fused
//! multiply-add). A dense or convolutional sum starts at +0.0 and adds its products one at a time in ascending order
//! of the reduced index (input channel, kernel row, kernel column); the bias is added last. The SIMD lanes run over
//! independent outputs, so no sum is ever split over lanes: tiling, lane width and target change no bit.
//! Quantized sums are exact i32; they become `round_half_even(clamp(sum * multiplier))` as in onnxruntime.

#![no_std]
#![deny(missing_docs)]

mod codec;
mod ops;

pub use codec::{DecodeError, Field, Record};
pub use ops::*;

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
/// Bytes of weights of a dense tile that the program holds at a time.
pub const DENSE_SLICE: usize = 16 * 1024;
/// Outputs that a dense kernel computes side by side; dense weights are laid out in blocks of this many.
pub const DENSE_BLOCK: usize = 16;
/// Output pixels that a convolution kernel computes side by side.
pub const CONV_BLOCK: usize = 16;

/// The first bytes of a plan.
pub const MAGIC: [u8; 8] = *b"ASSAYNET";
/// The only version of the format.
pub const VERSION: u32 = 1;
