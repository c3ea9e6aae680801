//! The part of an operator that a step computes, and how tensors get into the arena and out of it.

use assay_network_plan::{Step, View, RANK};
use bytemuck::Pod;

use crate::memory::{Arena, Memory};
use crate::Fault;

/// Bytes of the buffer through which elements pass that do not lie side by side.
const SPAN: usize = 4096;

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
        let empty = rows.count == 0 || rows.len == 0;
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
        self.layout(view)
            .load(memory, bytemuck::cast_slice_mut(buffer), bytes)
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
        self.layout(view)
            .store(memory, bytemuck::cast_slice_mut(buffer), bytes)
    }

    /// Where a view has the box's elements. Neighbouring dimensions that are as one are joined.
    #[inline(never)]
    fn layout(&self, view: &View) -> Layout {
        let mut layout = Layout {
            size: view.element.size() as usize,
            address: view.address,
            axes: [Axis::default(); RANK],
            count: 0,
        };
        let size = i64::from(view.element.size());
        let mut dense = 1;
        for axis in (0..RANK).rev() {
            let stride = i64::from(view.strides[axis]);
            let start = (stride * size).wrapping_mul(i64::from(self.from[axis]));
            layout.address = layout.address.wrapping_add_signed(start);
            layout.push(Axis {
                len: self.len[axis],
                stride,
                dense,
            });
            dense *= self.len[axis];
        }
        layout
    }
}

/// The rows of a tile.
pub struct Rows {
    /// How many there are.
    pub count: usize,
    /// Elements of each.
    pub len: usize,
}

/// A dimension: its length, and the elements from one index to the next in the tensor and in the arena.
#[derive(Clone, Copy, Default)]
struct Axis {
    len: usize,
    stride: i64,
    dense: usize,
}

/// The dimensions of a tile in a tensor, the innermost first.
struct Layout {
    /// Bytes of an element.
    size: usize,
    address: u64,
    axes: [Axis; RANK],
    count: usize,
}

impl Layout {
    fn push(&mut self, axis: Axis) {
        if axis.len == 1 {
            return;
        }
        if let Some(inner) = self.axes[..self.count].last_mut() {
            if axis.stride == inner.stride * inner.len as i64 {
                inner.len *= axis.len;
                return;
            }
        }
        self.axes[self.count] = axis;
        self.count += 1;
    }

    /// The dimension along which elements lie closest, repetitions left out, and its place.
    fn closest(&self) -> Option<(usize, Axis)> {
        let mut closest: Option<(usize, Axis)> = None;
        for (place, axis) in self.axes[..self.count].iter().enumerate() {
            let closer =
                closest.is_none_or(|(_, best)| axis.stride.unsigned_abs() < best.stride.unsigned_abs());
            if axis.stride != 0 && closer {
                closest = Some((place, *axis));
            }
        }
        closest
    }

    /// The dimension along which elements lie closest, or one of a single element.
    fn run(&self) -> (usize, Axis) {
        let single = Axis {
            len: 1,
            stride: 1,
            dense: 1,
        };
        self.closest().unwrap_or((RANK, single))
    }

    fn load<M: Memory>(&self, memory: &mut M, buffer: &mut [u8], to: &mut [u8]) -> Result<(), Fault> {
        if to.is_empty() {
            return Ok(());
        }
        let (run_place, run) = self.run();
        let mut places = Odometer::new(self, |place, axis| place != run_place && axis.stride != 0);
        while let Some((offset, dense)) = places.next() {
            let address = self.at(offset);
            let to = to.get_mut(dense * self.size..).ok_or(Fault::BadTile)?;
            if run.stride == 1 && run.dense == 1 {
                memory.read(address, to.get_mut(..run.len * self.size).ok_or(Fault::BadTile)?);
            } else {
                self.load_run(memory, buffer, address, run, to)?;
            }
        }
        for place in 0..self.count {
            if self.axes[place].stride == 0 {
                self.repeat(place, to)?;
            }
        }
        Ok(())
    }

    /// Reads elements at a distance, in spans that fit into `buffer`.
    #[inline(never)]
    fn load_run<M: Memory>(
        &self,
        memory: &mut M,
        buffer: &mut [u8],
        address: u64,
        run: Axis,
        to: &mut [u8],
    ) -> Result<(), Fault> {
        let distance = run.stride.unsigned_abs() as usize;
        let piece = (buffer.len() / self.size - 1) / distance + 1;
        for index in (0..run.len).step_by(piece) {
            let count = piece.min(run.len - index);
            let span = (count - 1) * distance + 1;
            let span = buffer.get_mut(..span * self.size).ok_or(Fault::BadTile)?;
            let last = index + count - 1;
            let first = if run.stride > 0 { index } else { last };
            memory.read(
                address.wrapping_add_signed(self.bytes(run.stride * first as i64)),
                span,
            );
            let to = to
                .get_mut(index * run.dense * self.size..)
                .ok_or(Fault::BadTile)?;
            let from = Strided {
                elements: span,
                distance,
                backwards: run.stride < 0,
            };
            self.copy(&from, to, run.dense)?;
        }
        Ok(())
    }

    /// Copies elements to places at a distance.
    fn copy(&self, from: &Strided, to: &mut [u8], distance: usize) -> Result<(), Fault> {
        match self.size {
            1 => from.copy::<u8>(to, distance),
            4 => from.copy::<u32>(to, distance),
            _ => from.copy::<u64>(to, distance),
        }
    }

    /// Fills the indices from 1 on of a dimension along which a tensor is repeated; all dimensions inside of it are full.
    #[inline(never)]
    fn repeat(&self, place: usize, to: &mut [u8]) -> Result<(), Fault> {
        let axis = self.axes[place];
        let block = axis.dense * self.size;
        let mut outer = Odometer::new(self, |other, axis| other > place && axis.stride != 0);
        while let Some((_, dense)) = outer.next() {
            let to = to
                .get_mut(dense * self.size..)
                .and_then(|to| to.get_mut(..axis.len * block))
                .ok_or(Fault::BadTile)?;
            if axis.dense == 1 {
                let (first, rest) = to.split_at_mut(self.size);
                let from = Strided {
                    elements: first,
                    distance: 0,
                    backwards: false,
                };
                self.copy(&from, rest, 1)?;
            } else {
                for index in 1..axis.len {
                    to.copy_within(..block, index * block);
                }
            }
        }
        Ok(())
    }

    fn store<M: Memory>(&self, memory: &mut M, buffer: &mut [u8], from: &[u8]) -> Result<(), Fault> {
        if from.is_empty() {
            return Ok(());
        }
        let (run_place, run) = self.run();
        let mut places = Odometer::new(self, |place, axis| place != run_place && axis.stride != 0);
        while let Some((offset, dense)) = places.next() {
            let address = self.at(offset);
            let from = from.get(dense * self.size..).ok_or(Fault::BadTile)?;
            if run.stride == 1 && run.dense == 1 {
                memory.write(address, from.get(..run.len * self.size).ok_or(Fault::BadTile)?);
            } else {
                self.store_run(memory, buffer, address, run, from)?;
            }
        }
        Ok(())
    }

    /// Writes elements: those that lie side by side by way of `buffer`, others one by one.
    #[inline(never)]
    fn store_run<M: Memory>(
        &self,
        memory: &mut M,
        buffer: &mut [u8],
        address: u64,
        run: Axis,
        from: &[u8],
    ) -> Result<(), Fault> {
        let piece = match run.stride {
            1 => buffer.len() / self.size,
            _ => 1,
        };
        for index in (0..run.len).step_by(piece) {
            let span = piece.min(run.len - index) * self.size;
            let span = buffer.get_mut(..span).ok_or(Fault::BadTile)?;
            let from = Strided {
                elements: from.get(index * run.dense * self.size..).ok_or(Fault::BadTile)?,
                distance: run.dense,
                backwards: false,
            };
            self.copy(&from, span, 1)?;
            memory.write(
                address.wrapping_add_signed(self.bytes(run.stride * index as i64)),
                span,
            );
        }
        Ok(())
    }

    fn at(&self, elements: i64) -> u64 {
        self.address.wrapping_add_signed(self.bytes(elements))
    }

    fn bytes(&self, elements: i64) -> i64 {
        elements.wrapping_mul(self.size as i64)
    }
}

/// Elements at a distance. At a distance of 0, one again and again.
struct Strided<'a> {
    elements: &'a [u8],
    distance: usize,
    backwards: bool,
}

impl Strided<'_> {
    /// Copies as many elements as there are, or as have a place.
    #[inline(never)]
    fn copy<T: Pod>(&self, to: &mut [u8], distance: usize) -> Result<(), Fault> {
        let from: &[T] = bytemuck::try_cast_slice(self.elements).map_err(|_| Fault::BadTile)?;
        let to: &mut [T] = bytemuck::try_cast_slice_mut(to).map_err(|_| Fault::BadTile)?;
        if self.distance == 0 {
            to.fill(*from.first().ok_or(Fault::BadTile)?);
            return Ok(());
        }
        let count = (from.len() - 1) / self.distance + 1;
        let last = if self.backwards { count - 1 } else { 0 };
        for (index, place) in to.iter_mut().step_by(distance).take(count).enumerate() {
            *place = from[index.abs_diff(last) * self.distance];
        }
        Ok(())
    }
}

/// All places along some of a layout's dimensions, in any order: offsets in the tensor and in the arena.
struct Odometer {
    axes: [Axis; RANK],
    indices: [usize; RANK],
    count: usize,
    next: Option<(i64, usize)>,
}

impl Odometer {
    fn new(layout: &Layout, chosen: impl Fn(usize, &Axis) -> bool) -> Self {
        let mut axes = [Axis::default(); RANK];
        let mut count = 0;
        for (place, axis) in layout.axes[..layout.count].iter().enumerate() {
            if chosen(place, axis) {
                axes[count] = *axis;
                count += 1;
            }
        }
        Self {
            axes,
            indices: [0; RANK],
            count,
            next: Some((0, 0)),
        }
    }

    fn next(&mut self) -> Option<(i64, usize)> {
        let (mut offset, mut dense) = self.next?;
        self.next = None;
        let current = (offset, dense);
        for place in 0..self.count {
            let axis = &self.axes[place];
            self.indices[place] += 1;
            offset += axis.stride;
            dense += axis.dense;
            if self.indices[place] < axis.len {
                self.next = Some((offset, dense));
                break;
            }
            self.indices[place] = 0;
            offset -= axis.stride * axis.len as i64;
            dense -= axis.dense * axis.len;
        }
        Some(current)
    }
}

fn product(lengths: &[usize]) -> Result<usize, Fault> {
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
