//! Why a command failed: one enum for all of them, below them.

use url::Url;

use crate::access::AccessError;
use crate::app::config::ConfigError;
use crate::app::database::DatabaseError;
use crate::app::sealing_files::SealingFileError;
use crate::app::wire::ServiceError;
use crate::demo::DemoError;
use crate::domain::dead_letter::LetterId;
use crate::domain::ids::ReservationId;
use crate::domain::refund::RefundAddressError;
use crate::domain::transfer::GivenBack;
use crate::operator::{AcceptError, DeadLetterError, InventoryError, ReconcileError};
use crate::ports::store::StoreError;
use crate::settlement::{ResolveError, ReturnError};
use crate::simulation::SimulationError;
use farmgate_sandbox::StartError;
use farmgate_sandbox::wallet::WalletError;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// Configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// No database to work on.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// PostgreSQL is not backed up here.
    #[error(
        "the database is PostgreSQL ({database}): back it up with its own pg_dump, such as \
         `pg_dump --format=custom --file={file} …`; restore with pg_restore"
    )]
    PostgresBackup {
        /// Which.
        database: String,
        /// Where the copy was to be.
        file: String,
    },
    /// The copy was not made.
    #[error("the backup: {0}")]
    Backup(StoreError),
    /// The service.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// The sandbox.
    #[error(transparent)]
    Sandbox(#[from] StartError),
    /// The wallet.
    #[error(transparent)]
    Wallet(#[from] WalletError),
    /// No sandbox.
    #[error(
        "no sandbox answers at {horizon}: start `farmgate sandbox`, or name another with --sandbox ({source})"
    )]
    NoSandbox {
        /// Where it should be.
        horizon: Url,
        /// What happened.
        source: reqwest::Error,
    },
    /// A held reservation.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// No such reservation.
    #[error("reservation {0} is not known")]
    NoReservation(ReservationId),
    /// No such payment or balance.
    #[error("{0} is not known")]
    NothingToGiveBack(GivenBack),
    /// Not an address that money can be returned to.
    #[error("--to: {0}")]
    RefundAddress(#[from] RefundAddressError),
    /// A return that was not redirected.
    #[error(transparent)]
    Return(#[from] ReturnError),
    /// Dead letters.
    #[error(transparent)]
    DeadLetter(#[from] DeadLetterError),
    /// An operation that was not accepted.
    #[error(transparent)]
    Accept(#[from] AcceptError),
    /// No such dead letter.
    #[error("dead letter {0} is not known")]
    NoDeadLetter(LetterId),
    /// Sealed secrets.
    #[error(transparent)]
    Unseal(#[from] SealingFileError),
    /// API keys.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// Reconciliation.
    #[error(transparent)]
    Reconcile(#[from] ReconcileError),
    /// What is there, and what is missing.
    #[error(transparent)]
    Inventory(#[from] InventoryError),
    /// The demo.
    #[error(transparent)]
    Demo(#[from] DemoError),
    /// The simulator.
    #[error(transparent)]
    Simulation(#[from] SimulationError),
    /// Standard output.
    #[error("standard output: {0}")]
    Output(#[from] std::io::Error),
    /// JSON.
    #[error("JSON: {0}")]
    Json(#[from] serde_json::Error),
}
