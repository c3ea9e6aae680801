//! Computes what depends on constants alone, with the kernels of the network program.

use std::collections::BTreeMap;

use assay_network::{run_step_on, Memory, Next, ARENA_WORDS};
use assay_network_plan::{Halt, CHUNK, OUTPUT};

use super::context::Context;
use super::node::{Lowers, Node, Problem};
use super::ops;
use super::tiles;
use super::value::{Array, Value};
use crate::onnx::Tensor;
use crate::package::Dtype;

/// The most bytes of tensors that nodes make of constants.
pub const CONSTANTS_MAX: usize = 256 << 20;
/// The most steps that compute them.
const STEPS_MAX: usize = 100_000;

/// What may still be computed of constants.
pub struct Budget {
    bytes: usize,
    steps: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            bytes: CONSTANTS_MAX,
            steps: STEPS_MAX,
        }
    }
}

impl Budget {
    fn take(&mut self, bytes: usize, steps: usize) -> Lowers<()> {
        let rest = self.bytes.checked_sub(bytes).zip(self.steps.checked_sub(steps));
        (self.bytes, self.steps) = rest.ok_or_else(too_much)?;
        Ok(())
    }
}

fn too_much() -> Problem {
    Problem::Unsupported("what the model makes of constants takes too much memory or time".into())
}

/// Lowers a node; where all its inputs are known, computes its outputs.
pub fn lower(node: &Node, context: &mut Context, budget: &mut Budget) -> Lowers<Vec<Value>> {
    let known = node
        .inputs
        .iter()
        .flatten()
        .all(|value| value.constant().is_some());
    if !known || node.inputs.is_empty() {
        let values = ops::lower(node, context)?;
        let made = values
            .iter()
            .filter_map(Value::constant)
            .map(|tensor| tensor.bytes.len());
        budget.take(made.sum(), 0)?;
        return Ok(values);
    }
    let mut own = Context::new();
    let values = ops::lower(node, &mut own)?;
    budget.take(values.iter().map(size).sum(), 0)?;
    if values.iter().all(|value| value.constant().is_some()) {
        return Ok(values);
    }
    execute(own, &values, budget)
}

/// Bytes of a value.
fn size(value: &Value) -> usize {
    value.len().saturating_mul(value.dtype().size())
}

/// Runs a plan and returns some of its values.
fn execute(mut context: Context, values: &[Value], budget: &mut Budget) -> Lowers<Vec<Value>> {
    let mut address = OUTPUT;
    let mut outs = Vec::new();
    for value in values {
        let out = Array::dense(address, value.dtype(), value.shape());
        address = (address + out.bytes()).next_multiple_of(CHUNK as u64);
        context.write(value, &out)?;
        outs.push(out);
    }
    context.push(Halt { len: 1 })?;
    let mut steps = Vec::new();
    for (index, op) in context.plan.ops.iter().enumerate() {
        let room = budget.steps - steps.len();
        steps.extend(tiles::steps(op, index as u32, room)?.ok_or_else(too_much)?);
    }
    budget.take(0, steps.len())?;
    let mut machine = Machine {
        params: context.plan.finish(0, &steps),
        chunks: BTreeMap::new(),
    };
    let mut arena = vec![0; ARENA_WORDS];
    let mut pc = 0;
    loop {
        match run_step_on(&mut machine, &mut arena, pc) {
            Ok(Next::Step(next)) => pc = next,
            Ok(Next::Halt(_)) => break,
            Err(fault) => {
                return Err(Problem::Invalid(format!(
                    "computing it of constants fails: {fault:?}"
                )))
            }
        }
    }
    let tensors = outs.iter().map(|out| {
        let mut bytes = vec![0; out.bytes() as usize];
        machine.read(out.address, &mut bytes);
        if out.dtype == Dtype::F32 {
            canonicalize(&mut bytes);
        }
        Tensor {
            dtype: out.dtype,
            shape: out.shape().to_vec(),
            bytes: bytes.into(),
        }
        .into()
    });
    Ok(tensors.collect())
}

/// Makes every NaN the one that WASM makes here: what packs a model must not show in it.
fn canonicalize(floats: &mut [u8]) {
    for bytes in floats.as_chunks_mut().0 {
        if f32::from_le_bytes(*bytes).is_nan() {
            *bytes = f32::NAN.to_le_bytes();
        }
    }
}

/// The memory of a run.
struct Machine {
    params: Vec<u8>,
    chunks: BTreeMap<u64, Box<[u8; CHUNK]>>,
}

impl Machine {
    /// Calls `visit` with each chunk that some bytes lie in, the part of it and the part of the bytes.
    fn parts(address: u64, len: usize) -> impl Iterator<Item = (u64, usize, std::ops::Range<usize>)> {
        let mut done = 0;
        std::iter::from_fn(move || {
            let at = address + done as u64;
            let start = (at % CHUNK as u64) as usize;
            let count = (len - done).min(CHUNK - start);
            let part = done..done + count;
            done += count;
            (count > 0).then_some((at / CHUNK as u64, start, part))
        })
    }
}

impl Memory for Machine {
    fn input_len(&self) -> u64 {
        0
    }

    fn read(&mut self, address: u64, bytes: &mut [u8]) {
        let start = usize::try_from(address).unwrap_or(usize::MAX);
        if let Some(constants) = self.params.get(start..start.saturating_add(bytes.len())) {
            bytes.copy_from_slice(constants);
            return;
        }
        for (chunk, start, part) in Self::parts(address, bytes.len()) {
            let len = part.len();
            match self.chunks.get(&chunk) {
                Some(chunk) => bytes[part].copy_from_slice(&chunk[start..start + len]),
                None => bytes[part].fill(0),
            }
        }
    }

    fn write(&mut self, address: u64, bytes: &[u8]) {
        for (chunk, start, part) in Self::parts(address, bytes.len()) {
            let len = part.len();
            let chunk = self.chunks.entry(chunk).or_insert_with(|| Box::new([0; CHUNK]));
            chunk[start..start + len].copy_from_slice(&bytes[part]);
        }
    }
}
