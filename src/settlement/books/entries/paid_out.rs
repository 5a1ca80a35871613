//! A transfer was paid.
//!
//! | debit | credit | when |
//! | --- | --- | --- |
//! | what is owed: `deposits:RESERVATION`, `unattributed` or `claimants` | `stellar:ACCOUNT` | always |
//! | `claimable_balances` | `claimants` | it was paid by a claimable balance |

use jiff::Timestamp;

use super::new_entry::NewEntry;
use crate::domain::journal::{BookAccount, Cause, Postings};
use crate::domain::transfer::Transfer;
use crate::settlement::books::transfers::is_claimable;

/// The entry of a transfer that was paid in a ledger that closed at `at`.
pub(in crate::settlement) fn paid_out(transfer: &Transfer, at: Timestamp) -> NewEntry {
    let mut postings = Postings::new();
    let held = BookAccount::Stellar(transfer.from);
    postings.movement(transfer.asset, transfer.amount, transfer.liability(), held);
    if is_claimable(transfer) {
        let (outstanding, demanded) = (BookAccount::ClaimableBalances, BookAccount::Claimants);
        postings.movement(transfer.asset, transfer.amount, outstanding, demanded);
    }
    NewEntry { cause: Cause::Transfer(transfer.id), reservation: transfer.reservation, at, postings }
}
