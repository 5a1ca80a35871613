//! What could not be read, and what must not be done meanwhile.
//!
//! A row that a step came to and could not read is its own trouble: the step goes on with the others, and the
//! tick notes it at its end, for a person to see to. An account that changed and could not be looked at is
//! not known: a transaction that is not stored any more may have paid from it, so nothing is paid from it
//! before it was looked at.

use std::collections::BTreeSet;

use crate::domain::address::AccountId;
use crate::ports::store::UnreadableRow;
use crate::settlement::memory::Memory;

/// Most rows that are noted at once: with more of them it is not the rows that have to be seen to.
const NOTED_AT_ONCE_MAX: usize = 1_000;

/// Rows that could not be read since they were noted last.
#[derive(Default)]
pub(in crate::settlement) struct Unreadable(Memory<BTreeSet<UnreadableRow>>);

impl Unreadable {
    pub(in crate::settlement) fn add(&self, row: UnreadableRow) {
        let mut rows = self.0.lock();
        if rows.len() < NOTED_AT_ONCE_MAX && rows.insert(row.clone()) {
            tracing::error!(
                table = row.table,
                column = row.column,
                key = row.key,
                reason = row.reason,
                "a row cannot be read, and is left alone"
            );
        }
    }

    /// Those that were met since this was asked last.
    pub(in crate::settlement) fn take(&self) -> Vec<UnreadableRow> {
        std::mem::take(&mut *self.0.lock()).into_iter().collect()
    }
}

/// Accounts that could not be looked at when their turn came.
#[derive(Default)]
pub(in crate::settlement) struct UnknownAccounts(Memory<BTreeSet<AccountId>>);

impl UnknownAccounts {
    /// What happened to the account could not be found out.
    pub(in crate::settlement) fn add(&self, account: AccountId) {
        self.0.lock().insert(account);
    }

    /// It was looked at.
    pub(in crate::settlement) fn remove(&self, account: &AccountId) {
        self.0.lock().remove(account);
    }

    /// True if nothing may be paid from the account now.
    pub(in crate::settlement) fn has(&self, account: &AccountId) -> bool {
        self.0.lock().contains(account)
    }
}
