//! Measures what a unit of fuel costs inside a runtime, operator by operator, and prints a table.
//!
//! `cargo run --release -p assay-engine-nested --example fuel [part of a name]`
//!
//! Counts the thread's own processor time, so that it may share the machine.

#[path = "clock/mod.rs"]
mod clock;
#[path = "../tests/host/mod.rs"]
mod host;
#[path = "../../tests/programs/mod.rs"]
mod programs;

use assay_engine::limits::STEP_FUEL;
use clock::thread_time;
use host::Host;
use programs::operators::{operators, Operator, Type};
use std::time::Duration;

/// Fuel of a measured step. A short step keeps the whole table short.
const FUEL: u64 = 4_000_000;

/// A step that repeats `body`, with `items` beside it.
struct Mix {
    name: String,
    items: String,
    body: String,
    /// Repetitions of the body in each turn of the loop.
    unroll: usize,
    pages: u32,
}

impl Mix {
    fn new(name: &str, body: &str) -> Self {
        Self {
            name: name.into(),
            items: String::new(),
            body: body.into(),
            unroll: 100,
            pages: 1,
        }
    }

    fn with(mut self, items: &str) -> Self {
        self.items = items.into();
        self
    }

    fn code(&self) -> Vec<u8> {
        let text = format!(
            r#"(module
                 (import "assay" "read" (func $read (param i64 i32 i32)))
                 (import "assay" "write" (func $write (param i64 i32 i32)))
                 (import "assay" "params_len" (func $params_len (result i64)))
                 (memory (export "memory") {pages} {pages})
                 {items}
                 (func (export "step") (param i64) (result i64)
                   (local $turns i32) (local $i32 i32) (local $i64 i64) (local $f32 f32) (local $f64 f64)
                   (local $v128 v128) (local $f32x4 v128) (local $f64x2 v128) (local $ones_f32x4 v128) (local $ones_f64x2 v128)
                   (local $shrink_f32 f32) (local $shrink_f64 f64) (local $shrink_f32x4 v128) (local $shrink_f64x2 v128)
                   (call $read (i64.const 0x10000000000) (i32.const 0) (i32.const 4))
                   (local.set $turns (i32.load (i32.const 0)))
                   (i32.store (i32.const 0) (i32.const 0))
                   (local.set $i32 (i32.const 0x12345))
                   (local.set $i64 (i64.const 0x1234567890abcd))
                   (local.set $f32 (f32.const 0x1.8p-130))
                   (local.set $f64 (f64.const 0x1.8p-1030))
                   (local.set $v128 (v128.const f64x2 0x1.8p-1030 3.7))
                   (local.set $f32x4 (v128.const f32x4 0x1.8p-130 0x1.8p-130 0x1.8p-130 0x1.8p-130))
                   (local.set $f64x2 (v128.const f64x2 0x1.8p-1030 0x1.8p-1030))
                   (local.set $ones_f32x4 (v128.const f32x4 1 1 1 1))
                   (local.set $ones_f64x2 (v128.const f64x2 1 1))
                   (local.set $shrink_f32 (f32.const 0x1p-65))
                   (local.set $shrink_f64 (f64.const 0x1p-515))
                   (local.set $shrink_f32x4 (f32x4.splat (local.get $shrink_f32)))
                   (local.set $shrink_f64x2 (f64x2.splat (local.get $shrink_f64)))
                   (block $done
                     (loop $next
                       (br_if $done (i32.eqz (local.get $turns)))
                       (local.set $turns (i32.sub (local.get $turns) (i32.const 1)))
                       {body}
                       (br $next)))
                   (i64.const 0)))"#,
            pages = self.pages,
            items = self.items,
            body = self.body.repeat(self.unroll),
        );
        wat::parse_str(&text).unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }
}

fn local(ty: Type) -> &'static str {
    match ty {
        Type::I32 => "local.get $i32 ",
        Type::I64 => "local.get $i64 ",
        Type::F32 => "local.get $f32 ",
        Type::F64 => "local.get $f64 ",
        Type::V128 => "local.get $v128 ",
    }
}

/// The operator with as little around it as its types allow: nothing where it can follow itself.
fn mix(operator: &Operator) -> Mix {
    let operands = operator.operands.iter().map(|ty| local(*ty)).collect::<String>();
    match operator.operands.as_slice() {
        [operand, rest @ ..] if *operand == operator.result => {
            let rest = rest.iter().map(|ty| local(*ty)).collect::<String>();
            let link = format!("{rest}{} ", operator.text);
            Mix {
                unroll: 1,
                ..Mix::new(
                    &operator.text,
                    &format!("{}{} drop ", local(*operand), link.repeat(100)),
                )
            }
        }
        _ => Mix::new(&operator.text, &format!("{operands}{} drop ", operator.text)),
    }
}

/// Operators whose operands and results are subnormal in all lanes, each time.
fn subnormal() -> impl Iterator<Item = Mix> {
    let chain = |name: String, first: &str, link: &str| Mix {
        unroll: 1,
        ..Mix::new(&name, &format!("local.get ${first} {} drop ", link.repeat(100)))
    };
    let binary = ["f32x4", "f64x2"].into_iter().flat_map(move |ty| {
        ["add", "mul", "div", "min"].map(|op| {
            let link = format!("local.get $ones_{ty} {ty}.{op} ");
            // What is one is to stay subnormal: nothing is added to it.
            let link = match op {
                "add" => format!("local.get ${ty} {ty}.add local.get ${ty} {ty}.sub "),
                _ => link,
            };
            chain(format!("{ty}.{op}, all lanes subnormal"), ty, &link)
        })
    });
    // A root is no subnormal number any more: times 2^-65, or 2^-515, it is.
    let roots = ["f32", "f64", "f32x4", "f64x2"].into_iter().flat_map(move |ty| {
        let again = format!("{ty}.sqrt local.get $shrink_{ty} {ty}.mul ");
        [
            Mix::new(
                &format!("{ty}.sqrt, subnormal"),
                &format!("local.get ${ty} {ty}.sqrt drop "),
            ),
            chain(format!("{ty}.sqrt and back, subnormal"), ty, &again),
        ]
    });
    let there_and_back = [
        chain(
            "f64x2.promote_low_f32x4 and back, subnormal".into(),
            "f32x4",
            "f64x2.promote_low_f32x4 f32x4.demote_f64x2_zero ",
        ),
        chain(
            "f64.promote_f32 and back, subnormal".into(),
            "f32",
            "f64.promote_f32 f32.demote_f64 ",
        ),
    ];
    binary.chain(roots).chain(there_and_back)
}

fn mixes() -> Vec<Mix> {
    let mut mixes = operators().iter().map(mix).chain(subnormal()).collect::<Vec<_>>();
    let locals = |ty: &str| format!("(local {})", format!("{ty} ").repeat(64));
    mixes.push(Mix::new("local.get", "local.get $i32 drop "));
    mixes.push(Mix::new(
        "local.set of a vector",
        "local.get $v128 local.set $v128 ",
    ));
    mixes.push(Mix::new("i32.const", "i32.const 7 drop "));
    mixes.push(Mix::new(
        "select of vectors",
        "local.get $v128 local.get $v128 local.get $i32 select drop ",
    ));
    mixes.push(Mix {
        unroll: 1,
        ..Mix::new(
            "i32.load, pointer to pointer",
            &format!("i32.const 0 {} drop ", "i32.load ".repeat(100)),
        )
    });
    for ty in ["i32", "i64", "f32", "f64", "v128"] {
        mixes.push(Mix::new(
            &format!("{ty}.load"),
            &format!("i32.const 1001 {ty}.load drop "),
        ));
        mixes.push(Mix::new(
            &format!("{ty}.store"),
            &format!("i32.const 1001 local.get ${ty} {ty}.store "),
        ));
    }
    for op in [
        "v128.load8_splat",
        "v128.load64_splat",
        "v128.load8x8_s",
        "v128.load32x2_u",
        "v128.load64_zero",
    ] {
        mixes.push(Mix::new(op, &format!("i32.const 1001 {op} drop ")));
    }
    for op in ["v128.load8_lane 15", "v128.load64_lane 1"] {
        mixes.push(Mix::new(
            op,
            &format!("i32.const 1001 local.get $v128 {op} drop "),
        ));
    }
    for op in ["v128.store8_lane 15", "v128.store64_lane 1"] {
        mixes.push(Mix::new(op, &format!("i32.const 1001 local.get $v128 {op} ")));
    }
    mixes.push(Mix {
        pages: 128,
        ..Mix::new(
            "i64.load across 8 MiB",
            "local.get $i32 i32.const 0x7f0ff8 i32.and i64.load drop
             local.get $i32 i32.const 0x3779b1 i32.mul i32.const 0x41c6 i32.add local.set $i32 ",
        )
    });
    mixes.push(
        Mix::new("global.get and set of a vector", "global.get $g global.set $g ")
            .with("(global $g (mut v128) (v128.const i64x2 1 2))"),
    );
    mixes.push(Mix::new("memory.size", "memory.size drop "));
    mixes.push(Mix::new("if", "local.get $i32 if end "));
    mixes.push(Mix::new("block and br", "block br 0 end "));
    mixes.push(Mix::new(
        "br_if, not taken",
        "block local.get $i32 i32.eqz br_if 0 end ",
    ));
    mixes.push(Mix::new("loop once", "loop end "));
    mixes.push(Mix::new(
        "br_table of 200",
        &format!(
            "block block local.get $i32 br_table {} end end ",
            "0 1 ".repeat(100)
        ),
    ));
    mixes.push(Mix::new("call of an empty function", "call $f ").with("(func $f)"));
    for ty in ["i32", "v128"] {
        mixes.push(
            Mix::new(&format!("call of a function with 64 {ty} locals"), "call $f ")
                .with(&format!("(func $f {})", locals(ty))),
        );
    }
    mixes.push(
        Mix::new(
            "call of a function with 8 parameters",
            "i32.const 1 i32.const 1 i32.const 1 i32.const 1
             i32.const 1 i32.const 1 i32.const 1 i32.const 1 call $f ",
        )
        .with("(func $f (param i32 i32 i32 i32 i32 i32 i32 i32))"),
    );
    let chain = |depth: usize, locals: &str| {
        (0..depth).fold(format!("(func $f{depth} {locals})"), |items, index| {
            items + &format!("(func $f{index} {locals} call $f{})", index + 1)
        })
    };
    mixes.push(Mix::new("chain of 100 calls", "call $f0 ").with(&chain(100, "")));
    mixes.push(
        Mix::new("chain of 100 calls with 64 vectors each", "call $f0 ").with(&chain(100, &locals("v128"))),
    );
    mixes.push(Mix::new("host call params_len", "call $params_len drop "));
    for (name, call, addr) in [
        ("read", "$read", "0x10000000000"),
        ("read of zeros", "$read", "0"),
        ("write", "$write", "0x20000000000"),
    ] {
        for len in [0, 1, 4096, 65536] {
            mixes.push(Mix {
                pages: 2,
                unroll: 4,
                ..Mix::new(
                    &format!("host call {name}, {len} bytes"),
                    &format!("(call {call} (i64.const {addr}) (i32.const 64) (i32.const {len})) "),
                )
            });
        }
    }
    mixes.push(Mix {
        pages: 2,
        unroll: 4,
        ..Mix::new(
            "host call read, 2 bytes of two chunks",
            "(call $read (i64.const 0x10000000fff) (i32.const 64) (i32.const 2)) ",
        )
    });
    mixes
}

/// The fastest of a few runs of the first step, and its fuel.
fn measure(host: &Host, code: &[u8], turns: u32, runs: usize) -> (Duration, u64) {
    // An input of full chunks, so that reads copy something.
    let mut input = turns.to_le_bytes().to_vec();
    input.resize(65536, 1);
    let mut best = (Duration::MAX, 0);
    for _ in 0..runs {
        let start = thread_time();
        let fuel: Option<u64> = host.call("step", (code, &input));
        best = best.min((thread_time() - start, fuel.expect("a measured step runs")));
    }
    best
}

fn main() {
    let host = Host::shared();
    let only = std::env::args().nth(1);
    let mut rows = Vec::new();
    for mix in mixes() {
        if only.as_ref().is_some_and(|only| !mix.name.contains(only)) {
            continue;
        }
        let code = mix.code();
        let (_, idle) = measure(host, &code, 0, 1);
        let (_, once) = measure(host, &code, 1, 1);
        let turns = (FUEL / (once - idle)).max(2) as u32;
        let (base, idle) = measure(host, &code, 0, 3);
        let (time, fuel) = measure(host, &code, turns, 3);
        let nanos = time.saturating_sub(base).as_nanos() as f64 / (fuel - idle) as f64;
        rows.push((nanos, mix.name));
    }
    rows.sort_by(|a, b| b.0.total_cmp(&a.0));
    println!("| what a step repeats | ns per fuel | a whole step, ms |");
    println!("| --- | --- | --- |");
    for (nanos, name) in rows {
        println!("| {name} | {nanos:.2} | {:.0} |", nanos * STEP_FUEL as f64 / 1e6);
    }
}
