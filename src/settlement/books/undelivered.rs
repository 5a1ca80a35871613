//! Money that goes back and could not be delivered: why, how often it was tried, and when it is again, stored
//! for a person to see.
//!
//! When it is tried again is decided by what the engine remembers; a restart forgets that, and
//! tries it sooner.

use crate::domain::dead_letter::{Undelivered, Why};
use crate::domain::transfer::Transfer;
use crate::ports::store::{StoreError, Tx};

/// Stores that a pending return or repayment could not be delivered.
pub(in crate::settlement) async fn note_undelivered(
    tx: &mut dyn Tx,
    transfer: &Transfer,
    why: Why,
    now: jiff::Timestamp,
) -> Result<(), StoreError> {
    let before = tx.undelivered(transfer.id).await?;
    tx.set_undelivered(transfer, &Undelivered::again(before, why, now)).await
}
