//! SQLite: one writer, many readers, one file.
//!
//! The write pool has one connection, and its transactions begin with `BEGIN IMMEDIATE`: writers of this
//! process queue for the connection, those of another for the file, and none fails half way for having read
//! before it writes. Readers have a pool of their own that cannot write (`query_only`), and see the state of
//! their first read (WAL). `synchronous = FULL` makes each commit durable before it is answered.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::migrate::{Migrate, Migrator};
use sqlx::pool::PoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, Sqlite};

use super::errors::{applied, migrate_error, store_error};
use super::migrations;
use super::session::Session;
use super::settings::Settings;
use crate::ports::store::StoreError;

/// Prepared statements kept per connection: more than there are.
const STATEMENTS_CACHED_MAX: usize = 256;

/// The two pools.
pub(super) struct SqliteDatabase {
    writer: SqlitePool,
    readers: SqlitePool,
}

fn migrator() -> Migrator {
    migrations::migrator(|step| step.sqlite)
}

/// How many migrations the database has seen, and how many there are. Creates nothing.
pub(super) async fn migrations(settings: &Settings) -> Result<(usize, usize), StoreError> {
    let (path, migrator) = (Path::new(settings.url.path()), migrator());
    let known = migrator.iter().count();
    if !path.try_exists().map_err(|error| StoreError::Unavailable { reason: error.to_string() })? {
        return Ok((0, known));
    }
    let options = SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(Duration::from_secs(settings.lock_timeout_seconds))
        .pragma("query_only", "ON");
    let mut connection = options.connect().await.map_err(store_error)?;
    let applied = applied(connection.list_applied_migrations(&migrator.table_name).await);
    connection.close().await.map_err(store_error)?;
    Ok((applied?, known))
}

/// The file beside the database that start-up is serialised by.
fn lock_path(database: &Path) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(".lock");
    path.into()
}

fn locked(path: &Path) -> std::io::Result<File> {
    let file = File::options().create(true).truncate(false).write(true).open(path)?;
    file.lock()?;
    Ok(file)
}

/// Creates and migrates the database, under a file lock: SQLite's migrations take none, and the change to WAL
/// cannot be waited for.
async fn migrate(options: &SqliteConnectOptions) -> Result<(), StoreError> {
    let path = lock_path(options.get_filename());
    let unavailable = |reason: String| StoreError::Unavailable { reason };
    let lock = tokio::task::spawn_blocking(move || {
        locked(&path).map_err(|error| format!("the lock file {}: {error}", path.display()))
    });
    let lock = lock.await.map_err(|error| unavailable(error.to_string()))?.map_err(unavailable)?;
    let first = options.clone().create_if_missing(true).journal_mode(SqliteJournalMode::Wal);
    let mut connection = first.connect().await.map_err(store_error)?;
    let done = migrator().run_direct(None, &mut connection, false).await.map_err(migrate_error);
    let closed = connection.close().await.map_err(store_error);
    drop(lock);
    done.and(closed)
}

impl SqliteDatabase {
    pub async fn connect(settings: &Settings) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(settings.url.path())
            .foreign_keys(true)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(settings.lock_timeout_seconds))
            .statement_cache_capacity(STATEMENTS_CACHED_MAX);
        migrate(&options).await?;
        let pool = || {
            PoolOptions::<Sqlite>::new()
                .acquire_timeout(Duration::from_secs(settings.acquire_timeout_seconds))
                .idle_timeout(None)
                .max_lifetime(None)
                .after_release(|connection, _| {
                    Box::pin(async move {
                        // Queued behind a rollback that a dropped transaction has ordered, so afterwards that
                        // is done. If it failed, the driver believes for ever to be in a transaction.
                        connection.ping().await?;
                        Ok(!connection.is_in_transaction())
                    })
                })
        };
        let writer = pool().max_connections(1).connect_with(options.clone()).await.map_err(store_error)?;
        let readers = pool()
            .max_connections(settings.connections_max)
            .connect_with(options.pragma("query_only", "ON"))
            .await
            .map_err(store_error)?;
        Ok(Self { writer, readers })
    }

    pub async fn begin(&self) -> Result<Session, StoreError> {
        let transaction = self.writer.begin_with("BEGIN IMMEDIATE").await.map_err(store_error)?;
        Ok(Session::on_sqlite(transaction, false))
    }

    pub async fn begin_read(&self) -> Result<Session, StoreError> {
        let transaction = self.readers.begin_with("BEGIN DEFERRED").await.map_err(store_error)?;
        Ok(Session::on_sqlite(transaction, true))
    }

    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}
