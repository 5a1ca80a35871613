//! Whether everything Farmgate needs is in order: one line per check, each with what was seen and what to do.
//!
//! The checks are pure functions of what was read; [`examine`] reads it, from a database and a network that answer. A
//! question without an answer becomes a line of its own, and the other checks go on. Never here: a change of any
//! kind, a secret, or more requests than [`payouts::ACCOUNTS_MAX`] and a few.

pub mod accounts;
pub mod books;
pub mod budget;
pub mod horizon;
pub mod payouts;

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use serde::Serialize;

use super::stock::{StockError, Wanted, stock};
use crate::domain::address::AccountId;
use crate::domain::split::Recipient;
use crate::ports::clock::Clock;
use crate::ports::network::Network;
use crate::ports::store::Store;
use books::Books;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// In order.
    Ok,
    /// Works, but somebody should look.
    Warn,
    /// Does not work.
    Fail,
}

impl Verdict {
    /// As printed.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "FAIL",
        }
    }
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was checked: a stable name.
    pub check: &'static str,
    /// How it ended.
    pub verdict: Verdict,
    /// What was seen.
    pub seen: String,
    /// What to do, where it is not in order.
    pub advice: Option<String>,
}

impl Check {
    /// In order.
    pub fn ok(check: &'static str, seen: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Ok, seen: seen.into(), advice: None }
    }

    /// Somebody should look.
    pub fn warn(check: &'static str, seen: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Warn, seen: seen.into(), advice: Some(advice.into()) }
    }

    /// Does not work.
    pub fn fail(check: &'static str, seen: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Fail, seen: seen.into(), advice: Some(advice.into()) }
    }
}

/// What is configured, as far as the checks need it.
#[derive(Debug, Clone)]
pub struct Expectations {
    /// The platform account, if it is known.
    pub platform: Option<AccountId>,
    /// The platform's signing key, if there is one.
    pub signer: Option<AccountId>,
    /// The accounts opened ahead.
    pub wanted: Wanted,
    /// The most paid per operation, in stroops.
    pub fee_per_operation_stroops: u32,
    /// Requests an hour; `None` for no limit.
    pub requests_per_hour_max: Option<NonZeroU32>,
    /// The pause between two looks at the ledger.
    pub tick: Duration,
    /// From how many accounts on the network's payment stream is followed.
    pub follow_accounts_min: u64,
    /// Where recipients other than farmers are paid.
    pub payout: BTreeMap<Recipient, AccountId>,
}

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
        match stock(store, network).await {
            Ok(found) => stocked = Some(found),
            Err(StockError::Network(error)) => checks.push(unanswered("warm-accounts", &error)),
            Err(StockError::Store(error)) => checks.push(unanswered("warm-accounts", &error)),
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
        if let Some(stock) = &stocked {
            checks.push(accounts::channels(stock, &expected.wanted));
            checks.push(accounts::warm_accounts(stock, &expected.wanted));
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
    }
    checks
}

/// A question that got no answer.
fn unanswered(check: &'static str, error: &dyn std::fmt::Display) -> Check {
    Check::warn(check, format!("could not be looked at: {error}"), "run `farmgate doctor` again")
}
