//! Tensors as JSON: a number, a list of numbers, or lists of lists.

use serde::ser::SerializeSeq;
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::number::Number;
use super::{numbers, TensorError};
use crate::package::Dtype;

/// What a text says.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Elements along each axis.
    pub shape: Vec<u64>,
    /// The elements, row-major.
    pub numbers: Vec<Number>,
}

impl Array {
    /// Reads a text. `NaN`, `inf` and `-inf` stand in it as strings.
    pub fn parse(text: &[u8]) -> Result<Self, TensorError> {
        let value = serde_json::from_slice::<Value>(text);
        let value = value.map_err(|error| TensorError::BadJson(error.to_string()))?;
        let mut array = Self {
            shape: shape(&value),
            numbers: Vec::new(),
        };
        collect(&value, &array.shape, &mut array.numbers).map_err(TensorError::BadJson)?;
        Ok(array)
    }

    /// The type that its values suggest: integers are `i64`, and one that is none makes all `f32`.
    pub fn dtype(&self) -> Dtype {
        let all = |is: fn(&Number) -> bool| !self.numbers.is_empty() && self.numbers.iter().all(is);
        if all(|number| matches!(number, Number::Bool(_))) {
            Dtype::Bool
        } else if all(|number| matches!(number, Number::Integer(_))) {
            Dtype::I64
        } else {
            Dtype::F32
        }
    }

    /// What the values are called where one of them does not fit.
    pub fn kind(&self) -> &'static str {
        match self.dtype() {
            Dtype::I64 => "an integer",
            _ => "a number",
        }
    }
}

/// The shape that the first elements have.
fn shape(mut value: &Value) -> Vec<u64> {
    let mut shape = Vec::new();
    while let Value::Array(values) = value {
        shape.push(values.len() as u64);
        value = values.first().unwrap_or(&Value::Null);
    }
    shape
}

fn collect(value: &Value, shape: &[u64], numbers: &mut Vec<Number>) -> Result<(), String> {
    match (value, shape) {
        (Value::Array(values), [len, below @ ..]) if values.len() as u64 == *len => {
            let mut values = values.iter();
            values.try_for_each(|value| collect(value, below, numbers))
        }
        (Value::Array(_), _) | (_, [_, ..]) => Err("its lists are of different lengths".into()),
        _ => {
            numbers.push(number(value)?);
            Ok(())
        }
    }
}

fn number(value: &Value) -> Result<Number, String> {
    match value {
        Value::Bool(value) => Ok(Number::Bool(*value)),
        Value::Number(number) => {
            let integer = number.as_i128().map(Number::Integer);
            let decimal = || number.as_f64().map(Number::Decimal);
            let number = integer.or_else(decimal);
            number.ok_or_else(|| format!("{value} is out of range"))
        }
        Value::String(text) => special(text).ok_or_else(|| format!("{text:?} is no number")),
        other => Err(format!("{other} is no number")),
    }
}

/// The numbers for which JSON has no notation.
pub fn special(text: &str) -> Option<Number> {
    match text {
        "NaN" => Some(Number::Decimal(f64::NAN)),
        "inf" => Some(Number::Decimal(f64::INFINITY)),
        "-inf" => Some(Number::Decimal(f64::NEG_INFINITY)),
        _ => None,
    }
}

/// A tensor's elements as a JSON list.
#[derive(Clone, Copy, Debug)]
pub struct Elements<'a> {
    /// Type of the elements.
    pub dtype: Dtype,
    /// The elements, row-major and little-endian.
    pub bytes: &'a [u8],
}

impl Serialize for Elements<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.bytes.len() / self.dtype.size()))?;
        numbers(self.dtype, self.bytes).try_for_each(|number| list.serialize_element(&number))?;
        list.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensors::encode;
    use proptest::prelude::*;

    fn parsed(text: &str) -> Array {
        Array::parse(text.as_bytes()).unwrap()
    }

    fn printed(dtype: Dtype, bytes: &[u8]) -> String {
        serde_json::to_string(&Elements { dtype, bytes }).unwrap()
    }

    #[test]
    fn lists_of_lists_have_the_shape_of_their_nesting() {
        assert_eq!(parsed("[[1, 2, 3], [4, 5, 6]]").shape, [2, 3]);
        assert_eq!(parsed("[[[1]], [[2]]]").shape, [2, 1, 1]);
        assert_eq!(parsed("7").shape, [0; 0]);
        assert_eq!(parsed("[]").shape, [0]);
        let numbers = parsed("[[1, 2], [3, 4]]").numbers;
        assert_eq!(numbers, [1, 2, 3, 4].map(Number::Integer));
    }

    #[test]
    fn what_is_no_tensor_is_refused_by_name() {
        let cases = [
            ("[[1, 2], [3]]", "different lengths"),
            ("[1, [2]]", "different lengths"),
            ("[[1], 2]", "different lengths"),
            ("[[], [1]]", "different lengths"),
            ("[1, null]", "null is no number"),
            ("{\"x\": 1}", "is no number"),
            ("[\"Infinity\"]", "\"Infinity\" is no number"),
            ("[1, 2", "EOF"),
            ("[1e999]", "out of range"),
        ];
        for (text, expected) in cases {
            let error = Array::parse(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
        assert!(Array::parse("[".repeat(100_000).as_bytes()).is_err());
    }

    #[test]
    fn values_suggest_a_type() {
        assert_eq!(parsed("[1, -2]").dtype(), Dtype::I64);
        assert_eq!(parsed("[1, 2.5]").dtype(), Dtype::F32);
        assert_eq!(parsed("[\"inf\"]").dtype(), Dtype::F32);
        assert_eq!(parsed("[true]").dtype(), Dtype::Bool);
        assert_eq!(parsed("[]").dtype(), Dtype::F32);
    }

    #[test]
    fn what_is_no_number_or_infinite_is_a_string() {
        let values = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -0.0, 0.1];
        let bytes = values.map(f32::to_le_bytes).concat();
        let text = printed(Dtype::F32, &bytes);
        assert_eq!(text, r#"["NaN","inf","-inf",-0.0,0.1]"#);
        let back = encode(parsed(&text).numbers, "JSON", Dtype::F32).unwrap();
        assert_eq!(back, bytes);
    }

    #[test]
    fn integers_are_exact() {
        let values = [i64::MIN, i64::MAX, (1 << 53) + 1];
        let bytes = values.map(i64::to_le_bytes).concat();
        let text = printed(Dtype::I64, &bytes);
        assert_eq!(
            text,
            "[-9223372036854775808,9223372036854775807,9007199254740993]"
        );
        let back = encode(parsed(&text).numbers, "JSON", Dtype::I64).unwrap();
        assert_eq!(back, bytes);
    }

    proptest! {
        #[test]
        fn a_printed_f32_is_read_as_the_same(bits: u32) {
            let value = f32::from_bits(bits);
            prop_assume!(!value.is_nan());
            let text = printed(Dtype::F32, &bits.to_le_bytes());
            let back = encode(parsed(&text).numbers, "JSON", Dtype::F32).unwrap();
            prop_assert_eq!(back, bits.to_le_bytes());
        }
    }
}
