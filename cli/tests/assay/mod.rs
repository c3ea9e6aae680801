//! Packages on disk, and `assay` run on them.

#![allow(dead_code)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use assay_cli::package::{Dtype, Hash, Manifest, Package, TensorSpec};
use serde_json::Value;

/// A folder that is gone afterwards.
pub struct Folder(PathBuf);

impl Folder {
    /// The test's name makes it its own.
    pub fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("assay-{test}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// Where a file of it is.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a file of it.
    pub fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path(name), bytes).unwrap();
    }

    /// Writes a package of it.
    pub fn write_package(&self, name: &str, package: &Package) {
        self.write(name, &package.encode().unwrap());
    }

    /// Runs the tool in it.
    pub fn assay(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_assay"))
            .args(arguments)
            .current_dir(&self.0)
            .output()
            .unwrap()
    }

    /// What the tool prints, when it succeeds.
    pub fn text(&self, arguments: &[&str]) -> String {
        let output = self.assay(arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// What the tool prints as JSON, when it succeeds.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let arguments = [arguments, &["--json"]].concat();
        serde_json::from_str(&self.text(&arguments)).unwrap()
    }

    /// What the tool complains of, when it fails.
    pub fn error(&self, arguments: &[&str]) -> String {
        let output = self.assay(arguments);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(output.stdout.is_empty(), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A file of this repository.
pub fn repository(path: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A tensor of some package.
pub fn spec(name: &str, dtype: Dtype, shape: &[u64]) -> TensorSpec {
    TensorSpec {
        name: name.into(),
        dtype,
        shape: shape.to_vec(),
    }
}

/// A package that adds the bytes of its inputs, one chunk in a step, to the i64 `sum`.
pub fn checksum(inputs: Vec<TensorSpec>, steps: u64) -> Package {
    let program = repository("programs/dist/checksum.wasm");
    let hash = assay_engine::Program::new(program.clone()).unwrap().hash();
    let manifest = Manifest {
        name: "checksum".into(),
        description: String::new(),
        license: String::new(),
        labels: Vec::new(),
        inputs,
        outputs: vec![spec("sum", Dtype::I64, &[1])],
        program_len: program.len() as u64,
        params_len: 0,
        program_hash: Hash(hash),
        steps,
        source_hash: Hash::of(b""),
    };
    Package {
        manifest,
        program,
        params: Vec::new(),
    }
}

/// The file of an array.
pub fn npy(descr: &str, shape: &str, bytes: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n");
    let len = (header.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\0", &len[..], header.as_bytes(), bytes].concat()
}
