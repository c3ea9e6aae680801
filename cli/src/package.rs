//! The file that the tools exchange: a program, its params and a manifest.
//!
//! ```text
//! 0  8   magic "ASSAYPK1"
//! 8  4   length of the manifest, little-endian
//! 12 ..  manifest: JSON, UTF-8
//!    ..  program: manifest.program_len bytes of WASM
//!    ..  params: manifest.params_len bytes
//! ```
//!
//! A package's id is the blake2b-256 hash of the file.

use std::collections::HashSet;

use assay_engine::limits::MAX_STEPS;
use serde::{Deserialize, Serialize};

/// The first bytes of a package.
pub const MAGIC: [u8; 8] = *b"ASSAYPK1";
/// The most bytes of a manifest.
pub const MANIFEST_MAX: usize = 1 << 20;
/// The most bytes of all inputs, and of all outputs. A job may have less.
pub const TENSORS_MAX: u64 = 1 << 26;

const PREFIX: usize = 12;

/// blake2b-256 of some bytes.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// The hash of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        let hash = blake2b_simd::Params::new().hash_length(32).hash(bytes);
        let mut array = [0; 32];
        array.copy_from_slice(hash.as_bytes());
        Self(array)
    }
}

impl std::fmt::Display for Hash {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str("0x")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::fmt::Debug for Hash {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

impl From<Hash> for String {
    fn from(hash: Hash) -> Self {
        hash.to_string()
    }
}

impl TryFrom<String> for Hash {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        const EXPECTED: &str = "a hash is 0x and 64 hexadecimal digits";
        let digits = text
            .strip_prefix("0x")
            .filter(|rest| rest.len() == 64)
            .ok_or(EXPECTED)?;
        let mut hash = [0; 32];
        for (byte, pair) in hash.iter_mut().zip(digits.as_bytes().chunks(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| EXPECTED)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| EXPECTED)?;
        }
        Ok(Self(hash))
    }
}

/// Type of a tensor's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dtype {
    /// IEEE 754 binary32.
    F32,
    /// Signed byte.
    I8,
    /// Unsigned byte.
    U8,
    /// Signed 32-bit integer.
    I32,
    /// Signed 64-bit integer.
    I64,
    /// A byte, 0 or 1.
    Bool,
}

impl Dtype {
    /// Bytes of one element.
    pub fn size(self) -> usize {
        match self {
            Self::I8 | Self::U8 | Self::Bool => 1,
            Self::F32 | Self::I32 => 4,
            Self::I64 => 8,
        }
    }
}

/// As in a manifest: `f32`.
impl std::fmt::Display for Dtype {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::I8 => "i8",
            Self::U8 => "u8",
            Self::I32 => "i32",
            Self::I64 => "i64",
            Self::Bool => "bool",
        })
    }
}

/// A tensor of a model's interface; its bytes are row-major and little-endian.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TensorSpec {
    /// The name it has in the model.
    pub name: String,
    /// Type of its elements.
    pub dtype: Dtype,
    /// Elements along each axis.
    pub shape: Vec<u64>,
}

impl TensorSpec {
    /// How many elements it has. `None` where nobody can count them.
    pub fn elements(&self) -> Option<u64> {
        elements(&self.shape)
    }

    /// How many bytes it has. `None` where nobody can count them.
    pub fn bytes(&self) -> Option<u64> {
        self.elements()?.checked_mul(self.dtype.size() as u64)
    }

    /// How many bytes all of them have. `u64::MAX` where nobody can count them: more than there may be.
    pub fn bytes_of_all(specs: &[Self]) -> u64 {
        let bytes = specs.iter().map(|spec| spec.bytes().unwrap_or(u64::MAX));
        bytes.fold(0, u64::saturating_add)
    }
}

/// How many elements a tensor of this shape has.
pub(crate) fn elements(shape: &[u64]) -> Option<u64> {
    shape
        .iter()
        .try_fold(1_u64, |product, len| product.checked_mul(*len))
}

/// Type and shape: `f32 [1, 10]`.
impl std::fmt::Display for TensorSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "{} {:?}", self.dtype, self.shape)
    }
}

/// What a package is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Name of the model.
    pub name: String,
    /// What the model does.
    pub description: String,
    /// SPDX expression of the model's license, or empty.
    pub license: String,
    /// What the classes of the first output are called, or nothing.
    pub labels: Vec<String>,
    /// The input, in the order in which the tensors lie in it.
    pub inputs: Vec<TensorSpec>,
    /// The output, in the order in which the tensors lie in it.
    pub outputs: Vec<TensorSpec>,
    /// Bytes of the program.
    pub program_len: u64,
    /// Bytes of the params.
    pub params_len: u64,
    /// The hash by which the step machine names the program.
    pub program_hash: Hash,
    /// Steps of one run.
    pub steps: u64,
    /// blake2b-256 of the file that the package was made of.
    pub source_hash: Hash,
}

/// A package in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// What it is.
    pub manifest: Manifest,
    /// WASM.
    pub program: Vec<u8>,
    /// What the program reads as `params`.
    pub params: Vec<u8>,
}

/// Why bytes are not a package.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// The file ends before its parts do.
    #[error("the package is truncated: {expected} bytes expected, {actual} there")]
    Truncated {
        /// Bytes that the file should have at least.
        expected: u64,
        /// Bytes that it has.
        actual: u64,
    },
    /// The file begins otherwise.
    #[error("not a package: the first bytes are not ASSAYPK1")]
    BadMagic,
    /// The manifest's length is beyond [`MANIFEST_MAX`].
    #[error("the manifest has {0} bytes, more than {MANIFEST_MAX}")]
    ManifestTooLarge(u64),
    /// The manifest is not what it should be.
    #[error("the manifest is malformed: {0}")]
    BadManifest(#[from] serde_json::Error),
    /// The program's and the params' lengths exceed what a file can have.
    #[error("the manifest's lengths are impossible")]
    ImpossibleLength,
    /// The file goes on after its parts.
    #[error("{0} bytes too many at the end of the package")]
    TrailingBytes(u64),
    /// The program is not the one that the manifest names.
    #[error("the program's hash is {actual}, not {expected} as the manifest says")]
    WrongProgramHash {
        /// The manifest's.
        expected: Hash,
        /// The program's.
        actual: Hash,
    },
    /// A run has no steps, or more than the step machine allows.
    #[error("the manifest says {0} steps, not 1 to {MAX_STEPS}")]
    BadSteps(u64),
    /// The inputs or the outputs have more bytes than [`TENSORS_MAX`].
    #[error("with the tensor `{0}`, the inputs or outputs have more than {TENSORS_MAX} bytes")]
    TensorsTooLarge(String),
    /// Two inputs, or two outputs, have the same name.
    #[error("two tensors are called `{0}`")]
    RepeatedName(String),
    /// The program breaks a rule of the step machine.
    #[error("the program cannot run: {0}")]
    BadProgram(assay_engine::ProgramError),
}

impl Package {
    /// The file's bytes.
    pub fn encode(&self) -> Result<Vec<u8>, PackageError> {
        let manifest = serde_json::to_vec(&self.manifest)?;
        if manifest.len() > MANIFEST_MAX {
            return Err(PackageError::ManifestTooLarge(manifest.len() as u64));
        }
        let manifest_len = manifest.len() as u32;
        Ok([
            &MAGIC[..],
            &manifest_len.to_le_bytes(),
            &manifest,
            &self.program,
            &self.params,
        ]
        .concat())
    }

    /// Reads a file's bytes and checks everything that they say.
    pub fn decode(bytes: &[u8]) -> Result<Self, PackageError> {
        let magic_len = bytes.len().min(MAGIC.len());
        if bytes[..magic_len] != MAGIC[..magic_len] {
            return Err(PackageError::BadMagic);
        }
        let (prefix, rest) = split(bytes, PREFIX as u64, 0)?;
        let manifest_len = u64::from(prefix.last_chunk().map_or(0, |len| u32::from_le_bytes(*len)));
        if manifest_len > MANIFEST_MAX as u64 {
            return Err(PackageError::ManifestTooLarge(manifest_len));
        }
        let (manifest, parts) = split(rest, manifest_len, PREFIX)?;
        let manifest: Manifest = serde_json::from_slice(manifest)?;
        if !(1..=MAX_STEPS).contains(&manifest.steps) {
            return Err(PackageError::BadSteps(manifest.steps));
        }
        check_tensors(&manifest.inputs)?;
        check_tensors(&manifest.outputs)?;
        let parts_len = manifest.program_len.checked_add(manifest.params_len);
        let parts_len = parts_len.ok_or(PackageError::ImpossibleLength)?;
        let (parts, trailing) = split(parts, parts_len, bytes.len() - parts.len())?;
        if !trailing.is_empty() {
            return Err(PackageError::TrailingBytes(trailing.len() as u64));
        }
        let (program, params) = parts.split_at(manifest.program_len as usize);
        check_program(program, manifest.program_hash)?;
        Ok(Self {
            program: program.to_vec(),
            params: params.to_vec(),
            manifest,
        })
    }
}

/// Splits `bytes`, which stand `offset` bytes into the file, after `len`.
fn split(bytes: &[u8], len: u64, offset: usize) -> Result<(&[u8], &[u8]), PackageError> {
    let truncated = PackageError::Truncated {
        expected: len.saturating_add(offset as u64),
        actual: (offset + bytes.len()) as u64,
    };
    let len = usize::try_from(len).map_err(|_| PackageError::ImpossibleLength)?;
    bytes.split_at_checked(len).ok_or(truncated)
}

fn check_tensors(specs: &[TensorSpec]) -> Result<(), PackageError> {
    let mut names = HashSet::new();
    let mut total = 0_u64;
    for spec in specs {
        let too_large = || PackageError::TensorsTooLarge(spec.name.clone());
        total = total.saturating_add(spec.bytes().ok_or_else(too_large)?);
        if total > TENSORS_MAX {
            return Err(too_large());
        }
        if !names.insert(&spec.name) {
            return Err(PackageError::RepeatedName(spec.name.clone()));
        }
    }
    Ok(())
}

fn check_program(program: &[u8], expected: Hash) -> Result<(), PackageError> {
    let program = assay_engine::Program::new(program.to_vec()).map_err(PackageError::BadProgram)?;
    let actual = Hash(program.hash());
    if actual != expected {
        return Err(PackageError::WrongProgramHash { expected, actual });
    }
    Ok(())
}
