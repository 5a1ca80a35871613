//! Amounts of one asset, in stroops.
//!
//! A stroop is the ledger's smallest unit: one ten-millionth of an asset. Every amount in Farmgate is a
//! whole number of them. Arithmetic is checked: a sum that does not fit is an error, never a wrap.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Stroops in one whole unit of any Stellar asset (Stellar protocol: amounts have seven decimals).
pub const STROOPS_PER_UNIT: i64 = 10_000_000;

/// Decimals of a Stellar amount.
pub const AMOUNT_DECIMALS_MAX: usize = 7;

/// Longest text that can be an amount: 12 digits before the point, the point, 7 after it.
const AMOUNT_TEXT_BYTES_MAX: usize = 20;

/// A non-negative amount in stroops.
///
/// Which asset it is an amount of is said beside it. The largest is `i64::MAX`
/// stroops, the ledger's own limit (922 337 203 685.4775807 units).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Stroops(i64);

/// Why an amount is not one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// The text is no decimal number: digits, at most one point, nothing else.
    #[error("an amount is digits with at most one decimal point, such as 12.5")]
    NotANumber,
    /// More than seven decimals.
    #[error("an amount has at most 7 decimals")]
    TooManyDecimals,
    /// Below zero.
    #[error("an amount cannot be negative")]
    Negative,
    /// Above the ledger's largest amount.
    #[error("an amount cannot exceed 922337203685.4775807")]
    Overflow,
}

impl Stroops {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// The ledger's largest amount, also the largest trust line limit.
    pub const MAX: Self = Self(i64::MAX);

    /// An amount of `stroops`; negative ones are refused.
    pub const fn new(stroops: i64) -> Result<Self, AmountError> {
        if stroops < 0 { Err(AmountError::Negative) } else { Ok(Self(stroops)) }
    }

    /// An amount of whole units, such as 5 XLM.
    pub const fn from_units(units: u32) -> Self {
        Self(units as i64 * STROOPS_PER_UNIT)
    }

    /// The number of stroops, as the ledger and the database hold it.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// True for an amount of nothing.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The sum, or [`AmountError::Overflow`].
    pub fn checked_add(self, other: Self) -> Result<Self, AmountError> {
        self.0.checked_add(other.0).map(Self).ok_or(AmountError::Overflow)
    }

    /// The difference, or [`AmountError::Negative`] if `other` is the larger.
    pub fn checked_sub(self, other: Self) -> Result<Self, AmountError> {
        Self::new(self.0 - other.0)
    }

    /// The sum of many, or [`AmountError::Overflow`].
    pub fn sum(amounts: impl IntoIterator<Item = Self>) -> Result<Self, AmountError> {
        amounts.into_iter().try_fold(Self::ZERO, Self::checked_add)
    }

    /// With all seven decimals, as Horizon writes amounts: `12.5000000`.
    pub fn to_seven_decimals(self) -> String {
        format!("{}.{:07}", self.0 / STROOPS_PER_UNIT, self.0 % STROOPS_PER_UNIT)
    }
}

/// Without trailing zeros: `12.5`, `3`.
impl fmt::Display for Stroops {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.to_seven_decimals();
        f.pad(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

impl fmt::Debug for Stroops {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stroops({self})")
    }
}

/// Reads `12.5`, `12`, `0.0000001`. Signs, exponents, white space and group separators are refused.
impl FromStr for Stroops {
    type Err = AmountError;

    fn from_str(text: &str) -> Result<Self, AmountError> {
        if let Some(rest) = text.strip_prefix('-') {
            let negative = rest.starts_with(|first: char| first.is_ascii_digit());
            return Err(if negative { AmountError::Negative } else { AmountError::NotANumber });
        }
        let (whole, fraction) = match text.split_once('.') {
            Some((_, "")) => return Err(AmountError::NotANumber),
            Some(parts) => parts,
            None => (text, ""),
        };
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(fraction) {
            return Err(AmountError::NotANumber);
        }
        if fraction.len() > AMOUNT_DECIMALS_MAX {
            return Err(AmountError::TooManyDecimals);
        }
        if text.len() > AMOUNT_TEXT_BYTES_MAX {
            return Err(AmountError::Overflow);
        }
        format!("{whole}{fraction:0<7}").parse().map(Self).map_err(|_| AmountError::Overflow)
    }
}

impl Serialize for Stroops {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Stroops {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_that_is_no_amount_is_refused_by_kind() {
        for (text, error) in [
            ("", AmountError::NotANumber),
            (".", AmountError::NotANumber),
            ("1.", AmountError::NotANumber),
            (".5", AmountError::NotANumber),
            ("+1", AmountError::NotANumber),
            ("1e3", AmountError::NotANumber),
            (" 1", AmountError::NotANumber),
            ("1,5", AmountError::NotANumber),
            ("1.2.3", AmountError::NotANumber),
            ("--1", AmountError::NotANumber),
            ("-1", AmountError::Negative),
            ("0.00000001", AmountError::TooManyDecimals),
            ("922337203685.4775808", AmountError::Overflow),
            ("99999999999999999999999", AmountError::Overflow),
        ] {
            assert_eq!(text.parse::<Stroops>(), Err(error), "{text:?}");
        }
        assert_eq!("922337203685.4775807".parse(), Ok(Stroops::MAX));
    }

    proptest! {
        #[test]
        fn text_and_amount_are_one_to_one(stroops in 0..=i64::MAX) {
            let amount = Stroops::new(stroops).unwrap();
            prop_assert_eq!(amount.to_string().parse::<Stroops>(), Ok(amount));
            prop_assert_eq!(amount.to_seven_decimals().parse::<Stroops>(), Ok(amount));
        }

        #[test]
        fn subtraction_undoes_addition_or_refuses(a in 0..=i64::MAX, b in 0..=i64::MAX) {
            let (a, b) = (Stroops::new(a).unwrap(), Stroops::new(b).unwrap());
            match a.checked_add(b) {
                Ok(sum) => prop_assert_eq!(sum.checked_sub(b), Ok(a)),
                Err(error) => {
                    prop_assert_eq!(error, AmountError::Overflow);
                    prop_assert!(i128::from(a.get()) + i128::from(b.get()) > i128::from(i64::MAX));
                }
            }
            prop_assert_eq!(a.checked_sub(b).is_ok(), a >= b);
        }
    }
}
