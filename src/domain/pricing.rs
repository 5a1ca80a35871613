//! What capacity costs, as one exact fraction.
//!
//! The formula stands at [`usd_price`]; `docs/money-rules.md` has what follows from it. Decimals are read
//! exactly and every step is a fraction; the only rounding is one ceiling to a stroop at the end.

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{Signed, Zero};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::money::{AmountError, STROOPS_PER_UNIT, Stroops};
use super::units::{CloudUnits, MILLI_UNITS_PER_UNIT, MilliUnits};

/// Seconds of the 30 days that unit prices are for.
pub const PRICE_PERIOD_SECONDS: i64 = 2_592_000;
/// Shortest time that can be reserved, in seconds: one minute.
pub const DURATION_SECONDS_MIN: i64 = 60;
/// Longest time that can be reserved, in seconds: ten years of 365 days.
pub const DURATION_SECONDS_MAX: i64 = 10 * 365 * 86_400;

/// USD per unit and 30 days.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnitPrices {
    /// Per compute unit.
    pub cu: Decimal,
    /// Per storage unit.
    pub su: Decimal,
    /// Per public IPv4 address.
    pub ipv4u: Decimal,
}

impl Default for UnitPrices {
    /// 10, 8 and 6 USD.
    fn default() -> Self {
        Self { cu: Decimal::from(10), su: Decimal::from(8), ipv4u: Decimal::from(6) }
    }
}

/// Which Stellar network the money is on; it sets the price divisor.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GridNetwork {
    /// Full prices.
    #[default]
    Mainnet,
    /// A tenth.
    Testnet,
    /// A hundredth.
    Devnet,
}

impl GridNetwork {
    /// What prices are divided by on this network.
    pub const fn divisor(self) -> u32 {
        match self {
            Self::Mainnet => 1,
            Self::Testnet => 10,
            Self::Devnet => 100,
        }
    }
}

/// Why a price cannot be computed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PriceError {
    /// Outside [`DURATION_SECONDS_MIN`] to [`DURATION_SECONDS_MAX`].
    #[error("a reservation lasts from {DURATION_SECONDS_MIN} to {DURATION_SECONDS_MAX} seconds")]
    Duration,
    /// A unit price below zero.
    #[error("a unit price cannot be negative")]
    NegativePrice,
    /// A rate that is not above zero.
    #[error("a currency's rate must be above zero")]
    Rate,
    /// The price does not fit the ledger's amounts.
    #[error("the price: {0}")]
    Amount(#[from] AmountError),
}

/// The discount for long reservations, in percent: 25 from 7 days, 50 from 30, 60 from 180, 70 from 360.
pub const fn discount_percent(seconds: i64) -> u8 {
    match seconds / 86_400 {
        ..7 => 0,
        7..30 => 25,
        30..180 => 50,
        180..360 => 60,
        360.. => 70,
    }
}

pub(super) fn exact(decimal: Decimal) -> BigRational {
    BigRational::new(BigInt::from(decimal.mantissa()), BigInt::from(10).pow(decimal.scale()))
}

/// The exact price in USD:
/// `Σ units × USD per 30 days × seconds / 2 592 000 × (1 − discount) / divisor`.
pub fn usd_price(
    units: CloudUnits,
    seconds: i64,
    prices: &UnitPrices,
    network: GridNetwork,
) -> Result<BigRational, PriceError> {
    if !(DURATION_SECONDS_MIN..=DURATION_SECONDS_MAX).contains(&seconds) {
        return Err(PriceError::Duration);
    }
    let mut per_period = BigRational::zero();
    for (quantity, price) in [(units.cu, prices.cu), (units.su, prices.su), (units.ipv4u, prices.ipv4u)] {
        if price.is_sign_negative() && !price.is_zero() {
            return Err(PriceError::NegativePrice);
        }
        per_period += in_units(quantity) * exact(price);
    }
    let time = BigRational::new(seconds.into(), PRICE_PERIOD_SECONDS.into());
    let kept = BigRational::new((100 - i64::from(discount_percent(seconds))).into(), 100.into());
    Ok(per_period * time * kept / BigRational::from_integer(network.divisor().into()))
}

fn in_units(quantity: MilliUnits) -> BigRational {
    BigRational::new(quantity.get().into(), MILLI_UNITS_PER_UNIT.into())
}

/// A USD price in a currency worth `usd_rate` USD a unit, rounded up to a whole stroop.
pub fn amount_in_currency(usd: &BigRational, usd_rate: Decimal) -> Result<Stroops, PriceError> {
    let rate = exact(usd_rate);
    if !rate.is_positive() {
        return Err(PriceError::Rate);
    }
    let stroops = usd / rate * BigRational::from_integer(STROOPS_PER_UNIT.into());
    let stroops = i64::try_from(stroops.ceil().to_integer()).map_err(|_| AmountError::Overflow)?;
    Ok(Stroops::new(stroops)?)
}

/// Everything a price was computed from, stored with the reservation so that it can be checked by hand.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PriceBreakdown {
    /// The capacity priced.
    pub units: CloudUnits,
    /// The time priced, in seconds.
    pub seconds: i64,
    /// USD per unit and 30 days.
    pub unit_prices: UnitPrices,
    /// The discount for duration, in percent.
    pub discount_percent: u8,
    /// What the network divides prices by.
    pub network_divisor: u32,
    /// The exact USD price as `numerator/denominator`, in lowest terms.
    pub usd_fraction: String,
    /// USD for one unit of the currency.
    pub usd_rate: Decimal,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn units(cu: u64, su: u64, ipv4u: u64) -> CloudUnits {
        let milli = |units| MilliUnits::new(units).unwrap();
        CloudUnits { cu: milli(cu), su: milli(su), ipv4u: milli(ipv4u) }
    }

    #[test]
    fn thirty_days_of_one_unit_each_cost_half_of_24_usd() {
        let usd = usd_price(
            units(1000, 1000, 1000),
            PRICE_PERIOD_SECONDS,
            &UnitPrices::default(),
            GridNetwork::Mainnet,
        )
        .unwrap();
        assert_eq!(usd, BigRational::from_integer(12.into()));
        assert_eq!(amount_in_currency(&usd, "0.05".parse().unwrap()).unwrap().to_string(), "240");
        let testnet = usd_price(
            units(1000, 1000, 1000),
            PRICE_PERIOD_SECONDS,
            &UnitPrices::default(),
            GridNetwork::Testnet,
        );
        assert_eq!(testnet.unwrap(), usd / BigRational::from_integer(10.into()));
    }

    #[test]
    fn discounts_begin_on_their_day_and_not_a_second_before() {
        for (days, before, from) in [(7, 0, 25), (30, 25, 50), (180, 50, 60), (360, 60, 70)] {
            assert_eq!(discount_percent(days * 86_400 - 1), before);
            assert_eq!(discount_percent(days * 86_400), from);
        }
    }

    #[test]
    fn a_price_that_does_not_divide_is_rounded_up_once() {
        let usd = BigRational::new(1.into(), 3.into());
        assert_eq!(amount_in_currency(&usd, Decimal::ONE).unwrap().to_string(), "0.3333334");
    }

    #[test]
    fn a_price_over_the_ledgers_amounts_is_an_error() {
        let usd = BigRational::from_integer(BigInt::from(10).pow(30));
        assert_eq!(amount_in_currency(&usd, Decimal::ONE), Err(PriceError::Amount(AmountError::Overflow)));
        assert_eq!(amount_in_currency(&usd, Decimal::ZERO), Err(PriceError::Rate));
        assert_eq!(amount_in_currency(&usd, Decimal::NEGATIVE_ONE), Err(PriceError::Rate));
    }

    proptest! {
        #[test]
        fn the_amount_is_the_least_that_covers_the_price(
            cu in 0..100_000_u64, su in 0..100_000_u64, seconds in DURATION_SECONDS_MIN..DURATION_SECONDS_MAX,
            rate_mantissa in 1..1_000_000_i64, scale in 0..7_u32,
        ) {
            let rate = Decimal::new(rate_mantissa, scale);
            let prices = UnitPrices::default();
            let usd = usd_price(units(cu, su, 0), seconds, &prices, GridNetwork::Mainnet).unwrap();
            if let Ok(amount) = amount_in_currency(&usd, rate) {
                let worth = |stroops: i64| {
                    BigRational::new(stroops.into(), STROOPS_PER_UNIT.into()) * exact(rate)
                };
                prop_assert!(worth(amount.get()) >= usd);
                prop_assert!(amount.is_zero() || worth(amount.get() - 1) < usd);
            }
        }

        #[test]
        fn more_capacity_never_costs_less(
            cu in 0..100_000_u64, more in 0..100_000_u64, seconds in 60..100_000_i64,
        ) {
            let prices = UnitPrices::default();
            let price = |cu| usd_price(units(cu, 0, 0), seconds, &prices, GridNetwork::Devnet).unwrap();
            prop_assert!(price(cu) <= price(cu + more));
        }
    }
}
