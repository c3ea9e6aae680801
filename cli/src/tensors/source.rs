//! Where a tensor is: a file of some format, or its values themselves.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::image::{self, Scaling};
use super::{encode, entries, json, npy, Tensor, TensorError};
use crate::package::TensorSpec;

/// The most bytes of a file that is read.
pub const FILE_MAX: u64 = 1 << 30;

/// A tensor's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Its values, as JSON.
    Inline(String),
    /// A file, whose extension tells its format.
    File(PathBuf),
}

/// What a file's extension tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `.npy`
    Npy,
    /// `.json`
    Json,
    /// `.png`, `.jpg`, `.jpeg`
    Image,
    /// Any other: the tensor's bytes.
    Raw,
}

impl Format {
    /// The format of the file at `path`.
    pub fn of(path: &Path) -> Self {
        let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
        match extension.to_str() {
            Some("npy") => Self::Npy,
            Some("json") => Self::Json,
            Some("png" | "jpg" | "jpeg") => Self::Image,
            _ => Self::Raw,
        }
    }
}

/// How a tensor is read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    /// Whether there is one more axis in front: a batch.
    pub batch: bool,
    /// How pictures become values.
    pub scaling: Scaling,
}

impl Source {
    /// What an argument names: `[...]`, a number, `NaN`, `inf` and `-inf` are values, all else is a file.
    pub fn of(argument: &str) -> Self {
        let is_value = argument.starts_with('[')
            || json::special(argument).is_some()
            || serde_json::from_str::<serde_json::Number>(argument).is_ok()
            || matches!(argument, "true" | "false");
        match is_value {
            true => Self::Inline(argument.to_string()),
            false => Self::File(argument.into()),
        }
    }

    /// The bytes of each tensor `spec` that is there: one, or in a batch as many as it has.
    pub fn read(&self, spec: &TensorSpec, reading: &Reading) -> Result<Vec<Vec<u8>>, TensorError> {
        let bytes = self.bytes()?;
        match self.format() {
            Format::Npy => read_npy(&bytes, spec, reading.batch),
            Format::Json => read_json(&bytes, spec, reading.batch),
            Format::Raw => read_raw(bytes, &spec.to_string(), spec.bytes(), reading.batch),
            Format::Image if reading.batch => Err(TensorError::BadImage(
                "a picture is no batch: put the pictures into one .npy file".into(),
            )),
            Format::Image => Ok(vec![image::read(&bytes, spec, &reading.scaling)?]),
        }
    }

    /// The tensor with the type and the shape that it has by itself.
    pub fn read_as_it_is(&self) -> Result<Tensor, TensorError> {
        match self.format() {
            Format::Npy => {
                let file = self.bytes()?;
                let array = npy::Array::parse(&file)?;
                let name = array.kind.name();
                let dtype = array.kind.dtype();
                let dtype = dtype.ok_or_else(|| TensorError::UnsupportedType(name.into()))?;
                let bytes = encode(array.numbers(), name, dtype)?;
                Ok(Tensor {
                    dtype,
                    shape: array.shape,
                    bytes,
                })
            }
            Format::Json => {
                let array = json::Array::parse(&self.bytes()?)?;
                let dtype = array.dtype();
                Ok(Tensor {
                    dtype,
                    bytes: encode(array.numbers, "in JSON", dtype)?,
                    shape: array.shape,
                })
            }
            Format::Raw | Format::Image => Err(TensorError::Shapeless),
        }
    }

    fn format(&self) -> Format {
        match self {
            Self::Inline(_) => Format::Json,
            Self::File(path) => Format::of(path),
        }
    }

    fn bytes(&self) -> Result<Vec<u8>, TensorError> {
        match self {
            Self::Inline(text) if json::special(text).is_some() => Ok(format!("{text:?}").into_bytes()),
            Self::Inline(text) => Ok(text.clone().into_bytes()),
            Self::File(path) => read_file(path),
        }
    }
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            Self::Inline(text) if text.len() > 40 => f.write_str("the values given"),
            Self::Inline(text) => f.write_str(text),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

/// The bytes of a file, which are not more than [`FILE_MAX`].
pub fn read_file(path: &Path) -> Result<Vec<u8>, TensorError> {
    let mut bytes = Vec::new();
    let read = File::open(path)?.take(FILE_MAX + 1).read_to_end(&mut bytes)?;
    match read as u64 > FILE_MAX {
        true => Err(TensorError::FileTooLong),
        false => Ok(bytes),
    }
}

fn read_npy(file: &[u8], spec: &TensorSpec, batch: bool) -> Result<Vec<Vec<u8>>, TensorError> {
    let array = npy::Array::parse(file)?;
    let count = entries(&array.shape, spec, batch, false)?;
    let bytes = encode(array.numbers(), array.kind.name(), spec.dtype)?;
    Ok(split(bytes, count))
}

fn read_json(text: &[u8], spec: &TensorSpec, batch: bool) -> Result<Vec<Vec<u8>>, TensorError> {
    let array = json::Array::parse(text)?;
    let count = entries(&array.shape, spec, batch, true)?;
    let kind = array.kind();
    Ok(split(encode(array.numbers, kind, spec.dtype)?, count))
}

/// The bytes as they are, of one tensor or of several that follow each other, `len` bytes together.
///
/// `expected` is what the model wants.
pub fn read_raw(
    bytes: Vec<u8>,
    expected: &str,
    len: Option<u64>,
    batch: bool,
) -> Result<Vec<Vec<u8>>, TensorError> {
    let actual = bytes.len() as u64;
    match len {
        Some(len) if !batch && len == actual => Ok(vec![bytes]),
        Some(len) if batch && len > 0 && actual.is_multiple_of(len) => Ok(split(bytes, actual / len)),
        _ => Err(TensorError::WrongLength {
            expected: match (len, batch) {
                (Some(len), false) => format!("the {len} of {expected}"),
                (Some(len), true) => format!("N times the {len} of {expected}"),
                (None, _) => format!("those of {expected}"),
            },
            actual,
        }),
    }
}

/// `count` parts of the same length.
fn split(bytes: Vec<u8>, count: u64) -> Vec<Vec<u8>> {
    if count == 1 {
        return vec![bytes];
    }
    let len = (bytes.len() as u64).checked_div(count).unwrap_or_default();
    match len {
        // Of tensors without elements there may be any number, for no bytes.
        0 => Vec::new(),
        len => bytes.chunks(len as usize).map(<[u8]>::to_vec).collect(),
    }
}

/// The tensor `spec`, all of whose values are zero.
pub fn zeros(spec: &TensorSpec) -> Vec<u8> {
    vec![0; spec.bytes().unwrap_or_default() as usize]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::Dtype;

    fn spec(dtype: Dtype, shape: &[u64]) -> TensorSpec {
        TensorSpec {
            name: "x".into(),
            dtype,
            shape: shape.to_vec(),
        }
    }

    fn read(argument: &str, spec: &TensorSpec, batch: bool) -> Result<Vec<Vec<u8>>, String> {
        let reading = Reading {
            batch,
            ..Reading::default()
        };
        let tensors = Source::of(argument).read(spec, &reading);
        tensors.map_err(|error| error.to_string())
    }

    #[test]
    fn values_are_told_from_files() {
        for value in ["[1,2]", "3", "-3.5e2", "NaN", "-inf", "true", "["] {
            assert_eq!(Source::of(value), Source::Inline(value.into()), "{value}");
        }
        for path in ["x.npy", "./3", "3.npy", "inf.json", "/a=b", "-"] {
            assert_eq!(Source::of(path), Source::File(path.into()), "{path}");
        }
    }

    #[test]
    fn an_extension_tells_the_format_in_either_case() {
        let of = |name: &str| Format::of(Path::new(name));
        assert_eq!((of("a.NPY"), of("a.b.json")), (Format::Npy, Format::Json));
        assert_eq!([of("a.png"), of("a.Jpg"), of("a.jpeg")], [Format::Image; 3]);
        assert_eq!(
            [of("a.raw"), of("npy"), of(".npy"), of("a.f32")],
            [Format::Raw; 4]
        );
    }

    #[test]
    fn values_on_the_command_line_become_a_tensor() {
        let of = |argument, dtype, shape| read(argument, &spec(dtype, shape), false).unwrap();
        assert_eq!(of("3", Dtype::I32, &[1]), [vec![3, 0, 0, 0]]);
        assert_eq!(of("[1, -1]", Dtype::I8, &[2]), [vec![1, 255]]);
        assert_eq!(of("inf", Dtype::F32, &[]), [f32::INFINITY.to_le_bytes().to_vec()]);
        let batch = read("[[1, 2], [3, 4]]", &spec(Dtype::U8, &[2]), true).unwrap();
        assert_eq!(batch, [vec![1, 2], vec![3, 4]]);
    }

    #[test]
    fn a_value_that_does_not_fit_is_named() {
        let error = read("[1, 300]", &spec(Dtype::U8, &[2]), false).unwrap_err();
        assert!(
            error.contains("element 1 is 300 (an integer), which u8"),
            "{error}"
        );
        let error = read("[0.5]", &spec(Dtype::I64, &[1]), false).unwrap_err();
        assert!(error.contains("element 0 is 0.5 (a number)"), "{error}");
    }

    #[test]
    fn raw_bytes_have_the_tensors_length() {
        let raw = |len: usize, batch| read_raw(vec![7; len], "f32 [2]", Some(8), batch);
        assert_eq!(raw(8, false).unwrap(), [vec![7; 8]]);
        assert_eq!(raw(24, true).unwrap(), vec![vec![7; 8]; 3]);
        for (len, batch) in [(7, false), (16, false), (9, true)] {
            let error = raw(len, batch).unwrap_err().to_string();
            let is_named = error.contains(&format!("{len} raw bytes")) && error.contains("f32 [2]");
            assert!(is_named, "{error}");
        }
        assert!(read_raw(vec![], "f32 [0]", Some(0), true).is_err());
    }

    #[test]
    fn a_batch_of_nothing_has_no_entries() {
        let none = Vec::<Vec<u8>>::new();
        assert_eq!(read("[]", &spec(Dtype::U8, &[]), true).unwrap(), none);
        assert_eq!(split(Vec::new(), 1 << 60), none);
    }

    #[test]
    fn a_tensor_without_a_model_keeps_its_own_type() {
        let tensor = Source::of("[[1, 2]]").read_as_it_is().unwrap();
        assert_eq!((tensor.dtype, &tensor.shape[..]), (Dtype::I64, &[1, 2][..]));
        assert_eq!(tensor.converted(Dtype::U8).unwrap().bytes, [1, 2]);
        let half = Source::of("0.5").read_as_it_is().unwrap();
        assert_eq!(half.bytes, 0.5_f32.to_le_bytes());
        let raw = Source::of("model.raw").read_as_it_is();
        assert!(matches!(raw, Err(TensorError::Shapeless)));
    }
}
