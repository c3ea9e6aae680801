//! Takes out of a WASM module what the step machine refuses and the program does not use.
//!
//! Usage: `assay-program-strip IN OUT`
//!
//! The linker keeps a table for function pointers as soon as one object, even one that it drops, has an indirect call.
//! Tables, their elements and custom sections go. A module that does call indirectly is invalid afterwards, and the
//! program check says so.

use std::process::ExitCode;

const CUSTOM: u8 = 0;
const TABLE: u8 = 4;
const ELEMENTS: u8 = 9;
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

/// The module without its custom, table and element sections; `None` if its sections are cut off.
fn strip(module: &[u8]) -> Option<Vec<u8>> {
    let (preamble, mut rest) = module.split_at_checked(PREAMBLE)?;
    let mut out = preamble.to_vec();
    while let Some((kind, body)) = rest.split_first() {
        let (len, len_bytes) = leb128(body)?;
        let (section, after) = rest.split_at_checked(1 + len_bytes + len)?;
        if ![CUSTOM, TABLE, ELEMENTS].contains(kind) {
            out.extend_from_slice(section);
        }
        rest = after;
    }
    Some(out)
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
    fn a_module_that_is_cut_off_is_refused() {
        assert_eq!(strip(&PREAMBLE[..7]), None);
        assert_eq!(strip(&[PREAMBLE, &[1, 2, 0]].concat()), None);
        assert_eq!(strip(&[PREAMBLE, &[1, 0x80]].concat()), None);
    }
}
