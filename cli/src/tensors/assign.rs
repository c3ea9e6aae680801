//! Which argument is which of a model's inputs.

use std::path::Path;

use super::source::{read_file, read_raw, zeros, Format, Reading, Source};
use super::TensorError;
use crate::package::TensorSpec;

/// Why the arguments are not the model's inputs.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// An input is none that the model has.
    #[error("the model has no {kind} `{name}`; {wanted}")]
    Unknown {
        /// What it would be: an input or an output.
        kind: &'static str,
        /// Its name.
        name: String,
        /// What the model wants.
        wanted: String,
    },
    /// An input is given twice.
    #[error("the {kind} `{name}` is given twice")]
    Repeated {
        /// What it is: an input or an output.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// An input is not given.
    #[error("the input `{name}` is missing; {wanted}")]
    Missing {
        /// Its name.
        name: String,
        /// What the model wants.
        wanted: String,
    },
    /// A file without a name, where it takes names.
    #[error("`{argument}`: say which input it is, as NAME={argument}; {wanted}")]
    Unnamed {
        /// The argument.
        argument: String,
        /// What the model wants.
        wanted: String,
    },
    /// A tensor, or a file of all of them, is not as the model wants it.
    #[error("{what}: {error}")]
    Unusable {
        /// Which tensor it is, and where it is.
        what: String,
        /// Why.
        error: Box<TensorError>,
    },
    /// The inputs are batches of different lengths.
    #[error("the input `{name}` has {actual} entries, and the first input {expected}: a batch has as many of each")]
    Uneven {
        /// The input.
        name: String,
        /// Entries of the first input.
        expected: usize,
        /// Entries of this one.
        actual: usize,
    },
    /// A batch without entries.
    #[error("the batch has no entries")]
    EmptyBatch,
    /// A batch for a model that has no inputs.
    #[error("the model has no inputs that could be a batch")]
    NoBatch,
}

/// The input of each run: the bytes of all its tensors, one after the other. There is one run without a batch.
///
/// An argument is `NAME=SOURCE`. One without a name is the only input, or a file of the raw bytes of all inputs.
pub fn inputs(
    specs: &[TensorSpec],
    arguments: &[String],
    reading: &Reading,
) -> Result<Vec<Vec<u8>>, InputError> {
    if specs.is_empty() && reading.batch {
        return Err(InputError::NoBatch);
    }
    let runs = match arguments {
        [argument] if is_unnamed(argument, specs) => unnamed(argument, specs, reading)?,
        _ => named(arguments, specs, reading)?,
    };
    match runs.is_empty() {
        true => Err(InputError::EmptyBatch),
        false => Ok(runs),
    }
}

/// An input all of whose values are zero.
pub fn zero_input(specs: &[TensorSpec]) -> Vec<u8> {
    specs.iter().flat_map(zeros).collect()
}

/// The name and the source of an argument that starts with one of the names.
///
/// A name may have an equals sign in it, and the longest name is meant.
pub fn split_name<'a, 's>(
    argument: &'a str,
    specs: &'s [TensorSpec],
) -> Option<(usize, &'s TensorSpec, &'a str)> {
    let named = specs.iter().enumerate().filter_map(|(index, spec)| {
        let source = argument.strip_prefix(&spec.name)?.strip_prefix('=')?;
        Some((index, spec, source))
    });
    named.max_by_key(|(_, spec, _)| spec.name.len())
}

/// Reads what belongs to `spec`.
pub fn read_source(
    kind: &'static str,
    spec: &TensorSpec,
    source: &str,
    reading: &Reading,
) -> Result<Vec<Vec<u8>>, InputError> {
    let source = Source::of(source);
    source.read(spec, reading).map_err(|error| InputError::Unusable {
        what: format!("{kind} `{}` ({spec}), {source}", spec.name),
        error: error.into(),
    })
}

/// What the model wants, for an error.
pub fn wanted(specs: &[TensorSpec], kind: &str) -> String {
    let each = specs.iter().map(|spec| format!("`{}` ({spec})", spec.name));
    match specs {
        [] => format!("it has no {kind}s"),
        _ => format!("its {kind}s are {}", each.collect::<Vec<_>>().join(", ")),
    }
}

/// Where an argument starts with no name, it is a file, unless there is none and it looks like a name.
fn is_unnamed(argument: &str, specs: &[TensorSpec]) -> bool {
    split_name(argument, specs).is_none() && (!argument.contains('=') || Path::new(argument).exists())
}

fn unnamed(argument: &str, specs: &[TensorSpec], reading: &Reading) -> Result<Vec<Vec<u8>>, InputError> {
    if let [spec] = specs {
        return read_source("input", spec, argument, reading);
    }
    let path = Path::new(argument);
    let is_value = matches!(Source::of(argument), Source::Inline(_));
    if !specs.is_empty() && (is_value || Format::of(path) != Format::Raw) {
        return Err(InputError::Unnamed {
            argument: argument.to_string(),
            wanted: wanted(specs, "input"),
        });
    }
    let file = |error: TensorError| InputError::Unusable {
        what: argument.to_string(),
        error: error.into(),
    };
    let bytes = read_file(path).map_err(file)?;
    if specs.is_empty() {
        return Ok(vec![bytes]);
    }
    let len = specs.iter().map(TensorSpec::bytes).sum();
    read_raw(bytes, "all inputs together", len, reading.batch).map_err(file)
}

fn named(arguments: &[String], specs: &[TensorSpec], reading: &Reading) -> Result<Vec<Vec<u8>>, InputError> {
    let sources = sources(arguments, specs)?;
    let mut runs: Option<Vec<Vec<u8>>> = None;
    for (spec, source) in specs.iter().zip(sources) {
        let source = source.ok_or_else(|| InputError::Missing {
            name: spec.name.clone(),
            wanted: wanted(specs, "input"),
        })?;
        let tensors = read_source("input", spec, source, reading)?;
        let runs = runs.get_or_insert_with(|| vec![Vec::new(); tensors.len()]);
        if runs.len() != tensors.len() {
            return Err(InputError::Uneven {
                name: spec.name.clone(),
                expected: runs.len(),
                actual: tensors.len(),
            });
        }
        for (run, tensor) in runs.iter_mut().zip(tensors) {
            run.extend(tensor);
        }
    }
    Ok(runs.unwrap_or_else(|| vec![Vec::new()]))
}

/// The source of each input.
fn sources<'a>(arguments: &'a [String], specs: &[TensorSpec]) -> Result<Vec<Option<&'a str>>, InputError> {
    let mut sources = vec![None; specs.len()];
    for argument in arguments {
        let Some((index, spec, source)) = split_name(argument, specs) else {
            return Err(unknown(argument, specs));
        };
        if sources[index].replace(source).is_some() {
            return Err(InputError::Repeated {
                kind: "input",
                name: spec.name.clone(),
            });
        }
    }
    Ok(sources)
}

fn unknown(argument: &str, specs: &[TensorSpec]) -> InputError {
    let wanted = wanted(specs, "input");
    match argument.split_once('=') {
        Some((name, _)) if !Path::new(argument).exists() => InputError::Unknown {
            kind: "input",
            name: name.to_string(),
            wanted,
        },
        _ => InputError::Unnamed {
            argument: argument.to_string(),
            wanted,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::Dtype;

    fn spec(name: &str, len: u64) -> TensorSpec {
        TensorSpec {
            name: name.into(),
            dtype: Dtype::U8,
            shape: vec![1, len],
        }
    }

    fn given(specs: &[TensorSpec], arguments: &[&str], batch: bool) -> Result<Vec<Vec<u8>>, String> {
        let arguments = arguments.iter().map(|argument| argument.to_string());
        let reading = Reading {
            batch,
            ..Reading::default()
        };
        inputs(specs, &arguments.collect::<Vec<_>>(), &reading).map_err(|error| error.to_string())
    }

    #[test]
    fn inputs_follow_each_other_in_the_models_order() {
        let specs = [spec("a", 1), spec("b", 2)];
        assert_eq!(
            given(&specs, &["b=[2,3]", "a=[1]"], false).unwrap(),
            [vec![1, 2, 3]]
        );
        assert_eq!(
            given(&specs, &["a=[[1],[4]]", "b=[[2,3],[5,6]]"], true).unwrap(),
            [vec![1, 2, 3], vec![4, 5, 6]]
        );
    }

    #[test]
    fn the_only_input_needs_no_name() {
        assert_eq!(given(&[spec("a", 2)], &["[1,2]"], false).unwrap(), [vec![1, 2]]);
    }

    #[test]
    fn no_inputs_are_no_bytes() {
        assert_eq!(given(&[], &[], false).unwrap(), [Vec::<u8>::new()]);
        assert!(given(&[], &[], true).unwrap_err().contains("no inputs"));
    }

    #[test]
    fn the_longest_name_is_meant() {
        let specs = [spec("a", 1), spec("a=b", 1)];
        assert_eq!(given(&specs, &["a=b=[2]", "a=[1]"], false).unwrap(), [vec![1, 2]]);
    }

    #[test]
    fn what_does_not_belong_to_the_model_is_refused_by_name() {
        let specs = [spec("a", 1), spec("b", 2)];
        let cases: [(&[&str], &str); 7] = [
            (
                &["a=[1]"],
                "the input `b` is missing; its inputs are `a` (u8 [1, 1]), `b` (u8 [1, 2])",
            ),
            (&[], "the input `a` is missing"),
            (&["a=[1]", "b=[1,2]", "c=[1]"], "no input `c`"),
            (&["c=x.npy"], "no input `c`"),
            (&["a=[1]", "a=[1]", "b=[1,2]"], "`a` is given twice"),
            (&["[1]"], "say which input it is, as NAME=[1]"),
            (&["a=[1]", "x.npy"], "say which input it is, as NAME=x.npy"),
        ];
        for (arguments, expected) in cases {
            let error = given(&specs, arguments, false).unwrap_err();
            assert!(error.contains(expected), "{error}: {expected}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_tensor_is_said_with_its_name() {
        let error = given(&[spec("a", 2)], &["a=[1]"], false).unwrap_err();
        assert_eq!(error, "input `a` (u8 [1, 2]), [1]: the shape is [1], not [1, 2]");
        let error = given(&[spec("a", 2)], &["a=nowhere.npy"], false).unwrap_err();
        assert!(
            error.starts_with("input `a` (u8 [1, 2]), nowhere.npy: No such file"),
            "{error}"
        );
    }

    #[test]
    fn batches_are_of_one_length() {
        let specs = [spec("a", 1), spec("b", 1)];
        let error = given(&specs, &["a=[[1],[2]]", "b=[[1]]"], true).unwrap_err();
        assert!(
            error.contains("`b` has 1 entries, and the first input 2"),
            "{error}"
        );
        assert!(given(&specs[..1], &["[]"], true)
            .unwrap_err()
            .contains("no entries"));
    }
}
