//! Lays out a plan: constants, operators, steps.

use assay_network_plan::{Field, Header, Op, Step, CHUNK};

use super::memory::Buffers;

/// The most bytes of constants.
const PARAMS_MAX: usize = 2 << 30;

/// Collects the parts of a plan.
pub struct PlanBuilder {
    params: Vec<u8>,
    /// The work region.
    pub buffers: Buffers,
    /// Operators in the order of execution.
    pub ops: Vec<Op>,
}

impl PlanBuilder {
    /// A plan without operators.
    pub fn new() -> Self {
        Self {
            params: vec![0; CHUNK],
            buffers: Buffers::default(),
            ops: Vec::new(),
        }
    }

    /// Stores a constant and returns its address. `None` if there are too many.
    pub fn constant(&mut self, bytes: &[u8]) -> Option<u64> {
        let address = place(self.params.len(), bytes.len());
        if bytes.len() > PARAMS_MAX - address.min(PARAMS_MAX) {
            return None;
        }
        self.params.resize(address, 0);
        self.params.extend_from_slice(bytes);
        Some(address as u64)
    }

    /// Some bytes of the constants.
    pub fn params_mut(&mut self, address: u64, len: usize) -> Option<&mut [u8]> {
        let start = usize::try_from(address).ok()?;
        self.params.get_mut(start..start.checked_add(len)?)
    }

    /// The plan's bytes. `steps` are the steps in the order of execution.
    pub fn finish(mut self, input_len: u32, steps: &[Step]) -> Vec<u8> {
        let mut ops = self.ops;
        self.buffers.settle(&mut ops);
        let op_table: Vec<u8> = ops.iter().flat_map(Op::encode).collect();
        let mut step_table = vec![0; steps.len() * Step::LEN];
        for (step, bytes) in steps.iter().zip(step_table.chunks_mut(Step::LEN)) {
            step.put(bytes);
        }
        let header = Header {
            input_len,
            ops: ops.len() as u32,
            steps: steps.len() as u32,
            ops_offset: append(&mut self.params, &op_table),
            steps_offset: append(&mut self.params, &step_table),
        };
        self.params[..Header::LEN].copy_from_slice(&header.encode());
        self.params
    }
}

/// Stores a table on a chunk border, so that no record straddles two chunks.
fn append(params: &mut Vec<u8>, table: &[u8]) -> u64 {
    let address = params.len().next_multiple_of(CHUNK);
    params.resize(address, 0);
    params.extend_from_slice(table);
    address as u64
}

/// Where `len` bytes go after `end`: they straddle no chunk border that they can avoid.
fn place(end: usize, len: usize) -> usize {
    let end = end.next_multiple_of(64);
    if end % CHUNK + len > CHUNK {
        end.next_multiple_of(CHUNK)
    } else {
        end
    }
}
