//! The scenarios, one file for each subject.
//!
//! A scenario does what its people do, over HTTP and the ledger, and says what is due to whom. It never looks
//! into the database.

mod amounts;
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

use super::scenario::Script;

/// All of them.
pub(super) fn all() -> Vec<Script> {
    [
        exact::SCRIPTS,
        parts::SCRIPTS,
        late::SCRIPTS,
        exchanges::SCRIPTS,
        free::SCRIPTS,
        unable::SCRIPTS,
        issuers::SCRIPTS,
        pools::SCRIPTS,
        closing::SCRIPTS,
        platform::SCRIPTS,
    ]
    .concat()
}
