//! Where the tensors of a plan lie in the work region: those that are not needed at the same time share their place.

use std::collections::BTreeMap;

use assay_network_plan::{Op, ABSENT, CHUNK, OUTPUT, WORK};

/// A buffer: its first byte while the plan is made, its length, and the operators that use it.
#[derive(Clone, Copy, Debug)]
struct Buffer {
    start: u64,
    len: u64,
    first: usize,
    last: usize,
}

/// Buffers of the work region. Each has an address of its own until [`Buffers::settle`].
#[derive(Default)]
pub struct Buffers {
    buffers: Vec<Buffer>,
    end: u64,
}

impl Buffers {
    /// A new buffer; returns its address. `None` if the region is full.
    pub fn take(&mut self, len: u64) -> Option<u64> {
        let start = WORK + self.end;
        // At least a byte apart, so that the end of one is not the start of the next.
        self.end = (self.end + len + 1).next_multiple_of(CHUNK as u64);
        self.buffers.push(Buffer {
            start,
            len,
            first: usize::MAX,
            last: 0,
        });
        (self.end < OUTPUT - WORK).then_some(start)
    }

    /// Gives the buffers their final addresses, in all operators. Returns the bytes of the work region that are used.
    pub fn settle(mut self, ops: &mut [Op]) -> u64 {
        for (index, op) in ops.iter_mut().enumerate() {
            for address in addresses(op) {
                if let Some(buffer) = self.find(*address) {
                    buffer.first = buffer.first.min(index);
                    buffer.last = buffer.last.max(index);
                }
            }
        }
        let (places, used) = place(&self.buffers);
        for op in ops {
            for address in addresses(op) {
                if let Some(buffer) = self.find(*address) {
                    *address = places[&buffer.start] + (*address - buffer.start);
                }
            }
        }
        used
    }

    fn find(&mut self, address: u64) -> Option<&mut Buffer> {
        if !(WORK..OUTPUT).contains(&address) {
            return None;
        }
        let after = self.buffers.partition_point(|buffer| buffer.start <= address);
        self.buffers.get_mut(after.checked_sub(1)?)
    }
}

/// First fit, the buffers in the order in which they are first used.
fn place(buffers: &[Buffer]) -> (BTreeMap<u64, u64>, u64) {
    let mut order: Vec<&Buffer> = buffers
        .iter()
        .filter(|buffer| buffer.first <= buffer.last)
        .collect();
    order.sort_by_key(|buffer| (buffer.first, std::cmp::Reverse(buffer.len)));
    // Places in use: start, end and the last operator that needs it.
    let mut in_use: Vec<(u64, u64, usize)> = Vec::new();
    let (mut places, mut used) = (BTreeMap::new(), 0);
    for buffer in order {
        in_use.retain(|(_, _, last)| *last >= buffer.first);
        let len = buffer.len.next_multiple_of(alignment(buffer.len));
        let mut start = 0_u64;
        let mut at = 0;
        for (index, (from, to, _)) in in_use.iter().enumerate() {
            start = start.next_multiple_of(alignment(buffer.len));
            if start + len <= *from {
                break;
            }
            start = start.max(*to);
            at = index + 1;
        }
        start = start.next_multiple_of(alignment(buffer.len));
        in_use.insert(at, (start, start + len, buffer.last));
        places.insert(buffer.start, WORK + start);
        used = used.max(start + len);
    }
    (places, used)
}

/// Small buffers may share a chunk, but straddle no border.
fn alignment(len: u64) -> u64 {
    len.next_power_of_two().clamp(64, CHUNK as u64)
}

/// Every address in an operator.
fn addresses(op: &mut Op) -> Vec<&mut u64> {
    let all: Vec<&mut u64> = match op {
        Op::Halt(_) => Vec::new(),
        Op::Elementwise(op) => {
            let inputs = &mut op.inputs[..op.count as usize];
            let inputs = inputs.iter_mut().map(|view| &mut view.address);
            inputs.chain([&mut op.out.address]).collect()
        }
        Op::Reduce(op) => vec![&mut op.x.address, &mut op.out.address],
        Op::Normalize(op) => vec![
            &mut op.x.address,
            &mut op.out.address,
            &mut op.scale.address,
            &mut op.bias.address,
        ],
        Op::MatMul(op) => vec![
            &mut op.x.address,
            &mut op.y.address,
            &mut op.out.address,
            &mut op.sums,
            &mut op.finish.bias,
            &mut op.finish.multiplier,
        ],
        Op::Conv(op) => vec![
            &mut op.x,
            &mut op.weights,
            &mut op.out,
            &mut op.sums,
            &mut op.finish.bias,
            &mut op.finish.multiplier,
        ],
        Op::Pool(op) => vec![&mut op.x, &mut op.out, &mut op.indices],
        Op::Take(op) => vec![&mut op.x, &mut op.indices, &mut op.out],
        Op::Put(op) => vec![&mut op.x, &mut op.indices, &mut op.out],
        Op::TopK(op) => vec![&mut op.x.address, &mut op.values.address, &mut op.indices.address],
        Op::CumSum(op) => vec![&mut op.x.address, &mut op.out.address],
        Op::Trees(op) => vec![&mut op.x, &mut op.out],
    };
    all.into_iter().filter(|address| **address != ABSENT).collect()
}
