//! One value of a tensor, and what of it a type can hold.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::package::Dtype;

/// A value as it was given.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// An integer.
    Integer(i128),
    /// A binary32.
    Single(f32),
    /// A binary64, which another type holds exactly or not at all.
    Double(f64),
    /// A number with a fraction or an exponent as people write it: the nearest value of a type is meant.
    Decimal(f64),
    /// Yes or no.
    Bool(bool),
}

/// The type cannot hold the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lossy;

impl Number {
    /// The value of `bytes`, which are as many as the type has.
    pub fn decode(dtype: Dtype, bytes: &[u8]) -> Self {
        let bytes = bytes.iter().rev();
        let word = bytes.fold(0_u64, |word, byte| word << 8 | u64::from(*byte));
        match dtype {
            Dtype::F32 => Self::Single(f32::from_bits(word as u32)),
            Dtype::I8 => Self::Integer((word as i8).into()),
            Dtype::U8 => Self::Integer((word as u8).into()),
            Dtype::I32 => Self::Integer((word as i32).into()),
            Dtype::I64 => Self::Integer((word as i64).into()),
            Dtype::Bool if word > 1 => Self::Integer(word.into()),
            Dtype::Bool => Self::Bool(word == 1),
        }
    }

    /// Appends the value as `dtype`.
    pub fn encode(self, dtype: Dtype, bytes: &mut Vec<u8>) -> Result<(), Lossy> {
        if dtype == Dtype::F32 {
            bytes.extend(self.single()?.to_le_bytes());
            return Ok(());
        }
        let value = self.integer()?;
        let range = match dtype {
            Dtype::I8 => i8::MIN.into()..=i8::MAX.into(),
            Dtype::U8 => 0..=u8::MAX.into(),
            Dtype::I32 => i32::MIN.into()..=i32::MAX.into(),
            Dtype::I64 | Dtype::F32 => i64::MIN.into()..=i64::MAX.into(),
            Dtype::Bool => 0..=1,
        };
        if !range.contains(&value) {
            return Err(Lossy);
        }
        bytes.extend_from_slice(&value.to_le_bytes()[..dtype.size()]);
        Ok(())
    }

    /// The value as a binary32.
    pub fn single(self) -> Result<f32, Lossy> {
        let (single, exact) = match self {
            Self::Single(value) => (value, true),
            Self::Double(value) => (value as f32, value.is_nan() || f64::from(value as f32) == value),
            Self::Decimal(value) => (value as f32, value.is_finite() == (value as f32).is_finite()),
            Self::Integer(value) => (value as f32, (value as f32) as i128 == value),
            Self::Bool(value) => (u8::from(value).into(), true),
        };
        exact.then_some(single).ok_or(Lossy)
    }

    /// The value as an integer.
    pub fn integer(self) -> Result<i128, Lossy> {
        let value = match self {
            Self::Integer(value) => return Ok(value),
            Self::Bool(value) => return Ok(value.into()),
            Self::Single(value) => value.into(),
            Self::Double(value) | Self::Decimal(value) => value,
        };
        // Beyond 2^63 no type takes it.
        let is_integer = value.fract() == 0.0 && value.abs() <= 2_f64.powi(63);
        is_integer.then_some(value as i128).ok_or(Lossy)
    }

    /// The value, or the nearest to it that a binary64 can hold.
    pub fn approximate(self) -> f64 {
        match self {
            Self::Integer(value) => value as f64,
            Self::Single(value) => value.into(),
            Self::Double(value) | Self::Decimal(value) => value,
            Self::Bool(value) => u8::from(value).into(),
        }
    }
}

/// As short as it can be to be read as the same value again.
impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Integer(value) => write!(f, "{value}"),
            Self::Single(value) => write!(f, "{value:?}"),
            Self::Double(value) | Self::Decimal(value) => write!(f, "{value:?}"),
            Self::Bool(value) => write!(f, "{value}"),
        }
    }
}

/// As in JSON, which has no words for what is not a number or infinite: those are strings.
impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Integer(value) => match i64::try_from(*value) {
                Ok(value) => serializer.serialize_i64(value),
                Err(_) => serializer.serialize_i128(*value),
            },
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Single(value) if value.is_finite() => serializer.serialize_f32(*value),
            Self::Double(value) | Self::Decimal(value) if value.is_finite() => {
                serializer.serialize_f64(*value)
            }
            _ => serializer.collect_str(self),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(number: Number, dtype: Dtype) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        number.encode(dtype, &mut bytes).ok().map(|()| bytes)
    }

    #[test]
    fn an_integer_fits_only_into_its_range() {
        let cases = [
            (Dtype::I8, -128, 127),
            (Dtype::U8, 0, 255),
            (Dtype::I32, i32::MIN.into(), i32::MAX.into()),
            (Dtype::I64, i64::MIN.into(), i64::MAX.into()),
            (Dtype::Bool, 0, 1),
        ];
        for (dtype, least, most) in cases {
            for value in [least, most] {
                let bytes = encoded(Number::Integer(value), dtype).unwrap();
                assert_eq!(Number::decode(dtype, &bytes).integer().unwrap(), value);
            }
            for value in [least - 1, most + 1] {
                assert_eq!(encoded(Number::Integer(value), dtype), None, "{dtype} {value}");
            }
        }
    }

    #[test]
    fn a_binary64_is_a_binary32_only_where_it_is_one_exactly() {
        for value in [0.5, -0.0, f64::INFINITY, f64::NEG_INFINITY, f64::from(f32::MAX)] {
            let bytes = encoded(Number::Double(value), Dtype::F32).unwrap();
            assert_eq!(bytes, (value as f32).to_le_bytes());
        }
        assert!(encoded(Number::Double(f64::NAN), Dtype::F32).is_some());
        for value in [0.1, 1e300, 1e-300, 16_777_217.0] {
            assert_eq!(encoded(Number::Double(value), Dtype::F32), None, "{value}");
        }
    }

    #[test]
    fn a_decimal_is_the_nearest_binary32() {
        let bytes = encoded(Number::Decimal(0.1), Dtype::F32).unwrap();
        assert_eq!(bytes, 0.1_f32.to_le_bytes());
        assert_eq!(encoded(Number::Decimal(1e39), Dtype::F32), None);
    }

    #[test]
    fn an_integer_is_a_binary32_only_where_it_is_one_exactly() {
        assert!(encoded(Number::Integer(1 << 24), Dtype::F32).is_some());
        assert_eq!(encoded(Number::Integer((1 << 24) + 1), Dtype::F32), None);
    }

    #[test]
    fn a_fraction_is_no_integer() {
        for value in [0.5, f64::NAN, f64::INFINITY, 1e19, -1e300] {
            assert_eq!(encoded(Number::Double(value), Dtype::I64), None, "{value}");
        }
        assert_eq!(encoded(Number::Decimal(-3.0), Dtype::I8), Some(vec![253]));
    }

    #[test]
    fn the_bits_of_a_binary32_stay() {
        let bits = 0x7fa0_0001_u32;
        let number = Number::decode(Dtype::F32, &bits.to_le_bytes());
        assert_eq!(encoded(number, Dtype::F32).unwrap(), bits.to_le_bytes());
    }

    #[test]
    fn a_byte_that_is_neither_yes_nor_no_is_no_bool() {
        let reencoded = |byte| encoded(Number::decode(Dtype::Bool, &[byte]), Dtype::Bool);
        assert_eq!(reencoded(2), None);
        assert_eq!(reencoded(1), Some(vec![1]));
    }
}
