//! A program that applies every numeric operator to pairs of special values and writes the bits.
//!
//! One step per operator. Its results go to the operator's own place in work memory, so that the
//! state hash after the step covers every bit of them, payloads and signs of NaNs included.

use std::fmt::Write;

/// What an operator takes from, and leaves on, the stack.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Type {
    I32,
    I64,
    F32,
    F64,
    V128,
}

impl Type {
    fn name(self) -> &'static str {
        match self {
            Type::I32 => "i32",
            Type::I64 => "i64",
            Type::F32 => "f32",
            Type::F64 => "f64",
            Type::V128 => "v128",
        }
    }
}

/// One operator with the types of its operands and its result.
pub struct Operator {
    pub text: String,
    pub operands: Vec<Type>,
    pub result: Type,
}

const F32_VALUES: [u32; 24] = [
    0x0000_0000, // 0
    0x8000_0000, // -0
    0x3f80_0000, // 1
    0xbf80_0000, // -1
    0x3f00_0000, // 0.5
    0x3fc0_0000, // 1.5
    0xc020_0000, // -2.5
    0x0000_0001, // the least subnormal
    0x807f_ffff, // minus the greatest subnormal
    0x0080_0000, // the least normal
    0x7f7f_ffff, // the greatest
    0xff7f_ffff,
    0x7f80_0000, // infinity
    0xff80_0000,
    0x7fc0_0000, // the canonical NaN
    0xffc0_0000,
    0x7f80_0001, // signaling NaNs
    0xffbf_ffff,
    0x7fc1_2345, // quiet NaNs with a payload
    0xff81_2345,
    0x4049_0fdb, // pi
    0x4b80_0001, // above 2^24
    0xcf00_0000, // -2^31
    0x5f80_0000, // 2^64
];

const F64_VALUES: [u64; 24] = [
    0x0000_0000_0000_0000,
    0x8000_0000_0000_0000,
    0x3ff0_0000_0000_0000,
    0xbff0_0000_0000_0000,
    0x3fe0_0000_0000_0000,
    0x3ff8_0000_0000_0000,
    0xc004_0000_0000_0000,
    0x0000_0000_0000_0001,
    0x800f_ffff_ffff_ffff,
    0x0010_0000_0000_0000,
    0x7fef_ffff_ffff_ffff,
    0xffef_ffff_ffff_ffff,
    0x7ff0_0000_0000_0000,
    0xfff0_0000_0000_0000,
    0x7ff8_0000_0000_0000,
    0xfff8_0000_0000_0000,
    0x7ff0_0000_0000_0001,
    0xfff7_ffff_ffff_ffff,
    0x7ff8_0000_1234_5678,
    0xfff0_1234_5678_9abc,
    0x36a0_0000_0000_0000, // 2^-149, the least subnormal of f32
    0x47ef_ffff_e000_0000, // the greatest f32
    0xc1e0_0000_0020_0000, // just below -2^31
    0x43f0_0000_0000_0000, // 2^64
];

/// Where the tables stand in the instance's memory. Each repeats its first values at its end, so that
/// a vector can be loaded at every value.
const F32_TABLE: u32 = 1024;
const F64_TABLE: u32 = 2048;
/// Where operators store that only store.
const SCRATCH: u32 = 3072;
const RESULTS: u32 = 4096;
/// Bytes of work memory for each operator.
const RESULTS_LEN: u64 = 16384;

/// Every numeric operator of the proposals that programs may use.
pub fn operators() -> Vec<Operator> {
    use Type::*;
    let mut all = Vec::new();
    let mut add = |texts: &str, operands: &[Type], result: Type| {
        for text in texts.split_whitespace() {
            all.push(Operator {
                text: text.replace('/', " "),
                operands: operands.to_vec(),
                result,
            });
        }
    };
    for (float, name, int) in [(F32, "f32", I32), (F64, "f64", I64)] {
        let prefixed = |names: &str| {
            let names = names.split_whitespace();
            names.map(|op| format!("{name}.{op} ")).collect::<String>()
        };
        add(
            &prefixed("abs neg ceil floor trunc nearest sqrt"),
            &[float],
            float,
        );
        add(
            &prefixed("add sub mul div min max copysign"),
            &[float, float],
            float,
        );
        add(&prefixed("eq ne lt gt le ge"), &[float, float], I32);
        add(&prefixed("convert_i32_s convert_i32_u"), &[I32], float);
        add(&prefixed("convert_i64_s convert_i64_u"), &[I64], float);
        add(&format!("{}.reinterpret_{name}", int.name()), &[float], int);
        add(&format!("{name}.reinterpret_{}", int.name()), &[int], float);
        for target in [I32, I64] {
            let target_name = target.name();
            add(
                &format!("{target_name}.trunc_sat_{name}_s {target_name}.trunc_sat_{name}_u"),
                &[float],
                target,
            );
        }
    }
    add("f32.demote_f64", &[F64], F32);
    add("f64.promote_f32", &[F32], F64);
    for (int, name) in [(I32, "i32"), (I64, "i64")] {
        let prefixed = |names: &str| {
            let names = names.split_whitespace();
            names.map(|op| format!("{name}.{op} ")).collect::<String>()
        };
        add(&prefixed("clz ctz popcnt extend8_s extend16_s"), &[int], int);
        add(&prefixed("eqz"), &[int], I32);
        add(
            &prefixed("add sub mul and or xor shl shr_s shr_u rotl rotr"),
            &[int, int],
            int,
        );
        add(
            &prefixed("eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u"),
            &[int, int],
            I32,
        );
        // A divisor that is odd, and not -1.
        let divisor = format!("{name}.const/1/{name}.or/");
        for op in ["div_s", "div_u", "rem_s", "rem_u"] {
            add(&format!("{divisor}{name}.{op}"), &[int, int], int);
        }
    }
    add("i64.extend32_s", &[I64], I64);
    add("i32.wrap_i64", &[I64], I32);
    add("i64.extend_i32_s i64.extend_i32_u", &[I32], I64);

    for shape in ["f32x4", "f64x2"] {
        let prefixed = |names: &str| {
            let names = names.split_whitespace();
            names.map(|op| format!("{shape}.{op} ")).collect::<String>()
        };
        add(&prefixed("abs neg sqrt ceil floor trunc nearest"), &[V128], V128);
        add(
            &prefixed("add sub mul div min max pmin pmax eq ne lt gt le ge"),
            &[V128, V128],
            V128,
        );
    }
    add(
        "f32x4.convert_i32x4_s f32x4.convert_i32x4_u f64x2.convert_low_i32x4_s f64x2.convert_low_i32x4_u
         f32x4.demote_f64x2_zero f64x2.promote_low_f32x4
         i32x4.trunc_sat_f32x4_s i32x4.trunc_sat_f32x4_u
         i32x4.trunc_sat_f64x2_s_zero i32x4.trunc_sat_f64x2_u_zero v128.not",
        &[V128],
        V128,
    );
    for shape in ["i8x16", "i16x8", "i32x4", "i64x2"] {
        let prefixed = |names: &str| {
            let names = names.split_whitespace();
            names.map(|op| format!("{shape}.{op} ")).collect::<String>()
        };
        add(&prefixed("abs neg"), &[V128], V128);
        add(&prefixed("all_true bitmask"), &[V128], I32);
        add(
            &prefixed("add sub eq ne lt_s gt_s le_s ge_s"),
            &[V128, V128],
            V128,
        );
        add(&prefixed("shl shr_s shr_u"), &[V128, I32], V128);
        if shape != "i64x2" {
            add(
                &prefixed("lt_u gt_u le_u ge_u min_s min_u max_s max_u"),
                &[V128, V128],
                V128,
            );
        }
        if shape != "i8x16" {
            add(&prefixed("mul"), &[V128, V128], V128);
        }
    }
    for shape in ["i8x16", "i16x8"] {
        let prefixed = |names: &str| {
            let names = names.split_whitespace();
            names.map(|op| format!("{shape}.{op} ")).collect::<String>()
        };
        add(
            &prefixed("add_sat_s add_sat_u sub_sat_s sub_sat_u avgr_u"),
            &[V128, V128],
            V128,
        );
    }
    add(
        "i8x16.narrow_i16x8_s i8x16.narrow_i16x8_u i16x8.narrow_i32x4_s i16x8.narrow_i32x4_u
         i8x16.swizzle i16x8.q15mulr_sat_s i32x4.dot_i16x8_s
         v128.and v128.andnot v128.or v128.xor
         i8x16.shuffle/0/31/2/29/4/27/6/25/8/23/10/21/12/19/14/17",
        &[V128, V128],
        V128,
    );
    add(
        "i8x16.popcnt i16x8.extadd_pairwise_i8x16_s i16x8.extadd_pairwise_i8x16_u
         i32x4.extadd_pairwise_i16x8_s i32x4.extadd_pairwise_i16x8_u",
        &[V128],
        V128,
    );
    for (wide, narrow) in [("i16x8", "i8x16"), ("i32x4", "i16x8"), ("i64x2", "i32x4")] {
        for half in ["low", "high"] {
            for sign in ["s", "u"] {
                add(&format!("{wide}.extend_{half}_{narrow}_{sign}"), &[V128], V128);
                add(
                    &format!("{wide}.extmul_{half}_{narrow}_{sign}"),
                    &[V128, V128],
                    V128,
                );
            }
        }
    }
    add("v128.any_true", &[V128], I32);
    add("v128.bitselect", &[V128, V128, V128], V128);
    for (shape, lane, last) in [
        ("f32x4", F32, 3),
        ("f64x2", F64, 1),
        ("i32x4", I32, 3),
        ("i64x2", I64, 1),
    ] {
        add(&format!("{shape}.splat"), &[lane], V128);
        add(
            &format!("{shape}.extract_lane/0 {shape}.extract_lane/{last}"),
            &[V128],
            lane,
        );
        add(&format!("{shape}.replace_lane/{last}"), &[V128, lane], V128);
    }
    for (shape, last) in [("i8x16", 15), ("i16x8", 7)] {
        add(&format!("{shape}.splat"), &[I32], V128);
        add(
            &format!("{shape}.extract_lane_s/{last} {shape}.extract_lane_u/{last}"),
            &[V128],
            I32,
        );
        add(&format!("{shape}.replace_lane/{last}"), &[V128, I32], V128);
    }
    for function in functions() {
        add(
            &format!("call/${}", function.name),
            &function.operands,
            function.result,
        );
    }
    all
}

/// A function around an operator that takes an address, or that traps on some operands.
struct Function {
    name: String,
    operands: Vec<Type>,
    result: Type,
    /// The operands are `$a` and `$b`.
    body: String,
}

impl Function {
    fn text(&self) -> String {
        let operands = self.operands.iter().zip(["$a", "$b"]);
        let params = operands.map(|(operand, name)| format!("(param {name} {}) ", operand.name()));
        let (params, result) = (params.collect::<String>(), self.result.name());
        format!("(func ${} {params}(result {result}) {})\n", self.name, self.body)
    }
}

fn functions() -> Vec<Function> {
    use Type::*;
    // Of any alignment.
    let address = "(i32.and (local.get $a) (i32.const 31))";
    let mut all = Vec::new();
    let mut add = |name: &str, operands: &[Type], result: Type, body: String| {
        all.push(Function {
            name: name.to_string(),
            operands: operands.to_vec(),
            result,
            body,
        });
    };
    let mut load = |name: &str, result: Type| {
        let body = format!("({name} offset={F32_TABLE} {address})");
        add(name, &[I32], result, body);
    };
    for sign in ["s", "u"] {
        for width in [8, 16] {
            load(&format!("i32.load{width}_{sign}"), I32);
        }
        for width in [8, 16, 32] {
            load(&format!("i64.load{width}_{sign}"), I64);
        }
        for shape in ["8x8", "16x4", "32x2"] {
            load(&format!("v128.load{shape}_{sign}"), V128);
        }
    }
    for name in [
        "load8_splat",
        "load16_splat",
        "load32_splat",
        "load64_splat",
        "load32_zero",
        "load64_zero",
    ] {
        load(&format!("v128.{name}"), V128);
    }
    let stored = format!("(i64.load offset={SCRATCH} {address})");
    for (width, last) in [(8, 15), (16, 7), (32, 3), (64, 1)] {
        let name = format!("v128.load{width}_lane");
        let body = format!("({name} offset={F32_TABLE} {last} {address} (local.get $b))");
        add(&name, &[I32, V128], V128, body);
        let name = format!("v128.store{width}_lane");
        let body = format!("({name} offset={SCRATCH} {last} {address} (local.get $b)) {stored}");
        add(&name, &[I32, V128], I64, body);
    }
    for (value, name) in [
        (I32, "i32.store8"),
        (I32, "i32.store16"),
        (I64, "i64.store8"),
        (I64, "i64.store16"),
        (I64, "i64.store32"),
    ] {
        let body = format!("({name} offset={SCRATCH} {address} (local.get $b)) {stored}");
        add(name, &[I32, value], I64, body);
    }
    // The greatest f32 below each bound of the integers.
    for (int, above, above_unsigned) in [
        (I32, "2147483520", "4294967040"),
        (I64, "9223371487098961920", "18446742974197923840"),
    ] {
        for float in [F32, F64] {
            let (int_name, float_name) = (int.name(), float.name());
            let within =
                format!("({float_name}.le ({float_name}.abs (local.get $a)) ({float_name}.const {above}))");
            let within_unsigned = format!(
                "(i32.and ({float_name}.gt (local.get $a) ({float_name}.const -1))
                  ({float_name}.le (local.get $a) ({float_name}.const {above_unsigned})))"
            );
            for (sign, within) in [("s", within), ("u", within_unsigned)] {
                let name = format!("{int_name}.trunc_{float_name}_{sign}");
                let body = format!(
                    "(if (result {int_name}) {within} (then ({name} (local.get $a))) (else ({int_name}.const 0)))"
                );
                add(&name, &[float], int, body);
            }
        }
    }
    all
}

/// The text of the program. It halts after as many steps as there are operators.
pub fn text() -> String {
    let operators = operators();
    let mut text = String::from(
        "(module
          (import \"assay\" \"write\" (func $write (param i64 i32 i32)))
          (import \"assay\" \"halt\" (func $halt (param i64)))
          (memory (export \"memory\") 1 1)\n",
    );
    let bytes = |bytes: Vec<u8>| {
        bytes
            .iter()
            .map(|byte| format!("\\{byte:02x}"))
            .collect::<String>()
    };
    let f32_table = F32_VALUES.iter().cycle().take(F32_VALUES.len() + 4);
    let f64_table = F64_VALUES.iter().cycle().take(F64_VALUES.len() + 2);
    for (at, table) in [
        (
            F32_TABLE,
            f32_table.flat_map(|value| value.to_le_bytes()).collect(),
        ),
        (
            F64_TABLE,
            f64_table.flat_map(|value| value.to_le_bytes()).collect(),
        ),
    ] {
        let _ = writeln!(text, "(data (i32.const {at}) \"{}\")", bytes(table));
    }
    text.extend(functions().iter().map(Function::text));
    for (index, operator) in operators.iter().enumerate() {
        // The operands are the values at $i and $j, and once more that at $i.
        let _ = write!(
            text,
            "(func $op{index} (param $i i32) (param $j i32) (param $out i32) local.get $out "
        );
        for (operand, position) in operator.operands.iter().zip(["$i", "$j", "$i"]) {
            let (table, stride) = match operand {
                Type::F64 | Type::I64 => (F64_TABLE, 8),
                Type::V128 if operator.text.contains("64x2") => (F64_TABLE, 8),
                _ => (F32_TABLE, 4),
            };
            let _ = write!(
                text,
                "local.get {position} i32.const {stride} i32.mul {}.load offset={table} ",
                operand.name()
            );
        }
        let _ = writeln!(text, "{} {}.store)", operator.text, operator.result.name());
    }
    text.push_str(
        "(func $apply (param $op i32) (param $i i32) (param $j i32) (param $out i32) (block $default\n",
    );
    for index in (0..operators.len()).rev() {
        let _ = write!(text, "(block $b{index} ");
    }
    text.push_str("(br_table ");
    for index in 0..operators.len() {
        let _ = write!(text, "$b{index} ");
    }
    text.push_str("$default (local.get $op))\n");
    for index in 0..operators.len() {
        let _ = writeln!(
            text,
            ") (call $op{index} (local.get $i) (local.get $j) (local.get $out)) return"
        );
    }
    let _ = write!(
        text,
        "))
        (func (export \"step\") (param $pc i64) (result i64) (local $i i32) (local $j i32) (local $out i32)
          (local.set $out (i32.const {RESULTS}))
          (loop $rows
            (local.set $j (i32.const 0))
            (loop $columns
              (call $apply (i32.wrap_i64 (local.get $pc)) (local.get $i) (local.get $j) (local.get $out))
              (local.set $out (i32.add (local.get $out) (i32.const 16)))
              (br_if $columns
                (i32.lt_u (local.tee $j (i32.add (local.get $j) (i32.const 1))) (i32.const {count}))))
            (br_if $rows
              (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const {count}))))
          (call $write
            (i64.add (i64.const 0x20000000000) (i64.mul (local.get $pc) (i64.const {RESULTS_LEN})))
            (i32.const {RESULTS}) (i32.const {len}))
          (local.set $pc (i64.add (local.get $pc) (i64.const 1)))
          (if (i64.eq (local.get $pc) (i64.const {steps})) (then (call $halt (i64.const 0))))
          (local.get $pc)))",
        count = F32_VALUES.len(),
        len = F32_VALUES.len() * F32_VALUES.len() * 16,
        steps = operators.len(),
    );
    text
}
