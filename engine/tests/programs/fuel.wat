;; Burns as much fuel as the input says: a loop of as many turns as its first four bytes, and as many
;; units more as its fifth byte.
(module
  (import "assay" "read" (func $read (param i64 i32 i32)))
  (memory (export "memory") 1 1)
  (func (export "step") (param $pc i64) (result i64)
    (local $turns i32) (local $more i32)
    (call $read (i64.const 0x10000000000) (i32.const 0) (i32.const 5))
    (local.set $turns (i32.load (i32.const 0)))
    (local.set $more (i32.load8_u (i32.const 4)))
    (loop $next
      (local.set $turns (i32.sub (local.get $turns) (i32.const 1)))
      (br_if $next (i32.gt_s (local.get $turns) (i32.const 0))))
    ;; The body of an `if` is charged when it is entered: one unit for itself, one for each constant.
    (if (i32.and (local.get $more) (i32.const 1)) (then))
    (if (i32.and (local.get $more) (i32.const 2)) (then
      (drop (i32.const 0))))
    (if (i32.and (local.get $more) (i32.const 4)) (then
      (drop (i32.const 0)) (drop (i32.const 0)) (drop (i32.const 0))))
    (if (i32.and (local.get $more) (i32.const 8)) (then
      (drop (i32.const 0)) (drop (i32.const 0)) (drop (i32.const 0)) (drop (i32.const 0))
      (drop (i32.const 0)) (drop (i32.const 0)) (drop (i32.const 0))))
    (i64.add (local.get $pc) (i64.const 1))))
