//! A step by the twin.

use std::cell::RefCell;
use std::collections::BTreeSet;

use assay_engine::executor::{StepEnd, StepRun, StepStart, Writes};
use assay_engine::limits::MAX_OUTPUT_LEN;
use assay_engine::memory::{MemoryTree, Region};
use assay_network::{run_step_on, Next, ARENA_WORDS};
use assay_network_plan::{Field, Header, Op, Step};

use super::bounds;
use super::memory::{Touched, View};

/// What a step came to.
pub struct Tile {
    next: End,
    /// What it read and wrote, byte by byte.
    pub touched: Touched,
    chunks: BTreeSet<u32>,
    /// The chunks that it wrote.
    pub writes: Writes,
}

enum End {
    Step(u64),
    Halt(u32),
}

impl Tile {
    /// The same as executors tell it.
    pub fn into_run(self) -> StepRun {
        let writes = self.writes;
        StepRun {
            end: match self.next {
                End::Step(pc) => StepEnd::Continue { pc, writes },
                End::Halt(output_len) => StepEnd::Halted { output_len, writes },
            },
            touched: self.chunks,
            fuel: None,
        }
    }
}

/// Runs a step. `None` where the interpreter must.
pub fn run_step(start: &StepStart) -> Option<Tile> {
    thread_local! {
        static ARENA: RefCell<Vec<u64>> = RefCell::new(vec![0; ARENA_WORDS]);
    }
    let plan = Plan::of(start.memory)?;
    let step = plan.step(start.pc)?;
    let op = plan.op(&step)?;
    if !bounds::is_certain(&op, &step) {
        return None;
    }
    let mut view = View::new(start, bounds::stores_floats(&op));
    let next = match ARENA
        .with_borrow_mut(|arena| run_step_on(&mut view, arena, start.pc))
        .ok()?
    {
        Next::Step(pc) => End::Step(pc),
        Next::Halt(len) => End::Halt(u32::try_from(len).ok().filter(|len| *len <= MAX_OUTPUT_LEN)?),
    };
    view.finish().map(|(touched, chunks, writes)| Tile {
        next,
        touched,
        chunks,
        writes,
    })
}

/// The plan in a machine's params.
pub struct Plan<'a> {
    memory: &'a MemoryTree,
    header: Header,
}

impl<'a> Plan<'a> {
    /// `None` where there is none.
    pub fn of(memory: &'a MemoryTree) -> Option<Self> {
        let header = Header::decode(&memory.read(0, Header::LEN).ok()?).ok()?;
        Some(Self { memory, header })
    }

    /// What it says of a step.
    pub fn step(&self, pc: u64) -> Option<Step> {
        if pc >= u64::from(self.header.steps) {
            return None;
        }
        Step::get(&self.record(self.header.steps_offset, pc, Step::LEN)?).ok()
    }

    /// The operator of a step.
    pub fn op(&self, step: &Step) -> Option<Op> {
        Op::decode(&self.record(self.header.ops_offset, step.op.into(), Op::LEN)?).ok()
    }

    fn record(&self, table: u64, index: u64, len: usize) -> Option<Vec<u8>> {
        let address = table.checked_add(index.checked_mul(len as u64)?)?;
        Region::of(address, len as u64)?;
        self.memory.read(address, len).ok()
    }
}
