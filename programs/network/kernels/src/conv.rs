//! Convolutions.

use assay_network_plan::{Conv, Step, Window, BLOCK};
use bytemuck::{Pod, Zeroable};

use crate::arithmetic::{load, Arithmetic, Rows, Sums};
use crate::matmul::channels;
use crate::memory::{place, read_values, write_values, Arena, Memory};
use crate::tile::{product, range_len};
use crate::{window, Fault};

/// Computes a tile; see [`Conv`].
pub fn run<M: Memory, A: Arithmetic>(
    memory: &mut M,
    arena: &mut Arena,
    op: &Conv,
    step: &Step,
) -> Result<(), Fault> {
    window::check(&op.window)?;
    let groups = op.groups.max(1);
    if !op.channels_in.is_multiple_of(groups) || !op.channels_out.is_multiple_of(groups) {
        return Err(Fault::BadTile);
    }
    let (group_in, group_out) = (op.channels_in / groups, op.channels_out / groups);
    let range = |axis: usize| [step.from[axis], step.to[axis]];
    let limits = [op.batch, op.channels_out, op.window.output[0], group_in];
    for (axis, limit) in limits.into_iter().enumerate() {
        if range_len(range(axis), limit)? == 0 {
            return Err(Fault::BadTile);
        }
    }
    for image in step.from[0]..step.to[0] {
        let mut channel = step.from[1];
        while channel < step.to[1] {
            let group = channel / group_out;
            let end = step.to[1].min(group * group_out + group_out);
            let tile = Tile {
                op,
                image,
                group,
                group_in,
                channels: [channel, end],
                rows: range(2),
                depth: range(3),
            };
            tile.run::<M, A>(memory, &mut arena.scope())?;
            channel = end;
        }
    }
    Ok(())
}

/// The part of a tile that lies in one group.
struct Tile<'a> {
    op: &'a Conv,
    image: u32,
    group: u32,
    group_in: u32,
    channels: [u32; 2],
    rows: [u32; 2],
    depth: [u32; 2],
}

impl Tile<'_> {
    #[inline(never)]
    fn run<M: Memory, A: Arithmetic>(&self, memory: &mut M, arena: &mut Arena) -> Result<(), Fault> {
        let image = Image::new(&self.op.window, self.rows, self.count());
        let pixels = self.load_image::<M, A>(memory, arena, &image)?;
        let weights = self.load_weights::<M, A>(memory, arena)?;
        let count = self.count();
        let outputs = image.outputs();
        let sums = arena.zeros::<A::Sum>(product(&[count.next_multiple_of(2), image.outputs_filled()])?)?;
        if self.depth[0] > 0 {
            for (sums, channel) in sums.chunks_mut(image.outputs_filled()).zip(self.channels()) {
                read_values(
                    memory,
                    self.address(self.op.sums, channel, 4),
                    &mut sums[..outputs],
                );
                image.spread(sums);
            }
        }
        self.multiply::<A>(arena, &image, pixels, weights, sums)?;
        for sums in sums.chunks_mut(image.outputs_filled()) {
            image.gather_rows(sums);
        }
        if self.depth[1] < self.group_in {
            for (sums, channel) in sums.chunks(image.outputs_filled()).zip(self.channels()) {
                write_values(memory, self.address(self.op.sums, channel, 4), &sums[..outputs]);
            }
            return Ok(());
        }
        self.finish::<M, A>(memory, arena, &image, sums)
    }

    fn channels(&self) -> core::ops::Range<u32> {
        self.channels[0]..self.channels[1]
    }

    fn count(&self) -> usize {
        (self.channels[1] - self.channels[0]) as usize
    }

    fn depth(&self) -> usize {
        (self.depth[1] - self.depth[0]) as usize
    }

    fn kernel_len(&self) -> usize {
        let [height, width] = self.op.window.kernel;
        (height * width) as usize
    }

    /// Address of the tile's first row of an output channel, in a tensor of the output's shape.
    fn address(&self, base: u64, channel: u32, element_size: u32) -> u64 {
        let [height, width] = self.op.window.output.map(u64::from);
        let plane = u64::from(self.image) * u64::from(self.op.channels_out) + u64::from(channel);
        let row = plane * height + u64::from(self.rows[0]);
        place(base, row, width * u64::from(element_size))
    }

    /// The tile's input channels with their padding, `[channel][image.height][image.width]`, and a block of zeros.
    #[inline(never)]
    fn load_image<'a, M: Memory, A: Arithmetic>(
        &self,
        memory: &mut M,
        arena: &mut Arena<'a>,
        image: &Image,
    ) -> Result<&'a [A::Value], Fault> {
        let source = (self.op.x_element, self.op.x_zero);
        let [height, width] = self.op.window.input.map(|n| n as usize);
        let len = product(&[self.depth(), image.height, image.width])?;
        // A block of pixels may end behind the last one.
        let all = arena.zeros::<A::Value>(len + BLOCK)?;
        let (pixels, _) = all.split_at_mut(len);
        let rows = image.rows_inside(height);
        let [number, channels, group, group_in, depth] = [
            self.image,
            self.op.channels_in,
            self.group,
            self.group_in,
            self.depth[0],
        ]
        .map(u64::from);
        let first = number * channels + group * group_in + depth;
        let address = |channel: u64| {
            let start = channel.wrapping_mul((height * width) as u64) + (rows.start * width) as u64;
            place(self.op.x, start, self.op.x_element.size().into())
        };
        let is_whole = image.is_whole(width, &rows);
        if is_whole && rows.len() == height {
            load::<M, A>(memory, arena, source, address(first), pixels)?;
            return Ok(all);
        }
        let mut arena = arena.scope();
        let plane = arena.take::<A::Value>(product(&[rows.len(), width])?)?;
        let planes = pixels.chunks_mut((image.height * image.width).max(1));
        for (pixels, channel) in planes.zip(first..) {
            if is_whole {
                load::<M, A>(memory, &mut arena, source, address(channel), pixels)?;
            } else {
                load::<M, A>(memory, &mut arena, source, address(channel), plane)?;
                image.pad(plane, width, rows.start, pixels);
            }
        }
        Ok(all)
    }

    /// The tile's weights, `[output channel][depth filled]`, with a row of zeros if the channels are odd.
    #[inline(never)]
    fn load_weights<'a, M: Memory, A: Arithmetic>(
        &self,
        memory: &mut M,
        arena: &mut Arena<'a>,
    ) -> Result<&'a [A::Value], Fault> {
        let weight_source = (self.op.weights_element, self.op.weights_zero);
        let element = self.op.weights_element;
        let len = product(&[self.depth(), self.kernel_len()])?;
        let filled = len.next_multiple_of(A::PAIR);
        let weights = arena.take::<A::Value>(product(&[self.count().next_multiple_of(2), filled])?)?;
        let stride = u64::from(self.group_in) * self.kernel_len() as u64;
        let start = u64::from(self.depth[0]) * self.kernel_len() as u64;
        let address = |channel| {
            place(
                self.op.weights,
                u64::from(channel) * stride + start,
                element.size().into(),
            )
        };
        if filled as u64 == stride {
            let (all, rest) = weights.split_at_mut(self.count() * filled);
            load::<M, A>(memory, arena, weight_source, address(self.channels[0]), all)?;
            rest.fill(A::Value::zeroed());
            return Ok(weights);
        }
        weights.fill(A::Value::zeroed());
        for (row, channel) in weights.chunks_mut(filled.max(1)).zip(self.channels()) {
            load::<M, A>(memory, arena, weight_source, address(channel), &mut row[..len])?;
        }
        Ok(weights)
    }

    /// Adds the tile's products to `sums`, `[output channel][output filled]`.
    #[inline(never)]
    fn multiply<A: Arithmetic>(
        &self,
        arena: &mut Arena,
        image: &Image,
        pixels: &[A::Value],
        weights: &[A::Value],
        sums: &mut [A::Sum],
    ) -> Result<(), Fault> {
        let mut arena = arena.scope();
        let len = self.depth() * self.kernel_len();
        let filled = len.next_multiple_of(A::PAIR);
        let offsets = arena.zeros::<u32>(filled)?;
        image.fill_offsets(&self.op.window, &mut offsets[..len]);
        let columns = arena.take::<A::Value>(filled * BLOCK)?;
        for start in (0..image.places()).step_by(BLOCK) {
            image.gather::<A>(&self.op.window, pixels, start, offsets, columns)?;
            let rows = Rows {
                values: weights,
                stride: filled,
                from: 0,
                to: filled,
            };
            let sums = Sums {
                sums: &mut *sums,
                stride: image.outputs_filled(),
                at: start,
            };
            A::products(rows, sums, columns)?;
        }
        Ok(())
    }

    #[inline(never)]
    fn finish<M: Memory, A: Arithmetic>(
        &self,
        memory: &mut M,
        arena: &mut Arena,
        image: &Image,
        sums: &mut [A::Sum],
    ) -> Result<(), Fault> {
        let (finish, element) = (&self.op.finish, self.op.out_element);
        let first = self.channels[0] as usize;
        let (biases, multipliers) = channels::<M, A>(memory, arena, finish, first, self.count())?;
        let rows = sums.chunks_mut(image.outputs_filled()).zip(self.channels());
        for ((sums, channel), scale) in rows.zip(biases.iter().zip(multipliers)) {
            let sums = &mut sums[..image.outputs()];
            A::settle(finish, element, core::iter::repeat((*scale.0, *scale.1)), sums);
            let bytes = A::elements(arena, finish, element, sums)?;
            memory.write(self.address(self.op.out, channel, element.size()), bytes);
        }
        Ok(())
    }
}

/// [`Arithmetic::gather`] of a block whose pixels lie side by side from `start` on.
#[inline(never)]
fn gather_flat<A: Arithmetic>(
    pixels: &[A::Value],
    start: usize,
    offsets: &[u32],
    columns: &mut [A::Value],
) -> Result<(), Fault> {
    let columns = columns.chunks_exact_mut(BLOCK * A::PAIR);
    for (offsets, column) in offsets.chunks_exact(A::PAIR).zip(columns) {
        for (j, offset) in offsets.iter().enumerate() {
            let place = start + *offset as usize;
            let run = pixels
                .get(place..)
                .and_then(|pixels| pixels.first_chunk::<BLOCK>());
            let run = run.ok_or(Fault::BadTile)?;
            match column.first_chunk_mut::<BLOCK>() {
                Some(column) if A::PAIR == 1 => *column = *run,
                _ => {
                    for (values, pixel) in column.chunks_exact_mut(A::PAIR).zip(run) {
                        values[j] = *pixel;
                    }
                }
            }
        }
    }
    Ok(())
}

/// Whether it takes less to compute what is dropped, for each channel, than to collect inputs that do not lie side by side.
pub fn is_flat(width: usize, output_width: usize, channels: usize) -> bool {
    (width - output_width).saturating_mul(channels) <= FLAT * output_width
}

/// Channels for which computing an output takes as long as collecting one of its inputs from far places.
const FLAT: usize = 2;

/// The part of the padded input image that some output rows see.
struct Image {
    /// Padded rows and columns.
    height: usize,
    width: usize,
    /// Padding above the first row, negative if rows of the image are skipped.
    top: i64,
    /// Padding left of the first column.
    left: usize,
    output_rows: usize,
    output_width: usize,
    /// Whether outputs are computed for all columns of the padded image, where a window begins at each: those of a block lie
    /// side by side then, and those that are none are dropped.
    is_flat: bool,
}

impl Image {
    fn new(window: &Window, rows: [u32; 2], channels: usize) -> Self {
        let reach = |axis: usize, outputs: u32| {
            let steps = outputs.saturating_sub(1) * window.stride[axis];
            (steps + (window.kernel[axis] - 1) * window.dilation[axis] + 1) as usize
        };
        let (width, output_width) = (reach(1, window.output[1]), window.output[1] as usize);
        Self {
            height: reach(0, rows[1] - rows[0]),
            width,
            top: i64::from(window.padding[0]) - i64::from(rows[0]) * i64::from(window.stride[0]),
            left: window.padding[1] as usize,
            output_rows: (rows[1] - rows[0]) as usize,
            output_width,
            is_flat: window.stride == [1; 2] && is_flat(width, output_width, channels),
        }
    }

    /// Collects the inputs of the block of outputs from `start` on; see [`Arithmetic::gather`].
    #[inline(never)]
    fn gather<A: Arithmetic>(
        &self,
        window: &Window,
        pixels: &[A::Value],
        start: usize,
        offsets: &[u32],
        columns: &mut [A::Value],
    ) -> Result<(), Fault> {
        match self.is_flat {
            true => gather_flat::<A>(pixels, start, offsets, columns),
            false => A::gather(pixels, &self.bases(window, start), offsets, columns),
        }
    }

    /// Output pixels of the tile, those between rows included.
    fn places(&self) -> usize {
        match self.is_flat {
            true => self.output_rows.saturating_sub(1) * self.width + self.output_width,
            false => self.outputs(),
        }
    }

    /// Moves the rows of dense outputs to their places.
    #[inline(never)]
    fn spread<T: Pod>(&self, sums: &mut [T]) {
        if self.is_flat {
            for row in (1..self.output_rows).rev() {
                let dense = row * self.output_width;
                sums.copy_within(dense..dense + self.output_width, row * self.width);
            }
        }
    }

    /// Moves the rows of outputs together.
    #[inline(never)]
    fn gather_rows<T: Pod>(&self, sums: &mut [T]) {
        if self.is_flat && self.width > self.output_width {
            for row in 1..self.output_rows {
                let place = row * self.width;
                sums.copy_within(place..place + self.output_width, row * self.output_width);
            }
        }
    }

    /// Output pixels of the tile.
    fn outputs(&self) -> usize {
        self.output_rows * self.output_width
    }

    /// Places of outputs up to the end of the last block.
    fn outputs_filled(&self) -> usize {
        self.places().next_multiple_of(BLOCK).max(BLOCK)
    }

    /// The rows of the unpadded image that the tile sees.
    fn rows_inside(&self, height: usize) -> core::ops::Range<usize> {
        let clip = |row: i64| row.clamp(0, height as i64) as usize;
        clip(-self.top)..clip(self.height as i64 - self.top)
    }

    /// Whether these rows of an image `width` wide are all that the tile sees: without padding, and nothing cut off.
    fn is_whole(&self, width: usize, rows: &core::ops::Range<usize>) -> bool {
        self.left == 0 && self.width == width && self.height == rows.len()
    }

    /// Copies rows of an image `width` wide, the first of which is `first`, to their places in the padded image.
    fn pad<T: Pod>(&self, plane: &[T], width: usize, first: usize, pixels: &mut [T]) {
        let above = (first as i64 + self.top) as usize;
        let len = width.min(self.width.saturating_sub(self.left));
        if len == 0 {
            return;
        }
        let rows = pixels.chunks_exact_mut(self.width).skip(above);
        for (row, source) in rows.zip(plane.chunks_exact(width)) {
            row[self.left..self.left + len].copy_from_slice(&source[..len]);
        }
    }

    /// Where each element of the kernel lies, from the place of its first: `[channel][row][column]`.
    fn fill_offsets(&self, window: &Window, offsets: &mut [u32]) {
        let [height, width] = window.kernel;
        let mut places = offsets.iter_mut();
        for channel in 0.. {
            for row in 0..height {
                for column in 0..width {
                    let Some(place) = places.next() else { return };
                    let line = channel * self.height + (row * window.dilation[0]) as usize;
                    *place = (line * self.width) as u32 + column * window.dilation[1];
                }
            }
        }
    }

    /// Where the window of each output pixel of a block begins; past the end, the last pixel's.
    fn bases(&self, window: &Window, start: usize) -> [u32; BLOCK] {
        let last = self.outputs() - 1;
        core::array::from_fn(|i| {
            let pixel = (start + i).min(last);
            let (y, x) = (pixel / self.output_width, pixel % self.output_width);
            (y * self.width * window.stride[0] as usize + x * window.stride[1] as usize) as u32
        })
    }
}
