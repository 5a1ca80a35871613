//! A database and its transactions.

use async_trait::async_trait;

use super::accepted::AcceptedTx;
use super::access::AccessTx;
use super::accounts::AccountsTx;
use super::audit::AuditTx;
use super::catalog::CatalogTx;
use super::claimables::ClaimablesTx;
use super::dead_letters::DeadLettersTx;
use super::deployment::DeploymentTx;
use super::error::StoreError;
use super::events::EventsTx;
use super::fee_bumps::FeeBumpsTx;
use super::journal::JournalTx;
use super::lease::LeaseTx;
use super::payments::PaymentsTx;
use super::payout_changes::PayoutChangesTx;
use super::payouts::PayoutsTx;
use super::pools::PoolsTx;
use super::reservations::ReservationsTx;
use super::transfers::TransfersTx;
use super::unreadable_rows::UnreadableRowsTx;
use super::watchdog::WatchdogTx;

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
/// # Errors
/// Every method may answer [`StoreError::Unavailable`], and every one that reads [`StoreError::Corrupt`]. A
/// guarded write whose row is no longer as its caller read it is [`StoreError::Conflict`]; a row whose unique
/// key is taken is [`StoreError::Exists`]; what the port's words forbid (a new transfer that is not pending,
/// a list of 201 ids) is [`StoreError::Refused`]. A list that is a [`Page`](super::Page) gives each row, or
/// says why it cannot be read.
///
/// # Failure
/// Dropped without [`Tx::commit`], it is rolled back. After the first statement that was refused
/// ([`StoreError::Corrupt`] is what we think of an answer, not a refusal) it is over: whatever is asked gives
/// that error again, and so does the commit.
///
/// On PostgreSQL several run at once, at READ COMMITTED: what was read may have changed before it is written,
/// which the guarded writes notice. A node read in a transaction that may write stays as it is until that
/// ends.
#[async_trait]
pub trait Tx:
    AcceptedTx
    + AccessTx
    + AccountsTx
    + AuditTx
    + CatalogTx
    + ClaimablesTx
    + DeadLettersTx
    + DeploymentTx
    + EventsTx
    + FeeBumpsTx
    + JournalTx
    + LeaseTx
    + PaymentsTx
    + PayoutChangesTx
    + PayoutsTx
    + PoolsTx
    + ReservationsTx
    + TransfersTx
    + UnreadableRowsTx
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
