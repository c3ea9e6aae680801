//! Keeps the faults of the pinned interpreter's translator out of reach.
//!
//! wasmi 2.0.0 translates two patterns wrongly. Both need something that the translator remembers from
//! the operators before, so that two operators in front, which come to nothing, make it forget:
//!
//! - `select` behind a comparison of a local with zero. The comparison is dropped, and what it compared
//!   is taken from the accumulator, where it need not stand. That happens only while the comparison is
//!   *staged*, that is, the last operator written. `i32.const 0; drop` writes nothing, and `drop`
//!   always ends the staging. So no `select` finds anything staged.
//! - a store of an integer with a static offset of more than 16 bits, whose address and value both stand
//!   in the accumulator. The translator panics. Two operands stand there only where they are the same
//!   local, which the accumulator holds a copy of. The result of `memory.size` takes the accumulator and
//!   `drop` gives it back empty. So no such store finds anything there.
//!
//! The third fault, stores of narrow lanes with such offsets, is for the program check to refuse.

use alloc::vec::Vec;
use wasmparser::{BinaryReader, FunctionBody, Operator};

/// The greatest static offset that the interpreter writes down with 16 bits.
const MAX_SHORT_OFFSET: u64 = 0xffff;
/// Bytes of a module's magic number and version.
const HEADER_LEN: usize = 8;
/// The id of the code section.
const CODE: u8 = 10;

const CONST_AND_DROP: [u8; 3] = [0x41, 0x00, 0x1a];
const SIZE_AND_DROP: [u8; 3] = [0x3f, 0x00, 0x1a];

/// Units of fuel that the guard of an operator adds to it: one of its two operators costs one, `drop` none.
#[cfg(feature = "jit")]
pub(super) fn guard_fuel(operator: &Operator) -> i64 {
    guard(operator).map_or(0, |_| 1)
}

/// What stands in front of `operator` where the interpreter must forget.
fn guard(operator: &Operator) -> Option<[u8; 3]> {
    use Operator::*;
    match operator {
        Select | TypedSelect { .. } => Some(CONST_AND_DROP),
        I32Store { memarg }
        | I32Store8 { memarg }
        | I32Store16 { memarg }
        | I64Store { memarg }
        | I64Store8 { memarg }
        | I64Store16 { memarg }
        | I64Store32 { memarg }
            if memarg.offset > MAX_SHORT_OFFSET =>
        {
            Some(SIZE_AND_DROP)
        }
        _ => None,
    }
}

/// The module with all guards in place. Its code must have passed the program check.
pub(super) fn guarded(code: &[u8]) -> wasmparser::Result<Vec<u8>> {
    let mut reader = BinaryReader::new(code, 0);
    let mut module = reader.read_bytes(HEADER_LEN)?.to_vec();
    while !reader.eof() {
        let id = reader.read_u8()?;
        let content = sized(&mut reader)?;
        module.push(id);
        match id {
            CODE => push_sized(&mut module, &guarded_bodies(content)?),
            _ => push_sized(&mut module, content),
        }
    }
    Ok(module)
}

fn guarded_bodies(section: &[u8]) -> wasmparser::Result<Vec<u8>> {
    let mut reader = BinaryReader::new(section, 0);
    let count = reader.read_var_u32()?;
    let mut bodies = Vec::with_capacity(section.len());
    push_len(&mut bodies, count as usize);
    for _ in 0..count {
        push_sized(&mut bodies, &guarded_body(sized(&mut reader)?)?);
    }
    Ok(bodies)
}

fn guarded_body(body: &[u8]) -> wasmparser::Result<Vec<u8>> {
    let mut guarded = Vec::with_capacity(body.len());
    let mut operators = FunctionBody::new(BinaryReader::new(body, 0)).get_operators_reader()?;
    let mut copied = 0;
    while !operators.eof() {
        let (operator, at) = operators.read_with_offset()?;
        if let Some(guard) = guard(&operator) {
            guarded.extend_from_slice(body.get(copied..at).unwrap_or_default());
            guarded.extend_from_slice(&guard);
            copied = at;
        }
    }
    guarded.extend_from_slice(body.get(copied..).unwrap_or_default());
    Ok(guarded)
}

/// Bytes behind their number.
fn sized<'a>(reader: &mut BinaryReader<'a>) -> wasmparser::Result<&'a [u8]> {
    let len = reader.read_var_u32()?;
    reader.read_bytes(len as usize)
}

fn push_sized(target: &mut Vec<u8>, bytes: &[u8]) {
    push_len(target, bytes.len());
    target.extend_from_slice(bytes);
}

/// LEB128.
fn push_len(target: &mut Vec<u8>, mut len: usize) {
    while len > 0x7f {
        target.push((len & 0x7f) as u8 | 0x80);
        len >>= 7;
    }
    target.push(len as u8);
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasmparser::{Parser, Payload};

    /// The operators of each function, by their text.
    fn operators(code: &[u8]) -> Vec<Vec<String>> {
        let bodies = Parser::new(0)
            .parse_all(code)
            .filter_map(|payload| match payload.unwrap() {
                Payload::CodeSectionEntry(body) => Some(body),
                _ => None,
            });
        let texts = |body: FunctionBody| {
            let operators = body.get_operators_reader().unwrap().into_iter();
            operators
                .map(|operator| format!("{:?}", operator.unwrap()))
                .collect()
        };
        bodies.map(texts).collect()
    }

    #[test]
    fn guards_stand_before_what_is_translated_wrongly_and_nowhere_else() {
        let stores = |offset: u64| {
            let integers = [
                "i32.store8",
                "i32.store16",
                "i32.store",
                "i64.store8",
                "i64.store16",
                "i64.store32",
                "i64.store",
            ];
            let store = |name: &str| {
                let value = &name[..3];
                format!("i32.const 1 {value}.const 2 {name} offset={offset} ")
            };
            integers.map(store).concat()
        };
        let rest = "i32.const 1 f32.const 2 f32.store offset=65536
            i32.const 1 v128.const i64x2 1 1 v128.store offset=65536 i32.const 1 i32.load offset=65536 drop";
        let text = format!(
            "(module (memory 1 1) (data (i32.const 0) \"x\") (global i32 (i32.const 0))
               (func (param i32) (local i64 v128) {rest} {} {})
               (func (result i32) i32.const 1 i32.const 2 i32.const 3 select))",
            stores(65535),
            stores(65536),
        );
        let code = wat::parse_str(&text).unwrap();
        let (before, after) = (operators(&code), operators(&guarded(&code).unwrap()));
        let size_and_drop = ["MemorySize { mem: 0 }", "Drop"];
        let mut expected = before.clone();
        expected[0] = before[0].iter().fold(Vec::new(), |mut all, operator| {
            if operator.starts_with('I') && operator.contains("Store") && operator.contains("offset: 65536") {
                all.extend(size_and_drop.map(String::from));
            }
            all.push(operator.clone());
            all
        });
        assert_eq!(expected[0].len(), before[0].len() + 14);
        expected[1].splice(3..3, ["I32Const { value: 0 }", "Drop"].map(String::from));
        assert_eq!(after, expected);
    }

    #[test]
    fn module_without_anything_to_guard_stays_as_it_is() {
        let code = wat::parse_str("(module (memory 1 1) (func (local i32) local.get 0 drop))").unwrap();
        assert_eq!(guarded(&code).unwrap(), code);
    }

    #[test]
    fn code_that_is_cut_off_is_an_error_and_no_panic() {
        let code =
            wat::parse_str("(module (func (drop (select (i32.const 1) (i32.const 2) (i32.const 3)))))")
                .unwrap();
        let errors = (0..code.len()).filter(|len| guarded(&code[..*len]).is_err());
        assert!(errors.count() > code.len() / 2);
    }
}
