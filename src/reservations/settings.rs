use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer};

use crate::domain::address::AccountId;
use crate::domain::pricing::{GridNetwork, UnitPrices};
use crate::domain::split::Recipient;

/// Shortest time a customer may be given to pay, in seconds.
pub const PAYMENT_WINDOW_SECONDS_MIN: u32 = 10;
/// Longest time a customer may be given to pay, in seconds: a week.
pub const PAYMENT_WINDOW_SECONDS_MAX: u32 = 7 * 86_400;
/// Longest time a caller may wait for an escrow account, in seconds.
pub const ESCROW_WAIT_SECONDS_MAX: u32 = 60;
/// Least time that must remain of a pool after the payment window for more units to be sold
/// in it, in seconds.
pub const POOL_REMAINING_SECONDS_MIN: u32 = 60;

/// How reservations are priced, paid out and opened.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Which grid the capacity is on: `mainnet`, `testnet` (a tenth of the price) or `devnet` (a hundredth).
    pub network: GridNetwork,
    /// USD per unit and 30 days; what is not set costs what it costs by default.
    #[serde(deserialize_with = "over_default_prices")]
    pub unit_prices: UnitPrices,
    /// How long a customer has to pay, in seconds from the quote.
    pub payment_window_seconds: u32,
    /// How long opening a reservation waits for an escrow account to be ready, in seconds.
    pub escrow_wait_seconds: u32,
    /// Where the recipients other than farmers are paid.
    pub payout: PayoutAccounts,
}

/// Accounts of the recipients that are the same for every farm.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PayoutAccounts {
    /// The foundation's.
    pub foundation: Option<AccountId>,
    /// The certified sales channel's.
    pub sales: Option<AccountId>,
    /// The wisdom council's.
    pub wisdom: Option<AccountId>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            network: GridNetwork::default(),
            unit_prices: UnitPrices::default(),
            payment_window_seconds: 3_600,
            escrow_wait_seconds: 15,
            payout: PayoutAccounts::default(),
        }
    }
}

/// Prices of which some are set. [`UnitPrices`] itself has all: it also stands in what was quoted, where
/// nothing may be made up.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct SetPrices {
    cu: Decimal,
    su: Decimal,
    ipv4u: Decimal,
}

impl Default for SetPrices {
    fn default() -> Self {
        let UnitPrices { cu, su, ipv4u } = UnitPrices::default();
        Self { cu, su, ipv4u }
    }
}

fn over_default_prices<'de, D: Deserializer<'de>>(from: D) -> Result<UnitPrices, D::Error> {
    let SetPrices { cu, su, ipv4u } = SetPrices::deserialize(from)?;
    Ok(UnitPrices { cu, su, ipv4u })
}

/// A setting that is out of its bounds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// The time to pay.
    #[error(
        "payment_window_seconds is {PAYMENT_WINDOW_SECONDS_MIN} to {PAYMENT_WINDOW_SECONDS_MAX}, not {given}"
    )]
    PaymentWindow {
        /// What was set.
        given: u32,
    },
    /// The time to wait for an escrow account.
    #[error("escrow_wait_seconds is at most {ESCROW_WAIT_SECONDS_MAX}, not {given}")]
    EscrowWait {
        /// What was set.
        given: u32,
    },
    /// A unit price.
    #[error("unit_prices cannot be negative")]
    NegativePrice,
}

impl Settings {
    /// Refuses what is out of bounds; `app/config` calls it once at start-up.
    pub fn validate(&self) -> Result<(), SettingsError> {
        let window = PAYMENT_WINDOW_SECONDS_MIN..=PAYMENT_WINDOW_SECONDS_MAX;
        if !window.contains(&self.payment_window_seconds) {
            return Err(SettingsError::PaymentWindow { given: self.payment_window_seconds });
        }
        if self.escrow_wait_seconds > ESCROW_WAIT_SECONDS_MAX {
            return Err(SettingsError::EscrowWait { given: self.escrow_wait_seconds });
        }
        let prices = [self.unit_prices.cu, self.unit_prices.su, self.unit_prices.ipv4u];
        if prices.iter().any(|price| price.is_sign_negative() && !price.is_zero()) {
            return Err(SettingsError::NegativePrice);
        }
        Ok(())
    }
}

impl PayoutAccounts {
    /// The account of a recipient; `None` where it is not set, or is no account of the settings'.
    pub const fn of(&self, recipient: Recipient) -> Option<AccountId> {
        match recipient {
            Recipient::Foundation => self.foundation,
            Recipient::Sales => self.sales,
            Recipient::Wisdom => self.wisdom,
            Recipient::Farmer | Recipient::Burn => None,
        }
    }

    /// All that are set.
    pub fn all(&self) -> impl Iterator<Item = AccountId> {
        [self.foundation, self.sales, self.wisdom].into_iter().flatten()
    }
}
