;; Traps in its second step, in the way that the input's first byte selects.
;;
;; The first step writes to work memory and stays. What the second wrote before it trapped does not.
(module
  (import "assay" "read" (func $read (param i64 i32 i32)))
  (import "assay" "write" (func $write (param i64 i32 i32)))
  (import "assay" "halt" (func $halt (param i64)))
  (memory (export "memory") 1 1)
  (global $work i64 (i64.const 0x20000000000))
  (func $touch_chunks (param $write i32)
    (local $addr i64)
    (local.set $addr (i64.const 0x30000000000))
    (loop $next
      (if (local.get $write)
        (then (call $write (local.get $addr) (i32.const 0) (i32.const 1)))
        (else (call $read (local.get $addr) (i32.const 16) (i32.const 1))))
      (local.set $addr (i64.add (local.get $addr) (i64.const 4096)))
      (br $next)))
  (func (export "step") (param $pc i64) (result i64)
    (i64.store (i32.const 0) (i64.add (local.get $pc) (i64.const 7)))
    (call $write (global.get $work) (i32.const 0) (i32.const 8))
    (if (i64.eqz (local.get $pc)) (then (return (i64.const 1))))
    (call $read (i64.const 0x10000000000) (i32.const 8) (i32.const 1))
    (block $too_long
    (block $negative_length
    (block $across_the_end
    (block $outside_the_regions
    (block $write_input
    (block $write_params
    (block $too_many_writes
    (block $too_many_reads
    (block $out_of_fuel_in_a_call
    (block $out_of_fuel
    (block $bad_conversion
    (block $float_too_large
    (block $division_overflow
    (block $remainder_by_zero
    (block $division_by_zero
    (block $bad_call
    (block $bad_store
    (block $bad_load
    (block $unreachable
      (br_table $unreachable $bad_load $bad_store $bad_call $division_by_zero $remainder_by_zero
                $division_overflow $float_too_large $bad_conversion $out_of_fuel $out_of_fuel_in_a_call
                $too_many_reads $too_many_writes $write_params $write_input $outside_the_regions
                $across_the_end $negative_length $too_long
        (i32.load8_u (i32.const 8))))
      (unreachable))
      (drop (i64.load (i32.const 65529)))
      (return (i64.const 2)))
      (i32.store16 (i32.const -1) (i32.const 1))
      (return (i64.const 2)))
      (call $read (global.get $work) (i32.const 65530) (i32.const 7))
      (return (i64.const 2)))
      (drop (i64.div_u (i64.const 1) (i64.load (i32.const 16))))
      (return (i64.const 2)))
      (drop (i32.rem_s (i32.const 1) (i32.load (i32.const 16))))
      (return (i64.const 2)))
      (drop (i32.div_s (i32.const 0x80000000) (i32.sub (i32.load (i32.const 16)) (i32.const 1))))
      (return (i64.const 2)))
      (f32.store (i32.const 16) (f32.const 3e9))
      (drop (i32.trunc_f32_s (f32.load (i32.const 16))))
      (return (i64.const 2)))
      (f64.store (i32.const 16) (f64.const nan))
      (drop (i64.trunc_f64_u (f64.load (i32.const 16))))
      (return (i64.const 2)))
      (loop $forever (br $forever)))
      (call $read (global.get $work) (i32.const 0) (i32.const -1))
      (return (i64.const 2)))
      (call $touch_chunks (i32.const 0)))
      (call $touch_chunks (i32.const 1)))
      (call $write (i64.const 0) (i32.const 0) (i32.const 1))
      (return (i64.const 2)))
      (call $write (i64.const 0x10000000000) (i32.const 0) (i32.const 1))
      (return (i64.const 2)))
      (call $read (i64.const 0x40000000000) (i32.const 0) (i32.const 1))
      (return (i64.const 2)))
      (call $write (i64.const 0x2ffffffffff) (i32.const 0) (i32.const 2))
      (return (i64.const 2)))
      (call $halt (i64.const -1)))
    (call $halt (i64.const 16385))
    (i64.const 2)))
