;; Adds up program counters over as many steps as the input's first four bytes say.
;;
;; The sum stands in work memory. Each step also writes it to a place of its own, so that the tree
;; grows sparse: step `pc` writes at `pc * 5003`, which now and then crosses the border of a chunk.
(module
  (import "assay" "read" (func $read (param i64 i32 i32)))
  (import "assay" "write" (func $write (param i64 i32 i32)))
  (import "assay" "halt" (func $halt (param i64)))
  (memory (export "memory") 1 1)
  (global $input i64 (i64.const 0x10000000000))
  (global $work i64 (i64.const 0x20000000000))
  (global $output i64 (i64.const 0x30000000000))
  (func (export "step") (param $pc i64) (result i64)
    (call $read (global.get $work) (i32.const 0) (i32.const 8))
    (i64.store (i32.const 0) (i64.add (i64.load (i32.const 0)) (local.get $pc)))
    (call $write (global.get $work) (i32.const 0) (i32.const 8))
    (call $write
      (i64.add (global.get $work) (i64.mul (i64.add (local.get $pc) (i64.const 1)) (i64.const 5003)))
      (i32.const 0) (i32.const 8))
    (local.set $pc (i64.add (local.get $pc) (i64.const 1)))
    (call $read (global.get $input) (i32.const 8) (i32.const 4))
    (if (i64.ge_u (local.get $pc) (i64.load32_u (i32.const 8)))
      (then
        (call $write (global.get $output) (i32.const 0) (i32.const 8))
        (call $halt (i64.const 8))))
    (local.get $pc)))
