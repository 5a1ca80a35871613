//! A return was found on the ledger, sent whole before it was known that its issuer took money back: others
//! bear that.
//!
//! | debit | credit |
//! | --- | --- |
//! | `clawed_back:RESERVATION` | what is owed: `deposits:RESERVATION` |

use jiff::Timestamp;

use super::new_entry::NewEntry;
use crate::domain::journal::{BookAccount, Cause, Postings};
use crate::domain::money::Stroops;
use crate::domain::transfer::Transfer;

/// The entry of a return of which its payer was to bear `borne`, and does not.
pub(in crate::settlement) fn restoration(transfer: &Transfer, borne: Stroops, at: Timestamp) -> NewEntry {
    let mut postings = Postings::new();
    let open = BookAccount::ClawedBack(transfer.reservation);
    postings.movement(transfer.asset, borne, open, transfer.liability());
    NewEntry { cause: Cause::Restored(transfer.id), reservation: transfer.reservation, at, postings }
}
