//! Cloud units: the capacity that is sold.
//!
//! Held as whole milli-units. A unit is measured per 30 days for pricing and per instant for capacity.

use std::fmt;
use std::str::FromStr;

use num_bigint::BigInt;
use num_rational::BigRational;
use serde::{Deserialize, Serialize};

/// Milli-units in a unit.
pub const MILLI_UNITS_PER_UNIT: u64 = 1_000;
/// Most units of one kind that one reservation or node may name: a million.
pub const MILLI_UNITS_MAX: u64 = 1_000_000 * MILLI_UNITS_PER_UNIT;
const UNIT_DECIMALS_MAX: usize = 3;

/// A quantity of one cloud or resource unit, in thousandths; at most [`MILLI_UNITS_MAX`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct MilliUnits(u64);

/// Why a quantity is not one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnitsError {
    /// Not digits with at most one point.
    #[error("a quantity of units is digits with at most one decimal point, such as 1.5")]
    NotANumber,
    /// More than three decimals.
    #[error("a quantity of units has at most 3 decimals")]
    TooManyDecimals,
    /// Above [`MILLI_UNITS_MAX`].
    #[error("a quantity of units is at most 1000000")]
    TooLarge,
}

impl MilliUnits {
    /// None.
    pub const ZERO: Self = Self(0);

    /// A quantity of `milli` thousandths.
    pub const fn new(milli: u64) -> Result<Self, UnitsError> {
        if milli > MILLI_UNITS_MAX { Err(UnitsError::TooLarge) } else { Ok(Self(milli)) }
    }

    /// The thousandths.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// True for none.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The sum, or [`UnitsError::TooLarge`].
    pub fn checked_add(self, other: Self) -> Result<Self, UnitsError> {
        Self::new(self.0 + other.0)
    }
}

impl FromStr for MilliUnits {
    type Err = UnitsError;

    fn from_str(text: &str) -> Result<Self, UnitsError> {
        let (whole, fraction) = match text.split_once('.') {
            Some((_, "")) => return Err(UnitsError::NotANumber),
            Some(parts) => parts,
            None => (text, ""),
        };
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(fraction) {
            return Err(UnitsError::NotANumber);
        }
        if fraction.len() > UNIT_DECIMALS_MAX {
            return Err(UnitsError::TooManyDecimals);
        }
        Self::new(format!("{whole}{fraction:0<3}").parse().map_err(|_| UnitsError::TooLarge)?)
    }
}

impl fmt::Display for MilliUnits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}.{:03}", self.0 / MILLI_UNITS_PER_UNIT, self.0 % MILLI_UNITS_PER_UNIT);
        f.pad(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

impl fmt::Debug for MilliUnits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

super::address::serde_as_text!(MilliUnits);

/// Capacity in cloud units.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CloudUnits {
    /// Compute units.
    pub cu: MilliUnits,
    /// Storage units.
    pub su: MilliUnits,
    /// Public IPv4 addresses.
    pub ipv4u: MilliUnits,
}

/// What a machine has, in the units of the grid's farming rules: CRU in logical cores, MRU, HRU and
/// SRU in GiB.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResourceUnits {
    /// Logical cores.
    pub cru: MilliUnits,
    /// Memory, GiB.
    pub mru: MilliUnits,
    /// Disk, GiB.
    pub hru: MilliUnits,
    /// SSD, GiB.
    pub sru: MilliUnits,
}

impl CloudUnits {
    /// True if there is nothing of any kind.
    pub const fn is_zero(&self) -> bool {
        self.cu.is_zero() && self.su.is_zero() && self.ipv4u.is_zero()
    }

    /// Kind by kind sum, or [`UnitsError::TooLarge`].
    pub fn checked_add(self, other: Self) -> Result<Self, UnitsError> {
        Ok(Self {
            cu: self.cu.checked_add(other.cu)?,
            su: self.su.checked_add(other.su)?,
            ipv4u: self.ipv4u.checked_add(other.ipv4u)?,
        })
    }

    /// The cloud units of resource units (ThreeFold cloud units, version 4):
    /// `cu = min(mru / 4, cru / 2)`, `su = hru / 1200 + sru / 300`, each rounded half away from zero to
    /// three decimals. IPv4 addresses are no resource unit and are left at none.
    pub fn from_resources(resources: ResourceUnits) -> Result<Self, UnitsError> {
        let part = |of: MilliUnits, by: u64| BigRational::new(BigInt::from(of.0), BigInt::from(by));
        let cu = part(resources.mru, 4).min(part(resources.cru, 2));
        let su = part(resources.hru, 1_200) + part(resources.sru, 300);
        let rounded = |milli: BigRational| {
            u64::try_from(milli.round().to_integer())
                .map_err(|_| UnitsError::TooLarge)
                .and_then(MilliUnits::new)
        };
        Ok(Self { cu: rounded(cu)?, su: rounded(su)?, ipv4u: MilliUnits::ZERO })
    }

    /// Spreads the capacity over `parts` equal places without losing any: the places that come first
    /// take the thousandths that do not divide.
    pub fn spread(self, parts: u32) -> Vec<Self> {
        let share = |total: MilliUnits, index: u32| {
            let (parts, index) = (u64::from(parts), u64::from(index));
            MilliUnits(total.0 / parts + u64::from(index < total.0 % parts))
        };
        (0..parts)
            .map(|index| Self {
                cu: share(self.cu, index),
                su: share(self.su, index),
                ipv4u: share(self.ipv4u, index),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn units(text: &str) -> MilliUnits {
        text.parse().unwrap()
    }

    #[test]
    fn cloud_units_of_a_machine_follow_the_scarcer_resource_and_round_half_up() {
        let got = CloudUnits::from_resources(ResourceUnits {
            cru: units("8"),
            mru: units("15.001"),
            hru: units("1000"),
            sru: units("512"),
        })
        .unwrap();
        assert_eq!(got.cu, units("3.75"), "3.75025 rounds down");
        assert_eq!(got.su, units("2.54"), "0.8333 + 1.7067 = 2.54");
        let half = CloudUnits::from_resources(ResourceUnits {
            cru: units("0.001"),
            mru: units("9"),
            ..ResourceUnits::default()
        });
        assert_eq!(half.unwrap().cu, units("0.001"), "0.0005 rounds away from zero");
    }

    #[test]
    fn quantities_are_refused_by_kind() {
        for (text, error) in [
            ("", UnitsError::NotANumber),
            ("-1", UnitsError::NotANumber),
            ("1.", UnitsError::NotANumber),
            ("1.0001", UnitsError::TooManyDecimals),
            ("1000000.001", UnitsError::TooLarge),
            ("99999999999999999999999", UnitsError::TooLarge),
        ] {
            assert_eq!(text.parse::<MilliUnits>(), Err(error), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn text_and_quantity_are_one_to_one(milli in 0..=MILLI_UNITS_MAX) {
            let quantity = MilliUnits::new(milli).unwrap();
            prop_assert_eq!(quantity.to_string().parse(), Ok(quantity));
        }

        #[test]
        fn spreading_conserves_and_is_even(cu in 0..=MILLI_UNITS_MAX, su in 0..=9_u64, parts in 1..200_u32) {
            let whole = CloudUnits { cu: MilliUnits(cu), su: MilliUnits(su), ipv4u: MilliUnits::ZERO };
            let spread = whole.spread(parts);
            let total = spread.iter().try_fold(CloudUnits::default(), |sum, part| sum.checked_add(*part));
            prop_assert_eq!(total, Ok(whole));
            let most = spread.iter().map(|part| part.cu).max().unwrap();
            let least = spread.iter().map(|part| part.cu).min().unwrap();
            prop_assert!(most.get() - least.get() <= 1);
        }
    }
}
