//! The transformer, packed and run on texts by every executor, gives onnxruntime's scores.

mod assay;
mod program;

use assay::repository;
use assay_cli::executors::ExecutorKind;
use assay_cli::run::Runner;
use program::package_model;

const TEXTS: usize = 32;
const TEXT_LEN: usize = 64 * 8;
const LANGUAGES: usize = 10;
/// Of the value or of 1, whichever is greater.
const CLOSE: f32 = 1e-4;

fn floats(bytes: &[u8]) -> Vec<f32> {
    let values = bytes.as_chunks().0.iter();
    values.map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

#[test]
fn scores_of_every_text_are_onnxruntimes() {
    let package = package_model(&repository("models/languages/transformer.onnx"), "languages").unwrap();
    let texts = repository("models/languages/test_inputs.i64");
    let expected = floats(&repository("models/languages/transformer.reference.f32"));
    assert_eq!(
        (texts.len(), expected.len()),
        (TEXTS * TEXT_LEN, TEXTS * LANGUAGES)
    );
    let runners = ExecutorKind::ALL.map(|kind| Runner::with(&package, kind).unwrap());
    for (number, (text, expected)) in texts.chunks(TEXT_LEN).zip(expected.chunks(LANGUAGES)).enumerate() {
        let [first, others @ ..] = runners.each_ref().map(|runner| runner.run_traced(text).unwrap());
        for (actual, expected) in floats(&first.0.output).iter().zip(expected) {
            let most = CLOSE * expected.abs().max(1.0);
            assert!(
                (actual - expected).abs() <= most,
                "text {number}: {actual}, not {expected}"
            );
        }
        for other in others {
            assert_eq!(
                (other.0.output, other.1),
                (first.0.output.clone(), first.1.clone())
            );
        }
    }
}
