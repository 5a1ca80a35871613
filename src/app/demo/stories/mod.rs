//! The stories, a file for each family.
//!
//! A story does what its people do, over HTTP and the ledger, and says what is due to whom. It never looks into the database.

mod closing;
mod exact;
mod exchanges;
mod free;
mod issuers;
mod late;
mod parts;
mod platform;
mod pools;
mod unable;

use futures::future::BoxFuture;

use super::DemoError;
use super::play::Play;
use crate::domain::money::Stroops;

/// How a story goes.
pub(super) type Plot = for<'play> fn(&'play Play) -> BoxFuture<'play, Result<(), DemoError>>;

/// A story: whose, what it is about, and how it goes.
#[derive(Clone, Copy)]
pub(super) struct Story {
    pub(super) name: &'static str,
    pub(super) does: &'static str,
    pub(super) plot: Plot,
}

const fn story(name: &'static str, does: &'static str, plot: Plot) -> Story {
    Story { name, does, plot }
}

/// All of them.
pub(super) fn all() -> Vec<Story> {
    [
        exact::STORIES,
        parts::STORIES,
        late::STORIES,
        exchanges::STORIES,
        free::STORIES,
        unable::STORIES,
        issuers::STORIES,
        pools::STORIES,
        closing::STORIES,
        platform::STORIES,
    ]
    .concat()
}

/// So many per cent of an amount, rounded down.
fn percent(amount: Stroops, percent: i64) -> Stroops {
    Stroops::new(amount.get() / 100 * percent + amount.get() % 100 * percent / 100).unwrap_or_default()
}

/// What remains of an amount.
fn less(amount: Stroops, part: Stroops) -> Stroops {
    amount.checked_sub(part).unwrap_or_default()
}

/// An amount and more.
fn plus(amount: Stroops, more: Stroops) -> Result<Stroops, DemoError> {
    amount
        .checked_add(more)
        .map_err(|error| DemoError::Api { what: "an amount".to_owned(), reason: error.to_string() })
}
