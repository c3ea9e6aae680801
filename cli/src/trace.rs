//! The state hashes of a run, computed beside it.

use std::sync::mpsc::{sync_channel, SyncSender};
use std::thread::JoinHandle;

use assay_engine::{Hash, Machine};

/// States that wait to be hashed. A run that is faster than its trace waits for it.
const WAITING: usize = 64;

/// Hashes states on a thread of its own; or none.
pub struct Tracer(Option<(SyncSender<Machine>, JoinHandle<Vec<Hash>>)>);

impl Tracer {
    /// One that has hashed nothing, and never will unless the run is `traced`.
    pub fn start(traced: bool) -> Self {
        Self(traced.then(|| {
            let (states, waiting) = sync_channel::<Machine>(WAITING);
            let hash = |mut machine: Machine| machine.state_hash();
            let thread = std::thread::spawn(move || waiting.into_iter().map(hash).collect());
            (states, thread)
        }))
    }

    /// Hashes the machine's state. What is written of its memory from now on is not part of it.
    pub fn add(&self, machine: &Machine) {
        if let Some((states, _)) = &self.0 {
            // The other side goes away by a panic alone, which `finish` passes on.
            let _ = states.send(machine.clone());
        }
    }

    /// The hashes, in the order in which the states came.
    pub fn finish(self) -> Vec<Hash> {
        let Some((states, thread)) = self.0 else {
            return Vec::new();
        };
        drop(states);
        match thread.join() {
            Ok(hashes) => hashes,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}
