//! Parts and sums of amounts.

use crate::demo::error::DemoError;
use crate::domain::money::Stroops;

/// So many per cent of an amount, rounded down.
pub(super) fn percent(amount: Stroops, percent: i64) -> Stroops {
    Stroops::new(amount.get() / 100 * percent + amount.get() % 100 * percent / 100).unwrap_or_default()
}

/// What remains of an amount.
pub(super) fn less(amount: Stroops, part: Stroops) -> Stroops {
    amount.checked_sub(part).unwrap_or_default()
}

/// An amount and more.
pub(super) fn plus(amount: Stroops, more: Stroops) -> Result<Stroops, DemoError> {
    amount
        .checked_add(more)
        .map_err(|error| DemoError::Api { what: "an amount".to_owned(), reason: error.to_string() })
}
