;; Adds up the params' bytes, 64 KiB each step. The program counter is the next address.
(module
  (import "assay" "read" (func $read (param i64 i32 i32)))
  (import "assay" "write" (func $write (param i64 i32 i32)))
  (import "assay" "params_len" (func $params_len (result i64)))
  (import "assay" "input_len" (func $input_len (result i64)))
  (import "assay" "halt" (func $halt (param i64)))
  (memory (export "memory") 2 2)
  (global $work i64 (i64.const 0x20000000000))
  (global $output i64 (i64.const 0x30000000000))
  (func (export "step") (param $pc i64) (result i64)
    (local $len i32) (local $sum i64)
    (local.set $len
      (select
        (i32.const 65536)
        (i32.wrap_i64 (i64.sub (call $params_len) (local.get $pc)))
        (i64.gt_u (i64.sub (call $params_len) (local.get $pc)) (i64.const 65536))))
    (call $read (global.get $work) (i32.const 65536) (i32.const 8))
    (local.set $sum (i64.load (i32.const 65536)))
    (call $read (local.get $pc) (i32.const 0) (local.get $len))
    (local.set $pc (i64.add (local.get $pc) (i64.extend_i32_u (local.get $len))))
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $len)))
        (local.set $len (i32.sub (local.get $len) (i32.const 1)))
        (local.set $sum (i64.add (local.get $sum) (i64.load8_u (local.get $len))))
        (br $next)))
    (i64.store (i32.const 65536) (local.get $sum))
    (call $write (global.get $work) (i32.const 65536) (i32.const 8))
    (if (i64.ge_u (local.get $pc) (call $params_len))
      (then
        (i64.store (i32.const 65544) (call $input_len))
        (call $write (global.get $output) (i32.const 65536) (i32.const 16))
        (call $halt (i64.const 16))))
    (local.get $pc)))
