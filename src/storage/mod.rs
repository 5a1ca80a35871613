//! The database: `ports::store` on SQLite and PostgreSQL.
//!
//! Each aggregate has a file with its statements, the way from its rows to the domain, and its port. A
//! statement is written once for both engines wherever they agree ([`Sql`]); which one it runs on is decided
//! in `session`, and nowhere else.
//!
//! Boundaries: only `domain` and `ports` of ours; nobody else speaks SQL. It never asks for the time or for
//! random numbers, and decides nothing about money: it refuses what would break a rule.
//!
//! Failure: after its first refused statement a transaction is over, and gives that error again at commit.
//! What was not committed is rolled back, whoever drops it and whenever; a connection whose state is in doubt
//! is closed.
//!
//! Recovery: `ports::store::transact` runs again after [`StoreError::Conflict`]. After
//! [`StoreError::Unavailable`] at a commit nobody knows; the unique keys (see `migrations/`) make repeating
//! harmless.
//!
//! Times are kept to the microsecond.

mod accepted;
mod access;
mod accounts;
mod audit;
mod backup;
mod catalog;
mod claimables;
mod dead_letters;
mod deployment;
mod durability;
mod errors;
mod events;
mod facts;
mod fee_bumps;
pub mod hands;
mod journal;
mod lease;
mod migrations;
mod payments;
mod payout_changes;
mod payouts;
mod pools;
mod postgres;
mod reservations;
mod rows;
pub mod scratch;
mod server;
mod session;
mod settings;
mod sql;
mod sqlite;
mod transfers;
mod unreadable_rows;
mod watchdog;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;

pub use durability::Durability;
pub use facts::FACTS_VERSION;
pub use settings::{
    CONNECTIONS_MAX, DatabaseUrl, DatabaseUrlError, EngineKind, Settings, TIMEOUT_SECONDS_MAX,
};
pub use sql::Sql;

use crate::ports::store::{Store, StoreError, Tx};
use postgres::PostgresDatabase;
use session::Session;
use sqlite::SqliteDatabase;

/// An open database.
pub struct Database {
    engine: Engine,
}

enum Engine {
    Sqlite(SqliteDatabase),
    Postgres(PostgresDatabase),
}

/// Connects to the database and brings its schema up to date. Several processes may do so at once.
///
/// An SQLite file is created if it is not there, but not its folder; a PostgreSQL database must exist.
///
/// # Errors
/// [`StoreError::Unavailable`] if it is not reached; [`StoreError::Refused`] if settings are out of bounds,
/// or the database was made by a newer or another program.
pub async fn connect(settings: &Settings) -> Result<Arc<dyn Store>, StoreError> {
    Ok(Arc::new(Database::open(settings).await?))
}

/// How far a database's schema is, as [`connect`] would find it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchemaState {
    /// There is no database (an SQLite file that is not there), or it has no tables of ours.
    Missing,
    /// It has the tables of an earlier version.
    Behind {
        /// How many migrations it has seen.
        applied: usize,
        /// How many there are.
        known: usize,
    },
    /// It has these tables.
    Current {
        /// How many migrations it has seen.
        applied: usize,
    },
}

impl std::fmt::Display for SchemaState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing => f.write_str("none"),
            Self::Behind { applied, known } => write!(f, "{applied} of {known} migrations"),
            Self::Current { applied } => write!(f, "{applied} migrations"),
        }
    }
}

/// Looks at a database's schema and changes nothing: no file is created, nothing is brought up to date.
///
/// # Errors
/// [`StoreError::Unavailable`] if it is not reached.
pub async fn schema(settings: &Settings) -> Result<SchemaState, StoreError> {
    within_bounds(settings)?;
    let (applied, known) = match settings.url.engine() {
        EngineKind::Sqlite => sqlite::migrations(settings).await?,
        EngineKind::Postgres => postgres::migrations(settings).await?,
    };
    Ok(match applied {
        0 => SchemaState::Missing,
        applied if applied < known => SchemaState::Behind { applied, known },
        applied => SchemaState::Current { applied },
    })
}

/// Asks a database what it does so that a commit stays.
///
/// # Errors
/// [`StoreError::Unavailable`] if it is not reached, [`StoreError::Refused`] if it does not tell.
pub async fn durability(settings: &Settings) -> Result<Durability, StoreError> {
    within_bounds(settings)?;
    match settings.url.engine() {
        EngineKind::Sqlite => Ok(Durability::File),
        EngineKind::Postgres => durability::of_server(settings).await,
    }
}

/// Copies a running SQLite database into a new file, as of one moment, and verifies the copy.
///
/// # Errors
/// [`StoreError::Refused`] if the file exists, the database is not SQLite, or the copy is not sound; nothing
/// is left then. [`StoreError::Unavailable`] if the database or the file cannot be read or written.
pub async fn back_up(settings: &Settings, copy: &Path) -> Result<(), StoreError> {
    within_bounds(settings)?;
    match settings.url.engine() {
        EngineKind::Sqlite => backup::copy(settings, copy).await,
        EngineKind::Postgres => {
            Err(StoreError::Refused { reason: "PostgreSQL has a backup of its own: pg_dump".to_owned() })
        }
    }
}

/// Asks the database for a sign of life: a transaction that reads one row.
///
/// # Errors
/// [`StoreError::Unavailable`] if there is none.
pub async fn ping(store: &dyn Store) -> Result<(), StoreError> {
    let mut tx = store.begin_read().await?;
    tx.engine_status().await?;
    tx.rollback().await
}

/// Every statement there is.
pub fn statements() -> Vec<Sql> {
    let all = [
        accepted::ALL,
        access::ALL,
        accounts::ALL,
        audit::ALL,
        catalog::ALL,
        claimables::ALL,
        dead_letters::ALL,
        deployment::ALL,
        events::ALL,
        facts::ALL,
        fee_bumps::ALL,
        journal::ALL,
        lease::ALL,
        payments::ALL,
        payout_changes::ALL,
        payouts::ALL,
        pools::ALL,
        reservations::ALL,
        transfers::ALL,
        unreadable_rows::ALL,
        watchdog::ALL,
    ];
    all.concat()
}

fn within_bounds(settings: &Settings) -> Result<(), StoreError> {
    let refuse = |reason: String| Err(StoreError::Refused { reason });
    if !(1..=CONNECTIONS_MAX).contains(&settings.connections_max) {
        return refuse(format!("database.connections_max is 1 to {CONNECTIONS_MAX}"));
    }
    if settings.password_file.is_some() && settings.url.holds_password() {
        return refuse(
            "database.url has a password and database.password_file is set: which is meant?".into(),
        );
    }
    for (name, seconds) in [
        ("acquire_timeout_seconds", settings.acquire_timeout_seconds),
        ("statement_timeout_seconds", settings.statement_timeout_seconds),
        ("lock_timeout_seconds", settings.lock_timeout_seconds),
    ] {
        if !(1..=TIMEOUT_SECONDS_MAX).contains(&seconds) {
            return refuse(format!("database.{name} is 1 to {TIMEOUT_SECONDS_MAX}"));
        }
    }
    Ok(())
}

impl Database {
    /// As [`connect`], for whoever wants to [`close`](Self::close) it.
    ///
    /// # Errors
    /// Those of [`connect`].
    pub async fn open(settings: &Settings) -> Result<Self, StoreError> {
        within_bounds(settings)?;
        let engine = match settings.url.engine() {
            EngineKind::Sqlite => Engine::Sqlite(SqliteDatabase::connect(settings).await?),
            EngineKind::Postgres => Engine::Postgres(PostgresDatabase::connect(settings).await?),
        };
        let database = Self { engine };
        database.agree_on_facts().await?;
        Ok(database)
    }

    /// Refuses a database with facts of a newer program, and says which version is written from now on.
    async fn agree_on_facts(&self) -> Result<(), StoreError> {
        let mut read = self.session(true).await?;
        let written = facts::written(&mut read).await?;
        Box::new(read).rollback().await?;
        if written == FACTS_VERSION {
            return Ok(());
        }
        let mut write = self.session(false).await?;
        facts::written(&mut write).await?;
        facts::write(&mut write).await?;
        Box::new(write).commit().await
    }

    async fn session(&self, reads_only: bool) -> Result<Session, StoreError> {
        match (&self.engine, reads_only) {
            (Engine::Sqlite(database), true) => database.begin_read().await,
            (Engine::Sqlite(database), false) => database.begin().await,
            (Engine::Postgres(database), true) => database.begin_read().await,
            (Engine::Postgres(database), false) => database.begin().await,
        }
    }

    /// Waits for open transactions and closes all connections.
    pub async fn close(&self) {
        match &self.engine {
            Engine::Sqlite(database) => database.close().await,
            Engine::Postgres(database) => database.close().await,
        }
    }
}

#[async_trait]
impl Store for Database {
    async fn begin(&self) -> Result<Box<dyn Tx>, StoreError> {
        Ok(Box::new(self.session(false).await?))
    }

    async fn begin_read(&self) -> Result<Box<dyn Tx>, StoreError> {
        Ok(Box::new(self.session(true).await?))
    }
}
