//! Where a tensor has the elements of a tile, and how they get from there into the arena and back.
//!
//! In the arena a tile is dense, in the tensor its dimensions have any strides. Elements that lie side by side move by
//! themselves; of others, those of some close dimensions pass a buffer together, with whatever lies between them.

use assay_network_plan::{View, RANK};
use bytemuck::Pod;

use crate::memory::Memory;
use crate::Fault;

/// Bytes of the buffer through which elements pass that do not lie side by side.
pub const SPAN: usize = 4096;
/// The most bytes between elements that are moved together.
const GAP: u64 = 1024;
/// As many elements side by side are moved without the buffer.
const DIRECT: usize = 32;
/// As many elements side by side are copied before those of a longer dimension.
const LINE: usize = 8;

/// A dimension: its length, and the elements from one index to the next in the tensor and in the arena.
#[derive(Clone, Copy, Default)]
struct Axis {
    len: usize,
    stride: i64,
    dense: usize,
}

/// Some dimensions.
#[derive(Clone, Copy, Default)]
struct Axes {
    axes: [Axis; RANK],
    count: usize,
}

impl Axes {
    fn push(&mut self, axis: Axis) {
        self.axes[self.count] = axis;
        self.count += 1;
    }

    fn iter(&self) -> core::slice::Iter<'_, Axis> {
        self.axes[..self.count].iter()
    }

    fn elements(&self) -> usize {
        self.iter().map(|axis| axis.len).product()
    }

    /// Takes out the dimension along which elements lie closest.
    fn take_closest(&mut self) -> Option<Axis> {
        let mut closest = None;
        for place in 0..self.count {
            let distance = self.axes[place].stride.unsigned_abs();
            if closest.is_none_or(|(_, least)| distance < least) {
                closest = Some((place, distance));
            }
        }
        let (place, _) = closest?;
        let axis = self.axes[place];
        self.axes.copy_within(place + 1..self.count, place);
        self.count -= 1;
        Some(axis)
    }
}

/// The dimensions of a tile in a tensor, the innermost first. Neighbours that are as one are joined.
pub struct Layout {
    /// Bytes of an element.
    size: usize,
    address: u64,
    axes: Axes,
}

impl Layout {
    /// The layout of the box that begins at `from` and has the lengths `len`.
    #[inline(never)]
    pub fn new(view: &View, from: &[u32; RANK], len: &[usize; RANK]) -> Self {
        let mut layout = Self {
            size: view.element.size() as usize,
            address: view.address,
            axes: Axes::default(),
        };
        let mut dense = 1;
        for axis in (0..RANK).rev() {
            let stride = i64::from(view.strides[axis]);
            layout.address = layout.at(stride.wrapping_mul(i64::from(from[axis])));
            layout.push(Axis {
                len: len[axis],
                stride,
                dense,
            });
            dense *= len[axis];
        }
        layout
    }

    fn push(&mut self, axis: Axis) {
        if axis.len == 1 {
            return;
        }
        let axes = &mut self.axes;
        if let Some(inner) = axes.axes[..axes.count].last_mut() {
            if axis.stride == inner.stride * inner.len as i64 {
                inner.len *= axis.len;
                return;
            }
        }
        axes.push(axis);
    }

    /// Fills `to` with the elements.
    #[inline(never)]
    pub fn load<M: Memory>(&self, memory: &mut M, buffer: &mut [u8], to: &mut [u8]) -> Result<(), Fault> {
        if to.is_empty() {
            return Ok(());
        }
        let route = Route::of(self);
        let mut places = Odometer::new(route.far);
        while let Some((offset, dense)) = places.next() {
            if route.direct {
                let len = route.near.elements() * self.size;
                let to = to.get_mut(dense * self.size..).and_then(|to| to.get_mut(..len));
                memory.read(self.at(offset), to.ok_or(Fault::BadTile)?);
                continue;
            }
            for index in (0..route.last().len).step_by(route.piece) {
                let span = route.span(index, offset, dense);
                let bytes = buffer.get_mut(..span.len * self.size).ok_or(Fault::BadTile)?;
                memory.read(self.at(span.start), bytes);
                let mut lines = span.lines();
                while let Some((near, far)) = lines.next(&span) {
                    self.copy(bytes, near, to, far, lines.inner.len)?;
                }
            }
        }
        for place in 0..self.axes.count {
            if self.axes.axes[place].stride == 0 {
                self.repeat(place, to)?;
            }
        }
        Ok(())
    }

    /// Puts the elements of `from` to their places.
    #[inline(never)]
    pub fn store<M: Memory>(&self, memory: &mut M, buffer: &mut [u8], from: &[u8]) -> Result<(), Fault> {
        if from.is_empty() {
            return Ok(());
        }
        let route = Route::of(self);
        let mut places = Odometer::new(route.far);
        while let Some((offset, dense)) = places.next() {
            if route.direct {
                let len = route.near.elements() * self.size;
                let from = from.get(dense * self.size..).and_then(|from| from.get(..len));
                memory.write(self.at(offset), from.ok_or(Fault::BadTile)?);
                continue;
            }
            for index in (0..route.last().len).step_by(route.piece) {
                let span = route.span(index, offset, dense);
                let bytes = buffer.get_mut(..span.len * self.size).ok_or(Fault::BadTile)?;
                if span.has_gaps() {
                    memory.read(self.at(span.start), bytes);
                }
                let mut lines = span.lines();
                while let Some((near, far)) = lines.next(&span) {
                    self.copy(from, far, bytes, near, lines.inner.len)?;
                }
                memory.write(self.at(span.start), bytes);
            }
        }
        Ok(())
    }

    /// Fills the indices from 1 on of a dimension along which a tensor is repeated; all dimensions inside of it are full.
    #[inline(never)]
    fn repeat(&self, place: usize, to: &mut [u8]) -> Result<(), Fault> {
        let axis = self.axes.axes[place];
        let block = axis.dense * self.size;
        let mut outer = Odometer::new(self.distinct_from(place));
        while let Some((_, dense)) = outer.next() {
            let to = to
                .get_mut(dense * self.size..)
                .and_then(|to| to.get_mut(..axis.len * block))
                .ok_or(Fault::BadTile)?;
            if axis.dense == 1 {
                match self.size {
                    1 => fill::<u8>(to)?,
                    4 => fill::<u32>(to)?,
                    _ => fill::<u64>(to)?,
                }
            } else {
                for index in 1..axis.len {
                    to.copy_within(..block, index * block);
                }
            }
        }
        Ok(())
    }

    /// The dimensions from one on, those left out along which the tensor is repeated.
    fn distinct_from(&self, place: usize) -> Axes {
        let mut distinct = Axes::default();
        for axis in self.axes.iter().skip(place).filter(|axis| axis.stride != 0) {
            distinct.push(*axis);
        }
        distinct
    }

    /// Copies elements from one line to another.
    fn copy(
        &self,
        from: &[u8],
        source: Line,
        to: &mut [u8],
        target: Line,
        count: usize,
    ) -> Result<(), Fault> {
        match self.size {
            1 => copy::<u8>(from, source, to, target, count),
            4 => copy::<u32>(from, source, to, target, count),
            _ => copy::<u64>(from, source, to, target, count),
        }
    }

    fn at(&self, elements: i64) -> u64 {
        self.address
            .wrapping_add_signed(elements.wrapping_mul(self.size as i64))
    }
}

/// How a layout's elements move.
struct Route {
    /// Whether `near` is one dimension of which the elements lie side by side, and which moves as a whole.
    direct: bool,
    /// The dimensions that move together, the closest first. Without one, each element moves by itself.
    near: Axes,
    /// How many indices of the last of them move at a time.
    piece: usize,
    /// The others, those left out along which the tensor is repeated.
    far: Axes,
}

impl Route {
    #[inline(never)]
    fn of(layout: &Layout) -> Self {
        let mut route = Self {
            direct: false,
            near: Axes::default(),
            piece: 1,
            far: Axes::default(),
        };
        let mut rest = layout.distinct_from(0);
        let room = SPAN / layout.size;
        // Elements of the part of a tensor in which the near ones lie.
        let mut extent = 1;
        let mut open = true;
        while let Some(axis) = rest.take_closest() {
            let distance = axis.stride.unsigned_abs();
            let gap = distance.saturating_sub(extent as u64) * layout.size as u64;
            if !open || gap > GAP || distance as usize + extent > room {
                open = false;
                route.far.push(axis);
                continue;
            }
            let piece = (room - extent) / distance as usize + 1;
            route.near.push(axis);
            route.piece = piece.min(axis.len);
            extent += (route.piece - 1) * distance as usize;
            open = piece >= axis.len && !(route.is_direct() && axis.len >= DIRECT);
        }
        route.direct = route.is_direct();
        route
    }

    /// Whether the near elements lie side by side on both sides.
    fn is_direct(&self) -> bool {
        match &self.near.axes[..self.near.count] {
            [] => true,
            [only] => only.stride == 1 && only.dense == 1,
            _ => false,
        }
    }

    /// The dimension that moves in pieces; a single index if there is none.
    fn last(&self) -> Axis {
        let single = Axis {
            len: 1,
            stride: 1,
            dense: 1,
        };
        self.near.iter().last().copied().unwrap_or(single)
    }

    /// The piece that begins at an index of the last dimension.
    #[inline(never)]
    fn span(&self, index: usize, offset: i64, dense: usize) -> Span {
        let mut axes = self.near;
        let mut start = offset;
        let mut to = dense;
        if let Some(last) = axes.axes[..axes.count].last_mut() {
            last.len = self.piece.min(last.len - index);
            start += last.stride * index as i64;
            to += last.dense * index;
        }
        let mut span = Span {
            axes,
            start,
            len: 1,
            first: 0,
            dense: to,
        };
        for axis in axes.iter() {
            let extent = (axis.len - 1) * axis.stride.unsigned_abs() as usize;
            span.len += extent;
            if axis.stride < 0 {
                span.start -= extent as i64;
                span.first += extent;
            }
        }
        span
    }
}

/// A part of a tensor that moves at once.
struct Span {
    /// The dimensions of its elements, the closest first.
    axes: Axes,
    /// Where it starts in the tensor, in elements.
    start: i64,
    /// Elements, with those between the tile's.
    len: usize,
    /// The place in it of the element with all indices 0.
    first: usize,
    /// The place of that element in the arena.
    dense: usize,
}

impl Span {
    fn has_gaps(&self) -> bool {
        self.axes.elements() < self.len
    }

    #[inline(never)]
    /// Its elements as lines along one dimension: one in which they lie side by side on both sides, or the longest one.
    fn lines(&self) -> Lines {
        let mut inner = Axis {
            len: 1,
            stride: 1,
            dense: 1,
        };
        let mut chosen = RANK;
        for (place, axis) in self.axes.iter().enumerate() {
            let beside = axis.stride == 1 && axis.dense == 1 && axis.len >= LINE;
            if beside || axis.len > inner.len {
                (chosen, inner) = (place, *axis);
            }
            if beside {
                break;
            }
        }
        let mut others = Axes::default();
        for (_, axis) in self.axes.iter().enumerate().filter(|(place, _)| *place != chosen) {
            others.push(*axis);
        }
        Lines {
            inner,
            starts: Odometer::new(others),
        }
    }
}

/// The lines of a span.
struct Lines {
    inner: Axis,
    starts: Odometer,
}

impl Lines {
    /// The next line in the span and in the arena.
    fn next(&mut self, span: &Span) -> Option<(Line, Line)> {
        let (offset, dense) = self.starts.next()?;
        let near = Line {
            start: span.first.wrapping_add_signed(offset as isize),
            step: self.inner.stride as isize,
        };
        let far = Line {
            start: span.dense + dense,
            step: self.inner.dense as isize,
        };
        Some((near, far))
    }
}

/// Elements at a distance.
#[derive(Clone, Copy)]
struct Line {
    start: usize,
    step: isize,
}

#[inline(never)]
fn copy<T: Pod>(from: &[u8], source: Line, to: &mut [u8], target: Line, count: usize) -> Result<(), Fault> {
    let from: &[T] = bytemuck::try_cast_slice(from).map_err(|_| Fault::BadTile)?;
    let to: &mut [T] = bytemuck::try_cast_slice_mut(to).map_err(|_| Fault::BadTile)?;
    if source.step == 1 && target.step == 1 {
        let from = from.get(source.start..).and_then(|from| from.get(..count));
        let to = to.get_mut(target.start..).and_then(|to| to.get_mut(..count));
        let (from, to) = from.zip(to).ok_or(Fault::BadTile)?;
        to.copy_from_slice(from);
        return Ok(());
    }
    let (mut at, mut place) = (source.start, target.start);
    for _ in 0..count {
        let (value, slot) = from.get(at).zip(to.get_mut(place)).ok_or(Fault::BadTile)?;
        *slot = *value;
        at = at.wrapping_add_signed(source.step);
        place = place.wrapping_add_signed(target.step);
    }
    Ok(())
}

/// Repeats the first element.
fn fill<T: Pod>(to: &mut [u8]) -> Result<(), Fault> {
    let to: &mut [T] = bytemuck::try_cast_slice_mut(to).map_err(|_| Fault::BadTile)?;
    let first = *to.first().ok_or(Fault::BadTile)?;
    to.fill(first);
    Ok(())
}

/// All places along some dimensions, in any order: offsets in the tensor and in the arena.
struct Odometer {
    axes: Axes,
    indices: [usize; RANK],
    next: Option<(i64, usize)>,
}

impl Odometer {
    fn new(axes: Axes) -> Self {
        Self {
            axes,
            indices: [0; RANK],
            next: Some((0, 0)),
        }
    }

    #[inline(never)]
    fn next(&mut self) -> Option<(i64, usize)> {
        let (mut offset, mut dense) = self.next?;
        self.next = None;
        let current = (offset, dense);
        for (axis, index) in self.axes.iter().zip(&mut self.indices) {
            *index += 1;
            offset += axis.stride;
            dense += axis.dense;
            if *index < axis.len {
                self.next = Some((offset, dense));
                break;
            }
            *index = 0;
            offset -= axis.stride * axis.len as i64;
            dense -= axis.dense * axis.len;
        }
        Some(current)
    }
}

/// What it takes to move a tile, for whoever cuts an operator into tiles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moves {
    /// Whether storing also reads what lies between the elements.
    pub reads_back: bool,
    /// Reads and writes of memory.
    pub transfers: u64,
    /// Bytes that they move.
    pub bytes: u64,
    /// Lines that are copied to or from the buffer.
    pub lines: u64,
    /// Their elements.
    pub elements: u64,
    /// Blocks that are repeated.
    pub repetitions: u64,
    /// Their bytes.
    pub repeated_bytes: u64,
}

impl Moves {
    /// What it takes to load the box of the lengths `len`, or to store it.
    pub fn of(view: &View, len: &[usize; RANK], store: bool) -> Self {
        let layout = Layout::new(view, &[0; RANK], len);
        let route = Route::of(&layout);
        let far = route.far.elements() as u64;
        let size = layout.size as u64;
        let mut moves = Self::default();
        if route.direct {
            moves.transfers = far;
            moves.bytes = far * route.near.elements() as u64 * size;
        } else {
            let pieces = far * route.last().len.div_ceil(route.piece) as u64;
            let span = route.span(0, 0, 0);
            moves.reads_back = store && span.has_gaps();
            moves.transfers = pieces * (1 + u64::from(moves.reads_back));
            moves.bytes = moves.transfers * span.len as u64 * size;
            moves.elements = far * route.near.elements() as u64;
            moves.lines = pieces * (span.axes.elements() / span.lines().inner.len) as u64;
        }
        let repeated = |(place, axis): (usize, &Axis)| {
            let blocks =
                layout.distinct_from(place).elements() * if axis.dense == 1 { 1 } else { axis.len - 1 };
            let bytes = layout.distinct_from(place).elements() * axis.dense * axis.len * layout.size;
            (blocks as u64, bytes as u64)
        };
        let axes = layout.axes.iter().enumerate();
        for (blocks, bytes) in axes.filter(|(_, axis)| axis.stride == 0).map(repeated) {
            moves.repetitions += blocks;
            moves.repeated_bytes += bytes;
        }
        moves
    }
}
