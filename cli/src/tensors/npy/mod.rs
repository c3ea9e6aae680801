//! NumPy's files: versions 1 to 3, of little-endian numbers, in either order.
//!
//! ```text
//! 0  6  magic "\x93NUMPY"
//! 6  2  version
//! 8  .. length of the header: 2 bytes in version 1, 4 after that
//!    .. header: {'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }
//!    .. elements
//! ```

mod header;

use super::number::Number;
use super::{Tensor, TensorError};
use crate::package::{elements, Dtype};
use header::Header;

const MAGIC: &[u8] = b"\x93NUMPY";
/// Where the elements begin is a multiple of this, in what is written.
const ALIGNMENT: usize = 64;

/// Type of a file's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `f4`
    F32,
    /// `f8`
    F64,
    /// `i1`
    I8,
    /// `i2`
    I16,
    /// `i4`
    I32,
    /// `i8`
    I64,
    /// `u1`
    U8,
    /// `u2`
    U16,
    /// `u4`
    U32,
    /// `b1`
    Bool,
}

impl Kind {
    /// Each with what NumPy calls it and what it is called here.
    const ALL: [(Self, &'static str, &'static str); 10] = [
        (Self::F32, "f4", "f32"),
        (Self::F64, "f8", "f64"),
        (Self::I8, "i1", "i8"),
        (Self::I16, "i2", "i16"),
        (Self::I32, "i4", "i32"),
        (Self::I64, "i8", "i64"),
        (Self::U8, "u1", "u8"),
        (Self::U16, "u2", "u16"),
        (Self::U32, "u4", "u32"),
        (Self::Bool, "b1", "bool"),
    ];

    /// By what NumPy calls it, with the order of its bytes.
    fn of_descr(descr: &str) -> Result<Self, String> {
        let (order, code) = descr.split_at_checked(1).unwrap_or_default();
        let found = Self::ALL.into_iter().find(|(_, known, _)| *known == code);
        match found {
            Some((kind, ..)) if order == "<" || (kind.size() == 1 && order == "|") => Ok(kind),
            Some(_) if order == ">" => Err(format!("`{descr}` is big-endian: save it little-endian")),
            _ => Err(format!(
                "the type `{descr}` is not supported: save it as float32 or an integer"
            )),
        }
    }

    /// What it is called here.
    pub fn name(self) -> &'static str {
        let found = Self::ALL.into_iter().find(|(kind, ..)| *kind == self);
        found.map_or("", |(_, _, name)| name)
    }

    /// The type of a package that has the same values.
    pub fn dtype(self) -> Option<Dtype> {
        match self {
            Self::F32 => Some(Dtype::F32),
            Self::I8 => Some(Dtype::I8),
            Self::U8 => Some(Dtype::U8),
            Self::I32 => Some(Dtype::I32),
            Self::I64 => Some(Dtype::I64),
            Self::Bool => Some(Dtype::Bool),
            Self::F64 | Self::I16 | Self::U16 | Self::U32 => None,
        }
    }

    fn size(self) -> usize {
        match self {
            Self::I8 | Self::U8 | Self::Bool => 1,
            Self::I16 | Self::U16 => 2,
            Self::F32 | Self::I32 | Self::U32 => 4,
            Self::F64 | Self::I64 => 8,
        }
    }

    fn decode(self, bytes: &[u8]) -> Number {
        if let Some(dtype) = self.dtype() {
            return Number::decode(dtype, bytes);
        }
        let bytes = bytes.iter().rev();
        let word = bytes.fold(0_u64, |word, byte| word << 8 | u64::from(*byte));
        match self {
            Self::F64 => Number::Double(f64::from_bits(word)),
            Self::I16 => Number::Integer((word as i16).into()),
            _ => Number::Integer(word.into()),
        }
    }
}

/// What a file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Array<'a> {
    /// Type of its elements.
    pub kind: Kind,
    /// Elements along each axis.
    pub shape: Vec<u64>,
    fortran_order: bool,
    /// As many as the shape has elements.
    bytes: &'a [u8],
}

impl<'a> Array<'a> {
    /// Reads a file.
    pub fn parse(file: &'a [u8]) -> Result<Self, TensorError> {
        parse(file).map_err(TensorError::BadNpy)
    }

    /// The elements, row-major.
    pub fn numbers(&self) -> impl Iterator<Item = Number> + '_ {
        let size = self.kind.size();
        let strides = self.strides();
        (0..self.bytes.len() / size).map(move |index| {
            let at = self.offset(index, &strides) * size;
            let bytes = self.bytes.get(at..at + size);
            self.kind.decode(bytes.unwrap_or_default())
        })
    }

    /// For each axis, how many elements of the file lie between neighbours, if it is column-major.
    fn strides(&self) -> Vec<usize> {
        let strides = self.shape.iter().scan(1_usize, |next, len| {
            let stride = *next;
            *next = stride.saturating_mul(*len as usize);
            Some(stride)
        });
        strides.collect()
    }

    /// Where the file has the element that is at `index`, row-major.
    fn offset(&self, index: usize, strides: &[usize]) -> usize {
        if !self.fortran_order {
            return index;
        }
        let axes = self.shape.iter().zip(strides).rev();
        let (_, offset) = axes.fold((index, 0), |(rest, offset), (len, stride)| {
            let len = *len as usize;
            (rest / len, offset + rest % len * stride)
        });
        offset
    }
}

fn parse(file: &[u8]) -> Result<Array<'_>, String> {
    let rest = file.strip_prefix(MAGIC).ok_or("the first bytes are others")?;
    let cut = "the file ends inside of its header";
    let ([major, minor], rest) = rest.split_first_chunk().ok_or(cut)?;
    let (len, rest) = match (major, minor) {
        (1, 0) => {
            let (len, rest) = rest.split_first_chunk().ok_or(cut)?;
            (u16::from_le_bytes(*len).into(), rest)
        }
        (2 | 3, 0) => {
            let (len, rest) = rest.split_first_chunk().ok_or(cut)?;
            (u32::from_le_bytes(*len) as usize, rest)
        }
        _ => return Err(format!("version {major}.{minor} is not known")),
    };
    let (header, bytes) = rest.split_at_checked(len).ok_or(cut)?;
    let header = std::str::from_utf8(header).map_err(|_| "the header is not UTF-8")?;
    let header = Header::parse(header)?;
    let expected = elements(&header.shape).and_then(|len| len.checked_mul(header.kind.size() as u64));
    if expected != Some(bytes.len() as u64) {
        let (len, kind, shape) = (bytes.len(), header.kind.name(), &header.shape);
        return Err(format!("{len} bytes are not the elements of {kind} {shape:?}"));
    }
    Ok(Array {
        kind: header.kind,
        shape: header.shape,
        fortran_order: header.fortran_order,
        bytes,
    })
}

/// The file of a tensor.
pub fn write(tensor: &Tensor) -> Vec<u8> {
    let descr = match tensor.dtype {
        Dtype::F32 => "<f4",
        Dtype::I8 => "|i1",
        Dtype::U8 => "|u1",
        Dtype::I32 => "<i4",
        Dtype::I64 => "<i8",
        Dtype::Bool => "|b1",
    };
    let lengths = tensor.shape.iter().map(|len| format!("{len},"));
    let shape = lengths.collect::<Vec<_>>().join(" ");
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({shape}), }}");
    // Of version 2 where the header is too long for version 1.
    let version = if header.len() + ALIGNMENT < usize::from(u16::MAX) {
        1
    } else {
        2
    };
    let before = MAGIC.len() + 2 + 2 * version;
    let len = (before + header.len() + 1).next_multiple_of(ALIGNMENT) - before;
    let len_bytes = &(len as u32).to_le_bytes()[..2 * version];
    let mut file = [MAGIC, &[version as u8, 0], len_bytes, header.as_bytes()].concat();
    file.resize(before + len - 1, b' ');
    file.push(b'\n');
    file.extend_from_slice(&tensor.bytes);
    file
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn file(version: u8, header: &str, bytes: &[u8]) -> Vec<u8> {
        let len = (header.len() as u32).to_le_bytes();
        let len = if version == 1 { &len[..2] } else { &len[..] };
        [MAGIC, &[version, 0], len, header.as_bytes(), bytes].concat()
    }

    fn header(descr: &str, fortran: &str, shape: &str) -> String {
        format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}   \n")
    }

    fn integers(file: &[u8]) -> Vec<i128> {
        let array = Array::parse(file).unwrap();
        array.numbers().map(|number| number.integer().unwrap()).collect()
    }

    fn refusal(file: &[u8]) -> String {
        Array::parse(file).unwrap_err().to_string()
    }

    #[test]
    fn every_version_is_read() {
        for version in [1, 2, 3] {
            let file = file(version, &header("|u1", "False", "(2, 3)"), &[1, 2, 3, 4, 5, 6]);
            assert_eq!(Array::parse(&file).unwrap().shape, [2, 3]);
            assert_eq!(integers(&file), [1, 2, 3, 4, 5, 6]);
        }
    }

    #[test]
    fn columns_become_rows() {
        let matrix = file(1, &header("|i1", "True", "(2, 3)"), &[1, 4, 2, 5, 3, 6]);
        assert_eq!(integers(&matrix), [1, 2, 3, 4, 5, 6]);
        let bytes = (0..24).collect::<Vec<_>>();
        let cube = file(1, &header("|u1", "True", "(2, 3, 4)"), &bytes);
        // numpy.arange(24).reshape((2, 3, 4), order='F').ravel()[:6]
        assert_eq!(integers(&cube)[..6], [0, 6, 12, 18, 2, 8]);
    }

    #[test]
    fn every_type_is_read() {
        let cases: [(&str, &[u8], Number); 10] = [
            ("<f4", &1.5_f32.to_le_bytes(), Number::Single(1.5)),
            ("<f8", &0.1_f64.to_le_bytes(), Number::Double(0.1)),
            ("|i1", &[255], Number::Integer(-1)),
            ("<i2", &(-2_i16).to_le_bytes(), Number::Integer(-2)),
            ("<i4", &(-3_i32).to_le_bytes(), Number::Integer(-3)),
            ("<i8", &i64::MIN.to_le_bytes(), Number::Integer(i64::MIN.into())),
            ("|u1", &[255], Number::Integer(255)),
            ("<u2", &u16::MAX.to_le_bytes(), Number::Integer(65_535)),
            ("<u4", &u32::MAX.to_le_bytes(), Number::Integer(u32::MAX.into())),
            ("|b1", &[1], Number::Bool(true)),
        ];
        for (descr, bytes, expected) in cases {
            let file = file(1, &header(descr, "False", "()"), bytes);
            let numbers = Array::parse(&file).unwrap().numbers().collect::<Vec<_>>();
            assert_eq!(numbers, [expected], "{descr}");
        }
    }

    #[test]
    fn elements_that_cannot_be_read_are_refused_by_name() {
        let of = |descr, fortran, shape| refusal(&file(1, &header(descr, fortran, shape), &[0; 4]));
        let axes = format!("({})", "1,".repeat(65));
        let cases = [
            (of(">f4", "False", "(1,)"), "big-endian"),
            (of("<f2", "False", "(2,)"), "`<f2` is not supported"),
            (of("|f4", "False", "(1,)"), "`|f4` is not supported"),
            (of("", "False", "(1,)"), "not supported"),
            (of("<f4", "Maybe", "(1,)"), "`False` is missing"),
            (of("<f4", "False", "(1,"), "no list of lengths"),
            (of("<f4", "False", "(-1,)"), "no list of lengths"),
            (
                of("<f4", "False", "(2,)"),
                "4 bytes are not the elements of f32 [2]",
            ),
            (of("<f4", "False", "(18446744073709551615, 4)"), "4 bytes are not"),
            (
                of("<f4", "False", "(18446744073709551616,)"),
                "no list of lengths",
            ),
            (of("<f4", "False", &axes), "more than 64"),
        ];
        for (error, expected) in cases {
            assert!(error.contains(expected), "{error}: {expected}");
        }
    }

    #[test]
    fn files_that_cannot_be_read_are_refused_by_name() {
        let of = |header| refusal(&file(1, header, &[0; 4]));
        let goes_on = header("<f4", "False", "(1,)") + "x";
        let cases = [
            (refusal(b"PK"), "first bytes"),
            (refusal(b"\x93NUMPY\x01"), "ends inside"),
            (refusal(b"\x93NUMPY\x01\x00\xff\xff{"), "ends inside"),
            (refusal(b"\x93NUMPY\x02\x00\xff\xff\xff\xff{"), "ends inside"),
            (refusal(&file(4, "", &[])), "version 4.0"),
            (of("{'descr': '<f4'}"), "lacks"),
            (of("{'descr': '<f4"), "does not end"),
            (of("{'a': 1}"), "other entries"),
            (of("{'descr': '<f4', 'descr': '<f4'}"), "other entries"),
            (of("{'descr': [('x', '<f4')]}"), "missing"),
            (of(&goes_on), "goes on"),
        ];
        for (error, expected) in cases {
            assert!(error.contains(expected), "{error}: {expected}");
        }
    }

    #[test]
    fn what_is_written_is_aligned_and_read_again() {
        const TYPES: [Dtype; 6] = [
            Dtype::F32,
            Dtype::I8,
            Dtype::U8,
            Dtype::I32,
            Dtype::I64,
            Dtype::Bool,
        ];
        for shape in [vec![], vec![3], vec![1, 2, 3]] {
            for dtype in TYPES {
                let len = elements(&shape).unwrap() as usize * dtype.size();
                let tensor = Tensor {
                    dtype,
                    shape: shape.clone(),
                    bytes: (0..len).map(|i| (i % 2) as u8).collect(),
                };
                let file = write(&tensor);
                let array = Array::parse(&file).unwrap();
                assert_eq!((file.len() - len) % ALIGNMENT, 0);
                assert_eq!((array.kind.dtype(), &array.shape), (Some(dtype), &shape));
                assert_eq!(array.bytes, tensor.bytes);
            }
        }
    }

    #[test]
    fn a_shape_of_many_axes_is_written_with_a_longer_header() {
        let tensor = Tensor {
            dtype: Dtype::U8,
            shape: vec![1; 40_000],
            bytes: vec![7],
        };
        let file = write(&tensor);
        assert_eq!((file[6], (file.len() - 1) % ALIGNMENT), (2, 0));
        assert_eq!(
            u32::from_le_bytes(file[8..12].try_into().unwrap()) as usize,
            file.len() - 13
        );
    }

    proptest! {
        #[test]
        fn no_changed_byte_makes_reading_panic(at in 0..140_usize, byte: u8) {
            let mut file = file(1, &header("<f4", "True", "(2, 3)"), &[7; 24]);
            let len = file.len();
            file[at % len] = byte;
            if let Ok(array) = Array::parse(&file) {
                prop_assert!(array.numbers().count() <= 24);
            }
        }
    }
}
