//! Elementwise programs over tensors.

use assay_network_plan::{Element, Elementwise, Step, ELEMENTS, INPUTS_MAX};

use crate::code::Registers;
use crate::memory::{Arena, Memory};
use crate::tile::Tile;
use crate::Fault;

/// Computes a tile; see [`Elementwise`].
#[inline(never)]
pub fn run<M: Memory>(memory: &mut M, arena: &mut Arena, op: &Elementwise, step: &Step) -> Result<(), Fault> {
    let tile = Tile::new(step, &op.dims)?;
    let total = tile.elements()?;
    let views = op.inputs.get(..op.count as usize).ok_or(Fault::BadCode)?;
    let mut inputs: [(Element, &[u8]); INPUTS_MAX] = [(Element::F32, &[]); INPUTS_MAX];
    for (input, view) in inputs.iter_mut().zip(views) {
        *input = (view.element, tile.load(memory, arena, view)?);
    }
    let inputs = &inputs[..views.len()];
    let size = op.out.element.size() as usize;
    let out = arena.take::<u8>(total * size)?;
    let mut registers = Registers::new(&mut arena.scope(), &op.code)?;
    for (place, out) in (0..).step_by(ELEMENTS).zip(out.chunks_mut(ELEMENTS * size)) {
        registers.execute(&op.code, inputs, place, out.len() / size)?;
        registers.store(op.code.result, op.out.element, out)?;
    }
    tile.store(memory, arena, &op.out, out)
}
