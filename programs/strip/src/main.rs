//! Takes out of a WASM module what the step machine refuses and the program does not use.
//!
//! Usage: `assay-program-strip IN OUT`
//!
//! The linker keeps a table for function pointers as soon as one object, even one that it drops, has an indirect call.
//! Tables, their elements and custom sections go. A module that does call indirectly is invalid afterwards, and the
//! program check says so. What is exported only because the compiler calls it by its name is exported no more.

use std::process::ExitCode;

const CUSTOM: u8 = 0;
const TABLE: u8 = 4;
const EXPORTS: u8 = 7;
const ELEMENTS: u8 = 9;
/// What the compiler calls by name.
const CALLED_BY_NAME: [&[u8]; 3] = [b"memcpy", b"memmove", b"memset"];
const PREAMBLE: usize = 8;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [input, output] = &arguments[..] else {
        eprintln!("usage: assay-program-strip IN OUT");
        return ExitCode::FAILURE;
    };
    match std::fs::read(input)
        .map_err(|error| error.to_string())
        .and_then(|module| {
            let stripped = strip(&module).ok_or("not a WASM module")?;
            std::fs::write(output, stripped).map_err(|error| error.to_string())
        }) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{input}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The module without what the machine refuses; `None` if its sections are cut off.
fn strip(module: &[u8]) -> Option<Vec<u8>> {
    let (preamble, mut rest) = module.split_at_checked(PREAMBLE)?;
    let mut out = preamble.to_vec();
    while let Some((kind, body)) = rest.split_first() {
        let (len, len_bytes) = leb128(body)?;
        let (section, after) = rest.split_at_checked(1 + len_bytes + len)?;
        match *kind {
            CUSTOM | TABLE | ELEMENTS => {}
            EXPORTS => {
                let exports = exports(&section[1 + len_bytes..])?;
                out.push(EXPORTS);
                put_leb128(exports.len(), &mut out);
                out.extend(exports);
            }
            _ => out.extend_from_slice(section),
        }
        rest = after;
    }
    Some(out)
}

/// The body of an export section without what is only [`CALLED_BY_NAME`].
fn exports(body: &[u8]) -> Option<Vec<u8>> {
    let (count, len) = leb128(body)?;
    let mut rest = &body[len..];
    let mut kept = Vec::new();
    for _ in 0..count {
        let (name_len, len) = leb128(rest)?;
        let name = rest.get(len..len + name_len)?;
        // A byte says what is exported, a number which.
        let index = len + name_len + 1;
        let (_, index_len) = leb128(rest.get(index..)?)?;
        let (export, after) = rest.split_at_checked(index + index_len)?;
        if !CALLED_BY_NAME.contains(&name) {
            kept.push(export);
        }
        rest = after;
    }
    let mut out = Vec::new();
    put_leb128(kept.len(), &mut out);
    out.extend(kept.concat());
    Some(out)
}

fn put_leb128(mut value: usize, out: &mut Vec<u8>) {
    while value > 0x7f {
        out.push(value as u8 & 0x7f | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A number in LEB128 and how many bytes it takes.
fn leb128(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut value = 0;
    for (i, byte) in bytes.iter().take(5).enumerate() {
        value |= usize::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            return Some((value, i + 1));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::strip;

    const PREAMBLE: &[u8] = b"\0asm\x01\0\0\0";

    #[test]
    fn tables_elements_and_custom_sections_go_and_the_rest_stays() {
        let module = [
            PREAMBLE,
            &[1, 1, 0],
            &[4, 2, 9, 9],
            &[0, 0x81, 0, 7],
            &[9, 1, 0],
            &[10, 1, 0],
        ]
        .concat();
        assert_eq!(strip(&module), Some([PREAMBLE, &[1, 1, 0], &[10, 1, 0]].concat()));
    }

    #[test]
    fn what_the_compiler_calls_by_name_is_exported_no_more() {
        let export = |name: &[u8], index: u8| [&[name.len() as u8][..], name, &[0, index]].concat();
        let section = |exports: &[Vec<u8>]| {
            let body = [&[exports.len() as u8][..], &exports.concat()].concat();
            [PREAMBLE, &[7, body.len() as u8], &body].concat()
        };
        let [step, memcpy, memory] = [export(b"step", 3), export(b"memcpy", 4), export(b"memory", 0)];
        let module = section(&[step.clone(), memcpy, memory.clone()]);
        assert_eq!(strip(&module), Some(section(&[step, memory])));
    }

    #[test]
    fn a_module_that_is_cut_off_is_refused() {
        assert_eq!(strip(&PREAMBLE[..7]), None);
        assert_eq!(strip(&[PREAMBLE, &[1, 2, 0]].concat()), None);
        assert_eq!(strip(&[PREAMBLE, &[1, 0x80]].concat()), None);
    }
}
