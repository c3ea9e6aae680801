//! What the chain takes of a version: what it would refuse in the end is refused before anything is uploaded.

use assay_engine::limits::{MAX_INPUT_LEN, MAX_OUTPUT_LEN};

use crate::client::catalog::Limits;
use crate::commands::Usage;
use crate::package::{Manifest, TensorSpec};

/// Those of `pallets/models/src/{specs,types}.rs`, which are no constants of the runtime's metadata: bytes of a text, or how
/// many there are.
mod most {
    pub const NAME: u64 = 64;
    pub const DESCRIPTION: u64 = 256;
    pub const LICENSE: u64 = 64;
    pub const TENSORS: u64 = 8;
    pub const TENSOR_NAME: u64 = 32;
    pub const DIMENSIONS: u64 = 8;
    pub const LABELS: u64 = 64;
    pub const LABEL: u64 = 32;
    pub const LOCATIONS: u64 = 4;
    pub const LOCATION: u64 = 256;
}

/// What somebody wants to publish.
pub(super) struct Wish<'a> {
    pub(super) name: &'a str,
    pub(super) manifest: &'a Manifest,
    /// Parts of 10^9.
    pub(super) royalty: u32,
    /// Where the params are, if not on the chain.
    pub(super) locations: &'a [String],
}

/// What there is of something, the most that the chain takes, and what to do where that is less.
struct Measure {
    what: String,
    unit: &'static str,
    has: u64,
    most: u64,
    advice: &'static str,
}

const EXPORT: &str = "export the model otherwise";
const LABELS: &str = "pack it with fewer or shorter --labels, or without: they are for people alone";

/// Fails with the first limit that a version is beyond, and with what to do about it.
pub(super) fn check(wish: &Wish, limits: &Limits) -> Result<(), Usage> {
    if wish.name.is_empty() {
        return Err(Usage("a model has a name: --name gives it one".into()));
    }
    let manifest = wish.manifest;
    for (which, specs) in [("input", &manifest.inputs), ("output", &manifest.outputs)] {
        if let Some(empty) = specs.iter().find(|spec| spec.shape.contains(&0)) {
            let text = format!(
                "the {which} `{}` is empty, which the chain refuses: {EXPORT}",
                empty.name
            );
            return Err(Usage(text));
        }
    }
    let all = texts(wish)
        .into_iter()
        .chain(tensors("input", &manifest.inputs, MAX_INPUT_LEN.into()))
        .chain(tensors("output", &manifest.outputs, MAX_OUTPUT_LEN.into()))
        .chain(amounts(wish, limits));
    match all.into_iter().find(|measure| measure.has > measure.most) {
        None => Ok(()),
        Some(beyond) => Err(Usage(beyond.to_string())),
    }
}

impl std::fmt::Display for Measure {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let Self {
            what,
            unit,
            has,
            most,
            advice,
        } = self;
        write!(
            f,
            "{what}: {has} {unit}, and the chain takes {most} at most: {advice}"
        )
    }
}

fn measure(
    what: impl Into<String>,
    unit: &'static str,
    has: u64,
    most: u64,
    advice: &'static str,
) -> Measure {
    let what = what.into();
    Measure {
        what,
        unit,
        has,
        most,
        advice,
    }
}

fn text(what: impl Into<String>, text: &str, most: u64, advice: &'static str) -> Measure {
    measure(what, "bytes", text.len() as u64, most, advice)
}

fn texts(wish: &Wish) -> Vec<Measure> {
    let (manifest, again) = (wish.manifest, "pack it again with another");
    let mut all = vec![
        text(
            "the model's name",
            wish.name,
            most::NAME,
            "--name gives it another",
        ),
        text("the description", &manifest.description, most::DESCRIPTION, again),
        text("the license", &manifest.license, most::LICENSE, again),
        measure(
            "the labels",
            "entries",
            manifest.labels.len() as u64,
            most::LABELS,
            LABELS,
        ),
    ];
    let labels = manifest.labels.iter();
    all.extend(labels.map(|label| text(format!("the label `{label}`"), label, most::LABEL, LABELS)));
    let locations = wish.locations.iter();
    let shorter = "find a shorter one";
    all.extend(locations.map(|url| text(format!("the location {url}"), url, most::LOCATION, shorter)));
    all
}

fn tensors(which: &str, specs: &[TensorSpec], most_bytes: u64) -> Vec<Measure> {
    let mut all = vec![
        measure(
            format!("the {which}s"),
            "tensors",
            specs.len() as u64,
            most::TENSORS,
            EXPORT,
        ),
        measure(
            format!("all {which}s together"),
            "bytes",
            TensorSpec::bytes_of_all(specs),
            most_bytes,
            EXPORT,
        ),
    ];
    for TensorSpec { name, shape, .. } in specs {
        let rename = "rename it in the model";
        all.push(text(
            format!("the name of the {which} `{name}`"),
            name,
            most::TENSOR_NAME,
            rename,
        ));
        let axes = shape.len() as u64;
        all.push(measure(
            format!("the {which} `{name}`"),
            "dimensions",
            axes,
            most::DIMENSIONS,
            EXPORT,
        ));
    }
    all
}

fn amounts(wish: &Wish, limits: &Limits) -> Vec<Measure> {
    let (locations, params_len) = (wish.locations.len() as u64, wish.manifest.params_len);
    // Those that are elsewhere may be longer.
    let on_chain = if locations == 0 { params_len } else { 0 };
    let external = "keep them off the chain with --external";
    let (royalty, most_royalty) = (wish.royalty.into(), limits.royalty.into());
    vec![
        measure(
            "the locations",
            "entries",
            locations,
            most::LOCATIONS,
            "name fewer with --external",
        ),
        measure(
            "the royalty",
            "parts of 10^9",
            royalty,
            most_royalty,
            "ask for less with --royalty",
        ),
        measure("the params", "bytes", on_chain, limits.params_len, external),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::{Dtype, Hash};

    const LIMITS: Limits = Limits {
        params_len: 1_000,
        royalty: 500_000_000,
    };

    fn manifest() -> Manifest {
        let tensor = |name: &str| TensorSpec {
            name: name.into(),
            dtype: Dtype::F32,
            shape: vec![1, 2],
        };
        Manifest {
            name: "model".into(),
            description: String::new(),
            license: String::new(),
            labels: vec!["yes".into(), "no".into()],
            inputs: vec![tensor("x")],
            outputs: vec![tensor("y")],
            program_len: 0,
            params_len: 1_000,
            program_hash: Hash([0; 32]),
            steps: 1,
            source_hash: Hash([0; 32]),
        }
    }

    fn error(manifest: &Manifest, name: &str, royalty: u32, locations: &[String]) -> String {
        let wish = Wish {
            name,
            manifest,
            royalty,
            locations,
        };
        let result = check(&wish, &LIMITS);
        result.err().map(|Usage(text)| text).unwrap_or_default()
    }

    /// What is said of a manifest with a change.
    fn changed(change: impl FnOnce(&mut Manifest)) -> String {
        let mut manifest = manifest();
        change(&mut manifest);
        error(&manifest, "model", 0, &[])
    }

    #[test]
    fn what_is_at_its_limits_is_taken() {
        let full = changed(|manifest| {
            manifest.description = "d".repeat(256);
            manifest.license = "l".repeat(64);
            manifest.labels = vec!["l".repeat(32); 64];
            let mut tensor = manifest.inputs[0].clone();
            tensor.name = "t".repeat(32);
            tensor.shape = vec![1; 8];
            manifest.inputs = vec![tensor; 8];
        });
        assert_eq!(full, "");
        let locations = vec!["u".repeat(256); 4];
        assert_eq!(error(&manifest(), &"n".repeat(64), 500_000_000, &locations), "");
    }

    #[test]
    fn what_is_beyond_a_limit_is_named_with_what_to_do() {
        let cases = [
            (changed(|it| it.description = "d".repeat(257)), "the description: 257 bytes"),
            (changed(|it| it.license = "l".repeat(65)), "the license: 65 bytes"),
            (changed(|it| it.labels = vec!["l".into(); 65]), "the labels: 65 entries, and the chain takes 64"),
            (changed(|it| it.labels[1] = "l".repeat(33)), "--labels"),
            (changed(|it| it.inputs[0].name = "x".repeat(33)), "the name of the input `xxx"),
            (changed(|it| it.outputs[0].shape = vec![1; 9]), "the output `y`: 9 dimensions"),
            (changed(|it| it.outputs[0].shape = vec![0]), "is empty"),
            (changed(|it| it.inputs = vec![it.inputs[0].clone(); 9]), "the inputs: 9 tensors"),
            (changed(|it| it.inputs[0].shape = vec![u64::MAX, 2]), "all inputs together"),
            (changed(|it| it.params_len = 1_001), "the params: 1001 bytes, and the chain takes 1000 at most: keep them off the chain with --external"),
            (error(&manifest(), "", 0, &[]), "--name"),
            (error(&manifest(), &"n".repeat(65), 0, &[]), "the model's name: 65 bytes"),
            (error(&manifest(), "model", 500_000_001, &[]), "--royalty"),
            (error(&manifest(), "model", 0, &vec![String::new(); 5]), "the locations: 5 entries"),
            (error(&manifest(), "model", 0, &["u".repeat(257)]), "257 bytes"),
        ];
        for (error, expected) in cases {
            assert!(error.contains(expected), "{expected}: {error}");
        }
    }

    #[test]
    fn params_elsewhere_may_be_longer() {
        let mut manifest = manifest();
        manifest.params_len = 1 << 30;
        assert_eq!(error(&manifest, "model", 0, &["https://there".into()]), "");
    }

    #[test]
    fn the_limits_are_those_of_the_pallet() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../pallets/models/src/types.rs");
        let source = std::fs::read_to_string(path).unwrap();
        for line in [
            format!("name: Bytes<{}>", most::NAME),
            format!("description: Bytes<{}>", most::DESCRIPTION),
            format!("license: Bytes<{}>", most::LICENSE),
            format!("Tensors = BoundedVec<Tensor, ConstU32<{}>>", most::TENSORS),
            format!("name: Bytes<{}>", most::TENSOR_NAME),
            format!("shape: BoundedVec<u32, ConstU32<{}>>", most::DIMENSIONS),
            format!(
                "Labels = BoundedVec<Bytes<{}>, ConstU32<{}>>",
                most::LABEL,
                most::LABELS
            ),
            format!(
                "Locations = BoundedVec<Bytes<{}>, ConstU32<{}>>",
                most::LOCATION,
                most::LOCATIONS
            ),
        ] {
            assert!(source.contains(&line), "{line}");
        }
    }
}
