//! Executes a network plan, step by step.
//!
//! The same source is compiled into the guest program and natively. SIMD lanes run over independent outputs, so both
//! give the same bits; see [`assay_network_plan`] for the arithmetic.
//!
//! Operators are never inlined into one another: a function of a program may have 64 locals.
//!
//! | file | what |
//! | --- | --- |
//! | `memory.rs` | what a step reads and writes, and the buffer it works in |
//! | `tile.rs` | the part of an operator that a step computes |
//! | `layout.rs` | how strided tensors get into the buffer and out of it |
//! | `lanes.rs` | four lanes of f32 or i32, in SIMD or in plain Rust |
//! | `math.rs`, `compare.rs` | functions of f32 |
//! | `window.rs` | which windows over images there are |
//! | `code.rs` | elementwise programs |
//! | `arithmetic.rs` | the inner loops of matrix products and convolutions, f32 and quantized |
//! | `wide.rs` | the same with the lanes that the machine has, natively |
//! | `elementwise.rs`, `rows.rs`, `matmul.rs`, `conv.rs`, `pool.rs`, `take.rs`, `trees.rs` | the operators |

#![no_std]
#![deny(missing_docs)]

// To see which instructions the machine has.
#[cfg(target_arch = "x86_64")]
extern crate std;

mod arithmetic;
mod code;
mod compare;
mod conv;
mod elementwise;
mod lanes;
mod layout;
pub mod math;
mod matmul;
mod memory;
mod pool;
mod rows;
mod take;
mod tile;
mod trees;
#[cfg(target_arch = "x86_64")]
mod wide;
mod window;

#[cfg(test)]
mod tests;

use assay_network_plan::{DecodeError, Element, Field, Header, Op, Step};

pub use conv::is_flat;
pub use layout::{Moves, SPAN};
pub use memory::{Arena, Memory};
pub use trees::{NODES_MAX, NODES_PER_ROW};
pub use window::check as check_window;

/// Words of 8 bytes in the buffer that [`run_step`] works in.
pub const ARENA_WORDS: usize = assay_network_plan::ARENA / 8;

/// Why a step cannot be executed. The guest traps on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A record of the plan is malformed.
    Plan(DecodeError),
    /// The plan has no such step or operator.
    OutOfPlan,
    /// The input's length is not the plan's.
    InputLength,
    /// A tile does not fit into the buffer.
    OutOfArena,
    /// A tile contradicts its operator.
    BadTile,
    /// An operator does not take this element type.
    BadElement,
    /// An elementwise program breaks a rule.
    BadCode,
    /// A number of a row that a tensor does not have.
    OutOfRange,
}

impl From<DecodeError> for Fault {
    fn from(error: DecodeError) -> Self {
        Self::Plan(error)
    }
}

/// What comes after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The step with this program counter.
    Step(u64),
    /// The end, with an answer of this many bytes.
    Halt(u64),
}

/// Executes step `pc` of the plan in `params`.
///
/// `arena` has [`ARENA_WORDS`] words. What they hold before does not matter, unless an elementwise program reads registers that
/// it did not write.
pub fn run_step<M: Memory>(memory: &mut M, arena: &mut [u64], pc: u64) -> Result<Next, Fault> {
    let header = Header::decode(&read_record::<_, { Header::LEN }>(memory, 0))?;
    if pc == 0 && memory.input_len() != u64::from(header.input_len) {
        return Err(Fault::InputLength);
    }
    if pc >= u64::from(header.steps) {
        return Err(Fault::OutOfPlan);
    }
    let step_address = header.steps_offset + pc * Step::LEN as u64;
    let step = Step::get(&read_record::<_, { Step::LEN }>(memory, step_address))?;
    if step.op >= header.ops {
        return Err(Fault::OutOfPlan);
    }
    let op_address = header.ops_offset + u64::from(step.op) * Op::LEN as u64;
    let op = Op::decode(&read_record::<_, { Op::LEN }>(memory, op_address))?;
    let mut arena = Arena::new(arena);
    let halt = run_op(memory, &mut arena, &op, &step)?;
    Ok(halt.map_or(Next::Step(pc + 1), Next::Halt))
}

/// [`run_step`] on any memory: compiled with this crate, and as that is optimized.
pub fn run_step_on(mut memory: &mut dyn Memory, arena: &mut [u64], pc: u64) -> Result<Next, Fault> {
    run_step(&mut memory, arena, pc)
}

fn read_record<M: Memory, const N: usize>(memory: &mut M, address: u64) -> [u8; N] {
    let mut bytes = [0; N];
    memory.read(address, &mut bytes);
    bytes
}

/// Executes a tile; returns the answer's length if the operator halts.
fn run_op<M: Memory>(memory: &mut M, arena: &mut Arena, op: &Op, step: &Step) -> Result<Option<u64>, Fault> {
    match op {
        Op::Halt(op) => return Ok(Some(u64::from(op.len))),
        Op::Elementwise(op) => elementwise::run(memory, arena, op, step)?,
        Op::Reduce(op) => rows::reduce(memory, arena, op, step)?,
        Op::Normalize(op) => rows::normalize(memory, arena, op, step)?,
        Op::MatMul(op) => match op.x.element {
            Element::F32 => matmul::run::<M, arithmetic::Float>(memory, arena, op, step)?,
            _ => matmul::run::<M, arithmetic::Quantized>(memory, arena, op, step)?,
        },
        Op::Conv(op) => match op.x_element {
            Element::F32 => conv::run::<M, arithmetic::Float>(memory, arena, op, step)?,
            _ => conv::run::<M, arithmetic::Quantized>(memory, arena, op, step)?,
        },
        Op::Pool(op) => pool::run(memory, arena, op, step)?,
        Op::Take(op) => take::take(memory, arena, op, step)?,
        Op::Put(op) => take::put(memory, arena, op, step)?,
        Op::TopK(op) => rows::top_k(memory, arena, op, step)?,
        Op::CumSum(op) => rows::cum_sum(memory, arena, op, step)?,
        Op::Trees(op) => trees::run(memory, arena, op, step)?,
    }
    Ok(None)
}
