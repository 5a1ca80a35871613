//! A channel was found to have used sequence numbers by transactions that are not stored: what is missing
//! of its XLM were fees.
//!
//! | debit | credit |
//! | --- | --- |
//! | `network_fees` | `stellar:CHANNEL` |

use jiff::Timestamp;

use super::new_entry::NewEntry;
use crate::domain::address::AccountId;
use crate::domain::asset::Asset;
use crate::domain::journal::{BookAccount, Cause, Postings};
use crate::domain::money::Stroops;

/// The entry of fees up to the channel's sequence number.
pub(in crate::settlement) fn unseen_fees(
    channel: AccountId,
    sequence: i64,
    fees: Stroops,
    at: Timestamp,
) -> NewEntry {
    let mut postings = Postings::new();
    postings.movement(Asset::Native, fees, BookAccount::NetworkFees, BookAccount::Stellar(channel));
    NewEntry { cause: Cause::UnseenFees(channel, sequence), reservation: None, at, postings }
}
