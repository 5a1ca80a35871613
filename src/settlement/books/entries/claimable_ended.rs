//! A claimable balance of ours is gone: its claimant has it, or its issuer took what was the claimant's.
//!
//! | debit | credit |
//! | --- | --- |
//! | `claimants` | `claimable_balances` |
//!
//! What the platform reclaims is in the entry of that transaction.

use jiff::Timestamp;

use super::new_entry::NewEntry;
use crate::domain::claimable::Claimable;
use crate::domain::journal::{BookAccount, Cause, Postings};

/// The entry of a balance that was claimed in a ledger that closed at `at`.
pub(in crate::settlement) fn claimable_claimed(claimable: &Claimable, at: Timestamp) -> NewEntry {
    ended(claimable, Cause::Claimed(claimable.id), at)
}

/// The entry of a balance that its issuer clawed back, as it can from any account.
pub(in crate::settlement) fn claimable_clawed_back(claimable: &Claimable, at: Timestamp) -> NewEntry {
    ended(claimable, Cause::ClaimableClawedBack(claimable.id), at)
}

fn ended(claimable: &Claimable, cause: Cause, at: Timestamp) -> NewEntry {
    let mut postings = Postings::new();
    let (demanded, outstanding) = (BookAccount::Claimants, BookAccount::ClaimableBalances);
    postings.movement(claimable.asset, claimable.amount, demanded, outstanding);
    NewEntry { cause, reservation: claimable.reservation, at, postings }
}
