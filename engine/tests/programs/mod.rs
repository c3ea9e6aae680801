//! Programs for tests, and runs of them that reach every end a program can have.
#![allow(dead_code)]

pub mod fusion;
pub mod operators;
pub mod random;

use assay_engine::{limits::*, state::TrapReason};

/// How a run ends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Expected {
    /// With this output, after this many steps.
    Halted(Vec<u8>, u64),
    /// With a trap in the step after this many.
    Trapped(TrapReason, u64),
}

/// A program with its params and input.
#[derive(Clone)]
pub struct Run {
    pub name: String,
    pub code: Vec<u8>,
    pub params: Vec<u8>,
    pub input: Vec<u8>,
    pub expected: Expected,
}

fn compile(text: &str) -> Vec<u8> {
    wat::parse_str(text).expect("the text of a test program is valid")
}

pub fn counter() -> Vec<u8> {
    compile(include_str!("counter.wat"))
}
pub fn params_sum() -> Vec<u8> {
    compile(include_str!("params_sum.wat"))
}
pub fn borders() -> Vec<u8> {
    compile(include_str!("borders.wat"))
}
pub fn traps() -> Vec<u8> {
    compile(include_str!("traps.wat"))
}
pub fn fuel() -> Vec<u8> {
    compile(include_str!("fuel.wat"))
}
pub fn chunks() -> Vec<u8> {
    compile(include_str!("chunks.wat"))
}
pub fn output() -> Vec<u8> {
    compile(include_str!("output.wat"))
}
pub fn dense() -> Vec<u8> {
    compile(include_str!("dense.wat"))
}
pub fn offsets() -> Vec<u8> {
    compile(include_str!("offsets.wat"))
}
/// The example among the guest programs, written in Rust.
pub fn checksum() -> Vec<u8> {
    include_bytes!("../../../programs/dist/checksum.wasm").to_vec()
}
pub fn all_operators() -> Vec<u8> {
    compile(&operators::text())
}

/// What `traps.wat` does for each value of the input's first byte.
pub const TRAPS: [(&str, TrapReason); 19] = [
    ("unreachable", TrapReason::Unreachable),
    ("load past the memory", TrapReason::InstanceOutOfBounds),
    ("store at -1", TrapReason::InstanceOutOfBounds),
    ("host call past the memory", TrapReason::InstanceOutOfBounds),
    ("division by zero", TrapReason::DivisionByZero),
    ("remainder by zero", TrapReason::DivisionByZero),
    ("division that overflows", TrapReason::IntegerOverflow),
    ("float too large for an integer", TrapReason::IntegerOverflow),
    ("NaN to integer", TrapReason::BadConversion),
    ("endless loop", TrapReason::OutOfFuel),
    ("host call dearer than a step", TrapReason::OutOfFuel),
    ("chunk after chunk read", TrapReason::TooManyReads),
    ("chunk after chunk written", TrapReason::TooManyWrites),
    ("write to params", TrapReason::ReadOnly),
    ("write to input", TrapReason::ReadOnly),
    ("read outside the regions", TrapReason::AddressOutOfBounds),
    ("write across a region's end", TrapReason::AddressOutOfBounds),
    ("output of negative length", TrapReason::OutputTooLong),
    ("output too long", TrapReason::OutputTooLong),
];

/// All reasons for a trap. A reason that is new fails to compile here.
pub const ALL_REASONS: [TrapReason; 11] = {
    use TrapReason::*;
    const fn known(reason: TrapReason) -> TrapReason {
        match reason {
            Unreachable | InstanceOutOfBounds | DivisionByZero | IntegerOverflow | BadConversion
            | OutOfFuel | TooManyReads | TooManyWrites | ReadOnly | AddressOutOfBounds | OutputTooLong => {
                reason
            }
        }
    }
    [
        known(Unreachable),
        InstanceOutOfBounds,
        DivisionByZero,
        IntegerOverflow,
        BadConversion,
        OutOfFuel,
        TooManyReads,
        TooManyWrites,
        ReadOnly,
        AddressOutOfBounds,
        OutputTooLong,
    ]
};

/// The input with which `counter.wat` runs `steps` steps, and the output it then gives.
pub fn counter_run(steps: u32) -> Run {
    let steps = steps.max(1);
    let sum = u64::from(steps) * u64::from(steps - 1) / 2;
    Run {
        name: format!("counter over {steps} steps"),
        code: counter(),
        params: Vec::new(),
        input: steps.to_le_bytes().to_vec(),
        expected: Expected::Halted(sum.to_le_bytes().to_vec(), steps.into()),
    }
}

/// The dense layer with `steps` times 64 outputs.
pub fn dense_run(steps: usize) -> Run {
    let params = (0..steps << 16)
        .map(|i| ((i * 31) >> 3) as u8)
        .collect::<Vec<_>>();
    let input = (0..1024).map(|i| (i * 7) as u8).collect::<Vec<_>>();
    let dot = |row: &[u8]| {
        let products = row.iter().zip(&input);
        let products = products.map(|(weight, value)| i32::from(*weight as i8) * i32::from(*value as i8));
        products.sum::<i32>().to_le_bytes()
    };
    Run {
        name: format!("dense layer over {steps} steps"),
        code: dense(),
        expected: Expected::Halted(params.chunks(1024).flat_map(dot).collect(), steps as u64),
        params,
        input,
    }
}

pub fn trap_run(selector: usize) -> Run {
    let (name, reason) = TRAPS[selector];
    Run {
        name: format!("trap: {name}"),
        code: traps(),
        params: vec![1],
        input: vec![selector as u8],
        expected: Expected::Trapped(reason, 1),
    }
}

/// The networks that read digits, on the first image of the test split. The tests of the tools check that these are the
/// params that `assay pack` makes, and the answers that `assay run` gives.
fn networks() -> [Run; 3] {
    const IMAGE_LEN: usize = 64 * 4;
    let image = &include_bytes!("../../../models/digits/test_inputs.f32")[..IMAGE_LEN];
    let network = |name: &str, params: &[u8], output: &[u8], steps| Run {
        name: name.into(),
        code: include_bytes!("../../../programs/dist/network.wasm").to_vec(),
        params: params.to_vec(),
        input: image.to_vec(),
        expected: Expected::Halted(output.to_vec(), steps),
    };
    [
        network(
            "perceptron",
            include_bytes!("networks/mlp.params"),
            include_bytes!("networks/mlp.output"),
            6,
        ),
        network(
            "convolutional network",
            include_bytes!("networks/cnn.params"),
            include_bytes!("networks/cnn.output"),
            8,
        ),
        network(
            "quantized network",
            include_bytes!("networks/cnn-int8.params"),
            include_bytes!("networks/cnn-int8.output"),
            10,
        ),
    ]
}

/// Every program with inputs that reach each of its ends. None runs long.
pub fn all() -> Vec<Run> {
    let mut runs = vec![counter_run(1), counter_run(100)];
    let params = (0..200_000u32).map(|i| (i / 7) as u8).collect::<Vec<_>>();
    let sum = params.iter().map(|byte| u64::from(*byte)).sum::<u64>();
    runs.push(Run {
        name: "sum of params".into(),
        code: params_sum(),
        expected: Expected::Halted([sum.to_le_bytes(), 3u64.to_le_bytes()].concat(), 4),
        params,
        input: vec![1, 2, 3],
    });
    runs.push(dense_run(2));
    let input = (0..10_000u32).map(|i| (i / 3) as u8).collect::<Vec<_>>();
    let sum = input.iter().map(|byte| u64::from(*byte)).sum::<u64>();
    runs.push(Run {
        name: "sum of input".into(),
        code: checksum(),
        params: Vec::new(),
        expected: Expected::Halted(sum.to_le_bytes().to_vec(), 4),
        input,
    });
    runs.push(Run {
        name: "borders".into(),
        code: borders(),
        params: vec![0xff; 5000],
        input: vec![0xff; 5000],
        expected: Expected::Halted(borders_output(), 10),
    });
    runs.extend((0..TRAPS.len()).map(trap_run));
    for (name, input, expected) in [
        ("64 chunks written", [64, 0, 0], None),
        ("65 chunks written", [65, 0, 0], Some(TrapReason::TooManyWrites)),
        // The input is a chunk, too.
        ("64 chunks read", [0, 0, 63], None),
        ("65 chunks read", [0, 0, 64], Some(TrapReason::TooManyReads)),
        (
            "64 chunks written, and 65 others read",
            [64, 0, 64],
            Some(TrapReason::TooManyReads),
        ),
        (
            "64 chunks written and read back, and 64 others read",
            [64, 64, 63],
            None,
        ),
    ] {
        runs.push(Run {
            name: name.into(),
            code: chunks(),
            params: Vec::new(),
            input: input.to_vec(),
            expected: match expected {
                None => Expected::Halted(Vec::new(), 1),
                Some(reason) => Expected::Trapped(reason, 0),
            },
        });
    }
    for len in [0, 1, 4096, MAX_OUTPUT_LEN] {
        let bytes = (1..=len).map(|i| i as u8).collect();
        runs.push(Run {
            name: format!("output of {len} bytes"),
            code: output(),
            params: Vec::new(),
            input: len.to_le_bytes().to_vec(),
            expected: Expected::Halted(bytes, 1),
        });
    }
    runs.push(Run {
        name: "deepest chain of calls".into(),
        code: deepest(),
        params: Vec::new(),
        input: Vec::new(),
        expected: Expected::Halted(deepest_output(), 1),
    });
    runs.extend(fusion::runs());
    runs.extend(networks());
    runs.push(Run {
        name: "offsets".into(),
        code: offsets(),
        params: Vec::new(),
        input: Vec::new(),
        expected: Expected::Halted(offsets_output(), 1),
    });
    runs.push(Run {
        name: "all operators".into(),
        code: all_operators(),
        params: Vec::new(),
        input: Vec::new(),
        expected: Expected::Halted(Vec::new(), operators::operators().len() as u64),
    });
    runs
}

/// `borders.wat`, told in another way.
fn borders_output() -> Vec<u8> {
    use std::collections::BTreeMap;
    const WORK: u64 = 0x200_0000_0000;
    const OUTPUT: u64 = 0x300_0000_0000;
    let table = [
        WORK,
        WORK + 4088,
        OUTPUT - 16,
        OUTPUT,
        OUTPUT + 4095,
        OUTPUT + 2 * 4096 - 15,
        OUTPUT + WORK / 2 - 16,
        WORK + WORK / 4 - 8,
        WORK,
        WORK + 8,
        OUTPUT,
    ];
    let mut memory = BTreeMap::<u64, u8>::new();
    for (pc, pair) in (1u64..).zip(table.windows(2)) {
        let sums = [0, 8].map(|half| {
            let mut bytes = [0; 8];
            for (at, byte) in (pair[0] + half..).zip(&mut bytes) {
                *byte = memory.get(&at).copied().unwrap_or(0);
            }
            u64::from_le_bytes(bytes).wrapping_add(pc).to_le_bytes()
        });
        memory.extend((pair[1]..).zip(sums.concat()));
    }
    (OUTPUT..OUTPUT + 16)
        .map(|at| memory.get(&at).copied().unwrap_or(0))
        .collect()
}

/// What `offsets.wat` writes.
fn offsets_output() -> Vec<u8> {
    let mut output = vec![0; 512];
    let mut put = |at: usize, bytes: &[u8]| output[at..at + bytes.len()].copy_from_slice(bytes);
    put(15, &[16]);
    for (at, len) in (32u8..).step_by(16).zip([1, 2, 4, 8, 1, 2, 4, 4, 8]) {
        put(at.into(), &u64::from(at).to_le_bytes()[..len]);
    }
    put(176, &[176; 16]);
    put(192, &0x0506_0708u32.to_le_bytes());
    put(208, &0x0d0e_0f10_090a_0b0cu64.to_le_bytes());
    put(223, &[0x0d]);
    put(239, &[0x0e, 0x0d]);
    put(260, &256u32.to_le_bytes());
    put(256, &260u32.to_le_bytes());
    output
}

/// A chain of as many calls as a program may have, nearly each of its values a live vector.
pub fn deepest() -> Vec<u8> {
    use std::fmt::Write;
    const LIVE: u32 = 61;
    let mut text = String::from(
        r#"(module (import "assay" "halt" (func $halt (param i64)))
             (import "assay" "write" (func $write (param i64 i32 i32)))
             (memory (export "memory") 1 1)"#,
    );
    for depth in 1..MAX_CALL_DEPTH {
        let _ = write!(
            text,
            "(func $f{depth} (param i64) (result i64) (local {})",
            "v128 ".repeat(LIVE as usize)
        );
        for local in 1..=LIVE {
            let _ = write!(
                text,
                "(local.set {local} (i64x2.splat (i64.add (local.get 0) (i64.const {local}))))"
            );
        }
        for local in 1..=LIVE {
            let _ = write!(text, "local.get {local} ");
        }
        text.push_str("local.get 0 i64.const 3 i64.mul ");
        if depth + 1 < MAX_CALL_DEPTH {
            let _ = write!(text, "call $f{} ", depth + 1);
        }
        text.push_str("local.set 0 ");
        text.push_str(&"i64x2.add ".repeat(LIVE as usize - 1));
        text.push_str("i64x2.extract_lane 1 local.get 0 i64.xor)");
    }
    text.push_str(
        r#"(func (export "step") (param i64) (result i64)
             (i64.store (i32.const 0) (call $f1 (i64.const 5)))
             (call $write (i64.const 0x30000000000) (i32.const 0) (i32.const 8))
             (call $halt (i64.const 8)) (i64.const 0)))"#,
    );
    compile(&text)
}

/// What [`deepest`] writes.
fn deepest_output() -> Vec<u8> {
    fn call(depth: u32, x: u64) -> u64 {
        let sum = (1..=61).fold(0u64, |sum, local| sum.wrapping_add(x.wrapping_add(local)));
        let inner = x.wrapping_mul(3);
        let below = if depth + 1 < MAX_CALL_DEPTH {
            call(depth + 1, inner)
        } else {
            inner
        };
        sum ^ below
    }
    call(1, 5).to_le_bytes().to_vec()
}
