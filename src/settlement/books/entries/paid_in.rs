//! Money came in.
//!
//! | debit | credit | when |
//! | --- | --- | --- |
//! | `stellar:ACCOUNT` | `deposits:RESERVATION` | it came for a reservation, counted or not |
//! | `stellar:ACCOUNT` | `unattributed` | it came for no reservation |
//! | `stellar:ACCOUNT` | `capital` | the operator's own account topped ours up |

use super::new_entry::NewEntry;
use crate::domain::journal::{BookAccount, Cause, Postings};
use crate::domain::payment::Attribution;
use crate::ports::store::StoredPayment;

/// The entry of a payment that came in.
pub(in crate::settlement) fn paid_in(stored: &StoredPayment) -> NewEntry {
    let StoredPayment { payment, reservation, attribution } = stored;
    let owed = match (attribution, reservation) {
        (Attribution::TopUp, _) => BookAccount::Capital,
        (Attribution::Unassigned, _) | (_, None) => BookAccount::Unattributed,
        (Attribution::Counted | Attribution::Late | Attribution::OtherAsset, Some(owner)) => {
            BookAccount::Deposits(*owner)
        }
    };
    let mut postings = Postings::new();
    postings.movement(payment.asset, payment.amount, BookAccount::Stellar(payment.to), owed);
    NewEntry { cause: Cause::Payment(payment.id), reservation: *reservation, at: payment.closed_at, postings }
}
