//! The sum of the input's bytes, one chunk of 4096 bytes per step, as a little-endian u64.

#![no_std]

use assay_program::{halt, input, input_len, output, program, work};

const CHUNK: u64 = 4096;

fn step(pc: u64) -> u64 {
    let start = pc * CHUNK;
    let len = input_len().saturating_sub(start).min(CHUNK);
    if len == 0 {
        output().set(0, work().get::<u64>(0));
        halt(8)
    }
    let mut bytes = [0; CHUNK as usize];
    let bytes = &mut bytes[..len as usize];
    input().read(start, bytes);
    let sum: u64 = bytes.iter().map(|byte| u64::from(*byte)).sum();
    work().set(0, work().get::<u64>(0) + sum);
    pc + 1
}

program!(step);
