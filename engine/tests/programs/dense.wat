;; A dense layer of bytes: 64 outputs in each step, each the dot product of 1024 weights with the
;; input. Goes on for as long as there are params.
(module
  (import "assay" "read" (func $read (param i64 i32 i32)))
  (import "assay" "write" (func $write (param i64 i32 i32)))
  (import "assay" "params_len" (func $params_len (result i64)))
  (import "assay" "halt" (func $halt (param i64)))
  (memory (export "memory") 2 2)
  (func $dot (param $weights i32) (result i32)
    (local $i i32) (local $sum i32)
    (loop $next
      (local.set $sum
        (i32.add (local.get $sum)
          (i32.mul
            (i32.load8_s (i32.add (local.get $weights) (local.get $i)))
            (i32.load8_s offset=65536 (local.get $i)))))
      (br_if $next
        (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 1024))))
    (local.get $sum))
  (func (export "step") (param $pc i64) (result i64)
    (local $row i32)
    (call $read (i64.shl (local.get $pc) (i64.const 16)) (i32.const 0) (i32.const 65536))
    (call $read (i64.const 0x10000000000) (i32.const 65536) (i32.const 1024))
    (loop $rows
      (i32.store offset=66560
        (i32.shl (local.get $row) (i32.const 2))
        (call $dot (i32.shl (local.get $row) (i32.const 10))))
      (br_if $rows
        (i32.lt_u (local.tee $row (i32.add (local.get $row) (i32.const 1))) (i32.const 64))))
    (call $write
      (i64.add (i64.const 0x30000000000) (i64.shl (local.get $pc) (i64.const 8)))
      (i32.const 66560) (i32.const 256))
    (local.set $pc (i64.add (local.get $pc) (i64.const 1)))
    (if (i64.ge_u (i64.shl (local.get $pc) (i64.const 16)) (call $params_len))
      (then (call $halt (i64.shl (local.get $pc) (i64.const 8)))))
    (local.get $pc)))
