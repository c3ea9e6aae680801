//! A run's output by tensor.

use std::path::{Path, PathBuf};

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::{create_folder, write, Failure};
use crate::package::{Dtype, TensorSpec};
use crate::tensors::json::Elements;
use crate::tensors::{npy, Tensor};

/// The most characters of a file's name that are a tensor's.
const FILE_NAME_MAX: usize = 50;

/// The output tensors of a run, in the manifest's order.
#[derive(Clone, Debug)]
pub struct Outputs<'a>(pub Vec<(&'a TensorSpec, &'a [u8])>);

impl<'a> Outputs<'a> {
    /// Takes a run's output apart. A package that names no outputs has none.
    pub fn of(specs: &'a [TensorSpec], mut output: &'a [u8]) -> Result<Self, Failure> {
        let expected = TensorSpec::bytes_of_all(specs);
        if !specs.is_empty() && expected != output.len() as u64 {
            let actual = output.len();
            return Err(format!(
                "the program gives {actual} bytes, and the package's outputs have {expected}"
            )
            .into());
        }
        let mut tensors = Vec::new();
        for spec in specs {
            let len = spec.bytes().unwrap_or_default() as usize;
            let (tensor, rest) = output.split_at_checked(len).unwrap_or((output, &[]));
            tensors.push((spec, tensor));
            output = rest;
        }
        Ok(Self(tensors))
    }
}

/// One tensor, as in JSON.
#[derive(Serialize)]
struct Output<'a> {
    shape: &'a [u64],
    r#type: Dtype,
    data: Elements<'a>,
}

impl Serialize for Outputs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (spec, bytes) in &self.0 {
            let dtype = spec.dtype;
            let output = Output {
                shape: &spec.shape,
                r#type: dtype,
                data: Elements { dtype, bytes },
            };
            map.serialize_entry(&spec.name, &output)?;
        }
        map.end()
    }
}

/// Writes each output to a file of its own, `NAME.npy`, with one more axis in front where the runs are a batch.
pub fn save(runs: &[Outputs], batch: bool, folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    create_folder(folder)?;
    let mut paths = Vec::<PathBuf>::new();
    let specs = runs.first().map(|run| run.0.iter().map(|(spec, _)| *spec));
    for (index, spec) in specs.into_iter().flatten().enumerate() {
        let entries = runs.iter().filter_map(|run| run.0.get(index));
        let entries = entries.map(|(_, bytes)| *bytes).collect::<Vec<_>>();
        let name = file_name(&spec.name);
        let mut path = folder.join(format!("{name}.npy"));
        if paths.contains(&path) {
            path = folder.join(format!("{name}#{index}.npy"));
        }
        write(&path, &npy::write(&Tensor::stacked(spec, &entries, batch)))?;
        paths.push(path);
    }
    Ok(paths)
}

/// A tensor's name as that of a file: anyone may have chosen it, and it must not lead out of the folder.
fn file_name(name: &str) -> String {
    let is_safe = |char: char| char.is_alphanumeric() || matches!(char, '.' | '-' | '_' | ' ');
    let chars = name.chars().take(FILE_NAME_MAX);
    let name = chars.map(|char| if is_safe(char) { char } else { '_' });
    let name = name.collect::<String>();
    match name.starts_with('.') || name.is_empty() {
        true => format!("_{name}"),
        false => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(name: &str, len: u64) -> TensorSpec {
        TensorSpec {
            name: name.into(),
            dtype: Dtype::U8,
            shape: vec![len],
        }
    }

    #[test]
    fn an_output_is_taken_apart_in_order() {
        let specs = [spec("a", 1), spec("b", 2)];
        let outputs = Outputs::of(&specs, &[1, 2, 3]).unwrap();
        assert_eq!(
            serde_json::to_string(&outputs).unwrap(),
            r#"{"a":{"shape":[1],"type":"u8","data":[1]},"b":{"shape":[2],"type":"u8","data":[2,3]}}"#
        );
    }

    #[test]
    fn an_output_of_another_length_is_refused() {
        for len in [0, 2, 4] {
            let error = Outputs::of(&[spec("a", 3)], &[7; 4][..len])
                .unwrap_err()
                .to_string();
            assert!(error.contains(&format!("gives {len} bytes")), "{error}");
        }
        assert!(Outputs::of(&[], &[1, 2, 3]).unwrap().0.is_empty());
    }

    #[test]
    fn no_name_leads_out_of_the_folder() {
        for (name, expected) in [
            ("logits", "logits"),
            ("dense/Softmax:0", "dense_Softmax_0"),
            ("../../x", "_.._.._x"),
            ("", "_"),
            ("a\0\n", "a__"),
        ] {
            assert_eq!(file_name(name), expected);
        }
        // As many bytes as a file's name may have.
        assert!(file_name(&"\u{10330}".repeat(1000)).len() < 255 - "#12345.npy".len());
    }

    #[test]
    fn names_that_become_the_same_are_told_apart() {
        let folder = std::env::temp_dir().join(format!("assay-outputs-{}", std::process::id()));
        let specs = [spec("a/b", 1), spec("a:b", 1)];
        let outputs = Outputs::of(&specs, &[1, 2]).unwrap();
        let paths = save(&[outputs], false, &folder).unwrap();
        assert_eq!(paths, [folder.join("a_b.npy"), folder.join("a_b#1.npy")]);
        let last = std::fs::read(&paths[1]).unwrap();
        assert_eq!(last.last(), Some(&2));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
