//! The part of an operator that a step computes.

use assay_network_plan::{Step, View, ARENA, RANK};

use crate::layout::{Layout, SPAN};
use crate::memory::{Arena, Memory};
use crate::Fault;

/// A box of an operator's dimensions.
#[derive(Clone, Copy)]
pub struct Tile {
    from: [u32; RANK],
    len: [usize; RANK],
}

impl Tile {
    /// The box of a step, which must lie inside of `dims`.
    pub fn new(step: &Step, dims: &[u32; RANK]) -> Result<Self, Fault> {
        let mut len = [0; RANK];
        for axis in 0..RANK {
            len[axis] = range_len([step.from[axis], step.to[axis]], dims[axis])?;
        }
        Ok(Self { from: step.from, len })
    }

    /// A box of an operator that works on rows: those of the dimensions from `kept` on, which are whole.
    pub fn of_rows(step: &Step, dims: &[u32; RANK], kept: u32) -> Result<(Self, Rows), Fault> {
        let tile = Self::new(step, dims)?;
        let kept = kept as usize;
        let (outer, row) = tile.len.split_at_checked(kept).ok_or(Fault::BadTile)?;
        let whole = dims[kept..]
            .iter()
            .zip(row)
            .all(|(all, len)| *all as usize == *len);
        let rows = Rows {
            count: product(outer)?,
            len: product(row)?,
        };
        let empty = rows.count == 0 || rows.len == 0 || tile.elements()? > ARENA;
        (whole && !empty).then_some((tile, rows)).ok_or(Fault::BadTile)
    }

    /// Elements.
    pub fn elements(&self) -> Result<usize, Fault> {
        product(&self.len)
    }

    /// The length along a dimension.
    pub fn len(&self, axis: usize) -> usize {
        self.len[axis]
    }

    /// The first index along a dimension.
    pub fn from(&self, axis: usize) -> usize {
        self.from[axis] as usize
    }

    /// The same box with another range along a dimension.
    pub fn with(mut self, axis: usize, from: usize, len: usize) -> Self {
        self.from[axis] = from as u32;
        self.len[axis] = len;
        self
    }

    /// The elements that a view has in the box, as they are stored, dense.
    pub fn load<'a, M: Memory>(
        &self,
        memory: &mut M,
        arena: &mut Arena<'a>,
        view: &View,
    ) -> Result<&'a mut [u8], Fault> {
        let size = view.element.size() as usize;
        let len = self.elements()?.checked_mul(size).ok_or(Fault::OutOfArena)?;
        let bytes = arena.take::<u8>(len)?;
        self.load_to(memory, arena, view, bytes)?;
        Ok(bytes)
    }

    /// The same, to `bytes`.
    #[inline(never)]
    pub fn load_to<M: Memory>(
        &self,
        memory: &mut M,
        arena: &mut Arena,
        view: &View,
        bytes: &mut [u8],
    ) -> Result<(), Fault> {
        let buffer = arena.scope().take::<u64>(SPAN / 8)?;
        Layout::new(view, &self.from, &self.len).load(memory, bytemuck::cast_slice_mut(buffer), bytes)
    }

    /// Puts the box's elements, which are dense and as they are stored, where a view has them.
    #[inline(never)]
    pub fn store<M: Memory>(
        &self,
        memory: &mut M,
        arena: &mut Arena,
        view: &View,
        bytes: &[u8],
    ) -> Result<(), Fault> {
        let buffer = arena.scope().take::<u64>(SPAN / 8)?;
        Layout::new(view, &self.from, &self.len).store(memory, bytemuck::cast_slice_mut(buffer), bytes)
    }
}

/// The rows of a tile.
pub struct Rows {
    /// How many there are.
    pub count: usize,
    /// Elements of each.
    pub len: usize,
}

/// A product of lengths.
pub fn product(lengths: &[usize]) -> Result<usize, Fault> {
    let multiply = |product: usize, len: &usize| product.checked_mul(*len);
    lengths.iter().try_fold(1, multiply).ok_or(Fault::OutOfArena)
}

/// The length of a range, which must not end before it starts nor after `limit`.
pub fn range_len(range: [u32; 2], limit: u32) -> Result<usize, Fault> {
    if range[0] > range[1] || range[1] > limit {
        return Err(Fault::BadTile);
    }
    Ok((range[1] - range[0]) as usize)
}
