//! Capacity reservations, from the order to an open reservation with an escrow account.
//!
//! Every use case takes the transaction it works in, so that a caller may let several share one. Nothing here
//! talks to the network; an order that cannot be filled is refused by an [`Error`] that names its field.

mod cancel;
mod error;
mod facts;
mod open;
mod quote;
mod settings;

#[cfg(test)]
mod quote_tests;

pub use cancel::cancel;
pub use error::{Error, QuoteError, Refusal};
pub use facts::{Facts, OrderRequest, Payouts, load};
pub use open::{Opening, open, wait_for_escrow};
pub use quote::{Priced, quote};
pub use settings::{PayoutAccounts, Settings, SettingsError};
