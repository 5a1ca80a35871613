//! An account of ours was seen for the first time, with what it holds.
//!
//! | debit | credit |
//! | --- | --- |
//! | `stellar:ACCOUNT` | `capital` |

use jiff::Timestamp;

use super::new_entry::NewEntry;
use crate::domain::asset::Asset;
use crate::domain::journal::{BookAccount, Cause, Postings};
use crate::ports::network::AccountSnapshot;

/// The entry of an account with the balances of the snapshot for which `counts` is true.
pub(in crate::settlement) fn opening(
    snapshot: &AccountSnapshot,
    counts: impl Fn(Asset) -> bool,
    at: Timestamp,
) -> NewEntry {
    let mut postings = Postings::new();
    for balance in snapshot.balances.iter().filter(|balance| counts(balance.asset)) {
        let held = BookAccount::Stellar(snapshot.account);
        postings.movement(balance.asset, balance.amount, held, BookAccount::Capital);
    }
    NewEntry { cause: Cause::Opening(snapshot.account), reservation: None, at, postings }
}
