//! Money had left an escrow account before it was adopted.
//!
//! | debit | credit |
//! | --- | --- |
//! | `unattributed` | `stellar:ACCOUNT` |

use super::new_entry::NewEntry;
use crate::domain::address::AccountId;
use crate::domain::journal::{BookAccount, Cause, Postings};
use crate::domain::payment::PaymentId;
use crate::ports::network::{Movement, PaymentRecord};

/// The entry of a movement out of `account`.
pub(in crate::settlement) fn withdrawal_before_adoption(
    account: AccountId,
    record: &PaymentRecord,
    movement: &Movement,
) -> NewEntry {
    let mut postings = Postings::new();
    let held = BookAccount::Stellar(account);
    postings.movement(movement.asset, movement.amount, BookAccount::Unattributed, held);
    let change = PaymentId { operation: record.operation, change: movement.change };
    NewEntry { cause: Cause::LeftBefore(change), reservation: None, at: record.closed_at, postings }
}
