//! Lays out a plan: constants, operators, steps.

use assay_network_plan::{Field, Header, Op, Step, CHUNK, WORK};

/// Collects the parts of a plan.
pub struct PlanBuilder {
    params: Vec<u8>,
    work_end: u64,
    /// Operators in the order of execution.
    pub ops: Vec<Op>,
}

impl PlanBuilder {
    /// A plan without operators.
    pub fn new() -> Self {
        Self {
            params: vec![0; CHUNK],
            work_end: WORK,
            ops: Vec::new(),
        }
    }

    /// Stores a constant and returns its address.
    pub fn constant(&mut self, bytes: &[u8]) -> u64 {
        let address = place(self.params.len() as u64, bytes.len() as u64);
        self.params.resize(address as usize, 0);
        self.params.extend_from_slice(bytes);
        address
    }

    /// Stores f32 values and returns their address.
    pub fn floats(&mut self, values: &[f32]) -> u64 {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(&bytes)
    }

    /// Stores i32 values and returns their address.
    pub fn integers(&mut self, values: &[i32]) -> u64 {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(&bytes)
    }

    /// Reserves `len` bytes of the work region and returns their address.
    pub fn work(&mut self, len: u64) -> u64 {
        let address = place(self.work_end, len);
        self.work_end = address + len;
        address
    }

    /// The plan's bytes. `steps` are the steps in the order of execution.
    pub fn finish(mut self, input_len: u32, steps: &[Step]) -> Vec<u8> {
        let ops: Vec<u8> = self.ops.iter().flat_map(Op::encode).collect();
        let mut step_table = vec![0; steps.len() * Step::LEN];
        for (step, bytes) in steps.iter().zip(step_table.chunks_mut(Step::LEN)) {
            step.put(bytes);
        }
        let header = Header {
            input_len,
            ops: self.ops.len() as u32,
            steps: steps.len() as u32,
            ops_offset: self.table(&ops),
            steps_offset: self.table(&step_table),
        };
        self.params[..Header::LEN].copy_from_slice(&header.encode());
        self.params
    }

    /// Stores a table on a chunk border, so that no record straddles two chunks.
    fn table(&mut self, bytes: &[u8]) -> u64 {
        let address = self.params.len().next_multiple_of(CHUNK);
        self.params.resize(address, 0);
        self.params.extend_from_slice(bytes);
        address as u64
    }
}

/// Where `len` bytes go after `end`: they straddle no chunk border that they can avoid.
fn place(end: u64, len: u64) -> u64 {
    let end = end.next_multiple_of(8);
    let chunk = CHUNK as u64;
    if end % chunk + len > chunk {
        end.next_multiple_of(chunk)
    } else {
        end
    }
}
