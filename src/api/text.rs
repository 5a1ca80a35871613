use std::borrow::Cow;
use std::fmt;

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::ToSchema;

use crate::domain::farm::NAME_BYTES_MAX;
use crate::domain::units::{CloudUnits, MilliUnits};

/// An amount of an asset: digits with up to seven decimals.
#[derive(ToSchema)]
#[schema(pattern = r"^[0-9]{1,12}(\.[0-9]{1,7})?$", example = "12.5")]
pub struct AmountText(pub String);

/// An asset: `CODE:ISSUER`, or `native` for XLM.
#[derive(ToSchema)]
#[schema(
    pattern = r"^(native|[A-Za-z0-9]{1,12}:G[A-Z2-7]{55})$",
    example = "TFT:GBOVQKJYHXRR3DX6NOX2RRYFRCUMSADGDESTDNBDS6CDVLGVESRTAC47"
)]
pub struct AssetText(pub String);

/// A Stellar account.
#[derive(ToSchema)]
#[schema(pattern = r"^G[A-Z2-7]{55}$", example = "GBOVQKJYHXRR3DX6NOX2RRYFRCUMSADGDESTDNBDS6CDVLGVESRTAC47")]
pub struct AccountText(pub String);

/// An id: a decimal number up to 2^53 - 1, as a string.
#[derive(ToSchema)]
#[schema(pattern = r"^(0|[1-9][0-9]{0,15})$", example = "41")]
pub struct IdText(pub String);

/// A tenant's name: 1 to 32 of `a`-`z`, `0`-`9` and `-`.
#[derive(ToSchema)]
#[schema(pattern = r"^[a-z0-9][a-z0-9-]{0,31}$", example = "default")]
pub struct TenantText(pub String);

/// A time, RFC 3339 in UTC.
#[derive(ToSchema)]
#[schema(format = DateTime, example = "2026-03-01T12:00:00Z")]
pub struct TimeText(pub String);

/// A quantity of units: digits with up to three decimals.
#[derive(ToSchema)]
#[schema(pattern = r"^[0-9]{1,7}(\.[0-9]{1,3})?$", example = "1.5")]
pub struct UnitsText(pub String);

/// Capacity in cloud units. What is left out is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Units {
    /// Compute units.
    #[serde(default)]
    #[schema(value_type = UnitsText)]
    pub cu: MilliUnits,
    /// Storage units.
    #[serde(default)]
    #[schema(value_type = UnitsText)]
    pub su: MilliUnits,
    /// Public IPv4 addresses.
    #[serde(default)]
    #[schema(value_type = UnitsText)]
    pub ipv4u: MilliUnits,
}

impl From<CloudUnits> for Units {
    fn from(units: CloudUnits) -> Self {
        Self { cu: units.cu, su: units.su, ipv4u: units.ipv4u }
    }
}

impl From<Units> for CloudUnits {
    fn from(units: Units) -> Self {
        Self { cu: units.cu, su: units.su, ipv4u: units.ipv4u }
    }
}

/// A name for people: 1 to 128 bytes, no control characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(min_length = 1, max_length = 128, example = "Green Valley")]
pub struct Name(String);

impl Name {
    /// The text.
    pub fn into_inner(self) -> String {
        self.0
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if (1..=NAME_BYTES_MAX).contains(&text.len()) && !text.chars().any(char::is_control) {
            return Ok(Self(text));
        }
        Err(serde::de::Error::custom(format_args!(
            "a name is 1 to {NAME_BYTES_MAX} bytes without control characters"
        )))
    }
}

/// USD for one unit of a currency: a decimal above zero.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ToSchema)]
#[schema(value_type = String, pattern = r"^[0-9]{1,15}(\.[0-9]{1,14})?$", example = "0.02")]
pub struct Rate(Decimal);

/// Most digits of a rate before and after its point.
const RATE_DIGITS_MAX: (usize, usize) = (15, 14);

impl Rate {
    /// A rate that is stored.
    pub const fn new(rate: Decimal) -> Self {
        Self(rate)
    }

    /// The number.
    pub const fn get(self) -> Decimal {
        self.0
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.normalize(), f)
    }
}

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        let refuse = || {
            serde::de::Error::custom(
                "a rate is a decimal above zero with up to 15 digits before and 14 after the point",
            )
        };
        let (whole, fraction) = text.split_once('.').unwrap_or((&text, "0"));
        let (whole_max, fraction_max) = RATE_DIGITS_MAX;
        let digits = |part: &str, most| {
            (1..=most).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
        };
        if !digits(whole, whole_max) || !digits(fraction, fraction_max) {
            return Err(refuse());
        }
        let rate = Decimal::from_str_exact(&text).map_err(|_| refuse())?;
        if rate.is_zero() { Err(refuse()) } else { Ok(Self(rate)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_plain_decimals_above_zero() {
        for (text, shown) in [("\"0.05\"", "0.05"), ("\"1\"", "1"), ("\"2.500\"", "2.5")] {
            assert_eq!(serde_json::from_str::<Rate>(text).unwrap().to_string(), shown);
        }
        for text in ["\"0\"", "\"0.0\"", "\"-1\"", "\"1e3\"", "\"\"", "\".5\"", "\"1.\"", "\"NaN\"", "0.5"] {
            assert!(serde_json::from_str::<Rate>(text).is_err(), "{text}");
        }
        assert!(serde_json::from_str::<Rate>("\"1234567890123456\"").is_err());
    }

    #[test]
    fn names_have_bounds() {
        assert!(serde_json::from_str::<Name>("\"Green Valley\"").is_ok());
        assert!(serde_json::from_str::<Name>("\"\"").is_err());
        assert!(serde_json::from_str::<Name>("\"a\\nb\"").is_err());
        assert!(serde_json::from_value::<Name>("x".repeat(129).into()).is_err());
    }
}
