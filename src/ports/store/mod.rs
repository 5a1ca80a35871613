//! The database as the use cases need it: transactions, and in them typed reads and guarded writes.
//!
//! Use cases take `&mut dyn Tx`, so several share one transaction, and never see SQL. [`transact`] runs one
//! to its commit. Nothing talks to the network inside it: the work may run again after a conflict.

mod accepted;
mod access;
mod accounts;
mod audit;
mod catalog;
mod claimables;
mod dead_letters;
mod deployment;
mod error;
mod events;
mod fee_bumps;
mod forward;
mod journal;
mod lease;
mod pages;
mod payments;
mod payout_changes;
mod payouts;
mod pools;
mod reservations;
mod transact;
mod transfers;
mod tx;
mod unreadable_rows;
mod watchdog;

pub use accepted::{AcceptedOperation, AcceptedTx, ForwardAccepted};
pub use access::{AccessTx, ApiKey, ForwardAccess, IdempotencyKey, Role, StoredAnswer};
pub use accounts::{AccountsTx, ForeignClaimable, ForwardAccounts};
pub use audit::{AuditFilter, AuditTx, ForwardAudit};
pub use catalog::{CatalogTx, ForwardCatalog, Put};
pub use claimables::{ClaimableSums, ClaimablesTx, ForwardClaimables};
pub use dead_letters::{DeadLettersTx, Dismissal, ForwardDeadLetters, QuarantinedRecord, RecordId, Tries};
pub use deployment::{DeploymentTx, ForwardDeployment};
pub use error::{Applied, Constraint, StoreError};
pub use events::{EventNumbers, EventsTx, ForwardEvents};
pub use fee_bumps::{FeeBumpsTx, ForwardFeeBumps};
pub use forward::{ForwardAll, WrapTx};
pub use journal::{EngineStatus, ForwardJournal, JournalTx, Stopped};
pub use lease::{ForwardLease, Lease, LeaseTx, ServerIdentity};
pub use pages::{LIST_ROWS_MAX, Listed, Page, Pages, UnreadableRow};
pub use payments::{ForwardPayments, PaymentFilter, PaymentsTx, Quarantined, StoredPayment};
pub use payout_changes::{ForwardPayoutChanges, PayoutChangeFilter, PayoutChangesTx};
pub use payouts::{ForwardPayouts, PayoutCheck, PayoutsTx};
pub use pools::{ForwardPools, PoolClaims, PoolFilter, PoolsTx};
pub use reservations::{ForwardReservations, ReservationFilter, ReservationsTx};
pub use transact::{RetryOn, TRANSACT_ATTEMPTS_MAX, transact};
pub use transfers::{ForwardTransfers, TransfersTx};
pub use tx::{Store, Tx};
pub use unreadable_rows::{ForwardUnreadableRows, NotedRow, UnreadableRowsTx};
pub use watchdog::{ForwardWatchdog, WatchdogTx};
