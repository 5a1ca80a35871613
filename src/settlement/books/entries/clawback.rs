//! An issuer clawed money back from an account of ours.
//!
//! | debit | credit |
//! | --- | --- |
//! | `clawed_back:RESERVATION`, or `clawed_back` of an account without one | `stellar:ACCOUNT` |
//!
//! It stays open there until it is decided who bears it.

use jiff::Timestamp;

use super::new_entry::NewEntry;
use crate::domain::address::AccountId;
use crate::domain::asset::Asset;
use crate::domain::ids::ReservationId;
use crate::domain::journal::{BookAccount, Cause, Postings};
use crate::domain::money::Stroops;
use crate::domain::payment::PaymentId;

/// Money that an issuer clawed back.
pub(in crate::settlement) struct Clawback {
    /// The operation and which of its changes.
    pub id: PaymentId,
    pub asset: Asset,
    pub amount: Stroops,
    /// When its ledger closed.
    pub at: Timestamp,
}

/// The entry of a clawback from `account`, which is the escrow account of `reservation` or of none.
pub(in crate::settlement) fn clawback(
    clawback: &Clawback,
    account: AccountId,
    reservation: Option<ReservationId>,
) -> NewEntry {
    let mut postings = Postings::new();
    let (open, held) = (BookAccount::ClawedBack(reservation), BookAccount::Stellar(account));
    postings.movement(clawback.asset, clawback.amount, open, held);
    NewEntry { cause: Cause::Clawback(clawback.id), reservation, at: clawback.at, postings }
}
