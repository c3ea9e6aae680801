//! `assay verify` finds what differs, and `assay inspect` says what a run takes.

mod assay;
mod program;

use assay::{checksum, npy, repository, spec, Folder};
use assay_cli::compare::{compare, Comparison, What};
use assay_cli::executors::{ExecutorKind, Stepper};
use assay_cli::package::{Dtype, Package};
use assay_cli::run::Runner;
use assay_engine::executor::{ExecutorError, StepRun};
use assay_engine::memory::Region;
use assay_engine::{Machine, Program};
use program::package_model;
use serde_json::{json, Value};

const IMAGE_LEN: usize = 256;

/// A folder with the convolutional network, an image and onnxruntime's answer.
fn digits(test: &str) -> Folder {
    let folder = Folder::new(test);
    let package = package_model(&repository("models/digits/cnn.onnx"), "cnn").unwrap();
    folder.write_package("cnn.assay", &package);
    folder.write("image", &repository("models/digits/test_inputs.f32")[..IMAGE_LEN]);
    folder.write(
        "probabilities",
        &repository("models/digits/cnn.reference.f32")[..40],
    );
    folder
}

type Lie = fn(&mut Machine, StepRun) -> Result<StepRun, ExecutorError>;

/// The interpreter, which does something else at one step.
struct Liar {
    step: u64,
    honest: Box<dyn Stepper>,
    lie: Lie,
}

impl Stepper for Liar {
    fn step(&self, machine: &mut Machine) -> Result<Option<StepRun>, ExecutorError> {
        let is_now = machine.steps() == self.step;
        match self.honest.step(machine)? {
            Some(run) if is_now => (self.lie)(machine, run).map(Some),
            run => Ok(run),
        }
    }
}

/// A sum over five chunks of input, in six steps.
fn sum_of_chunks() -> Package {
    checksum(vec![spec("x", Dtype::U8, &[20_000])], 6)
}

fn liar(package: &Package, step: u64, lie: Lie) -> Runner<'_> {
    let program = Program::new(package.program.clone()).unwrap();
    let honest = ExecutorKind::Wasmi.load(&program).unwrap();
    Runner::of(package, "liar".into(), Box::new(Liar { step, honest, lie }))
}

/// What the executors and a liar beside them come to.
fn compare_with_liar(step: u64, lie: Lie, witnesses: u64) -> Comparison {
    let package = sum_of_chunks();
    let runners = [
        Runner::new(&package).unwrap(),
        Runner::with(&package, ExecutorKind::Jit).unwrap(),
        liar(&package, step, lie),
    ];
    compare(&package, &runners, &[3; 20_000], witnesses).unwrap()
}

/// Writes what the program does not.
fn change_memory(machine: &mut Machine, run: StepRun) -> Result<StepRun, ExecutorError> {
    machine.memory().write(Region::Work.start(), b"lie")?;
    Ok(run)
}

#[test]
fn executors_that_agree_have_no_difference() {
    let comparison = compare_with_liar(9, |_, run| Ok(run), 1000);
    assert_eq!((comparison.steps, comparison.witnesses), (6, 6));
    assert_eq!(comparison.difference, None);
    assert_eq!(comparison.answer.unwrap().output, 60_000_u64.to_le_bytes());
    assert!(
        comparison.greatest_witness > 4096,
        "{}",
        comparison.greatest_witness
    );
}

#[test]
fn the_step_and_the_executor_that_differ_are_named() {
    let comparison = compare_with_liar(3, change_memory, 0);
    let difference = comparison.difference.unwrap();
    assert_eq!((difference.step, &difference.executor[..]), (3, "liar"));
    assert!(matches!(difference.what, What::State { expected, actual } if expected != actual));
    assert_eq!((comparison.steps, comparison.answer), (3, None));
}

#[test]
fn a_witness_that_lacks_a_chunk_is_found() {
    let leaves_out = |_: &mut Machine, mut run: StepRun| {
        run.touched.pop_first();
        Ok(run)
    };
    let difference = compare_with_liar(2, leaves_out, 1000).difference.unwrap();
    assert_eq!((difference.step, &difference.executor[..]), (2, "liar"));
    assert_eq!(difference.what, What::Witness("Incomplete".into()));
    // Where nobody looks at that witness, nobody finds it: steps 0 and 5.
    let unseen = compare_with_liar(2, leaves_out, 2);
    assert_eq!((unseen.difference, unseen.witnesses), (None, 2));
}

#[test]
fn a_step_that_all_executors_get_wrong_is_found_by_its_witness() {
    let package = sum_of_chunks();
    let liars = [3, 3].map(|step| liar(&package, step, change_memory));
    let comparison = compare(&package, &liars, &[3; 20_000], 6).unwrap();
    let difference = comparison.difference.unwrap();
    assert_eq!(difference.step, 3);
    assert_eq!(difference.what, What::Witness("it leads to another state".into()));
}

#[test]
fn an_executor_that_fails_is_named() {
    let comparison = compare_with_liar(1, |_, _| Err(ExecutorError::BadModule), 0);
    let difference = comparison.difference.unwrap().to_string();
    assert!(difference.starts_with("step 1: liar fails: "), "{difference}");
}

#[test]
fn verify_compares_the_executors_and_the_expected_outputs() {
    let folder = digits("verify");
    let expect = "probabilities=probabilities";
    let verify = [
        "verify",
        "cnn.assay",
        "--input",
        "image=image",
        "--expect",
        expect,
    ];
    let report = folder.json(&verify);
    assert_eq!(report["same"], true);
    assert_eq!(report["executors"], json!(["wasmi", "jit", "native"]));
    assert_eq!(report["steps"], report["witnesses"]["verified"]);
    assert_eq!(report["difference"], Value::Null);
    let agreement = &report["expected"][0];
    assert_eq!(
        (&agreement["name"], &agreement["values"]),
        (&json!("probabilities"), &json!(10))
    );
    let text = folder.text(&verify);
    assert!(
        text.contains("executors  wasmi, jit, native\nstates     the same after each of "),
        "{text}"
    );
    assert!(text.contains("expected   probabilities: all 10 values"), "{text}");
    let some = folder.json(&["verify", "cnn.assay", "--input", "image", "--steps", "3"]);
    assert_eq!(some["witnesses"]["verified"], 3);
}

#[test]
fn an_output_that_is_not_as_expected_makes_verify_fail() {
    let folder = digits("differs");
    folder.write("zeros.npy", &npy("<f4", "(10,)", &[0; 40]));
    let verify = ["verify", "cnn.assay", "--input", "image", "--expect", "zeros.npy"];
    let output = folder.assay(&[&verify[..], &["--json"]].concat());
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["same"], false);
    // The states are the same all the same.
    assert_eq!(report["difference"], Value::Null);
    let agreement = &report["expected"][0];
    assert_eq!(
        (&agreement["same"], &agreement["first"]["index"]),
        (&json!(false), &json!(0))
    );
    let output = folder.assay(&verify);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("different  probabilities: "), "{text}");
    folder.text(&[&verify[..], &["--atol", "1"]].concat());
}

#[test]
fn an_expected_output_that_the_model_does_not_have_is_refused() {
    let folder = digits("unknown-output");
    let cases: [(&[&str], &str); 3] = [
        (
            &["logits=[1]"],
            "no output `logits`; its outputs are `probabilities` (f32 [1, 10])",
        ),
        (
            &["probabilities=[1]"],
            "output `probabilities` (f32 [1, 10]), [1]: the shape is [1]",
        ),
        (
            &["probabilities", "probabilities=probabilities"],
            "the output `probabilities` is given twice",
        ),
    ];
    for (expect, expected) in cases {
        let expect = expect.iter().flat_map(|argument| ["--expect", *argument]);
        let verify = vec!["verify", "cnn.assay", "--input", "image"];
        let error = folder.error(&[verify, expect.collect()].concat());
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_run_without_an_answer_is_an_error_of_verify() {
    let folder = Folder::new("endless");
    let package = checksum(vec![spec("x", Dtype::U8, &[8192])], 2);
    folder.write_package("cut.assay", &package);
    folder.write("x", &[1; 8192]);
    let error = folder.error(&["verify", "cut.assay", "--input", "x"]);
    assert!(error.contains("no answer after 2 steps"), "{error}");
}

#[test]
fn inspect_says_what_a_package_takes_on_chain() {
    let folder = Folder::new("inspect");
    let mut package = checksum(Vec::new(), 1);
    package.params = vec![1; 300_000];
    package.manifest.params_len = 300_000;
    folder.write_package("sum.assay", &package);
    let report = folder.json(&["inspect", "sum.assay"]);
    assert_eq!(report["manifest"]["params_len"], 300_000);
    assert_eq!(
        (&report["params_chunks"], &report["segments"]),
        (&json!(74), &json!(2))
    );
    assert_eq!(report["deposits"]["params"], "130000000000");
    assert_eq!(report["operators"], json!([]));
    assert_eq!(report.get("run"), None);
    let text = folder.text(&["inspect", "sum.assay"]);
    assert!(
        text.contains("params   300000 bytes, 74 chunks, 2 segments to upload, 0x"),
        "{text}"
    );
    assert!(
        text.contains(" ASSAY for the program, 0.13 for the params"),
        "{text}"
    );
}

#[test]
fn inspect_says_what_a_run_and_a_dispute_take() {
    let folder = digits("profile");
    let report = folder.json(&["inspect", "cnn.assay", "--run", "--input", "image"]);
    let run = &report["run"];
    let answer = folder.json(&["run", "cnn.assay", "--input", "image"]);
    assert_eq!((&run["fuel"], &run["steps"]), (&answer["fuel"], &answer["steps"]));
    let greatest = |name: &str| run[name]["value"].as_u64().unwrap();
    assert!((1..=64).contains(&greatest("chunks_written")));
    assert!((greatest("chunks_written")..=128).contains(&greatest("chunks_touched")));
    assert!(greatest("step_fuel") < run["fuel"].as_u64().unwrap());
    // The step, a leaf, and two paths, besides the witness.
    let levels = u64::from(assay_engine::trace::levels(run["steps"].as_u64().unwrap()));
    let verified = folder.json(&["verify", "cnn.assay", "--input", "image"]);
    let witness = verified["witnesses"]["greatest_bytes"].as_u64().unwrap();
    let dispute = &run["dispute"];
    assert_eq!(
        dispute["proof_bytes"]["value"],
        witness + 8 + 32 + 2 * (1 + 32 * levels)
    );
    assert!(dispute["proof_weight"]["ref_time"].as_u64().unwrap() > 30_000_000_000);
    assert_eq!(dispute["reveals"], 0);
    let text = folder.text(&["inspect", "cnn.assay", "--run", "--input", "image"]);
    assert!(
        text.contains("dispute  0 reveals; a fraud proof of at most "),
        "{text}"
    );
}

#[test]
fn inspect_runs_on_zeros_where_no_input_is_given() {
    let folder = Folder::new("zeros");
    folder.write_package("sum.assay", &sum_of_chunks());
    let report = folder.json(&["inspect", "sum.assay", "--run"]);
    assert_eq!(report["run"]["steps"], 6);
    let error = folder.error(&["inspect", "sum.assay", "--input", "image"]);
    assert!(error.contains("--input is for --run"), "{error}");
}

#[test]
fn a_long_trace_takes_reveals() {
    let folder = Folder::new("long");
    let inputs = vec![spec("x", Dtype::U8, &[64 * 4096])];
    folder.write_package("long.assay", &checksum(inputs, 65));
    let report = folder.json(&["inspect", "long.assay", "--run"]);
    assert_eq!(report["run"]["steps"], 65);
    assert_eq!(report["run"]["dispute"]["reveals"], 1);
}

#[test]
fn pack_refuses_options_that_are_none() {
    let folder = Folder::new("options");
    folder.write("model.onnx", &repository("models/digits/mlp.onnx"));
    let cases = [
        (["--dim", "batch"], "`batch` is not NAME=SIZE"),
        (["--const", "mask"], "`mask` is not NAME=FILE.npy"),
        (
            ["--const", "mask=nowhere.npy"],
            "constant `mask`, nowhere.npy: No such file",
        ),
    ];
    for (option, expected) in cases {
        let error = folder.error(&[&["pack", "model.onnx", "-o", "out"][..], &option].concat());
        assert!(error.contains(expected), "{error}");
    }
    assert!(!folder.path("out").exists());
    folder.text(&["pack", "model.onnx", "-o", "out"]);
}
