//! A return was reduced: its payer bears a part of what an issuer clawed back.
//!
//! | debit | credit |
//! | --- | --- |
//! | what is owed: `deposits:RESERVATION` or `unattributed` | `clawed_back:RESERVATION` or `clawed_back` |

use jiff::Timestamp;

use super::new_entry::NewEntry;
use crate::domain::ids::ReservationId;
use crate::domain::journal::{BookAccount, Cause, Postings};
use crate::domain::money::Stroops;
use crate::domain::transfer::Transfer;

/// The entry of a return that is smaller by `cut`, for what was clawed back of `of`.
pub(in crate::settlement) fn reduction(
    transfer: &Transfer,
    cut: Stroops,
    of: Option<ReservationId>,
    at: Timestamp,
) -> NewEntry {
    let mut postings = Postings::new();
    postings.movement(transfer.asset, cut, transfer.liability(), BookAccount::ClawedBack(of));
    NewEntry { cause: Cause::Reduced(transfer.id), reservation: transfer.reservation, at, postings }
}
