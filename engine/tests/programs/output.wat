;; Halts with an output of as many bytes as the input's first four bytes say: 1, 2, 3 ...
(module
  (import "assay" "read" (func $read (param i64 i32 i32)))
  (import "assay" "write" (func $write (param i64 i32 i32)))
  (import "assay" "halt" (func $halt (param i64)))
  (memory (export "memory") 1 1)
  (func (export "step") (param $pc i64) (result i64)
    (local $len i32) (local $i i32)
    (call $read (i64.const 0x10000000000) (i32.const 0) (i32.const 4))
    (local.set $len (i32.load (i32.const 0)))
    (block $done
      (loop $next
        (br_if $done (i32.eq (local.get $i) (local.get $len)))
        (i32.store8 offset=16 (local.get $i) (i32.add (local.get $i) (i32.const 1)))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $next)))
    (call $write (i64.const 0x30000000000) (i32.const 16) (local.get $len))
    (call $halt (i64.extend_i32_u (local.get $len)))
    (i64.const 0)))
