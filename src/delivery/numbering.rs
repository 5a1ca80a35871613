//! Events get their numbers after their commit.
//!
//! Boundaries: a pass is one transaction, which holds the row of the last number from its beginning to its
//! end. That row is the numberer's lease: any process may take it, none needs the engine's, and it ends with
//! its transaction or its connection. Whoever reads events has them numbered first, so that what was
//! committed before they asked is not missed; beside that each process numbers once a second.
//!
//! Failure: a pass that fails numbers nothing. Recovery: the next pass, of whatever process.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{Either, select};

use crate::ports::clock::Clock;
use crate::ports::store::{Store, StoreError, transact};

/// Most events that one pass numbers: nobody waits long for it.
const EVENTS_PER_PASS_MAX: u32 = 1_000;
/// Most passes for one reader. What is committed meanwhile may have to wait for the next.
const PASSES_MAX: u32 = 20;
/// Pause between two passes of a process.
const PAUSE: Duration = Duration::from_secs(1);

/// Gives numbers to the committed events that have none; tells to how many.
///
/// # Errors
/// The store's. What was numbered before stays so.
pub async fn number_events(store: &Arc<dyn Store>) -> Result<u64, StoreError> {
    let mut numbered = 0;
    for _ in 0..PASSES_MAX {
        if !store.begin_read().await?.has_unnumbered_events().await? {
            break;
        }
        let pass = transact(store, |tx| Box::pin(async move { tx.number_events(EVENTS_PER_PASS_MAX).await }));
        let some: u64 = pass.await?;
        numbered += some;
        if some < u64::from(EVENTS_PER_PASS_MAX) {
            break;
        }
    }
    Ok(numbered)
}

/// Numbers events once a second, until `stop`; a pass in hand is finished first.
pub async fn keep_numbering(store: Arc<dyn Store>, clock: &dyn Clock, stop: impl Future<Output = ()> + Send) {
    let mut stop = pin!(stop);
    loop {
        if let Err(error) = number_events(&store).await {
            tracing::warn!(%error, "events wait for their numbers");
        }
        if let Either::Left(_) = select(&mut stop, clock.sleep(PAUSE)).await {
            return;
        }
    }
}
