//! The fence: a database that an engine writes to only while its process has the lease.
//!
//! Each transaction that may write reads the lease first, and keeps it from being taken over until it ends.
//! So a take-over waits for the writes in hand, and what begins after it is refused before it has done
//! anything. It is refused too if the database went back. Reads pass: they decide nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use tokio::sync::Notify;

use crate::ports::store::{Lease, Store, StoreError, Tx};
use crate::settlement::high_water_mark::HighWaterMark;

/// What one term of an engine is written under.
pub(in crate::settlement) struct FencingToken {
    token: i64,
    holder: String,
    over: AtomicBool,
    refused: Notify,
}

impl FencingToken {
    pub(in crate::settlement) fn new(token: i64, holder: String) -> Self {
        Self { token, holder, over: AtomicBool::new(false), refused: Notify::new() }
    }

    pub(in crate::settlement) const fn token(&self) -> i64 {
        self.token
    }

    pub(in crate::settlement) fn holder(&self) -> &str {
        &self.holder
    }

    /// From now on nothing is written under it, whoever holds the lease.
    pub(in crate::settlement) fn end(&self) {
        self.over.store(true, Ordering::SeqCst);
    }

    /// Resolves when a write was refused because the lease was lost.
    pub(in crate::settlement) async fn refused(&self) {
        self.refused.notified().await;
    }

    fn lost(&self, now: String) -> StoreError {
        StoreError::LeaseLost { token: self.token, now }
    }

    fn check(&self, lease: &Lease) -> Result<(), StoreError> {
        if lease.is_held(self.token, &self.holder) {
            return Ok(());
        }
        self.end();
        self.refused.notify_one();
        Err(self.lost(lease.holder.clone().unwrap_or_else(|| "nobody".to_owned())))
    }
}

/// A database, written to under a lease.
pub(in crate::settlement) struct FencedStore {
    pub(in crate::settlement) inner: Arc<dyn Store>,
    pub(in crate::settlement) fencing: Arc<FencingToken>,
    pub(in crate::settlement) mark: Arc<HighWaterMark>,
}

#[async_trait]
impl Store for FencedStore {
    async fn begin(&self) -> Result<Box<dyn Tx>, StoreError> {
        if self.fencing.over.load(Ordering::SeqCst) {
            return Err(self.fencing.lost("this term is over, whoever".to_owned()));
        }
        self.mark.check()?;
        let mut tx = self.inner.begin().await?;
        // Whoever renews it meanwhile makes it newer than what was seen by now.
        let seen = self.mark.lease();
        let lease = tx.lease().await?;
        let passed = self.mark.read(&seen, &lease).and_then(|()| self.fencing.check(&lease));
        match passed {
            Ok(()) => Ok(tx),
            Err(refused) => {
                tx.rollback().await?;
                Err(refused)
            }
        }
    }

    async fn begin_read(&self) -> Result<Box<dyn Tx>, StoreError> {
        self.inner.begin_read().await
    }
}
