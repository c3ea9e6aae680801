//! What is not a package is refused by name, without a panic and without allocating what it announces.

use assay_cli::commands::{execute, Command, Inputs, Inspect, Unpack};
use assay_cli::package::{Dtype, Hash, Manifest, Package, PackageError, TensorSpec, TENSORS_MAX};
use assay_cli::NETWORK_PROGRAM;
use assay_engine::limits::MAX_STEPS;
use proptest::prelude::*;

fn package() -> Package {
    let program = NETWORK_PROGRAM.to_vec();
    let hash = assay_engine::Program::new(program.clone()).unwrap().hash();
    let manifest = Manifest {
        name: "a name".into(),
        description: String::new(),
        license: "CC0-1.0".into(),
        labels: vec!["yes".into(), "no".into()],
        inputs: Vec::new(),
        outputs: Vec::new(),
        program_len: program.len() as u64,
        params_len: 3,
        program_hash: Hash(hash),
        steps: 1,
        source_hash: Hash::of(b"source"),
    };
    Package {
        manifest,
        program,
        params: vec![1, 2, 3],
    }
}

/// A package whose manifest was changed.
fn with(change: impl FnOnce(&mut Manifest)) -> Result<Package, PackageError> {
    let mut package = package();
    change(&mut package.manifest);
    Package::decode(&package.encode().unwrap())
}

#[test]
fn a_package_survives_encoding() {
    let package = package();
    assert_eq!(Package::decode(&package.encode().unwrap()).unwrap(), package);
}

#[test]
fn a_package_cut_anywhere_is_truncated() {
    let bytes = package().encode().unwrap();
    for len in (0..1000).chain([bytes.len() - 4, bytes.len() - 1]) {
        let error = Package::decode(&bytes[..len]).unwrap_err();
        assert!(
            matches!(error, PackageError::Truncated { actual, .. } if actual == len as u64),
            "{len}: {error}"
        );
    }
}

#[test]
fn bytes_after_the_params_are_refused() {
    let mut bytes = package().encode().unwrap();
    bytes.push(0);
    assert!(matches!(
        Package::decode(&bytes),
        Err(PackageError::TrailingBytes(1))
    ));
}

#[test]
fn another_magic_is_refused() {
    let mut bytes = package().encode().unwrap();
    bytes[7] = b'2';
    assert!(matches!(Package::decode(&bytes), Err(PackageError::BadMagic)));
}

#[test]
fn a_manifest_that_announces_too_much_is_refused() {
    let mut bytes = package().encode().unwrap();
    bytes[8..12].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(
        matches!(Package::decode(&bytes), Err(PackageError::ManifestTooLarge(len)) if len == u64::from(u32::MAX))
    );
}

#[test]
fn a_manifest_that_is_not_json_is_refused() {
    let mut bytes = package().encode().unwrap();
    bytes[12] = b'!';
    assert!(matches!(
        Package::decode(&bytes),
        Err(PackageError::BadManifest(_))
    ));
}

#[test]
fn lengths_that_contradict_the_file_are_refused() {
    assert!(matches!(
        with(|manifest| manifest.params_len = u64::MAX),
        Err(PackageError::ImpossibleLength)
    ));
    assert!(matches!(
        with(|manifest| manifest.params_len = 1 << 60),
        Err(PackageError::Truncated { .. })
    ));
    assert!(matches!(
        with(|manifest| manifest.params_len = 2),
        Err(PackageError::TrailingBytes(1))
    ));
    assert!(matches!(
        with(|manifest| manifest.program_len -= 1),
        Err(PackageError::TrailingBytes(1))
    ));
}

#[test]
fn steps_that_no_run_may_have_are_refused() {
    for steps in [0, MAX_STEPS + 1, u64::MAX] {
        let error = with(|manifest| manifest.steps = steps).unwrap_err();
        assert!(matches!(error, PackageError::BadSteps(actual) if actual == steps));
    }
    with(|manifest| manifest.steps = MAX_STEPS).unwrap();
}

fn tensor(name: &str, dtype: Dtype, shape: &[u64]) -> TensorSpec {
    TensorSpec {
        name: name.into(),
        dtype,
        shape: shape.to_vec(),
    }
}

#[test]
fn tensors_that_nobody_can_hold_are_refused() {
    let most = TENSORS_MAX / 4;
    for shape in [&[most + 1][..], &[u64::MAX], &[u64::MAX, 2], &[1 << 32, 1 << 32]] {
        for change in [
            |manifest: &mut Manifest, tensor| manifest.inputs.push(tensor),
            |manifest: &mut Manifest, tensor| manifest.outputs.push(tensor),
        ] {
            let error = with(|manifest| change(manifest, tensor("x", Dtype::F32, shape))).unwrap_err();
            assert!(
                matches!(&error, PackageError::TensorsTooLarge(name) if name == "x"),
                "{error}"
            );
        }
    }
    let together = with(|manifest| {
        manifest.inputs = vec![tensor("x", Dtype::F32, &[most]), tensor("y", Dtype::Bool, &[1])];
    });
    assert!(matches!(together, Err(PackageError::TensorsTooLarge(name)) if name == "y"));
    with(|manifest| manifest.inputs = vec![tensor("x", Dtype::F32, &[most])]).unwrap();
}

#[test]
fn tensors_of_one_name_are_refused() {
    let twice = vec![tensor("x", Dtype::F32, &[1]), tensor("x", Dtype::I8, &[2])];
    let error = with(|manifest| manifest.outputs = twice).unwrap_err();
    assert!(
        matches!(&error, PackageError::RepeatedName(name) if name == "x"),
        "{error}"
    );
    with(|manifest| {
        manifest.inputs = vec![tensor("x", Dtype::F32, &[1])];
        manifest.outputs = vec![tensor("x", Dtype::F32, &[1])];
    })
    .unwrap();
}

#[test]
fn control_characters_of_a_manifest_stay_off_the_terminal() {
    let folder = std::env::temp_dir().join(format!("assay-inspect-{}", std::process::id()));
    let mut package = package();
    package.manifest.name = "a\u{1b}[2Jb\r\nsteps 7\u{9b}1m".into();
    package.manifest.labels = vec!["\u{7}".into()];
    package.manifest.license = "\u{8}".into();
    package.manifest.inputs = vec![TensorSpec {
        name: "\u{1b}".into(),
        dtype: Dtype::F32,
        shape: vec![1],
    }];
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("model.assay");
    std::fs::write(&file, package.encode().unwrap()).unwrap();
    let command = Command::Inspect(Inspect {
        package: file,
        run: false,
        inputs: Inputs::default(),
        json: false,
    });
    let report = execute(&command).unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(
        !report.chars().any(|char| char.is_control() && char != '\n'),
        "{report:?}"
    );
    assert!(
        report.contains(r"name     a\u{1b}[2Jb\r\nsteps 7\u{9b}1m"),
        "{report}"
    );
}

#[test]
fn a_program_of_another_hash_is_refused() {
    let error = with(|manifest| manifest.program_hash = Hash([0; 32])).unwrap_err();
    assert!(
        matches!(error, PackageError::WrongProgramHash { expected: Hash(expected), .. } if expected == [0; 32])
    );
}

#[test]
fn a_program_that_breaks_the_rules_is_refused() {
    let mut package = package();
    package.program[0] = 1;
    assert!(matches!(
        Package::decode(&package.encode().unwrap()),
        Err(PackageError::BadProgram(_))
    ));
}

proptest! {
    #[test]
    fn no_changed_byte_makes_decoding_panic(at in 0..2000_usize, byte: u8) {
        let mut bytes = package().encode().unwrap();
        bytes[at] = byte;
        let _ = Package::decode(&bytes);
    }
}

#[test]
fn unpacked_segments_are_the_params_in_order() {
    let folder = std::env::temp_dir().join(format!("assay-unpack-{}", std::process::id()));
    let params = (0..assay_engine::limits::SEGMENT_LEN + 5)
        .map(|i| i as u8)
        .collect::<Vec<_>>();
    let mut package = Package {
        params: params.clone(),
        ..package()
    };
    package.manifest.params_len = params.len() as u64;
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("model.assay");
    std::fs::write(&file, package.encode().unwrap()).unwrap();
    let command = Command::Unpack(Unpack {
        package: file,
        output: folder.join("parts"),
        external: false,
    });
    execute(&command).unwrap();
    // A second time overwrites what the first one wrote, and what a larger package left.
    std::fs::write(folder.join("parts/params.2"), b"stale").unwrap();
    std::fs::write(folder.join("parts/params.json"), b"kept").unwrap();
    execute(&command).unwrap();
    assert!(!folder.join("parts/params.2").exists());
    assert!(folder.join("parts/params.json").exists());
    let part = |name: &str| std::fs::read(folder.join("parts").join(name)).unwrap();
    assert_eq!(part("program.wasm"), package.program);
    assert_eq!([part("params.0"), part("params.1")].concat(), params);
    assert_eq!(part("params.1").len(), 5);
    std::fs::remove_dir_all(&folder).unwrap();
}
