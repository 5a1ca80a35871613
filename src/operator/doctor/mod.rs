//! Whether everything Farmgate needs is in order: one line per check, each with what was seen and what to do.
//!
//! The checks are pure functions of what was read; [`examine`] reads it, from a database and a network that
//! answer. A question without an answer becomes a line of its own, and the other checks go on. Never here:
//! a change of any kind, a secret, or more requests than [`payouts::ACCOUNTS_MAX`] and a few.

pub mod accounts;
pub mod books;
pub mod budget;
mod check;
mod deployment;
mod expectations;
pub mod horizon;
pub mod payouts;

use super::account_inventory::{InventoryError, account_inventory};
use crate::ports::clock::Clock;
use crate::ports::network::Network;
use crate::ports::store::Store;
use books::Books;
use check::unanswered;

pub use check::{Check, Verdict};
pub use expectations::Expectations;

/// Looks at what needs a database, a network, or both; each may be away.
pub async fn examine(
    store: Option<&dyn Store>,
    network: Option<&dyn Network>,
    clock: &dyn Clock,
    expected: &Expectations,
) -> Vec<Check> {
    let mut checks = Vec::new();
    let mut ledger_time = None;
    if let Some(network) = network {
        match network.tip().await {
            Ok(tip) => {
                ledger_time = Some(tip.closed_at);
                checks.push(horizon::clock(clock.now(), tip));
            }
            Err(error) => checks.push(unanswered("clock", &error)),
        }
    }
    if let (Some(store), Some(ours)) = (store, expected.deployment()) {
        checks.push(deployment::examine(store, network, &ours).await);
    }
    let books = match store {
        None => None,
        Some(store) => match Books::read(store).await {
            Ok(books) => Some(books),
            Err(error) => {
                let advice = "mend the database; a row that cannot be was changed by other hands";
                checks.push(Check::fail("books", error.to_string(), advice));
                None
            }
        },
    };
    let mut stocked = None;
    if let (Some(store), Some(network)) = (store, network) {
        match account_inventory(store, network).await {
            Ok(found) => stocked = Some(found),
            Err(InventoryError::Network(error)) => checks.push(unanswered("warm-accounts", &error)),
            Err(InventoryError::Store(error)) => checks.push(unanswered("warm-accounts", &error)),
        }
    }
    if let (Some(network), Some(platform)) = (network, expected.platform) {
        match network.account(platform).await {
            Ok(answer) => {
                let found = answer.account.as_ref();
                checks.extend(accounts::platform(platform, found, stocked.as_ref(), expected));
            }
            Err(error) => checks.push(unanswered("platform-account", &error)),
        }
    }
    if let Some(books) = &books {
        if let Some(inventory) = &stocked {
            checks.push(accounts::channels(inventory, &expected.targets));
            checks.push(accounts::warm_accounts(inventory, &expected.targets));
        }
        if let Some(network) = network {
            checks.extend(accounts::channel_balances(books, network, expected).await);
        }
        checks.extend(books::currencies(books, stocked.as_ref(), clock.now()));
        if let Some(network) = network {
            checks.extend(payouts::examine(books, network, &expected.payout).await);
        }
        checks.push(budget::examine(network, books.open_reservations(), expected).await);
        checks.push(books::engine(books, clock.now(), expected.tick));
        checks.push(books::transactions(books, ledger_time.unwrap_or_else(|| clock.now())));
        checks.push(books::held(books));
        checks.push(books::quarantined(books));
        checks.push(books::rows(books));
        checks.extend(books::payout_changes(books).into_iter().chain(books::rate_keys(books)));
    }
    checks
}
