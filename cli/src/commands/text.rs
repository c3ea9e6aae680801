//! What a person reads.

use crate::package::{Dtype, TensorSpec};
use crate::tensors::number::Number;
use crate::tensors::numbers;

/// Values of a tensor that are shown.
const VALUES_SHOWN: usize = 16;
/// Classes that are shown, the likeliest first.
const CLASSES_SHOWN: usize = 5;

/// Text of a file that anyone may have written: control characters would command the terminal.
pub fn printable(text: &str) -> String {
    let escape = |char: char| match char.is_control() {
        true => char.escape_default().collect(),
        false => String::from(char),
    };
    text.chars().map(escape).collect()
}

/// Names, types and shapes.
pub fn specs(specs: &[TensorSpec]) -> String {
    let spec = |spec: &TensorSpec| format!("{} {spec}", printable(&spec.name));
    specs.iter().map(spec).collect::<Vec<_>>().join(", ")
}

/// A tensor's name, type, shape and first values.
fn tensor(spec: &TensorSpec, bytes: &[u8]) -> String {
    let values = numbers(spec.dtype, bytes).map(|value| value.to_string());
    let mut shown = values.take(VALUES_SHOWN).collect::<Vec<_>>();
    if bytes.len() > VALUES_SHOWN * spec.dtype.size() {
        shown.push("...".into());
    }
    format!("{}  {spec}  {}", printable(&spec.name), shown.join(", "))
}

/// Tensors, and the likeliest classes of the first, whose labels they are.
pub fn outputs(outputs: &[(&TensorSpec, &[u8])], labels: &[String]) -> Vec<String> {
    let mut lines = Vec::new();
    for (index, (spec, bytes)) in outputs.iter().enumerate() {
        lines.push(tensor(spec, bytes));
        if index == 0 {
            lines.extend(classes(spec, bytes, labels));
        }
    }
    lines
}

/// The likeliest classes of an output that has a value for each label: a share and a label in each line.
fn classes(spec: &TensorSpec, bytes: &[u8], labels: &[String]) -> Vec<String> {
    let axes = spec.shape.iter().filter(|len| **len != 1).count();
    let is_labelled = spec.dtype == Dtype::F32 && axes <= 1 && spec.elements() == Some(labels.len() as u64);
    let values = numbers(spec.dtype, bytes).map(Number::approximate);
    let values = values.collect::<Vec<_>>();
    if !is_labelled || values.iter().any(|value| value.is_nan()) {
        return Vec::new();
    }
    let mut shares = shares(values).into_iter().zip(labels).collect::<Vec<_>>();
    shares.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    let line = |(share, label): (f64, &String)| format!("  {:>6.2} %  {}", share * 100.0, printable(label));
    shares.into_iter().take(CLASSES_SHOWN).map(line).collect()
}

/// The values where they are shares already, and otherwise their softmax.
fn shares(values: Vec<f64>) -> Vec<f64> {
    let sum = values.iter().sum::<f64>();
    if values.iter().all(|value| *value >= 0.0) && (sum - 1.0).abs() < 1e-3 {
        return values;
    }
    let greatest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let power = |value: &f64| match *value == greatest {
        true => 1.0,
        false => (value - greatest).exp(),
    };
    let powers = values.iter().map(power).collect::<Vec<_>>();
    let sum = powers.iter().sum::<f64>();
    powers.into_iter().map(|power| power / sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(dtype: Dtype, shape: &[u64]) -> TensorSpec {
        TensorSpec {
            name: "x".into(),
            dtype,
            shape: shape.to_vec(),
        }
    }

    fn floats(values: &[f32]) -> Vec<u8> {
        values.iter().copied().flat_map(f32::to_le_bytes).collect()
    }

    fn labels(count: usize) -> Vec<String> {
        (0..count).map(|i| format!("class {i}")).collect()
    }

    /// Of a tensor of one axis.
    fn classes_of(values: &[f32]) -> Vec<String> {
        let spec = spec(Dtype::F32, &[1, values.len() as u64]);
        classes(&spec, &floats(values), &labels(values.len()))
    }

    #[test]
    fn only_the_first_values_are_shown() {
        let short = tensor(&spec(Dtype::F32, &[2]), &floats(&[0.1, f32::NAN]));
        assert_eq!(short, "x  f32 [2]  0.1, NaN");
        let long = tensor(&spec(Dtype::U8, &[20]), &[7; 20]);
        assert!(
            long.ends_with("7, ...") && long.matches('7').count() == 16,
            "{long}"
        );
        let all = tensor(&spec(Dtype::U8, &[16]), &[7; 16]);
        assert!(all.ends_with("7, 7"), "{all}");
    }

    #[test]
    fn the_likeliest_classes_are_shown_in_order() {
        let lines = classes_of(&[0.25, 0.0, 0.5, 0.125, 0.0625, 0.0625]);
        assert_eq!(lines.len(), 5);
        assert_eq!(lines[..2], ["   50.00 %  class 2", "   25.00 %  class 0"]);
    }

    #[test]
    fn what_are_no_shares_becomes_shares() {
        let lines = classes_of(&[1000.0, 0.0]);
        assert_eq!(lines, ["  100.00 %  class 0", "    0.00 %  class 1"]);
        let lines = classes_of(&[f32::INFINITY, 0.0]);
        assert_eq!(lines[0], "  100.00 %  class 0");
        let lines = classes_of(&[3.0, 3.0]);
        assert_eq!(lines[0], "   50.00 %  class 0");
    }

    #[test]
    fn other_outputs_have_no_classes() {
        let none = |spec: TensorSpec, values: &[f32], count| {
            assert!(classes(&spec, &floats(values), &labels(count)).is_empty());
        };
        none(spec(Dtype::F32, &[2]), &[1.0, 2.0], 3);
        none(spec(Dtype::F32, &[2, 2]), &[0.0; 4], 4);
        none(spec(Dtype::I32, &[2]), &[1.0, 2.0], 2);
        none(spec(Dtype::F32, &[2]), &[1.0, f32::NAN], 2);
        none(spec(Dtype::F32, &[0]), &[], 0);
    }
}
