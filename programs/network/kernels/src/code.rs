//! Elementwise programs: a small machine whose registers hold a block of elements each.

use assay_network_plan::{Code, Element, Instruction, Operation, ELEMENTS};

use bytemuck::Pod;

use crate::memory::Arena;
use crate::Fault;
use crate::{compare, math};

/// A register: f32 in its first half, or i64.
type Register = [u64; ELEMENTS];

/// The registers of a program.
pub struct Registers<'a>(&'a mut [Register]);

impl<'a> Registers<'a> {
    /// The registers that a program needs, with its constants set.
    pub fn new<const N: usize>(arena: &mut Arena<'a>, code: &Code<N>) -> Result<Self, Fault> {
        let words = (code.registers as usize).checked_mul(ELEMENTS);
        let words = arena.take::<u64>(words.ok_or(Fault::OutOfArena)?)?;
        let mut registers = Self(words.as_chunks_mut().0);
        for instruction in instructions(code)?.0 {
            registers.run(instruction, ELEMENTS)?;
        }
        Ok(registers)
    }

    /// Executes a program on `len` elements from `from` on. What costs no more for a whole block than for a part of it is
    /// computed of whole registers, whatever lies in their rest. `inputs` has elements as they are stored and their types.
    #[inline(never)]
    pub fn execute<const N: usize>(
        &mut self,
        code: &Code<N>,
        inputs: &[(Element, &[u8])],
        from: usize,
        len: usize,
    ) -> Result<(), Fault> {
        for instruction in instructions(code)?.1 {
            if instruction.operation == Operation::Load {
                let (element, bytes) = inputs.get(usize::from(instruction.a)).ok_or(Fault::BadCode)?;
                let size = element.size() as usize;
                let bytes = bytes
                    .get(from * size..(from + len) * size)
                    .ok_or(Fault::BadTile)?;
                self.load(instruction.out, *element, bytes)?;
            } else {
                self.run(instruction, len)?;
            }
        }
        Ok(())
    }

    /// Puts `len` elements of a program's result where they are stored.
    #[inline(never)]
    pub fn store(&self, register: u32, element: Element, bytes: &mut [u8]) -> Result<(), Fault> {
        let register = self.0.get(register as usize).ok_or(Fault::BadCode)?;
        let integers: &[i64] = bytemuck::cast_slice(register);
        match element {
            Element::F32 => bytes.copy_from_slice(&bytemuck::cast_slice(register)[..bytes.len()]),
            Element::I64 => bytes.copy_from_slice(&bytemuck::cast_slice(register)[..bytes.len()]),
            Element::I32 => {
                for (bytes, value) in bytes.as_chunks_mut().0.iter_mut().zip(integers) {
                    *bytes = (*value as i32).to_le_bytes();
                }
            }
            Element::I8 | Element::U8 => {
                for (byte, value) in bytes.iter_mut().zip(integers) {
                    *byte = *value as u8;
                }
            }
        }
        Ok(())
    }

    /// The f32 in a register.
    pub fn floats(&mut self, register: u32) -> Result<&mut [f32], Fault> {
        let register = self.0.get_mut(register as usize).ok_or(Fault::BadCode)?;
        Ok(&mut bytemuck::cast_slice_mut(register)[..ELEMENTS])
    }

    #[inline(never)]
    fn load(&mut self, register: u8, element: Element, bytes: &[u8]) -> Result<(), Fault> {
        let register = self.0.get_mut(usize::from(register)).ok_or(Fault::BadCode)?;
        let words: &mut [u8] = bytemuck::cast_slice_mut(register);
        match element {
            Element::F32 | Element::I64 => words[..bytes.len()].copy_from_slice(bytes),
            Element::I32 => {
                let integers: &mut [i64] = bytemuck::cast_slice_mut(words);
                for (value, bytes) in integers.iter_mut().zip(bytes.as_chunks().0) {
                    *value = i64::from(i32::from_le_bytes(*bytes));
                }
            }
            Element::I8 => {
                let integers: &mut [i64] = bytemuck::cast_slice_mut(words);
                for (value, byte) in integers.iter_mut().zip(bytes) {
                    *value = i64::from(*byte as i8);
                }
            }
            Element::U8 => {
                let integers: &mut [i64] = bytemuck::cast_slice_mut(words);
                for (value, byte) in integers.iter_mut().zip(bytes) {
                    *value = i64::from(*byte);
                }
            }
        }
        Ok(())
    }

    fn run(&mut self, instruction: &Instruction, len: usize) -> Result<(), Fault> {
        let len = len.min(ELEMENTS);
        match instruction.operation as u8 {
            0..16 => self.move_or_convert(instruction),
            16..32 => self.binary(instruction, len),
            32..64 => self.unary(instruction, len),
            _ => self.integer(instruction, len),
        }
    }

    #[inline(never)]
    fn move_or_convert(&mut self, instruction: &Instruction) -> Result<(), Fault> {
        let Instruction { a, b, immediate, .. } = *instruction;
        let (out, operands) = self.split(instruction)?;
        match instruction.operation {
            Operation::Set => floats_mut(out).fill(f32::from_bits(immediate)),
            Operation::SetInt => integers_mut(out).fill(i64::from(immediate as i32)),
            Operation::ToFloat => {
                let pairs = floats_mut(out).iter_mut().zip(integers(operands.get(a)?));
                pairs.for_each(|(out, x)| *out = *x as f32);
            }
            Operation::ToInt => {
                let pairs = integers_mut(out).iter_mut().zip(floats(operands.get(a)?));
                pairs.for_each(|(out, x)| *out = *x as i64);
            }
            Operation::Narrow => {
                let pairs = integers_mut(out).iter_mut().zip(integers(operands.get(a)?));
                let shift = match immediate {
                    1 | 2 => 56,
                    3 => 32,
                    _ => return Err(Fault::BadCode),
                };
                let signed = immediate != Element::U8 as u32;
                pairs.for_each(|(out, x)| {
                    let high = *x << shift;
                    *out = if signed {
                        high >> shift
                    } else {
                        (high as u64 >> shift) as i64
                    };
                });
            }
            Operation::Select => {
                let [y, z] = [b, immediate as u8].map(|register| operands.get(register).map(floats));
                select(floats_mut(out), integers(operands.get(a)?), y?, z?);
            }
            Operation::SelectInt => {
                let [y, z] = [b, immediate as u8].map(|register| operands.get(register).map(integers));
                select(integers_mut(out), integers(operands.get(a)?), y?, z?);
            }
            _ => return Err(Fault::BadCode),
        }
        Ok(())
    }

    #[inline(never)]
    fn binary(&mut self, instruction: &Instruction, len: usize) -> Result<(), Fault> {
        match instruction.operation {
            Operation::Add => self.zip(instruction, |x: f32, y| x + y),
            Operation::Sub => self.zip(instruction, |x: f32, y| x - y),
            Operation::Mul => self.zip(instruction, |x: f32, y| x * y),
            Operation::Div => self.zip(instruction, |x: f32, y| x / y),
            Operation::Min => self.zip(instruction, compare::min),
            Operation::Max => self.zip(instruction, compare::max),
            Operation::Pow => self.zip_first(instruction, len, math::pow),
            Operation::Rem => self.zip_first(instruction, len, libm::fmodf),
            Operation::Less => self.zip(instruction, |x: f32, y| i64::from(x < y)),
            Operation::LessEqual => self.zip(instruction, |x: f32, y| i64::from(x <= y)),
            Operation::Equal => self.zip(instruction, |x: f32, y| i64::from(x == y)),
            _ => Err(Fault::BadCode),
        }
    }

    #[inline(never)]
    fn unary(&mut self, instruction: &Instruction, len: usize) -> Result<(), Fault> {
        match instruction.operation {
            Operation::Neg => self.map(instruction, |x| -x),
            Operation::Abs => self.map(instruction, math::abs),
            Operation::Sqrt => self.map(instruction, math::sqrt),
            Operation::Floor => self.map(instruction, math::floor),
            Operation::Ceil => self.map(instruction, math::ceil),
            Operation::Round => self.map(instruction, math::round_half_even),
            Operation::Exp => self.map(instruction, math::exp),
            Operation::Log => self.map(instruction, math::log),
            Operation::Sigmoid => self.map(instruction, math::sigmoid),
            Operation::Tanh => self.map(instruction, math::tanh),
            Operation::Erf => self.map(instruction, math::erf),
            Operation::Softplus => self.map(instruction, math::softplus),
            _ => self.rare(instruction, len),
        }
    }

    /// Functions that are not worth the place that a loop of their own takes.
    #[inline(never)]
    fn rare(&mut self, instruction: &Instruction, len: usize) -> Result<(), Fault> {
        let operation = instruction.operation;
        if operation as u8 > Operation::Atanh as u8 {
            return Err(Fault::BadCode);
        }
        self.map_first(instruction, len, |x| match operation {
            Operation::Sin => math::sin(x),
            Operation::Cos => math::cos(x),
            Operation::Tan => math::tan(x),
            Operation::Asin => math::asin(x),
            Operation::Acos => math::acos(x),
            Operation::Atan => math::atan(x),
            Operation::Sinh => math::sinh(x),
            Operation::Cosh => math::cosh(x),
            Operation::Asinh => math::asinh(x),
            Operation::Acosh => math::acosh(x),
            _ => math::atanh(x),
        })
    }

    #[inline(never)]
    fn integer(&mut self, instruction: &Instruction, len: usize) -> Result<(), Fault> {
        match instruction.operation {
            Operation::AddInt => self.zip(instruction, i64::wrapping_add),
            Operation::SubInt => self.zip(instruction, i64::wrapping_sub),
            Operation::MulInt => self.zip(instruction, i64::wrapping_mul),
            Operation::MinInt => self.zip(instruction, |x: i64, y| if y < x { y } else { x }),
            Operation::MaxInt => self.zip(instruction, |x: i64, y| if y > x { y } else { x }),
            Operation::LessInt => self.zip(instruction, |x: i64, y| i64::from(x < y)),
            Operation::LessEqualInt => self.zip(instruction, |x: i64, y| i64::from(x <= y)),
            Operation::EqualInt => self.zip(instruction, |x: i64, y| i64::from(x == y)),
            Operation::And => self.zip(instruction, |x: i64, y| x & y),
            Operation::Or => self.zip(instruction, |x: i64, y| x | y),
            Operation::Xor => self.zip(instruction, |x: i64, y| x ^ y),
            Operation::DivInt => self.zip_first(instruction, len, divide),
            Operation::RemInt => self.zip_first(instruction, len, remainder),
            Operation::ModInt => self.zip_first(instruction, len, modulo),
            Operation::PowInt => self.zip_first(instruction, len, power),
            Operation::ShiftLeft => self.zip(instruction, |x: i64, y| x.wrapping_shl(y as u32)),
            Operation::ShiftRight => {
                self.zip(instruction, |x: i64, y| (x as u64).wrapping_shr(y as u32) as i64)
            }
            _ => Err(Fault::BadCode),
        }
    }

    fn map(&mut self, instruction: &Instruction, f: impl Fn(f32) -> f32) -> Result<(), Fault> {
        self.map_first(instruction, ELEMENTS, f)
    }

    fn zip<X: Pod, O: Pod>(&mut self, instruction: &Instruction, f: impl Fn(X, X) -> O) -> Result<(), Fault> {
        self.zip_first(instruction, ELEMENTS, f)
    }

    #[inline(always)]
    fn map_first(
        &mut self,
        instruction: &Instruction,
        len: usize,
        f: impl Fn(f32) -> f32,
    ) -> Result<(), Fault> {
        let (out, operands) = self.split(instruction)?;
        map_slice(
            &mut floats_mut(out)[..len],
            &floats(operands.get(instruction.a)?)[..len],
            f,
        );
        Ok(())
    }

    #[inline(always)]
    fn zip_first<X: Pod, O: Pod>(
        &mut self,
        instruction: &Instruction,
        len: usize,
        f: impl Fn(X, X) -> O,
    ) -> Result<(), Fault> {
        let (out, operands) = self.split(instruction)?;
        let x = &values::<X>(operands.get(instruction.a)?)[..len];
        let y = &values::<X>(operands.get(instruction.b)?)[..len];
        zip_slices(&mut values_mut::<O>(out)[..len], x, y, f);
        Ok(())
    }

    /// The register that an instruction writes to, and all others.
    fn split(&mut self, instruction: &Instruction) -> Result<(&mut Register, Operands<'_>), Fault> {
        let (before, rest) = self
            .0
            .split_at_mut_checked(usize::from(instruction.out))
            .ok_or(Fault::BadCode)?;
        let (out, after) = rest.split_first_mut().ok_or(Fault::BadCode)?;
        Ok((out, Operands { before, after }))
    }
}

/// The registers before and after one that is written to.
struct Operands<'a> {
    before: &'a [Register],
    after: &'a [Register],
}

impl<'a> Operands<'a> {
    fn get(&self, register: u8) -> Result<&'a Register, Fault> {
        let register = usize::from(register);
        let found = match register.checked_sub(self.before.len()) {
            None => self.before.get(register),
            Some(0) => None,
            Some(place) => self.after.get(place - 1),
        };
        found.ok_or(Fault::BadCode)
    }
}

/// The instructions that set constants, and the others.
fn instructions<const N: usize>(code: &Code<N>) -> Result<(&[Instruction], &[Instruction]), Fault> {
    let all = code.instructions.get(..code.len as usize);
    all.and_then(|all| all.split_at_checked(code.constants as usize))
        .ok_or(Fault::BadCode)
}

/// Not inlined, like [`zip_slices`]: only of what a function is given does the compiler know that it does not overlap.
#[inline(never)]
fn map_slice(out: &mut [f32], x: &[f32], f: impl Fn(f32) -> f32) {
    for (out, x) in out.iter_mut().zip(x) {
        *out = f(*x);
    }
}

#[inline(never)]
fn zip_slices<X: Pod, O: Pod>(out: &mut [O], x: &[X], y: &[X], f: impl Fn(X, X) -> O) {
    for ((out, x), y) in out.iter_mut().zip(x).zip(y) {
        *out = f(*x, *y);
    }
}

fn select<T: Pod>(out: &mut [T; ELEMENTS], x: &[i64; ELEMENTS], y: &[T; ELEMENTS], z: &[T; ELEMENTS]) {
    for (((out, x), y), z) in out.iter_mut().zip(x).zip(y).zip(z) {
        *out = if *x != 0 { *y } else { *z };
    }
}

fn divide(x: i64, y: i64) -> i64 {
    x.checked_div(y).unwrap_or(if y == 0 { 0 } else { i64::MIN })
}

fn remainder(x: i64, y: i64) -> i64 {
    x.checked_rem(y).unwrap_or(0)
}

fn modulo(x: i64, y: i64) -> i64 {
    let remainder = remainder(x, y);
    if remainder != 0 && (remainder < 0) != (y < 0) {
        remainder + y
    } else {
        remainder
    }
}

fn power(x: i64, y: i64) -> i64 {
    match (x, u32::try_from(y)) {
        (_, Ok(y)) => x.wrapping_pow(y),
        (1, _) => 1,
        (-1, _) if y % 2 == 0 => 1,
        (-1, _) => -1,
        _ => 0,
    }
}

/// A register's values; as many as it has elements, whatever their size.
fn values<T: Pod>(register: &Register) -> &[T; ELEMENTS] {
    let values: &[T] = bytemuck::cast_slice(register);
    values.first_chunk().expect("an element has 4 or 8 bytes")
}

fn values_mut<T: Pod>(register: &mut Register) -> &mut [T; ELEMENTS] {
    let values: &mut [T] = bytemuck::cast_slice_mut(register);
    values.first_chunk_mut().expect("an element has 4 or 8 bytes")
}

fn floats(register: &Register) -> &[f32; ELEMENTS] {
    values(register)
}

fn integers(register: &Register) -> &[i64; ELEMENTS] {
    values(register)
}

fn floats_mut(register: &mut Register) -> &mut [f32; ELEMENTS] {
    values_mut(register)
}

fn integers_mut(register: &mut Register) -> &mut [i64; ELEMENTS] {
    values_mut(register)
}
