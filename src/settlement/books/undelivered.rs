//! Money that goes back and could not be delivered: why, how often it was tried, and when it is again, stored for a person to see.
//!
//! When it is tried again is decided by what the engine remembers; a restart forgets that, and tries it sooner.

use crate::domain::dead_letter::{Undelivered, Why};
use crate::domain::transfer::Transfer;
use crate::ports::store::{StoreError, Tx, transact};
use crate::settlement::{Engine, EngineError};

impl Engine {
    /// A return or repayment could not be delivered: it rests, longer each time, and is listed as such.
    pub(in crate::settlement) async fn not_delivered(
        &self,
        transfer: &Transfer,
        why: Why,
    ) -> Result<(), EngineError> {
        self.undelivered(transfer.route());
        let (transfer, now) = (transfer.clone(), self.clock.now());
        transact(&self.store, move |tx| {
            let transfer = transfer.clone();
            Box::pin(async move { Ok(note_undelivered(tx, &transfer, why, now).await?) })
        })
        .await
    }
}

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
