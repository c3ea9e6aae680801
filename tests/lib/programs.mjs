// Small programs, as text.

import wabt from 'wabt';

const { parseWat } = await wabt();
const WORK = 2n << 40n;
const OUTPUT = 3n << 40n;
const INPUT = 1n << 40n;

/** The WASM of a module's text. */
export function wasm(text) {
  const module = parseWat('program.wat', text);
  try {
    return Buffer.from(module.toBinary({}).buffer);
  } finally {
    module.destroy();
  }
}

/** A module that keeps the rules, with some parts replaced or added. */
export function withParts({ imports = '', memory = '(memory (export "memory") 1 1)', items = '', body = '' } = {}) {
  return wasm(`(module
    (import "assay" "halt" (func $halt (param i64)))
    ${imports}
    ${memory}
    ${items}
    (func $step (export "step") (param i64) (result i64)
      ${body}
      (call $halt (i64.const 0))
      (i64.const 0)))`);
}

/**
 * A program that folds its step numbers into an 8-byte input, and turns `rounds` idle rounds in each step.
 * @param {{steps: number, rounds: number}} size
 */
export function folding({ steps, rounds }) {
  return wasm(`(module
    (import "assay" "read" (func $read (param i64 i32 i32)))
    (import "assay" "write" (func $write (param i64 i32 i32)))
    (import "assay" "halt" (func $halt (param i64)))
    (memory (export "memory") 1 1)
    (func (export "step") (param $pc i64) (result i64)
      (local $round i32)
      (call $read
        (select (i64.const ${INPUT}) (i64.const ${WORK}) (i64.eqz (local.get $pc)))
        (i32.const 0) (i32.const 8))
      (loop $idle
        (local.set $round (i32.add (local.get $round) (i32.const 1)))
        (br_if $idle (i32.lt_u (local.get $round) (i32.const ${rounds}))))
      (i64.store (i32.const 0)
        (i64.add (i64.mul (i64.load (i32.const 0)) (i64.const 31)) (local.get $pc)))
      (call $write (i64.const ${WORK}) (i32.const 0) (i32.const 8))
      (if (i64.eq (local.get $pc) (i64.const ${steps - 1}))
        (then
          (call $write (i64.const ${OUTPUT}) (i32.const 0) (i32.const 8))
          (call $halt (i64.const 8))))
      (i64.add (local.get $pc) (i64.const 1))))`);
}

/** What [`folding`] answers. */
export function folded(input, { steps }) {
  let value = input.readBigUInt64LE();
  for (let step = 0n; step < steps; step++) value = BigInt.asUintN(64, value * 31n + step);
  return word(value);
}

/** A number as the 8 bytes of an input or output. */
export function word(value) {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}
