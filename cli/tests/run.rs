//! `assay run` reads inputs in all their forms and prints named outputs.

mod assay;
mod program;

use assay::{checksum, npy, repository, spec, Folder};
use assay_cli::package::Dtype;
use assay_cli::tensors::npy::Array;
use program::package_model;
use serde_json::{json, Value};

const IMAGE_LEN: usize = 256;
const CLASSES: usize = 10;

/// A folder with the convolutional network, and the images of the test split.
fn digits(test: &str) -> (Folder, Vec<u8>) {
    let folder = Folder::new(test);
    let mut package = package_model(&repository("models/digits/cnn.onnx"), "cnn").unwrap();
    package.manifest.labels = (0..CLASSES).map(|digit| format!("digit {digit}")).collect();
    folder.write_package("cnn.assay", &package);
    (folder, repository("models/digits/test_inputs.f32"))
}

/// A folder with the sum of the bytes `a`, two of them, and `b`, three.
fn sums(test: &str) -> Folder {
    let folder = Folder::new(test);
    let inputs = vec![spec("a", Dtype::U8, &[1, 2]), spec("b", Dtype::U8, &[3])];
    folder.write_package("sum.assay", &checksum(inputs, 2));
    folder
}

fn sum_of(report: &Value) -> i64 {
    report["outputs"]["sum"]["data"][0].as_i64().unwrap()
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    let words = bytes.chunks_exact(4);
    words
        .map(|word| f32::from_le_bytes(word.try_into().unwrap()))
        .collect()
}

#[test]
fn an_input_gives_the_same_answer_in_every_form() {
    let (folder, inputs) = digits("forms");
    let image = &inputs[..IMAGE_LEN];
    let values = floats(image);
    let nested = json!([[values.chunks(8).collect::<Vec<_>>()]]).to_string();
    let doubles = values.iter().flat_map(|value| f64::from(*value).to_le_bytes());
    folder.write("image.f32", image);
    folder.write("image.raw", image);
    folder.write("image.npy", &npy("<f4", "(1, 1, 8, 8)", image));
    folder.write("short.npy", &npy("<f4", "(8, 8)", image));
    folder.write(
        "double.npy",
        &npy("<f8", "(1, 1, 8, 8)", &doubles.collect::<Vec<_>>()),
    );
    folder.write("image.json", nested.as_bytes());
    folder.write("flat.json", json!(values).to_string().as_bytes());
    let expected = folder.json(&["run", "cnn.assay", "--input", "image.f32"]);
    for input in [
        "image=image.f32",
        "image.raw",
        "image=image.npy",
        "image.npy",
        "image=short.npy",
        "image=double.npy",
        "image=image.json",
        "flat.json",
        &format!("image={nested}"),
    ] {
        let report = folder.json(&["run", "cnn.assay", "--input", input]);
        assert_eq!(report, expected, "{input}");
    }
}

#[test]
fn outputs_are_printed_by_name_with_shape_type_and_values() {
    let (folder, inputs) = digits("named");
    folder.write("image", &inputs[..IMAGE_LEN]);
    let report = folder.json(&["run", "cnn.assay", "--input", "image"]);
    let output = &report["outputs"]["probabilities"];
    assert_eq!(output["shape"], json!([1, 10]));
    assert_eq!(output["type"], "f32");
    let reference = floats(&repository("models/digits/cnn.reference.f32"));
    let values = output["data"].as_array().unwrap();
    assert_eq!(values.len(), CLASSES);
    for (actual, expected) in values.iter().zip(reference) {
        assert!((actual.as_f64().unwrap() - f64::from(expected)).abs() < 1e-5);
    }
    let package = std::fs::read(folder.path("cnn.assay")).unwrap();
    let steps = assay_cli::package::Package::decode(&package)
        .unwrap()
        .manifest
        .steps;
    assert_eq!(report["steps"], steps);
    assert!(report["fuel"].as_u64().unwrap() > 1_000_000);
}

#[test]
fn a_person_reads_the_likeliest_classes() {
    let (folder, inputs) = digits("classes");
    folder.write("image", &inputs[..IMAGE_LEN]);
    let text = folder.text(&["run", "cnn.assay", "--input", "image"]);
    let [output, classes @ .., end] = &text.lines().collect::<Vec<_>>()[..] else {
        panic!("{text}")
    };
    assert!(output.starts_with("probabilities  f32 [1, 10]  "), "{text}");
    assert_eq!(classes.len(), 5, "{text}");
    assert!(
        classes[0].contains(" %  ") && classes[0].ends_with("digit 9"),
        "{text}"
    );
    assert!(
        end.contains(" steps, ") && end.ends_with(" fuel, by wasmi"),
        "{text}"
    );
}

#[test]
fn every_executor_gives_the_same_states_and_outputs() {
    let (folder, inputs) = digits("executors");
    folder.write("image", &inputs[..IMAGE_LEN]);
    let line = ["run", "cnn.assay", "--input", "image", "--states", "--executor"];
    let by = |executor| folder.json(&[&line[..], &[executor]].concat());
    let wasmi = by("wasmi");
    for other in [by("jit"), by("native")] {
        assert_eq!(wasmi["outputs"], other["outputs"]);
        assert_eq!(wasmi["states"], other["states"]);
        assert_eq!(other["fuel"], Value::Null);
    }
    let states = wasmi["states"].as_array().unwrap().len() as u64;
    assert_eq!(wasmi["steps"], states - 1);
    let unknown = folder.assay(&[&line[..], &["abacus"]].concat());
    assert_eq!(unknown.status.code(), Some(2));
}

#[test]
fn a_batch_runs_once_for_each_entry() {
    let (folder, inputs) = digits("batch");
    let images = &inputs[..3 * IMAGE_LEN];
    folder.write("images.npy", &npy("<f4", "(3, 1, 8, 8)", images));
    folder.write("images.raw", images);
    let report = folder.json(&["run", "cnn.assay", "--input", "images.npy", "--batch"]);
    let runs = report["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 3);
    for (run, image) in runs.iter().zip(images.chunks(IMAGE_LEN)) {
        folder.write("image", image);
        assert_eq!(*run, folder.json(&["run", "cnn.assay", "--input", "image"]));
    }
    let raw = folder.json(&["run", "cnn.assay", "--input", "image=images.raw", "--batch"]);
    assert_eq!(raw, report);
    let one = folder.json(&["run", "cnn.assay", "--input", "image", "--batch"]);
    assert_eq!(one["runs"].as_array().unwrap().len(), 1);
}

#[test]
fn a_batch_of_several_inputs_is_of_one_length() {
    let folder = sums("batches");
    let two = "b=[[1,2,3],[4,5,6]]";
    let batch = |a: &'static str| ["run", "sum.assay", "--batch", "--input", two, "--input", a];
    let report = folder.json(&batch("a=[[1,1],[2,2]]"));
    let sums = report["runs"].as_array().unwrap().iter().map(sum_of);
    assert_eq!(sums.collect::<Vec<_>>(), [8, 19]);
    folder.write("all", &[1, 1, 1, 2, 3, 2, 2, 4, 5, 6]);
    let all = folder.json(&["run", "sum.assay", "--batch", "--input", "all"]);
    assert_eq!(all, report);
    let error = folder.error(&batch("a=[[1,1]]"));
    assert!(
        error.contains("`b` has 2 entries, and the first input 1"),
        "{error}"
    );
}

#[test]
fn outputs_are_written_as_npy_files() {
    let (folder, inputs) = digits("written");
    let line = ["run", "cnn.assay", "--input", "image", "--output", "answers"];
    folder.write("image", &inputs[..2 * IMAGE_LEN]);
    let text = folder.text(&[&line[..], &["--batch"]].concat());
    assert!(text.ends_with("written to answers/probabilities.npy\n"), "{text}");
    let file = std::fs::read(folder.path("answers/probabilities.npy")).unwrap();
    let array = Array::parse(&file).unwrap();
    assert_eq!(array.shape, [2, 1, 10]);
    let batch = array.numbers().map(|number| number.single().unwrap());
    let batch = batch.collect::<Vec<_>>();
    for (image, expected) in inputs.chunks(IMAGE_LEN).zip(batch.chunks(CLASSES)) {
        folder.write("image", image);
        folder.text(&line);
        let file = std::fs::read(folder.path("answers/probabilities.npy")).unwrap();
        assert_eq!(Array::parse(&file).unwrap().shape, [1, 10]);
        assert_eq!(floats(&file[file.len() - 4 * CLASSES..]), expected);
    }
}

#[test]
fn a_name_does_not_lead_out_of_the_folder() {
    let folder = Folder::new("names");
    let mut package = checksum(Vec::new(), 1);
    package.manifest.outputs[0].name = "../sum".into();
    folder.write_package("sum.assay", &package);
    folder.text(&["run", "sum.assay", "--output", "answers"]);
    assert!(folder.path("answers/_.._sum.npy").exists());
    assert!(!folder.path("sum.npy").exists());
}

#[test]
fn inputs_are_told_by_their_names() {
    let folder = sums("sums");
    folder.write(
        "b.npy",
        &npy("<i4", "(3,)", &[1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0]),
    );
    let named = ["run", "sum.assay", "--input", "b=b.npy", "--input", "a=[10, 20]"];
    assert_eq!(sum_of(&folder.json(&named)), 36);
    folder.write("all", &[1, 2, 3, 4, 5]);
    assert_eq!(sum_of(&folder.json(&["run", "sum.assay", "--input", "all"])), 15);
}

#[test]
fn what_is_wrong_with_an_input_is_said() {
    let folder = sums("wrong");
    folder.write("cut.npy", &npy("|u1", "(3,)", &[1, 2]));
    folder.write("wide.npy", &npy("|u1", "(1, 2, 1)", &[1, 2]));
    folder.write("great.npy", &npy("<i4", "(2,)", &[0, 1, 0, 0, 1, 0, 0, 0]));
    folder.write("half.npy", &npy("<f4", "(2,)", &[0, 0, 0, 63, 0, 0, 0, 63]));
    folder.write("picture.png", b"none");
    folder.write("all", &[1, 2, 3, 4]);
    let b = "b=[1,2,3]";
    let cases: [(&[&str], &str); 16] = [
        (&[], "the input `a` is missing; its inputs are `a` (u8 [1, 2]), `b` (u8 [3])"),
        (&["a=[1,2]"], "the input `b` is missing"),
        (&["c=[1,2]"], "the model has no input `c`; its inputs are `a`"),
        (&["a=[1,2]", "a=[1,2]", b], "the input `a` is given twice"),
        (
            &["a=[1,2]", "b=cut.npy"],
            "input `b` (u8 [3]), cut.npy: not an npy file that can be read: 2 bytes are not the elements of u8 [3]",
        ),
        (&["a=[1,2]", "b=all.npy"], "input `b` (u8 [3]), all.npy: No such file"),
        (&["a=wide.npy", b], "wide.npy: the shape is [1, 2, 1], not [1, 2]"),
        (&["a=great.npy", b], "great.npy: element 0 is 256 (i32), which u8 cannot hold"),
        (&["a=half.npy", b], "half.npy: element 0 is 0.5 (f32), which u8 cannot hold"),
        (&["a=[1,-2]", b], "element 1 is -2 (an integer), which u8 cannot hold"),
        (&["a=[1,[2]]", b], "its lists are of different lengths"),
        (&["a=picture.png", b], "picture.png: The image format could not be determined"),
        (&["a=all", b], "all: 4 raw bytes, not the 2 of u8 [1, 2]"),
        (&["all"], "all: 4 raw bytes, not the 5 of all inputs together"),
        (&["wide.npy"], "say which input it is, as NAME=wide.npy"),
        (&["nowhere"], "nowhere: No such file"),
    ];
    for (arguments, expected) in cases {
        let inputs = arguments.iter().flat_map(|input| ["--input", *input]);
        let error = folder.error(&[vec!["run", "sum.assay"], inputs.collect()].concat());
        assert!(
            error.starts_with("error: ") && error.contains(expected),
            "{error}: {expected}"
        );
    }
}

#[test]
fn a_package_without_inputs_takes_bytes_or_nothing() {
    let folder = Folder::new("bare");
    let mut package = checksum(Vec::new(), 2);
    folder.write_package("sum.assay", &package);
    folder.write("bytes", &[7; 4096]);
    let report = folder.json(&["run", "sum.assay", "--input", "bytes"]);
    assert_eq!(sum_of(&report), 7 * 4096);
    assert_eq!(sum_of(&folder.json(&["run", "sum.assay"])), 0);
    package.manifest.outputs.clear();
    folder.write_package("bare.assay", &package);
    let report = folder.json(&["run", "bare.assay", "--input", "bytes", "--states"]);
    assert_eq!(report["outputs"], json!({}));
    assert_eq!(report["states"].as_array().unwrap().len(), 3);
}

#[test]
fn an_output_of_another_length_than_the_manifests_is_refused() {
    let folder = Folder::new("length");
    let mut package = checksum(Vec::new(), 1);
    package.manifest.outputs[0].shape = vec![2];
    folder.write_package("sum.assay", &package);
    let error = folder.error(&["run", "sum.assay"]);
    assert!(
        error.contains("gives 8 bytes, and the package's outputs have 16"),
        "{error}"
    );
}

#[test]
fn control_characters_of_an_output_stay_off_the_terminal() {
    let folder = Folder::new("control");
    let mut package = checksum(Vec::new(), 1);
    package.manifest.outputs[0].name = "\u{1b}[2J".into();
    folder.write_package("sum.assay", &package);
    let text = folder.text(&["run", "sum.assay"]);
    assert!(text.starts_with(r"\u{1b}[2J  i64 [1]  0"), "{text}");
    let text = folder.text(&["verify", "sum.assay", "--expect", "[1]", "--atol", "2"]);
    assert!(text.contains(r"\u{1b}[2J: all 1 values"), "{text}");
    let error = folder.error(&["verify", "sum.assay", "--expect", "x=[1]"]);
    assert!(error.contains(r"`\u{1b}[2J` (i64 [1])"), "{error}");
}

#[test]
fn a_picture_becomes_a_tensor() {
    let folder = Folder::new("picture");
    let inputs = vec![spec("image", Dtype::U8, &[1, 3, 4, 4])];
    folder.write_package("sum.assay", &checksum(inputs, 2));
    let picture = image::RgbImage::from_pixel(9, 7, image::Rgb([1, 2, 3]));
    picture.save(folder.path("picture.png")).unwrap();
    picture.save(folder.path("picture.JPG")).unwrap();
    let run = ["run", "sum.assay", "--input"];
    let plain = folder.json(&[&run[..], &["image=picture.png"]].concat());
    assert_eq!(sum_of(&plain), 16 * 6);
    let scaled = ["picture.png", "--scale", "10", "--mean", "10,0,-5"];
    assert_eq!(
        sum_of(&folder.json(&[&run[..], &scaled].concat())),
        16 * (20 + 35)
    );
    folder.json(&[&run[..], &["picture.JPG"]].concat());
    let error = folder.error(&[&run[..], &["picture.png", "--batch"]].concat());
    assert!(error.contains("a picture is no batch"), "{error}");
}
