//! The network's payments as they happen, and what the client may spend in requests.

use std::num::NonZeroU32;

use async_trait::async_trait;

use super::error::NetworkError;
use crate::domain::address::AccountId;
use crate::domain::ids::OperationId;

/// A payment that the network's stream told of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Heard {
    /// Its operation.
    pub operation: OperationId,
    /// Every account that the record names; contracts are left out.
    pub accounts: Vec<AccountId>,
}

/// The network's payments as they happen.
///
/// A hint where to look, and nothing more: a payment may be told twice, late, or not at all.
#[async_trait]
pub trait Feed: Send {
    /// The next payment, however long it takes; `None` at least every two minutes, and for a record that
    /// cannot be read.
    ///
    /// # Errors
    /// [`NetworkError`] if the stream broke, was refused, or fell silent. The next call connects again and
    /// goes on after the last payment.
    async fn next(&mut self) -> Result<Option<Heard>, NetworkError>;
}

/// The request budget: how many requests the client may send in an hour, and how many it has sent lately.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Spending {
    /// Requests an hour; `None` for no limit.
    pub per_hour_max: Option<NonZeroU32>,
    /// Requests an hour, as of the last minutes, on everything but pages of watched accounts
    /// (`History::watched_accounts`) and on opening feeds.
    pub otherwise_per_hour: u64,
}
