//! The database as the use cases need it: transactions, and in them typed reads and guarded writes.
//!
//! Use cases take `&mut dyn Tx`, so several share one transaction, and never see SQL. [`transact`] runs one
//! to its commit. Nothing talks to the network inside it: the work may run again after a conflict.

mod access;
mod accounts;
mod catalog;
mod claimables;
mod dead_letters;
mod fee_bumps;
mod journal;
mod lease;
mod payments;
mod payouts;
mod pools;
mod reservations;
mod transfers;
mod watchdog;

use std::sync::Arc;

use async_trait::async_trait;
use futures::future::BoxFuture;

pub use access::{AccessTx, ApiKey, IdempotencyKey, Role, StoredAnswer};
pub use accounts::{AccountsTx, WaitingBalance};
pub use catalog::{CatalogTx, Put};
pub use claimables::{ClaimableSums, ClaimablesTx};
pub use dead_letters::{DeadLettersTx, Dismissal, PutAside, RecordId, Tries};
pub use fee_bumps::FeeBumpsTx;
pub use journal::{EngineStatus, JournalTx, Stopped};
pub use lease::{Lease, LeaseTx};
pub use payments::{PaymentFilter, PaymentsTx, Quarantined, StoredPayment};
pub use payouts::{PayoutCheck, PayoutsTx};
pub use pools::{PoolClaims, PoolFilter, PoolsTx};
pub use reservations::{ReservationFilter, ReservationsTx};
pub use transfers::TransfersTx;
pub use watchdog::WatchdogTx;

/// Most rows a list shows at once. A store gives one more if asked to, which tells whether the list goes on.
pub const LIST_ROWS_MAX: u32 = 200;
/// How often [`transact`] runs work that meets conflicts, before it gives up.
pub const TRANSACT_ATTEMPTS_MAX: u32 = 20;

/// Why the database did not do what was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// Somebody else changed the same thing: a stale version, a deadlock, a serialisation failure, a busy database.
    /// The transaction is gone; running the work again from its reads may succeed.
    #[error("a concurrent change to {what}")]
    Conflict {
        /// What was changed.
        what: String,
    },
    /// A unique key refused a row.
    #[error("{constraint} exists already")]
    Exists {
        /// The named constraint.
        constraint: Constraint,
    },
    /// Not reached, timed out, cut off. A commit that ends so may or may not have happened.
    #[error("the database is unavailable: {reason}")]
    Unavailable {
        /// What happened, for people.
        reason: String,
    },
    /// A row that cannot be: it names table, column and key.
    #[error("{table}.{column} of {key} cannot be: {reason}")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The row's key.
        key: String,
        /// Why it cannot be.
        reason: String,
    },
    /// The engine's lease has been taken over: this process may not write for the engine any more, and wrote nothing.
    #[error("the engine's lease is lost: token {token} is over, {now} holds it")]
    LeaseLost {
        /// The token that was worked under.
        token: i64,
        /// Who holds the lease now, for people.
        now: String,
    },
    /// A statement the database refused for another reason: a mistake on our side.
    #[error("the database refused a statement: {reason}")]
    Refused {
        /// Its words.
        reason: String,
    },
}

/// The unique keys that carry a money rule, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Constraint {
    /// An id of ours was drawn twice; run again with a fresh one.
    Id,
    /// One entry per cause.
    JournalCause,
    /// One live or paid attempt per transfer.
    TransferAttempt,
    /// One transfer per reservation and ordinal.
    TransferOrdinal,
    /// One return per payment.
    Refund,
    /// One claimable balance per id, and per transfer.
    Claimable,
    /// One live transaction per channel.
    ChannelLease,
    /// One transaction per hash, and per channel and sequence number.
    SubmissionHash,
    /// One grant per reservation.
    PoolGrant,
    /// One reservation per escrow account.
    ReservationEscrow,
    /// One answer per idempotency key.
    IdempotencyKey,
    /// One API key per name.
    ApiKeyName,
}

impl std::fmt::Display for Constraint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Id => "the id",
            Self::JournalCause => "a journal entry for this cause",
            Self::TransferAttempt => "a live or paid attempt of this transfer",
            Self::TransferOrdinal => "this transfer of the reservation",
            Self::Refund => "the return of this payment",
            Self::Claimable => "the claimable balance of this transfer",
            Self::ChannelLease => "a live transaction of this channel",
            Self::SubmissionHash => "this transaction",
            Self::PoolGrant => "the grant of this reservation",
            Self::ReservationEscrow => "a reservation on this escrow account",
            Self::IdempotencyKey => "an answer for this idempotency key",
            Self::ApiKeyName => "an API key of this name",
        })
    }
}

impl StoreError {
    /// True if running the whole transaction again, from its first read, may succeed.
    pub const fn is_conflict(&self) -> bool {
        match self {
            Self::Conflict { .. } | Self::Exists { constraint: Constraint::Id } => true,
            Self::Exists { .. }
            | Self::Unavailable { .. }
            | Self::Corrupt { .. }
            | Self::LeaseLost { .. }
            | Self::Refused { .. } => false,
        }
    }
}

/// What a write that may be repeated did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Applied {
    /// It was done now.
    Executed,
    /// It had been done before; nothing changed.
    AlreadyApplied,
}

/// A database.
#[async_trait]
pub trait Store: Send + Sync {
    /// A transaction that may write. On SQLite there is one writer at a time.
    async fn begin(&self) -> Result<Box<dyn Tx>, StoreError>;

    /// A transaction for reading a consistent state; its writes are refused.
    async fn begin_read(&self) -> Result<Box<dyn Tx>, StoreError>;
}

/// An open transaction: everything it does, or nothing.
///
/// Dropped without [`Tx::commit`], it is rolled back. After the first statement that was refused
/// ([`StoreError::Corrupt`] is what we think of an answer, not a refusal) it is over: whatever is asked gives that
/// error again, and so does the commit.
///
/// On PostgreSQL several run at once, at READ COMMITTED: what was read may have changed before it is written, which
/// the guarded writes notice. A node read in a transaction that may write stays as it is until that ends.
#[async_trait]
pub trait Tx:
    AccessTx
    + AccountsTx
    + CatalogTx
    + ClaimablesTx
    + DeadLettersTx
    + FeeBumpsTx
    + JournalTx
    + LeaseTx
    + PaymentsTx
    + PayoutsTx
    + PoolsTx
    + ReservationsTx
    + TransfersTx
    + WatchdogTx
    + Send
    + Sync
{
    /// Makes everything durable. After an error nobody knows whether it is, except after
    /// [`StoreError::Conflict`], when it is not.
    async fn commit(self: Box<Self>) -> Result<(), StoreError>;

    /// Undoes everything.
    async fn rollback(self: Box<Self>) -> Result<(), StoreError>;
}

/// Runs `work` in a transaction and commits it; runs it again after conflicts.
///
/// The work runs in a task of its own, so that a caller that is cancelled (a client that hangs up) never leaves a
/// transaction half done on a pooled connection: once begun, it comes to its commit or rollback.
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
