;; Reads and writes 16 bytes at the borders of chunks and regions.
;;
;; Step `pc` reads at the address that stands at `pc` in a table, adds `pc + 1` to each half, writes
;; the result at the next address of the table, and goes on. After the table the program halts with
;; the last 16 bytes as output.
(module
  (import "assay" "read" (func $read (param i64 i32 i32)))
  (import "assay" "write" (func $write (param i64 i32 i32)))
  (import "assay" "halt" (func $halt (param i64)))
  (memory (export "memory") 1 1)
  (data (i32.const 64)
    "\00\00\00\00\00\02\00\00"  ;; the start of work
    "\f8\0f\00\00\00\02\00\00"  ;; across its first chunk's end
    "\f0\ff\ff\ff\ff\02\00\00"  ;; its last 16 bytes
    "\00\00\00\00\00\03\00\00"  ;; the start of output
    "\ff\0f\00\00\00\03\00\00"  ;; one byte before its second chunk
    "\f1\1f\00\00\00\03\00\00"  ;; one byte after its second chunk's last 16 bytes
    "\f0\ff\ff\ff\ff\03\00\00"  ;; the last 16 bytes of all memory
    "\f8\ff\ff\ff\7f\02\00\00"  ;; across the middle of work
    "\00\00\00\00\00\02\00\00"  ;; the start of work again
    "\08\00\00\00\00\02\00\00"  ;; overlapping what stands there
    "\00\00\00\00\00\03\00\00") ;; the start of output again
  (func $address (param $pc i64) (result i64)
    (i64.load offset=64 (i32.wrap_i64 (i64.shl (local.get $pc) (i64.const 3)))))
  (func (export "step") (param $pc i64) (result i64)
    ;; The ends of the read-only regions read as zeros and change nothing.
    (call $read (i64.const 0xfffffffff0) (i32.const 0) (i32.const 16))
    (call $read (i64.const 0x1fffffffff8) (i32.const 8) (i32.const 8))
    (if (i64.ne (i64.or (i64.load (i32.const 0)) (i64.load (i32.const 8))) (i64.const 0))
      (then (unreachable)))
    (call $read (call $address (local.get $pc)) (i32.const 0) (i32.const 16))
    (local.set $pc (i64.add (local.get $pc) (i64.const 1)))
    (i64.store (i32.const 0) (i64.add (i64.load (i32.const 0)) (local.get $pc)))
    (i64.store (i32.const 8) (i64.add (i64.load (i32.const 8)) (local.get $pc)))
    (call $write (call $address (local.get $pc)) (i32.const 0) (i32.const 16))
    (if (i64.eq (local.get $pc) (i64.const 10))
      (then (call $halt (i64.const 16))))
    ;; Accesses of no bytes are fine anywhere in the regions, their very ends included.
    (call $write (i64.const 0x3ffffffffff) (i32.const 65536) (i32.const 0))
    (local.get $pc)))
