//! The guest program that executes network plans: `assay-network` over the step machine's memory.

#![no_std]

use core::cell::UnsafeCell;

use assay_network::{run_step, Memory, Next, ARENA_WORDS};
use assay_program::{halt, input_len, program, read_at, trap, write_at};

/// The step machine's memory.
struct Guest;

impl Memory for Guest {
    fn input_len(&self) -> u64 {
        input_len()
    }

    fn read(&mut self, address: u64, bytes: &mut [u8]) {
        read_at(address, bytes);
    }

    fn write(&mut self, address: u64, bytes: &[u8]) {
        write_at(address, bytes);
    }
}

/// The buffer of a step.
struct Buffer(UnsafeCell<[u64; ARENA_WORDS]>);

// SAFETY: a guest has one thread.
unsafe impl Sync for Buffer {}

static BUFFER: Buffer = Buffer(UnsafeCell::new([0; ARENA_WORDS]));

fn step(pc: u64) -> u64 {
    // SAFETY: the machine calls `step` once per instance, so this is the only reference.
    let arena = unsafe { &mut *BUFFER.0.get() };
    match run_step(&mut Guest, arena, pc) {
        Ok(Next::Step(pc)) => pc,
        Ok(Next::Halt(len)) => halt(len),
        Err(_) => trap(),
    }
}

program!(step);
