//! Random programs dense with what an interpreter may fuse or hold in its accumulator.
//!
//! A step reads an input, runs some random statements over a few locals of each type, adds what the locals
//! then hold to sums in memory and writes all of the memory to work. So whatever an executor gets wrong
//! shows in the state after the step.

use std::fmt::Write;

/// Steps that are worth running.
pub const STEPS: u64 = 2;

const TYPES: [&str; 5] = ["i32", "i64", "f32", "f64", "v128"];
/// Locals of each type.
const LOCALS: usize = 3;
const STATEMENTS: usize = 24;
/// Where the sums of the locals stand: 16 bytes each.
const SUMS: usize = 0x1_ff00;

/// A code of the same bytes for the same seed. It passes the program check and does not trap.
pub fn program(seed: u64) -> Vec<u8> {
    let mut random = Random(seed);
    let mut text = String::from(
        r#"(module (import "assay" "read" (func $read (param i64 i32 i32)))
             (import "assay" "write" (func $write (param i64 i32 i32)))
             (memory (export "memory") 2 2) (global $g (mut i64) (i64.const 7))
             (func (export "step") (param $pc i64) (result i64)"#,
    );
    for ty in TYPES {
        for index in 0..LOCALS {
            let _ = write!(text, "(local ${ty}{index} {ty})");
        }
    }
    text.push_str("(call $read (i64.const 0x10000000000) (i32.const 64) (i32.const 8))");
    for ty in TYPES {
        let _ = write!(text, "(local.set ${ty}0 ({ty}.load (i32.const 64)))");
    }
    for _ in 0..STATEMENTS {
        text.push_str(&random.statement(2));
    }
    for (number, ty) in TYPES.iter().enumerate() {
        for index in 0..LOCALS {
            let at = SUMS + 16 * (number * LOCALS + index);
            let _ = write!(text, "({ty}.store (i32.const {at}) (local.get ${ty}{index}))");
        }
    }
    text.push_str(
        "(call $write (i64.const 0x20000000000) (i32.const 0) (i32.const 131072))
         (i64.add (local.get $pc) (global.get $g))))",
    );
    super::compile(&text)
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }

    fn ty(&mut self) -> &'static str {
        // Integers more often: they share an accumulator.
        self.pick(&["i32", "i32", "i32", "i64", "i64", "f32", "f64", "v128"])
    }

    fn local(&mut self, ty: &str) -> String {
        format!("${ty}{}", self.below(LOCALS))
    }

    /// A static offset, about half of them too long for 16 bits.
    fn offset(&mut self) -> usize {
        [0, 8, 65_528, 65_535, 65_536, 65_544, 70_000][self.below(7)]
    }

    /// An address below 32 KiB.
    fn address(&mut self, depth: usize) -> String {
        if self.below(3) == 0 {
            return format!("(i32.const {})", self.below(32_000));
        }
        // The mask goes to a local, which then is both the address and, now and then, the value.
        let (local, value) = (self.local("i32"), self.value("i32", depth));
        format!("(local.tee {local} (i32.and {value} (i32.const 32767)))")
    }

    fn constant(&mut self, ty: &str) -> String {
        let value = self.pick(&["0", "0", "1", "2", "31", "64", "65535", "65536"]);
        match ty {
            "v128" => format!("(v128.const i64x2 {value} 1)"),
            "i32" | "i64" => format!("({ty}.const {}{value})", self.pick(&["", "-"])),
            _ => format!(
                "({ty}.const {})",
                self.pick(&["0", "-0", "1.5", "nan", "inf", "-7"])
            ),
        }
    }

    /// An i32 that is a condition more often than not.
    fn condition(&mut self, depth: usize) -> String {
        let Some(depth) = depth.checked_sub(1) else {
            return self.value("i32", 0);
        };
        match self.below(6) {
            0 => format!("(i32.eqz {})", self.condition(depth)),
            1 => format!(
                "({} {} (i32.const 0))",
                self.pick(&["i32.eq", "i32.ne"]),
                self.condition(depth)
            ),
            2 => format!("(i64.eqz {})", self.value("i64", depth)),
            3 => format!("(i32.and {} {})", self.condition(depth), self.value("i32", depth)),
            _ => {
                let ty = self.pick(&["i32", "i32", "i64", "f32", "f64"]);
                let names: &[&str] = match ty {
                    "i32" | "i64" => &[
                        "eq", "ne", "lt_s", "lt_u", "gt_s", "gt_u", "le_s", "le_u", "ge_s", "ge_u",
                    ],
                    _ => &["eq", "ne", "lt", "gt", "le", "ge"],
                };
                let name = self.pick(names);
                format!(
                    "({ty}.{name} {} {})",
                    self.value(ty, depth),
                    self.value(ty, depth)
                )
            }
        }
    }

    fn value(&mut self, ty: &'static str, depth: usize) -> String {
        let Some(depth) = depth.checked_sub(1) else {
            return match self.below(3) {
                0 => self.constant(ty),
                _ => format!("(local.get {})", self.local(ty)),
            };
        };
        match self.below(9) {
            0 => self.constant(ty),
            1 | 2 => format!("(local.get {})", self.local(ty)),
            3 => format!("(local.tee {} {})", self.local(ty), self.value(ty, depth)),
            4 => format!(
                "(select {} {} {})",
                self.value(ty, depth),
                self.value(ty, depth),
                self.condition(depth)
            ),
            5 => format!("({ty}.load offset={} {})", self.offset(), self.address(depth)),
            6 => format!(
                "(if (result {ty}) {} (then {}) (else {}))",
                self.condition(depth),
                self.value(ty, depth),
                self.value(ty, depth)
            ),
            _ => self.operation(ty, depth),
        }
    }

    fn operation(&mut self, ty: &'static str, depth: usize) -> String {
        let (names, operands): (&[&str], [&'static str; 2]) = match (ty, self.below(3)) {
            ("i32", 0) => (&["i32.wrap_i64"], ["i64", ""]),
            ("i32", 1) => return self.condition(depth),
            ("i64", 0) => (&["i64.extend_i32_u", "i64.extend_i32_s"], ["i32", ""]),
            ("i32" | "i64", _) => (
                &[
                    "add", "add", "sub", "mul", "and", "or", "xor", "shl", "shr_s", "shr_u", "rotl",
                ],
                [ty, ty],
            ),
            ("f32", 0) => (&["f32.reinterpret_i32", "f32.convert_i32_s"], ["i32", ""]),
            ("f64", 0) => (&["f64.promote_f32"], ["f32", ""]),
            ("f32" | "f64", 1) => (&["neg", "abs", "sqrt", "floor"], [ty, ""]),
            ("v128", 2) if self.below(8) == 0 => (&["f32x4.sqrt", "f64x2.sqrt"], ["v128", ""]),
            ("f32" | "f64", _) => (&["add", "sub", "mul", "div", "min", "max", "copysign"], [ty, ty]),
            (_, 0) => (&["i32x4.splat", "i8x16.splat"], ["i32", ""]),
            (_, 1) => (&["f32x4.splat"], ["f32", ""]),
            _ => (
                &[
                    "i32x4.add",
                    "f32x4.mul",
                    "f32x4.div",
                    "i16x8.sub",
                    "v128.xor",
                    "i8x16.eq",
                ],
                ["v128", "v128"],
            ),
        };
        let name = self.pick(names);
        let prefix = match name.contains('.') {
            true => String::new(),
            false => format!("{ty}."),
        };
        let values = operands.into_iter().filter(|operand| !operand.is_empty());
        let values = values
            .map(|operand| self.value(operand, depth))
            .collect::<String>();
        format!("({prefix}{name} {values})")
    }

    fn store(&mut self, depth: usize) -> String {
        let (name, ty) = [
            ("i32.store", "i32"),
            ("i32.store8", "i32"),
            ("i32.store16", "i32"),
            ("i64.store", "i64"),
            ("i64.store8", "i64"),
            ("i64.store16", "i64"),
            ("i64.store32", "i64"),
            ("f32.store", "f32"),
            ("f64.store", "f64"),
            ("v128.store", "v128"),
        ][self.below(10)];
        let (offset, address) = (self.offset(), self.address(depth));
        // The address again as the value.
        let value = match (address.strip_prefix("(local.tee "), ty, self.below(2)) {
            (Some(rest), "i32", 0) => format!("(local.get {})", &rest[..5]),
            (Some(rest), "i64", 0) => format!("(i64.extend_i32_u (local.get {}))", &rest[..5]),
            _ => self.value(ty, depth),
        };
        format!("({name} offset={offset} {address} {value})")
    }

    fn statement(&mut self, depth: usize) -> String {
        let below = depth.saturating_sub(1);
        match self.below(if depth == 0 { 5 } else { 8 }) {
            0 | 1 => {
                let ty = self.ty();
                format!("(local.set {} {})", self.local(ty), self.value(ty, depth + 1))
            }
            2 | 3 => self.store(depth),
            4 => format!("(global.set $g {})", self.value("i64", depth)),
            5 => format!(
                "(if {} (then {}) (else {}))",
                self.condition(depth),
                self.statement(below),
                self.statement(below)
            ),
            6 => format!(
                "(block {} (br_if 0 {}) {})",
                self.statement(below),
                self.condition(depth),
                self.statement(below)
            ),
            _ => format!("{} {}", self.statement(below), self.statement(below)),
        }
    }
}
