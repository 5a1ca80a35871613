//! It was decided what a reservation's payers bear of what an issuer clawed back.
//!
//! | debit | credit |
//! | --- | --- |
//! | `deposits:RESERVATION` | `clawed_back:RESERVATION` |

use jiff::Timestamp;

use super::new_entry::NewEntry;
use crate::domain::asset::Asset;
use crate::domain::ids::ReservationId;
use crate::domain::journal::{BookAccount, Cause, Postings};
use crate::domain::money::Stroops;

/// The entry of what a reservation's payers bear, by asset.
pub(in crate::settlement) fn loss(
    reservation: ReservationId,
    lost: impl IntoIterator<Item = (Asset, Stroops)>,
    at: Timestamp,
) -> NewEntry {
    let mut postings = Postings::new();
    for (asset, amount) in lost {
        let borne_by = BookAccount::Deposits(reservation);
        postings.movement(asset, amount, borne_by, BookAccount::ClawedBack(Some(reservation)));
    }
    NewEntry { cause: Cause::Loss(reservation), reservation: Some(reservation), at, postings }
}
