//! Tiles of one operator, run beside one another before their turns.
//!
//! Every tile runs on the memory as it was before the first of them. When its turn comes, its result counts if the bytes that
//! it read are those that it would read now; what it wrote is then laid over what others wrote in the meantime. So nothing
//! depends on whether tiles really are independent of one another but the time.
//!
//! Tiles of which one goes on with what another left unfinished form a chain, which one thread runs.

use std::collections::VecDeque;
use std::ops::Range;
use std::panic::catch_unwind;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use assay_engine::executor::{StepRun, StepStart};
use assay_engine::memory::MemoryTree;
use assay_network_plan::{Op, Step};

use super::twin::{run_step, Plan, Tile};

/// Tiles that run ahead together: results wait in memory, each of up to 64 chunks.
const TILES_MAX: u64 = 128;

/// Steps that run ahead on all cores.
pub struct Ahead {
    batch: Arc<Batch>,
    /// The first step that was not asked for yet.
    pc: u64,
    /// The chain of which `results` is what is left.
    chain: usize,
    results: VecDeque<Early>,
}

/// What several threads work at.
struct Batch {
    memory: MemoryTree,
    params_len: u64,
    input_len: u64,
    chains: Vec<Range<u64>>,
    state: Mutex<State>,
    done: Condvar,
}

struct State {
    /// The first chain that nobody has begun.
    next: usize,
    /// What came of each chain that has ended: fewer results than it has steps, where the interpreter must run one.
    results: Vec<Option<VecDeque<Early>>>,
}

/// A step that ran on the memory `before`.
struct Early {
    before: MemoryTree,
    tile: Tile,
}

impl Ahead {
    /// Begins to run the tiles of the operator whose step comes next, by `helpers` threads besides the caller's. `None` where
    /// one thread can do all that there is.
    pub fn begin(start: &StepStart, helpers: usize) -> Option<Self> {
        let chains = chains(&Plan::of(start.memory)?, start.pc)?;
        if chains.len() < 2 {
            return None;
        }
        let results = chains.iter().map(|_| None).collect();
        let helpers = helpers.min(chains.len() - 1);
        let batch = Arc::new(Batch {
            memory: start.memory.clone(),
            params_len: start.params_len,
            input_len: start.input_len,
            chains,
            state: Mutex::new(State { next: 0, results }),
            done: Condvar::new(),
        });
        for _ in 0..helpers {
            let batch = batch.clone();
            rayon::spawn(move || while batch.run_one() {});
        }
        Some(Self {
            batch,
            pc: start.pc,
            chain: 0,
            results: VecDeque::new(),
        })
    }

    /// Whether the step `pc` is the next of these.
    pub fn is_at(&self, pc: u64) -> bool {
        self.pc == pc
    }

    /// Whether all of these were asked for.
    pub fn is_over(&self) -> bool {
        self.batch.chains.last().is_none_or(|chain| chain.end <= self.pc)
    }

    /// The step that comes next, if it ran and did what it would do now.
    pub fn next(&mut self, start: &StepStart) -> Option<StepRun> {
        let chains = &self.batch.chains;
        if chains.get(self.chain).is_some_and(|chain| self.pc == chain.end) {
            self.chain += 1;
        }
        if chains.get(self.chain).is_some_and(|chain| self.pc == chain.start) {
            self.results = self.batch.wait(self.chain);
        }
        self.pc += 1;
        let Early { before, mut tile } = self.results.pop_front()?;
        let same = tile.touched.read_alike(&before, start.memory)
            && (self.batch.params_len, self.batch.input_len) == (start.params_len, start.input_len);
        if !same {
            return None;
        }
        tile.writes = tile.touched.written_over(tile.writes, &before, start.memory)?;
        Some(tile.into_run())
    }
}

impl Drop for Ahead {
    /// What nobody has begun, nobody needs.
    fn drop(&mut self) {
        self.batch.state().next = self.batch.chains.len();
    }
}

impl Batch {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs the first chain that nobody has begun. False where there is none.
    fn run_one(&self) -> bool {
        let mut state = self.state();
        let chain = state.next;
        let Some(steps) = self.chains.get(chain) else {
            return false;
        };
        state.next += 1;
        drop(state);
        // Who waits for it runs what is missing itself, and sees the same panic.
        let results = catch_unwind(|| self.run(steps.clone())).unwrap_or_default();
        if let Some(place) = self.state().results.get_mut(chain) {
            *place = Some(results);
        }
        self.done.notify_all();
        true
    }

    fn run(&self, steps: Range<u64>) -> VecDeque<Early> {
        let mut memory = self.memory.clone();
        let mut results = VecDeque::new();
        for pc in steps.clone() {
            let start = StepStart {
                pc,
                params_len: self.params_len,
                input_len: self.input_len,
                memory: &memory,
            };
            let Some(tile) = run_step(&start) else {
                break;
            };
            let before = memory.clone();
            if pc + 1 < steps.end && memory.put_chunks(tile.writes.clone()).is_err() {
                break;
            }
            results.push_back(Early { before, tile });
        }
        results
    }

    /// What came of a chain. Runs others while another thread is at it.
    fn wait(&self, chain: usize) -> VecDeque<Early> {
        loop {
            let mut state = self.state();
            while state.next == self.chains.len() {
                match state.results.get_mut(chain) {
                    Some(None) => state = self.done.wait(state).unwrap_or_else(PoisonError::into_inner),
                    found => return found.and_then(Option::take).unwrap_or_default(),
                }
            }
            if let Some(results) = state.results.get_mut(chain).and_then(Option::take) {
                return results;
            }
            drop(state);
            self.run_one();
        }
    }
}

/// The steps from `first` on that are of the same operator, by chains.
fn chains(plan: &Plan, first: u64) -> Option<Vec<Range<u64>>> {
    let step = plan.step(first)?;
    let op = plan.op(&step)?;
    let mut chains: Vec<Range<u64>> = Vec::new();
    for pc in first..first + TILES_MAX {
        let Some(next) = plan.step(pc).filter(|next| next.op == step.op) else {
            break;
        };
        match chains.last_mut() {
            Some(chain) if goes_on(&op, &next) => chain.end = pc + 1,
            _ => chains.push(pc..pc + 1),
        }
    }
    Some(chains)
}

/// Whether a tile begins with what the one before it left.
fn goes_on(op: &Op, step: &Step) -> bool {
    match op {
        Op::MatMul(_) => step.from[5] > 0,
        Op::Conv(_) => step.from[3] > 0,
        Op::Trees(_) => step.from[1] > 0,
        _ => false,
    }
}
