//! Amounts of the chain's token.

use std::fmt::{Display, Formatter};
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// Plancks of one ASSAY.
pub const UNIT: u128 = 1_000_000_000_000;
/// Digits after the point.
const DECIMALS: usize = 12;
/// What follows a number of plancks.
const PLANCKS: &str = "plancks";

/// Plancks. As text `1.5` is ASSAY and `100000plancks` are plancks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Amount(pub u128);

/// A text is no amount.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no amount: 1.5 is ASSAY, with up to {DECIMALS} digits after the point, and 100000plancks are plancks")]
pub struct BadAmount(String);

impl FromStr for Amount {
    type Err = BadAmount;

    fn from_str(text: &str) -> Result<Self, BadAmount> {
        let plancks = match text.strip_suffix(PLANCKS) {
            Some(number) => digits(number.trim_end()).and_then(|number| number.parse().ok()),
            None => units(text),
        };
        plancks.map(Self).ok_or_else(|| BadAmount(text.into()))
    }
}

/// The plancks of a number of ASSAY.
fn units(text: &str) -> Option<u128> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let (whole, part) = (digits(whole)?, digits(part)?);
    if part.len() > DECIMALS {
        return None;
    }
    let part = format!("{part:0<DECIMALS$}").parse::<u128>().ok()?;
    whole.parse::<u128>().ok()?.checked_mul(UNIT)?.checked_add(part)
}

fn digits(text: &str) -> Option<&str> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then_some(text)
}

/// In ASSAY, without the unit and without zeros at the end.
impl Display for Amount {
    fn fmt(&self, f: &mut Formatter) -> std::fmt::Result {
        let text = format!("{}.{:012}", self.0 / UNIT, self.0 % UNIT);
        f.pad(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

/// Plancks, as a string: JSON's readers round great numbers.
impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_assay_unless_it_says_plancks() {
        for (text, plancks) in [
            ("0", 0),
            ("1.5", UNIT * 3 / 2),
            ("0.000000000001", 1),
            ("007", 7 * UNIT),
            ("100000plancks", 100_000),
            ("3 plancks", 3),
        ] {
            assert_eq!(text.parse(), Ok(Amount(plancks)), "{text}");
        }
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        let great = u128::MAX.to_string();
        for text in [
            "",
            ".",
            "1.",
            ".5",
            "-1",
            "+1",
            "1e3",
            "1,5",
            "0.0000000000001",
            "1.5plancks",
            "plancks",
            "x",
            &great,
        ] {
            assert_eq!(text.parse::<Amount>(), Err(BadAmount(text.into())), "{text}");
        }
        assert_eq!(format!("{great}plancks").parse(), Ok(Amount(u128::MAX)));
    }

    #[test]
    fn an_amount_has_as_many_digits_as_it_takes() {
        for (plancks, text) in [
            (0, "0"),
            (UNIT / 10, "0.1"),
            (10 * UNIT, "10"),
            (UNIT + 1, "1.000000000001"),
        ] {
            assert_eq!(Amount(plancks).to_string(), text);
            assert_eq!(text.parse(), Ok(Amount(plancks)));
        }
    }
}
