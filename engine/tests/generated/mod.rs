//! Random modules that follow the rules, from bytes, and that show what they computed.
#![allow(dead_code)]

mod observe;

use arbitrary::Unstructured;
use std::ops::Range;
use wasm_smith::{Config, Module};
use wasmparser::{Operator, Parser, Payload};

/// The imports and exports of a generated module.
const SHAPE: &str = r#"
    (module
      (import "assay" "read" (func (param i64 i32 i32)))
      (import "assay" "write" (func (param i64 i32 i32)))
      (import "assay" "params_len" (func (result i64)))
      (import "assay" "input_len" (func (result i64)))
      (memory (export "memory") 2 2)
      (func (export "step") (param i64) (result i64) local.get 0))"#;

/// Turns and calls after which a generated module traps. Without such a bound nearly every module
/// that loops runs out of fuel.
const MOST_TURNS: u32 = 2000;
/// Bytes from which a module is made.
const SEED_LEN: usize = 4096;

fn config() -> Config {
    Config {
        module_shape: wat::parse_str(SHAPE).ok(),
        allow_start_export: false,
        allow_floats: true,
        simd_enabled: true,
        sign_extension_ops_enabled: true,
        saturating_float_to_int_enabled: true,
        relaxed_simd_enabled: false,
        bulk_memory_enabled: false,
        reference_types_enabled: false,
        gc_enabled: false,
        exceptions_enabled: false,
        tail_call_enabled: false,
        multi_value_enabled: false,
        memory64_enabled: false,
        threads_enabled: false,
        wide_arithmetic_enabled: false,
        extended_const_enabled: false,
        compact_imports_enabled: false,
        max_tables: 0,
        max_elements: 0,
        max_element_segments: 0,
        max_tags: 0,
        max_memories: 1,
        max_funcs: 6,
        min_funcs: 1,
        max_globals: 6,
        max_data_segments: 4,
        max_instructions: 400,
        ..Config::default()
    }
}

/// The modules of some seeds, with their seeds.
pub fn modules(seeds: Range<u64>) -> impl Iterator<Item = (u64, Vec<u8>)> {
    seeds.filter_map(|seed| Some((seed, module(&random_bytes(seed, SEED_LEN))?)))
}

/// Bytes without end, from a seed (SplitMix64).
pub fn random_bytes(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    (0..len.div_ceil(8))
        .flat_map(|_| next().to_le_bytes())
        .take(len)
        .collect()
}

/// A module, or `None` where the bytes do not suffice for one. Whether it passes the program check
/// is for the caller to see: most do, the others call in a circle.
pub fn module(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut module = Module::new(config(), &mut Unstructured::new(bytes)).ok()?;
    module.ensure_termination(MOST_TURNS).ok()?;
    let mut code = module.to_bytes();
    for offset in growths(&code) {
        code[offset..offset + 2].copy_from_slice(&POPCNT_AND_NOP);
    }
    Some(observe::observed(&code))
}

/// Of the type and the length of `memory.grow`, which the rules forbid and wasm-smith cannot leave out.
const POPCNT_AND_NOP: [u8; 2] = [0x69, 0x01];

/// Where `memory.grow` stands.
fn growths(code: &[u8]) -> Vec<usize> {
    let mut offsets = Vec::new();
    for payload in Parser::new(0).parse_all(code) {
        if let Payload::CodeSectionEntry(body) = payload.expect("wasm-smith's modules are well-formed") {
            let operators = body.get_operators_reader().expect("a body has operators");
            for operator in operators.into_iter_with_offsets() {
                if let (Operator::MemoryGrow { .. }, offset) = operator.expect("operators are well-formed") {
                    offsets.push(offset);
                }
            }
        }
    }
    offsets
}
