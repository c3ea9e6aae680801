//! How close an output is to what was expected of it.

use serde::Serialize;

use crate::package::TensorSpec;
use crate::tensors::number::Number;
use crate::tensors::numbers;

/// How far a value may be from the expected one: `absolute + relative * |expected|`, and `absolute` alone for integers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    /// As a share of the expected value.
    pub relative: f64,
    /// In any case.
    pub absolute: f64,
}

/// How an output compares with the expected one.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Agreement {
    /// Name of the output.
    pub name: String,
    /// Whether all values are within the tolerance.
    pub same: bool,
    /// Values in all.
    pub values: u64,
    /// Values that are not within the tolerance.
    pub different: u64,
    /// The first of them.
    pub first: Option<Pair>,
    /// The greatest distance of a value from the expected one. Where only one of them is a number, it is infinite.
    pub greatest_difference: Number,
}

/// A value and what was expected.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Pair {
    /// Where, row-major.
    pub index: u64,
    /// The value.
    pub actual: Number,
    /// The expected value.
    pub expected: Number,
}

impl Agreement {
    /// Compares two tensors of type and shape `spec`.
    pub fn of(spec: &TensorSpec, actual: &[u8], expected: &[u8], tolerance: Tolerance) -> Self {
        let (mut values, mut different, mut first, mut greatest) = (0, 0, None, 0.0_f64);
        for (actual, expected) in numbers(spec.dtype, actual).zip(numbers(spec.dtype, expected)) {
            let distance = distance(actual, expected);
            greatest = greatest.max(distance);
            if !tolerance.allows(distance, expected) {
                different += 1;
                first.get_or_insert(Pair {
                    index: values,
                    actual,
                    expected,
                });
            }
            values += 1;
        }
        Self {
            name: spec.name.clone(),
            same: different == 0,
            values,
            different,
            first,
            greatest_difference: Number::Double(greatest),
        }
    }
}

impl Tolerance {
    fn allows(self, distance: f64, expected: Number) -> bool {
        let share = match expected {
            Number::Single(value) if value.is_finite() => self.relative * f64::from(value.abs()),
            _ => 0.0,
        };
        distance == 0.0 || (distance.is_finite() && distance <= self.absolute + share)
    }
}

fn distance(actual: Number, expected: Number) -> f64 {
    if let (Ok(actual), Ok(expected)) = (actual.integer(), expected.integer()) {
        return (actual - expected).unsigned_abs() as f64;
    }
    let (actual, expected) = (actual.approximate(), expected.approximate());
    let is_same = actual == expected || (actual.is_nan() && expected.is_nan());
    let difference = (actual - expected).abs();
    match (is_same, difference.is_nan()) {
        (true, _) => 0.0,
        (false, true) => f64::INFINITY,
        (false, false) => difference,
    }
}

impl std::fmt::Display for Agreement {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let Self { name, values, .. } = self;
        match &self.first {
            None => write!(f, "{name}: all {values} values")?,
            Some(pair) => write!(
                f,
                "{name}: {} of {values} values, the first at {}: {}, not {}",
                self.different, pair.index, pair.actual, pair.expected
            )?,
        }
        write!(f, "; the greatest difference is {}", self.greatest_difference)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::Dtype;

    const TOLERANCE: Tolerance = Tolerance {
        relative: 0.125,
        absolute: 0.5,
    };

    fn agreement(dtype: Dtype, actual: &[u8], expected: &[u8]) -> Agreement {
        let spec = TensorSpec {
            name: "y".into(),
            dtype,
            shape: vec![(actual.len() / dtype.size()) as u64],
        };
        Agreement::of(&spec, actual, expected, TOLERANCE)
    }

    fn of_floats(actual: f32, expected: f32) -> Agreement {
        agreement(Dtype::F32, &actual.to_le_bytes(), &expected.to_le_bytes())
    }

    #[test]
    fn a_value_within_the_tolerance_is_the_same() {
        let cases = [
            (1.0, 1.0),
            (0.5, 0.0),
            (9.5, 8.0),
            (-9.5, -8.0),
            (f32::NAN, f32::NAN),
            (f32::INFINITY, f32::INFINITY),
            (-0.0, 0.0),
        ];
        for (actual, expected) in cases {
            let agreement = of_floats(actual, expected);
            assert!(agreement.same, "{agreement}");
        }
    }

    #[test]
    fn a_value_beyond_the_tolerance_is_different() {
        let cases = [
            (0.75, 0.0),
            (9.75, 8.0),
            (f32::NAN, 1.0),
            (1.0, f32::NAN),
            (f32::INFINITY, 1.0),
            (1.0, f32::INFINITY),
            (f32::NEG_INFINITY, f32::INFINITY),
        ];
        for (actual, expected) in cases {
            let agreement = of_floats(actual, expected);
            assert!(!agreement.same && agreement.different == 1, "{agreement}");
        }
    }

    #[test]
    fn integers_are_compared_without_a_share() {
        assert!(agreement(Dtype::U8, &[200], &[200]).same);
        assert!(!agreement(Dtype::U8, &[201], &[200]).same);
        let (a, b) = (i64::MAX.to_le_bytes(), (i64::MAX - 1).to_le_bytes());
        assert!(!agreement(Dtype::I64, &a, &b).same);
    }

    #[test]
    fn the_first_and_the_greatest_difference_are_told() {
        let agreement = agreement(Dtype::U8, &[1, 2, 9], &[1, 3, 4]);
        assert_eq!(
            agreement.to_string(),
            "y: 2 of 3 values, the first at 1: 2, not 3; the greatest difference is 5.0"
        );
    }
}
