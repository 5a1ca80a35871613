//! Currencies: which assets pay, and what they are worth.

use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::asset::{Asset, AssetCode};
use super::money::Stroops;
use super::pricing::{amount_in_currency, exact};
use super::split::Distribution;

/// Longest time a rate may be believed, in seconds: a year.
pub const RATE_STALENESS_SECONDS_MAX: i64 = 366 * 86_400;

/// An asset that pays for reservations.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Currency {
    /// Its name in the API: `TFT`.
    pub code: AssetCode,
    /// The asset on the ledger.
    pub asset: Asset,
    /// USD for one unit, above zero.
    pub usd_rate: Decimal,
    /// When the rate was true.
    pub rate_at: Timestamp,
    /// For how many seconds after that it may be used.
    pub rate_valid_seconds: i64,
    /// Distribution used instead of the farm's, if any.
    pub distribution: Option<Distribution>,
    /// True for play money: it pays only where every node is free to use.
    pub free_only: bool,
}

impl Currency {
    /// True if the rate may be used at `now`.
    pub fn rate_is_fresh(&self, now: Timestamp) -> bool {
        now.duration_since(self.rate_at) <= SignedDuration::from_secs(self.rate_valid_seconds)
    }
}

/// The least amount of an asset that is worth `usd` at `now`, rounded up to a whole stroop.
///
/// `None` if nothing says what it is worth: it is no currency, it is play money, or no rate of it may
/// be used. Of several rates the one that asks for most counts.
pub fn least_worth(currencies: &[Currency], asset: Asset, usd: Decimal, now: Timestamp) -> Option<Stroops> {
    let of_asset = || currencies.iter().filter(|currency| currency.asset == asset);
    if of_asset().any(|currency| currency.free_only) {
        return None;
    }
    let mut most = None;
    for currency in of_asset().filter(|currency| currency.rate_is_fresh(now)) {
        most = most.max(Some(amount_in_currency(&exact(usd), currency.usd_rate).ok()?));
    }
    most
}

/// A currency that ships with Farmgate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KnownCurrency {
    /// Its code.
    pub code: &'static str,
    /// Its issuer on the public network.
    pub public_issuer: &'static str,
    /// Its issuer on the test network.
    pub testnet_issuer: &'static str,
    /// Play money.
    pub free_only: bool,
    /// The distribution it overrides the farm's with.
    pub distribution: Option<&'static str>,
}

/// TFT, TFTA and FreeTFT with their issuers (the FAQ of threefoldfoundation/tft-stellar).
pub const KNOWN_CURRENCIES: [KnownCurrency; 3] = [
    KnownCurrency {
        code: "TFT",
        public_issuer: "GBOVQKJYHXRR3DX6NOX2RRYFRCUMSADGDESTDNBDS6CDVLGVESRTAC47",
        testnet_issuer: "GA47YZA3PKFUZMPLQ3B5F2E3CJIB57TGGU7SPCQT2WAEYKN766PWIMB3",
        free_only: false,
        distribution: None,
    },
    KnownCurrency {
        code: "TFTA",
        public_issuer: "GBUT4GP5GJ6B3XW5PXENHQA7TXJI5GOPW3NF4W3ZIW6OOO4ISY6WNLN2",
        testnet_issuer: "GB55A4RR4G2MIORJTQA4L6FENZU7K4W7ATGY6YOT2CW47M5SZYGYKSCT",
        free_only: false,
        distribution: None,
    },
    KnownCurrency {
        code: "FreeTFT",
        public_issuer: "GCBGS5TFE2BPPUVY55ZPEMWWGR6CLQ7T6P46SOFGHXEBJ34MSP6HVEUT",
        testnet_issuer: "GBLDUINEFYTF7XEE7YNWA3JQS4K2VD37YU7I2YAE7R5AHZDKQXSS2J6R",
        free_only: true,
        distribution: Some("free"),
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::address::AccountId;

    #[test]
    fn every_known_currency_is_well_formed() {
        for known in KNOWN_CURRENCIES {
            assert!(known.code.parse::<AssetCode>().is_ok());
            assert!(known.public_issuer.parse::<AccountId>().is_ok());
            assert!(known.testnet_issuer.parse::<AccountId>().is_ok());
            assert!(known.distribution.is_none_or(|name| Distribution::known(name).is_ok()));
        }
    }

    fn currency() -> Currency {
        Currency {
            code: "TFT".parse().unwrap(),
            asset: Asset::Native,
            usd_rate: Decimal::ONE,
            rate_at: Timestamp::UNIX_EPOCH,
            rate_valid_seconds: 60,
            distribution: None,
            free_only: false,
        }
    }

    #[test]
    fn an_amount_is_worth_something_by_a_rate_that_may_be_used_alone() {
        let now = Timestamp::UNIX_EPOCH;
        let least = |currencies: &[Currency]| {
            least_worth(currencies, Asset::Native, Decimal::ONE, now).map(|least| least.to_string())
        };
        let at = |rate: &str| Currency { usd_rate: rate.parse().unwrap(), ..currency() };
        assert_eq!(least(&[at("0.05")]).as_deref(), Some("20"));
        assert_eq!(least(&[at("3")]).as_deref(), Some("0.3333334"), "rounded up");
        assert_eq!(least(&[at("3"), at("0.5")]).as_deref(), Some("2"), "the one that asks for most");
        let stale = Currency { rate_at: now - SignedDuration::from_secs(61), ..at("1") };
        assert_eq!(least(std::slice::from_ref(&stale)), None);
        assert_eq!(least(&[stale, at("0.05")]).as_deref(), Some("20"));
        assert_eq!(least(&[at("1"), Currency { free_only: true, ..at("1") }]), None);
        assert_eq!(least(&[at("0")]), None);
        assert_eq!(least(&[at("1"), at("0.0000000000001")]), None, "more than the ledger can hold");
        let credit = Asset::credit("TFT".parse().unwrap(), crate::domain::address::AccountId([1; 32]));
        assert_eq!(least(&[Currency { asset: credit, ..at("1") }]), None, "of another asset");
    }

    #[test]
    fn a_rate_is_used_until_its_last_second() {
        let currency = currency();
        assert!(currency.rate_is_fresh(Timestamp::from_second(60).unwrap()));
        assert!(!currency.rate_is_fresh(Timestamp::from_millisecond(60_001).unwrap()));
    }
}
