//! What a server has done, for Prometheus.

use std::time::Duration;

use crate::metrics::Lines;

/// The runs since the server was started.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Counts {
    /// Whole runs.
    pub traces: u64,
    /// Runs up to a step, for its witness.
    pub witnesses: u64,
    /// Runs that came to nothing: the node is told why, and so is the log.
    pub refused: u64,
    /// Runs about which nobody asked any more.
    pub given_up: u64,
    /// Steps of runs that came to something.
    pub steps: u64,
    /// The time that all runs took.
    pub time: Duration,
    /// Runs that wait for a thread.
    pub queued: u64,
    /// Runs that are on.
    pub running: u64,
}

/// Bytes of params.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bytes {
    /// From the web, since the server was started, and right.
    pub fetched: u64,
    /// On the disk.
    pub kept: u64,
}

/// What Prometheus reads.
pub fn text(runs: &Counts, params: &Bytes) -> String {
    let mut text = Lines::new("assay_serve_");
    text.add("runs_total", "counter", "Runs by what came of them", "result");
    text.value("trace", runs.traces);
    text.value("witness", runs.witnesses);
    text.value("refused", runs.refused);
    text.value("given_up", runs.given_up);
    text.add("steps_total", "counter", "Steps that were run", "");
    text.value("", runs.steps);
    text.add("run_seconds_total", "counter", "Seconds that runs took", "");
    text.value("", runs.time.as_secs_f64());
    text.add("runs", "gauge", "Runs now", "state");
    text.value("queued", runs.queued);
    text.value("running", runs.running);
    text.add(
        "fetched_bytes_total",
        "counter",
        "Params that came from the web",
        "",
    );
    text.value("", params.fetched);
    text.add("params_bytes", "gauge", "Params on the disk", "");
    text.value("", params.kept);
    text.lines()
}
