;; Touches distinct chunks of work memory. Input: how many to write, then how many of those to read
;; back, then how many others to read, each in one byte.
(module
  (import "assay" "read" (func $read (param i64 i32 i32)))
  (import "assay" "write" (func $write (param i64 i32 i32)))
  (import "assay" "halt" (func $halt (param i64)))
  (memory (export "memory") 1 1)
  (func $address (param $region i64) (param $index i32) (result i64)
    (i64.add (local.get $region) (i64.mul (i64.extend_i32_u (local.get $index)) (i64.const 0x100000))))
  (func $write_some (param $count i32)
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $count)))
        (i32.store (i32.const 8) (local.get $count))
        (call $write (call $address (i64.const 0x20000000000) (local.get $count)) (i32.const 8) (i32.const 4))
        (local.set $count (i32.sub (local.get $count) (i32.const 1)))
        (br $next))))
  (func $read_some (param $region i64) (param $count i32)
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $count)))
        (call $read (call $address (local.get $region) (local.get $count)) (i32.const 8) (i32.const 4))
        (local.set $count (i32.sub (local.get $count) (i32.const 1)))
        (br $next))))
  (func (export "step") (param $pc i64) (result i64)
    (call $read (i64.const 0x10000000000) (i32.const 0) (i32.const 3))
    (call $write_some (i32.load8_u (i32.const 0)))
    (call $read_some (i64.const 0x20000000000) (i32.load8_u (i32.const 1)))
    (call $read_some (i64.const 0) (i32.load8_u (i32.const 2)))
    (call $halt (i64.const 0))
    (i64.const 0)))
