//! Programs that put every comparison in front of everything that an interpreter may fuse with it.
//!
//! Each operand comes from where the fusion looks: a local, a local that was set last and so may stand in
//! the accumulator, or a constant. A step applies one comparison and writes a row of results, 16 bits
//! for each way to use it from each pair of places: one bit for each pair of values.

use super::{Expected, Run};
use std::fmt::Write;

/// Where an operand comes from.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    /// A parameter, which nothing has touched.
    Local,
    /// The local that was set last.
    LastSet,
    /// A value that the program text has.
    Constant(usize),
}

const PLACES: [Place; 4] = [
    Place::Local,
    Place::LastSet,
    Place::Constant(0),
    Place::Constant(1),
];

/// The values of each type, in the text format. The first is what a fusion treats apart.
const VALUES: [(&str, [&str; 3]); 4] = [
    ("i32", ["0", "7", "0x80000000"]),
    ("i64", ["0", "7", "0xffffffff00000000"]),
    ("f32", ["-0.0", "7.0", "nan"]),
    ("f64", ["-0.0", "7.0", "nan"]),
];

/// What is made of a comparison `C`: 1 where it holds and 0 where not, or the other way round.
const USES: [(bool, &str); 18] = [
    (true, "C"),
    (true, "(select (i32.const 1) (i32.const 0) C)"),
    (true, "(select (local.get $one) (local.get $zero) C)"),
    (true, "(i32.wrap_i64 (select (i64.const 1) (i64.const 0) C))"),
    (true, "(i32.trunc_f32_s (select (f32.const 1) (f32.const 0) C))"),
    (true, "(i32.trunc_f64_s (select (f64.const 1) (f64.const 0) C))"),
    (
        true,
        "(i32x4.extract_lane 0 (select (v128.const i32x4 1 0 0 0) (v128.const i32x4 0 0 0 0) C))",
    ),
    (
        true,
        "(if (result i32) C (then (i32.const 1)) (else (i32.const 0)))",
    ),
    (
        true,
        "(block (result i32) (drop (br_if 0 (i32.const 1) C)) (i32.const 0))",
    ),
    (true, "(block (br_if 0 C) (return (i32.const 0))) (i32.const 1)"),
    (false, "(i32.eqz C)"),
    (true, "(i32.eqz (i32.eqz C))"),
    (false, "(select (i32.const 1) (i32.const 0) (i32.eqz C))"),
    (
        true,
        "(select (i32.const 1) (i32.const 0) (i32.ne C (i32.const 0)))",
    ),
    (true, "(select (i32.const 1) (i32.const 0) (i32.eqz (i32.eqz C)))"),
    (
        true,
        "(select (i32.const 1) (i32.const 0) (i32.eqz (i64.eqz (i64.extend_i32_u C))))",
    ),
    (
        false,
        "(if (result i32) (i32.eqz C) (then (i32.const 1)) (else (i32.const 0)))",
    ),
    (
        false,
        "(block (br_if 0 (i32.eqz C)) (return (i32.const 0))) (i32.const 1)",
    ),
];

/// Comparisons of one program: as many as its size allows.
const COMPARISONS: usize = 4;

fn names(ty: &str) -> &'static [&'static str] {
    match ty {
        "i32" | "i64" => &[
            "eqz", "eq", "ne", "lt_s", "lt_u", "gt_s", "gt_u", "le_s", "le_u", "ge_s", "ge_u",
        ],
        _ => &["eq", "ne", "lt", "gt", "le", "ge"],
    }
}

/// Whether a comparison holds between the values with these numbers, told in another way.
fn holds(name: &str, ty: &str, a: usize, b: usize) -> bool {
    const BITS: [i64; 3] = [0, 7, i64::MIN];
    const FLOATS: [f64; 3] = [0.0, 7.0, f64::NAN];
    if ty.starts_with('f') {
        let (a, b) = (FLOATS[a], FLOATS[b]);
        return match name {
            "eq" => a == b,
            "ne" => a != b,
            "lt" => a < b,
            "gt" => a > b,
            "le" => a <= b,
            _ => a >= b,
        };
    }
    let (a, b) = (BITS[a], BITS[b]);
    match name {
        "eqz" => a == 0,
        "eq" => a == b,
        "ne" => a != b,
        "lt_s" => a < b,
        "lt_u" => a.cast_unsigned() < b.cast_unsigned(),
        "gt_s" => a > b,
        "gt_u" => a.cast_unsigned() > b.cast_unsigned(),
        "le_s" => a <= b,
        "le_u" => a.cast_unsigned() <= b.cast_unsigned(),
        "ge_s" => a >= b,
        _ => a.cast_unsigned() >= b.cast_unsigned(),
    }
}

/// Pairs of places that are not both constant. A comparison with zero has one operand.
fn places(name: &str) -> Vec<(Place, Place)> {
    let pairs = PLACES
        .into_iter()
        .flat_map(|a| PLACES.into_iter().map(move |b| (a, b)));
    pairs
        .filter(|(a, b)| match name {
            "eqz" => matches!(a, Place::Local | Place::LastSet) && *b == Place::Local,
            _ => !matches!((a, b), (Place::Constant(_), Place::Constant(_))),
        })
        .collect()
}

fn operand(place: Place, local: &str, (ty, values): (&str, [&str; 3])) -> String {
    match place {
        Place::Local => format!("(local.get {local})"),
        Place::LastSet => "(local.get $last)".into(),
        Place::Constant(value) => format!("({ty}.const {})", values[value]),
    }
}

/// The number of the value at `place`. The local that was set last is a copy of the first operand.
fn value_at(place: Place, own: usize, first: usize) -> usize {
    match place {
        Place::Local => own,
        Place::LastSet => first,
        Place::Constant(value) => value,
    }
}

/// Loads what was stored: a value of which the interpreter knows nothing but the accumulator it is in.
fn set_last(ty: &str, value: &str) -> String {
    format!("({ty}.store (i32.const 8) {value}) (local.set $last ({ty}.load (i32.const 8)))")
}

struct Row {
    functions: String,
    step: String,
    results: Vec<u16>,
}

/// All uses of one comparison: their functions, the part of the step that calls them and the results.
fn row(name: &str, (ty, values): (&str, [&str; 3]), comparison: usize) -> Row {
    let mut row = Row {
        functions: String::new(),
        step: String::new(),
        results: Vec::new(),
    };
    for (first, second) in places(name) {
        for (same, text) in USES {
            let number = row.results.len();
            let second_operand = match name {
                "eqz" => String::new(),
                _ => operand(second, "$b", (ty, values)),
            };
            let compared = format!(
                "({ty}.{name} {} {second_operand})",
                operand(first, "$a", (ty, values))
            );
            let at = 64 + 2 * number;
            let _ = write!(
                row.functions,
                "(func $f{comparison}_{number} (param $a {ty}) (param $b {ty}) (result i32)
                   (local $last {ty}) (local $other i64) (local $zero i32) (local $one i32)
                   (local.set $one (i32.const 1)) (local.set $other (i64.load (i32.const 16))) {} {})",
                match [first, second].contains(&Place::LastSet) {
                    true => set_last(ty, "(local.get $a)"),
                    false => String::new(),
                },
                text.replace('C', &compared),
            );
            let _ = write!(
                row.step,
                "(i32.store16 (i32.const {at}) (i32.or (i32.shl (i32.load16_u (i32.const {at})) (i32.const 1))
                   (call $f{comparison}_{number} (local.get $a) (local.get $b))))"
            );
            let pairs = (0..3).flat_map(|a| (0..3).map(move |b| (a, b)));
            let bits = pairs.fold(0, |bits, (a, b)| {
                let holds = holds(name, ty, value_at(first, a, a), value_at(second, b, a));
                bits << 1 | u16::from(holds == same)
            });
            row.results.push(bits);
        }
    }
    row
}

/// A program for some comparisons of one type, one step for each.
fn run(values: (&str, [&str; 3]), names: &[&str]) -> Run {
    let ty = values.0;
    let rows = names.iter().enumerate();
    let rows = rows
        .map(|(comparison, name)| row(name, values, comparison))
        .collect::<Vec<_>>();
    let mut text = String::from(
        r#"(module (import "assay" "write" (func $write (param i64 i32 i32)))
             (import "assay" "halt" (func $halt (param i64)))
             (memory (export "memory") 1 1)"#,
    );
    let mut calls = String::new();
    let (mut len, mut output) = (0, Vec::new());
    for (comparison, row) in rows.iter().enumerate() {
        let row_len = 2 * row.results.len();
        let _ = write!(
            text,
            "{} (func $row{comparison} (param $a {ty}) (param $b {ty}) {})",
            row.functions, row.step
        );
        let _ = write!(
            calls,
            "(if (i64.eq (local.get $pc) (i64.const {comparison})) (then {}
               (call $write (i64.const {}) (i32.const 64) (i32.const {row_len}))))",
            (0..9)
                .map(|pair| format!(
                    "(call $row{comparison} ({ty}.const {}) ({ty}.const {}))",
                    values.1[pair / 3],
                    values.1[pair % 3]
                ))
                .collect::<String>(),
            0x300_0000_0000u64 + len,
        );
        len += row_len as u64;
        output.extend(row.results.iter().flat_map(|bits| bits.to_le_bytes()));
    }
    let _ = write!(
        text,
        r#"(func (export "step") (param $pc i64) (result i64)
             (i64.store (i32.const 16) (i64.const 99))
             {calls}
             (local.set $pc (i64.add (local.get $pc) (i64.const 1)))
             (if (i64.eq (local.get $pc) (i64.const {})) (then (call $halt (i64.const {len}))))
             (local.get $pc)))"#,
        rows.len()
    );
    Run {
        name: format!("fusions of {ty}.{}", names.join(", ")),
        code: super::compile(&text),
        params: Vec::new(),
        input: Vec::new(),
        expected: Expected::Halted(output, rows.len() as u64),
    }
}

pub fn runs() -> Vec<Run> {
    VALUES
        .into_iter()
        .flat_map(|values| {
            let names = names(values.0).chunks(COMPARISONS);
            names.map(move |names| run(values, names)).collect::<Vec<_>>()
        })
        .collect()
}
