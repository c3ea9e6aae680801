//! One module for each rule that breaks it, and one that comes as near as it may.

use super::*;
use crate::limits::*;
use core::fmt::Write;

fn check(text: &str) -> Result<(), ProgramError> {
    let code = wat::parse_str(text).unwrap_or_else(|error| panic!("{error}"));
    Program::new(code).map(|_| ())
}

const STEP: &str = r#"(func (export "step") (param i64) (result i64) local.get 0)"#;
const MEMORY: &str = r#"(memory (export "memory") 1 1)"#;

/// A program with `items` beside the least that a program has.
fn with(items: &str) -> Result<(), ProgramError> {
    check(&format!("(module {MEMORY} {STEP} {items})"))
}

/// A program whose imports are `items`.
fn importing(items: &str) -> Result<(), ProgramError> {
    check(&format!("(module {items} {MEMORY} {STEP})"))
}

#[test]
fn least_program_passes() {
    assert_eq!(with(""), Ok(()));
}

#[test]
fn code_of_128_kib_passes_and_one_byte_more_does_not() {
    // A custom section of a one-byte name fills up to any length.
    let padded = |len: usize| {
        let mut code = wat::parse_str(format!("(module {MEMORY} {STEP})")).unwrap();
        // The section's id and its length in three bytes come before its content.
        let content = len - code.len() - 4;
        code.push(0);
        code.extend([
            content as u8 | 0x80,
            (content >> 7) as u8 | 0x80,
            (content >> 14) as u8,
        ]);
        code.extend([1, b'x']);
        code.resize(len, 0);
        Program::new(code).map(|_| ())
    };
    assert_eq!(padded(MAX_PROGRAM_LEN), Ok(()));
    assert_eq!(padded(MAX_PROGRAM_LEN + 1), Err(ProgramError::TooLarge));
}

#[test]
fn bytes_that_are_no_module_are_refused() {
    let module = wat::parse_str(format!("(module {MEMORY} {STEP})")).unwrap();
    for code in [
        vec![],
        b"\0asm".to_vec(),
        b"\0asm\x01\0\0\0\xff".to_vec(),
        b"\0asm\x0d\0\x01\0".to_vec(),
        module[..module.len() - 1].to_vec(),
        [&module[..], b"\0"].concat(),
    ] {
        assert_eq!(
            Program::new(code.clone()),
            Err(ProgramError::Invalid),
            "{code:x?}"
        );
    }
}

#[test]
fn body_of_the_wrong_type_is_refused() {
    assert_eq!(
        with("(func (result i32) i64.const 0)"),
        Err(ProgramError::Invalid)
    );
}

#[test]
fn every_proposal_that_is_off_is_refused() {
    for (proposal, items) in [
        ("bulk memory", "(func (memory.fill (i32.const 0) (i32.const 0) (i32.const 0)))"),
        ("multiple values", "(func (result i32 i32) i32.const 0 i32.const 0)"),
        ("multiple memories", "(memory 1 1)"),
        ("reference types", "(func (param externref))"),
        ("tail calls", "(func $f return_call $f)"),
        ("extended constants", "(global i32 (i32.add (i32.const 1) (i32.const 1)))"),
        (
            "relaxed SIMD",
            "(func (result v128) (i8x16.relaxed_swizzle (v128.const i64x2 0 0) (v128.const i64x2 0 0)))",
        ),
        ("exceptions", "(tag)"),
        ("threads", "(func atomic.fence)"),
        ("wide arithmetic", "(func (param i64) (drop (drop (i64.add128 (local.get 0) (local.get 0) (local.get 0) (local.get 0)))))"),
    ] {
        assert_eq!(with(items), Err(ProgramError::Invalid), "{proposal}");
    }
    assert_eq!(
        check(&format!(r#"(module (memory (export "memory") i64 1 1) {STEP})"#)),
        Err(ProgramError::Invalid),
        "64-bit memory"
    );
    assert_eq!(
        check(&format!(
            r#"(module (memory (export "memory") 65536 65536 (pagesize 1)) {STEP})"#
        )),
        Err(ProgramError::Invalid),
        "custom page sizes"
    );
}

#[test]
fn every_proposal_that_is_on_passes() {
    for items in [
        "(func (result i32) (i32.extend8_s (i32.const 0)))",
        "(func (result i32) (i32.trunc_sat_f32_s (f32.const 0)))",
        "(func (result v128) (f32x4.sqrt (v128.const i64x2 0 0)))",
        r#"(global (export "g") (mut i32) (i32.const 0))"#,
    ] {
        assert_eq!(with(items), Ok(()), "{items}");
    }
}

#[test]
fn all_imports_of_the_machine_pass_and_each_may_come_twice() {
    let all = r#"
        (import "assay" "read" (func (param i64 i32 i32)))
        (import "assay" "write" (func (param i64 i32 i32)))
        (import "assay" "params_len" (func (result i64)))
        (import "assay" "input_len" (func (result i64)))
        (import "assay" "halt" (func (param i64)))"#;
    assert_eq!(importing(all), Ok(()));
    assert_eq!(importing(&all.repeat(2)), Ok(()));
}

#[test]
fn import_of_another_name_module_kind_or_type_is_refused() {
    for item in [
        r#"(import "assay" "random" (func (result i64)))"#,
        r#"(import "env" "halt" (func (param i64)))"#,
        r#"(import "assay" "halt" (func (param i32)))"#,
        r#"(import "assay" "halt" (func (param i64) (result i64)))"#,
        r#"(import "assay" "read" (func (param i64 i64 i64)))"#,
        r#"(import "assay" "input_len" (func (result i32)))"#,
        r#"(import "assay" "halt" (global i64))"#,
    ] {
        assert_eq!(importing(item), Err(ProgramError::UnknownImport), "{item}");
    }
}

#[test]
fn module_without_the_two_exports_is_refused() {
    for text in [
        format!("(module {MEMORY})"),
        format!("(module (memory 1 1) {STEP})"),
        format!(r#"(module (memory (export "mem") 1 1) {STEP})"#),
        format!(r#"(module {MEMORY} (func (export "run") (param i64) (result i64) local.get 0))"#),
        format!(r#"(module {MEMORY} (func (export "step") (param i32) (result i32) local.get 0))"#),
        format!(r#"(module {MEMORY} (func (export "step") (param i64)))"#),
        format!(r#"(module {MEMORY} (global (export "step") i64 (i64.const 0)))"#),
    ] {
        assert_eq!(check(&text), Err(ProgramError::WrongExports), "{text}");
    }
}

#[test]
fn second_export_of_a_function_or_memory_is_refused() {
    assert_eq!(
        with(r#"(func (export "other"))"#),
        Err(ProgramError::WrongExports)
    );
    assert_eq!(
        with(r#"(export "again" (memory 0))"#),
        Err(ProgramError::WrongExports)
    );
}

#[test]
fn module_without_memory_is_refused() {
    assert_eq!(check(&format!("(module {STEP})")), Err(ProgramError::MemoryShape));
}

#[test]
fn memory_of_128_fixed_pages_passes_and_any_other_shape_does_not() {
    let memory = |limits: &str| check(&format!(r#"(module (memory (export "memory") {limits}) {STEP})"#));
    assert_eq!(memory("128 128"), Ok(()));
    assert_eq!(memory("0 0"), Ok(()));
    for limits in ["129 129", "1", "1 2", "0 128"] {
        assert_eq!(memory(limits), Err(ProgramError::MemoryShape), "{limits}");
    }
}

#[test]
fn growth_of_memory_is_refused_even_where_nothing_calls_it() {
    assert_eq!(
        with("(func (drop (memory.grow (i32.const 0))))"),
        Err(ProgramError::MemoryGrow)
    );
    assert_eq!(
        with("(func unreachable (drop (memory.grow)))"),
        Err(ProgramError::MemoryGrow)
    );
    assert_eq!(with("(func (drop (memory.size)))"), Ok(()));
}

#[test]
fn table_is_refused() {
    assert_eq!(with("(table 0 0 funcref)"), Err(ProgramError::Table));
}

#[test]
fn start_function_is_refused() {
    assert_eq!(
        with("(func $start) (start $start)"),
        Err(ProgramError::StartFunction)
    );
}

#[test]
fn function_that_calls_itself_is_refused() {
    for items in [
        "(func $f call $f)",
        "(func $f call $g) (func $g call $f)",
        "(func $f call $g) (func $g call $h) (func $h call $f)",
        "(func $f unreachable call $f)",
    ] {
        assert_eq!(with(items), Err(ProgramError::Recursion), "{items}");
    }
}

#[test]
fn function_that_many_others_call_is_no_recursion() {
    assert_eq!(
        with("(func $a call $b call $c call $b) (func $b call $c call $d) (func $c call $d) (func $d)"),
        Ok(())
    );
}

/// Functions `$f0` .. of which each calls the next, with `locals` in each.
fn chain(functions: u32, locals: &str) -> String {
    let mut items = String::new();
    for index in 0..functions {
        let next = index + 1;
        let call = if next < functions {
            format!("call $f{next}")
        } else {
            String::new()
        };
        let _ = write!(items, "(func $f{index} {locals} {call})");
    }
    items
}

#[test]
fn chain_of_128_calls_passes_and_of_129_does_not() {
    assert_eq!(with(&chain(MAX_CALL_DEPTH, "")), Ok(()));
    assert_eq!(
        with(&chain(MAX_CALL_DEPTH + 1, "")),
        Err(ProgramError::StackTooDeep)
    );
}

#[test]
fn chain_of_calls_that_holds_too_many_values_is_refused() {
    let operands = |count: u32| "i32.const 0 ".repeat(count as usize) + &"drop ".repeat(count as usize);
    let locals = "(local i64 i64 i64 i64 i64 i64 i64 i64)".repeat(8);
    let body = |count: u32| {
        with(&format!(
            "(func $f {locals} {} call $g) (func $g {locals} {})",
            operands(1),
            operands(count)
        ))
    };
    // The two functions hold 128 locals; the first 1 operand.
    let rest = MAX_STACK_VALUES - 2 * MAX_LOCALS - 1;
    assert_eq!(body(rest), Ok(()));
    assert_eq!(body(rest + 1), Err(ProgramError::StackTooDeep));
}

#[test]
fn function_of_64_locals_passes_and_of_65_does_not() {
    let function = |params: u32, locals: u32| {
        with(&format!(
            "(func (param {}) (local {}))",
            "i64 ".repeat(params as usize),
            "v128 ".repeat(locals as usize)
        ))
    };
    assert_eq!(function(0, MAX_LOCALS), Ok(()));
    assert_eq!(function(10, MAX_LOCALS - 10), Ok(()));
    assert_eq!(function(0, MAX_LOCALS + 1), Err(ProgramError::TooManyLocals));
    assert_eq!(function(1, MAX_LOCALS), Err(ProgramError::TooManyLocals));
    assert_eq!(function(MAX_LOCALS + 1, 0), Err(ProgramError::TooManyLocals));
}

#[test]
fn module_of_64_globals_passes_and_of_65_does_not() {
    let globals = |count: u32| with(&"(global v128 (v128.const i64x2 1 1))".repeat(count as usize));
    assert_eq!(globals(MAX_GLOBALS), Ok(()));
    assert_eq!(globals(MAX_GLOBALS + 1), Err(ProgramError::TooManyGlobals));
}

#[test]
fn data_of_64_kib_passes_and_one_byte_more_does_not() {
    let data = |first: usize, second: usize| {
        let segment = |len: usize| format!("(data (i32.const 0) \"{}\")", "x".repeat(len));
        with(&(segment(first) + &segment(second)))
    };
    assert_eq!(data(MAX_DATA_LEN - 7, 7), Ok(()));
    assert_eq!(data(MAX_DATA_LEN - 7, 8), Err(ProgramError::TooMuchData));
}

#[test]
fn lane_stores_have_static_offsets_of_16_bits() {
    let store = |lane: &str, offset: u64| {
        with(&format!(
            "(func (param i32 v128) local.get 0 local.get 1 v128.store{lane}_lane offset={offset} 1)"
        ))
    };
    for lane in ["8", "16"] {
        assert_eq!(store(lane, MAX_LANE_STORE_OFFSET), Ok(()));
        let refused = store(lane, MAX_LANE_STORE_OFFSET + 1);
        assert_eq!(refused, Err(ProgramError::LaneStoreOffset));
        assert_eq!(store(lane, u32::MAX.into()), Err(ProgramError::LaneStoreOffset));
    }
    // These the interpreter turns into an extraction and a store.
    for lane in ["32", "64"] {
        assert_eq!(store(lane, u32::MAX.into()), Ok(()));
    }
}

#[test]
fn data_outside_the_memory_cannot_be_instantiated() {
    assert_eq!(with(r#"(data (i32.const 65535) "x")"#), Ok(()));
    assert_eq!(
        with(r#"(data (i32.const 65535) "xy")"#),
        Err(ProgramError::NotInstantiable)
    );
    assert_eq!(
        with(r#"(data (i32.const -1) "x")"#),
        Err(ProgramError::NotInstantiable)
    );
}

#[test]
fn program_is_named_by_its_code_alone() {
    let code = |value: u32| {
        wat::parse_str(format!(
            "(module {MEMORY} {STEP} (global i32 (i32.const {value})))"
        ))
        .unwrap()
    };
    let program = Program::new(code(1)).unwrap();
    assert_eq!(program.hash(), Program::from_checked(code(1)).hash());
    assert_ne!(program.hash(), Program::new(code(2)).unwrap().hash());
    assert_eq!(program.code(), code(1));
}

/// Modules near 128 KiB of which each strains another part of validation or translation, and what the
/// check says to them.
fn hostile_modules() -> Vec<(&'static str, Result<(), ProgramError>, String)> {
    let module = |items: String| format!("(module {MEMORY} {STEP} {items})");
    let body = |text: String| module(format!("(func (local i32) {text})"));
    let v128_locals = format!("(local {})", "v128 ".repeat(64));
    vec![
        (
            "one long body",
            Ok(()),
            body("(local.set 0 (i32.add (local.get 0) (i32.const 1)))".repeat(18_000)),
        ),
        (
            "deep blocks",
            Ok(()),
            body("block ".repeat(40_000) + &"end ".repeat(40_000)),
        ),
        (
            "deep loops",
            Ok(()),
            body("loop ".repeat(40_000) + &"end ".repeat(40_000)),
        ),
        (
            "deep ifs",
            Ok(()),
            body("local.get 0 if ".repeat(24_000) + &"end ".repeat(24_000)),
        ),
        (
            "deep blocks with results",
            Ok(()),
            body(format!(
                "{} i32.const 0 {} drop",
                "block (result i32) ".repeat(40_000),
                "end ".repeat(40_000)
            )),
        ),
        (
            "one long table of branches",
            Ok(()),
            body(format!(
                "block block (br_table {} (local.get 0)) end end",
                "0 1 ".repeat(60_000)
            )),
        ),
        (
            "many tables of branches that carry a value",
            Ok(()),
            body(format!(
                "block (result i32) {} i32.const 0 end drop",
                format!("i32.const 0 local.get 0 br_table {} ", "0 ".repeat(300)).repeat(390)
            )),
        ),
        ("many functions", Ok(()), module("(func)".repeat(30_000))),
        (
            "many functions with locals",
            Ok(()),
            module(format!("(func {v128_locals})").repeat(20_000)),
        ),
        (
            "many calls",
            Ok(()),
            module(format!("(func $leaf) (func {})", "call $leaf ".repeat(60_000))),
        ),
        (
            "many chains of calls",
            Ok(()),
            module(
                (0..100u32)
                    .map(|index| {
                        let calls = (index + 1..100).map(|callee| format!("call $f{callee} "));
                        format!("(func $f{index} {})", calls.collect::<String>().repeat(12))
                    })
                    .collect(),
            ),
        ),
        ("many types", Ok(()), {
            let types = (0..30_000u32).map(|index| {
                let params =
                    (0..3).map(|shift| ["i32 ", "i64 ", "f32 ", "f64 "][(index >> (2 * shift) & 3) as usize]);
                format!("(type (func (param {})))", params.collect::<String>())
            });
            module(types.take(18_000).collect())
        }),
        (
            "many data segments",
            Ok(()),
            module("(data (i32.const 0) \"\")".repeat(25_000)),
        ),
        ("many exports", Ok(()), {
            let exports = (0..16_000).map(|index| format!("(export \"{index:x}\" (global $g))"));
            module(format!(
                "(global $g i32 (i32.const 0)) {}",
                exports.collect::<String>()
            ))
        }),
        (
            "many imports",
            Ok(()),
            format!(
                "(module {} {MEMORY} {STEP})",
                r#"(import "assay" "halt" (func (param i64)))"#.repeat(9_000)
            ),
        ),
        (
            "many operands",
            Ok(()),
            body(("local.get 0 ".repeat(16_000) + &"drop ".repeat(16_000)).repeat(2)),
        ),
        (
            "many guarded selects",
            Ok(()),
            body("i32.const 1 i32.const 2 local.get 0 select drop ".repeat(16_000)),
        ),
        (
            "many guarded selects that are never reached",
            Ok(()),
            body(format!("unreachable {} drop", "select ".repeat(120_000))),
        ),
        (
            "many guarded stores",
            Ok(()),
            body("local.get 0 local.get 0 i32.store offset=65536 ".repeat(14_000)),
        ),
        (
            "many operands kept over a block",
            Ok(()),
            body(format!(
                "{} {} {}",
                "local.get 0 ".repeat(16_000),
                "local.get 0 if local.get 0 local.set 0 end ".repeat(9_000),
                "drop ".repeat(16_000)
            )),
        ),
        (
            "many locals kept on the stack while they change",
            Ok(()),
            body("local.get 0 local.get 0 local.set 0 ".repeat(16_000) + &"drop ".repeat(16_000)),
        ),
    ]
}

#[test]
fn hostile_module_of_full_size_gets_the_verdict_that_its_rules_give() {
    for (name, verdict, text) in hostile_modules() {
        let code = wat::parse_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let len = code.len();
        assert!((80_000..=MAX_PROGRAM_LEN).contains(&len), "{name}: {len} bytes");
        assert_eq!(Program::new(code).map(|_| ()), verdict, "{name}");
    }
}
