//! An operation that is not ours took money, and a person accepted it.
//!
//! | debit | credit |
//! | --- | --- |
//! | `accepted_losses` | `stellar:ACCOUNT` |
//!
//! What is owed to who paid that account stays owed: the operator fills it.

use jiff::Timestamp;

use super::new_entry::NewEntry;
use crate::domain::address::AccountId;
use crate::domain::asset::Asset;
use crate::domain::ids::ReservationId;
use crate::domain::journal::{BookAccount, Cause, Postings};
use crate::domain::money::Stroops;
use crate::domain::payment::PaymentId;

/// What an accepted operation took.
pub(in crate::settlement) struct AcceptedLoss {
    /// The operation and which of its changes.
    pub id: PaymentId,
    pub asset: Asset,
    pub amount: Stroops,
    /// When its ledger closed.
    pub at: Timestamp,
}

/// The entry of what was taken from `account`, which is the account of `reservation` or of none.
pub(in crate::settlement) fn accepted_loss(
    loss: &AcceptedLoss,
    account: AccountId,
    reservation: Option<ReservationId>,
) -> NewEntry {
    let mut postings = Postings::new();
    postings.movement(loss.asset, loss.amount, BookAccount::AcceptedLosses, BookAccount::Stellar(account));
    NewEntry { cause: Cause::Accepted(loss.id), reservation, at: loss.at, postings }
}
