//! Measures how fast a packed network runs inside a runtime, and prints a row of a table.
//!
//! ```sh
//! assay pack models/digits/cnn.onnx -o /tmp/cnn.assay && assay unpack /tmp/cnn.assay -o /tmp/cnn
//! cargo run --release -p assay-engine-nested --example network -- /tmp/cnn INPUT_BYTES MACS
//! ```
//!
//! The input is zeros. Counts the thread's own processor time, so that it may share the machine.

#[path = "clock/mod.rs"]
mod clock;
#[path = "../tests/host/mod.rs"]
mod host;

use assay_engine::{Hash, Status};
use clock::thread_time;
use host::Host;
use std::{fs, path::Path, time::Duration};

const RUNS: usize = 20;

fn fastest(mut run: impl FnMut()) -> Duration {
    let timed = |_| {
        let start = thread_time();
        run();
        thread_time() - start
    };
    (0..RUNS).map(timed).min().unwrap_or_default()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = std::env::args().skip(1).collect::<Vec<_>>();
    let [folder, input_len, macs] = arguments.as_slice() else {
        return Err("usage: network FOLDER INPUT_BYTES MACS".into());
    };
    let (input, macs) = (vec![0_u8; input_len.parse()?], macs.parse::<f64>()?);
    let code = fs::read(Path::new(folder).join("program.wasm"))?;
    let mut params = Vec::new();
    while let Ok(segment) =
        fs::read(Path::new(folder).join(format!("params.{}", params.len().div_ceil(1 << 18))))
    {
        params.extend(segment);
    }

    let host = Host::shared();
    let call = |most: u64| -> (Vec<Hash>, Status) {
        host.call::<Option<_>>("trace", (&code, &params, &input, most))
            .expect("the network runs")
    };
    let (hashes, status) = call(u64::MAX);
    assert!(matches!(status, Status::Halted { .. }), "{status:?}");
    let whole = fastest(|| drop(call(u64::MAX)));
    let nothing = fastest(|| drop(call(0)));
    let speed = |time: Duration| macs / time.as_secs_f64() / 1e6;
    println!("| network | steps | start, ms | steps, ms | M MAC/s of the steps | M MAC/s with the start |");
    println!("| --- | --- | --- | --- | --- | --- |");
    println!(
        "| {folder} | {} | {:.2} | {:.2} | {:.0} | {:.0} |",
        hashes.len() - 1,
        nothing.as_secs_f64() * 1e3,
        (whole - nothing).as_secs_f64() * 1e3,
        speed(whole - nothing),
        speed(whole),
    );
    Ok(())
}
