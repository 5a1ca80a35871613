//! One transaction from its beginning to its commit, again after conflicts.

use std::sync::Arc;

use futures::future::BoxFuture;

use super::error::StoreError;
use super::tx::{Store, Tx};

/// How often [`transact`] runs work that meets conflicts, before it gives up.
pub const TRANSACT_ATTEMPTS_MAX: u32 = 20;

/// Runs `work` in a transaction and commits it; runs it again after conflicts.
///
/// The work runs in a task of its own, so that a caller that is cancelled (a client that hangs up) never
/// leaves a transaction half done on a pooled connection: once begun, it comes to its commit or rollback.
///
/// # Errors
/// What `work` returned, after a rollback; or the store's, when begin or commit failed. After
/// [`StoreError::Unavailable`] the commit may have happened: the caller must find out, not repeat.
pub async fn transact<T, E, F>(store: &Arc<dyn Store>, work: F) -> Result<T, E>
where
    T: Send + 'static,
    E: From<StoreError> + RetryOn + Send + 'static,
    F: for<'tx> Fn(&'tx mut dyn Tx) -> BoxFuture<'tx, Result<T, E>> + Send + Sync + 'static,
{
    let store = Arc::clone(store);
    let task = tokio::spawn(async move {
        let mut attempt = 1;
        loop {
            match run_once(&*store, &work).await {
                Err(error) if error.is_conflict() && attempt < TRANSACT_ATTEMPTS_MAX => attempt += 1,
                outcome => return outcome,
            }
            tokio::task::yield_now().await;
        }
    });
    match task.await {
        Ok(outcome) => outcome,
        Err(error) => {
            Err(StoreError::Unavailable { reason: format!("the transaction's task ended: {error}") }.into())
        }
    }
}

async fn run_once<T, E, F>(store: &dyn Store, work: &F) -> Result<T, E>
where
    E: From<StoreError>,
    F: for<'tx> Fn(&'tx mut dyn Tx) -> BoxFuture<'tx, Result<T, E>>,
{
    let mut tx = store.begin().await?;
    match work(&mut *tx).await {
        Ok(value) => {
            tx.commit().await?;
            Ok(value)
        }
        Err(error) => {
            tx.rollback().await?;
            Err(error)
        }
    }
}

/// Errors of use cases that may wrap a conflict of the store.
pub trait RetryOn {
    /// True if the error is a conflict that running again may resolve.
    fn is_conflict(&self) -> bool;
}

impl RetryOn for StoreError {
    fn is_conflict(&self) -> bool {
        StoreError::is_conflict(self)
    }
}
