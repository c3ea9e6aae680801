//! What a user decides about a model before it is packed.

use std::collections::HashSet;

use crate::tensors::source::Source;
use crate::tensors::{Tensor, TensorError};

/// A tensor that takes the place of an input.
pub type ConstantTensor = Tensor;

/// What is decided about a model's open ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Sizes of symbolic dimensions, by name.
    pub dims: Vec<(String, u64)>,
    /// Inputs that are the same in every run, by name.
    ///
    /// Their type is the file's own; of JSON it is `i64` where all values are integers, `f32` for other numbers, `bool` for
    /// `true` and `false`. [`Tensor::converted`] gives the type that the model wants.
    pub constants: Vec<(String, ConstantTensor)>,
}

/// Why an option is none.
#[derive(Debug, thiserror::Error)]
pub enum OptionError {
    /// A dimension is not `NAME=SIZE`.
    #[error("`{0}` is not NAME=SIZE with a size from 1 on")]
    BadDimension(String),
    /// A constant is not `NAME=SOURCE`.
    #[error("`{0}` is not NAME=FILE.npy, NAME=FILE.json or NAME=[1,2,3]")]
    BadConstant(String),
    /// A constant cannot be read.
    #[error("constant `{name}`, {argument}: {error}")]
    Unreadable {
        /// Its name.
        name: String,
        /// Where it is.
        argument: String,
        /// Why.
        error: Box<TensorError>,
    },
    /// Two options have the same name.
    #[error("`{0}` is given twice")]
    Repeated(String),
}

impl Options {
    /// Reads arguments of the forms `NAME=SIZE` and `NAME=SOURCE`.
    pub fn parse(dims: &[String], constants: &[String]) -> Result<Self, OptionError> {
        let dims = dims.iter().map(|argument| dimension(argument));
        let constants = constants.iter().map(|argument| constant(argument));
        let options = Self {
            dims: dims.collect::<Result<_, _>>()?,
            constants: constants.collect::<Result<_, _>>()?,
        };
        refuse_repeated(options.dims.iter().map(|(name, _)| name))?;
        refuse_repeated(options.constants.iter().map(|(name, _)| name))?;
        Ok(options)
    }

    /// Whether nothing was decided.
    pub fn is_empty(&self) -> bool {
        self.dims.is_empty() && self.constants.is_empty()
    }
}

fn dimension(argument: &str) -> Result<(String, u64), OptionError> {
    let parts = argument.rsplit_once('=');
    let dimension = parts.and_then(|(name, size)| Some((name, size.parse().ok()?)));
    match dimension {
        Some((name, size)) if !name.is_empty() && size > 0 => Ok((name.to_string(), size)),
        _ => Err(OptionError::BadDimension(argument.to_string())),
    }
}

fn constant(argument: &str) -> Result<(String, ConstantTensor), OptionError> {
    let parts = argument.split_once('=').filter(|(name, _)| !name.is_empty());
    let (name, source) = parts.ok_or_else(|| OptionError::BadConstant(argument.to_string()))?;
    let source = Source::of(source);
    let tensor = source.read_as_it_is();
    let tensor = tensor.map_err(|error| OptionError::Unreadable {
        name: name.to_string(),
        argument: source.to_string(),
        error: error.into(),
    })?;
    Ok((name.to_string(), tensor))
}

fn refuse_repeated<'a>(mut names: impl Iterator<Item = &'a String>) -> Result<(), OptionError> {
    let mut seen = HashSet::new();
    match names.find(|name| !seen.insert(*name)) {
        Some(name) => Err(OptionError::Repeated(name.clone())),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::Dtype;

    fn parse(dims: &[&str], constants: &[&str]) -> Result<Options, OptionError> {
        let owned = |texts: &[&str]| texts.iter().map(|text| text.to_string()).collect::<Vec<_>>();
        Options::parse(&owned(dims), &owned(constants))
    }

    #[test]
    fn dimensions_and_constants_have_names() {
        let options = parse(&["batch=1", "a=b=7"], &["mask=[[1,1]]", "x=0.5"]).unwrap();
        assert_eq!(options.dims, [("batch".into(), 1), ("a=b".into(), 7)]);
        let mask = ConstantTensor {
            dtype: Dtype::I64,
            shape: vec![1, 2],
            bytes: [1_i64, 1].map(i64::to_le_bytes).concat(),
        };
        assert_eq!(options.constants[0], ("mask".into(), mask));
        assert_eq!(options.constants[1].1.dtype, Dtype::F32);
        assert!(!options.is_empty() && Options::default().is_empty());
    }

    #[test]
    fn what_is_no_option_is_refused_by_name() {
        for dimension in ["batch", "batch=0", "batch=-1", "batch=x", "=3"] {
            let error = parse(&[dimension], &[]).unwrap_err();
            assert!(matches!(error, OptionError::BadDimension(text) if text == dimension));
        }
        for constant in ["mask", "=[1]"] {
            let error = parse(&[], &[constant]).unwrap_err();
            assert!(matches!(error, OptionError::BadConstant(text) if text == constant));
        }
        let error = parse(&[], &["mask=nowhere.npy"]).unwrap_err().to_string();
        assert!(
            error.starts_with("constant `mask`, nowhere.npy: No such file"),
            "{error}"
        );
        let error = parse(&[], &["mask=bytes.raw"]).unwrap_err().to_string();
        assert!(error.contains("not a .npy or .json file"), "{error}");
        let error = parse(&["n=1", "n=2"], &[]).unwrap_err();
        assert!(matches!(error, OptionError::Repeated(name) if name == "n"));
    }
}
