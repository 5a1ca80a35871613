//! PostgreSQL, and what speaks its protocol and dialect.
//!
//! Writing transactions run at READ COMMITTED. Money rules do not rest on the isolation level but on unique
//! keys and on writes that are guarded by version or state, and both hold at any level. What a decision reads
//! and must not change under it is locked where it is read: nodes, the escrow account to take, the last
//! number of an event while events are numbered. Reading transactions are REPEATABLE READ, so that they see
//! one state. All waits are bounded.
//!
//! The schema and the statements keep to what CockroachDB and YugabyteDB speak.

use std::time::Duration;

use sqlx::migrate::{Migrate, Migrator};
use sqlx::pool::PoolOptions;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool};
use sqlx::{ConnectOptions, Connection, Executor, Postgres};

use super::errors::{applied, migrate_error, store_error};
use super::migrations;
use super::server;
use super::session::Session;
use super::settings::Settings;
use crate::ports::store::StoreError;

/// As the server's lists of sessions name us.
const APPLICATION_NAME: &str = "farmgate";
/// Prepared statements kept per connection: more than there are.
const STATEMENTS_CACHED_MAX: usize = 256;
/// How long a start-up waits for another's migrations, in milliseconds.
const MIGRATION_MILLIS_MAX: u64 = 300_000;
/// How long a transaction may sit between two statements, in milliseconds: its owner is gone.
const IDLE_IN_TRANSACTION_MILLIS_MAX: u64 = 60_000;
/// A password longer than this is a wrong file.
const PASSWORD_BYTES_MAX: usize = 4_096;

/// The pool.
pub(super) struct PostgresDatabase {
    pool: PgPool,
    /// Whether the server can be asked which one it is: those that only speak the protocol cannot.
    tells_server: bool,
}

fn migrator() -> Migrator {
    migrations::migrator(|step| step.postgres)
}

async fn with_password(
    options: PgConnectOptions,
    settings: &Settings,
) -> Result<PgConnectOptions, StoreError> {
    let Some(path) = &settings.password_file else {
        return Ok(options);
    };
    let unreadable = |reason: String| StoreError::Refused {
        reason: format!("the password file {}: {reason}", path.display()),
    };
    let text = tokio::fs::read_to_string(path).await.map_err(|error| unreadable(error.to_string()))?;
    let password = text.trim_end_matches(['\r', '\n']);
    if password.is_empty() || password.len() > PASSWORD_BYTES_MAX {
        return Err(unreadable(format!("it must hold 1 to {PASSWORD_BYTES_MAX} bytes")));
    }
    Ok(options.password(password))
}

fn timeouts(options: PgConnectOptions, statement_millis: u64, lock_millis: u64) -> PgConnectOptions {
    options.options([
        ("statement_timeout", statement_millis),
        ("lock_timeout", lock_millis),
        ("idle_in_transaction_session_timeout", IDLE_IN_TRANSACTION_MILLIS_MAX.max(statement_millis)),
    ])
}

/// The migrator holds an advisory lock while it works. The connection is for nothing else, so the lock ends
/// with it.
async fn migrate(options: &PgConnectOptions) -> Result<(), StoreError> {
    let patient = timeouts(options.clone(), MIGRATION_MILLIS_MAX, MIGRATION_MILLIS_MAX);
    let mut connection = patient.connect().await.map_err(store_error)?;
    server::holds_any_text(&mut connection).await?;
    migrator().run_direct(None, &mut connection, false).await.map_err(migrate_error)?;
    connection.close().await.map_err(store_error)
}

/// How to connect, without timeouts.
async fn options(settings: &Settings) -> Result<PgConnectOptions, StoreError> {
    let options: PgConnectOptions = settings.url.expose().parse().map_err(|_| StoreError::Refused {
        reason: "the database URL is not postgres://user@host:port/database".to_owned(),
    })?;
    let options = with_password(options, settings).await?;
    Ok(options.application_name(APPLICATION_NAME).statement_cache_capacity(STATEMENTS_CACHED_MAX))
}

const fn millis(seconds: u64) -> u64 {
    seconds.saturating_mul(1_000)
}

/// A connection for a look, beside any pool.
pub(super) async fn connection(settings: &Settings) -> Result<PgConnection, StoreError> {
    let (statement, lock) = (settings.statement_timeout_seconds, settings.lock_timeout_seconds);
    let options = timeouts(options(settings).await?, millis(statement), millis(lock));
    options.connect().await.map_err(store_error)
}

/// How many migrations the database has seen, and how many there are.
pub(super) async fn migrations(settings: &Settings) -> Result<(usize, usize), StoreError> {
    let migrator = migrator();
    let mut connection = connection(settings).await?;
    server::holds_any_text(&mut connection).await?;
    let applied = applied(connection.list_applied_migrations(&migrator.table_name).await);
    connection.close().await.map_err(store_error)?;
    Ok((applied?, migrator.iter().count()))
}

impl PostgresDatabase {
    pub async fn connect(settings: &Settings) -> Result<Self, StoreError> {
        let options = options(settings).await?;
        let acquire = Duration::from_secs(settings.acquire_timeout_seconds);
        migrate(&options).await?;
        let options = timeouts(
            options,
            millis(settings.statement_timeout_seconds),
            millis(settings.lock_timeout_seconds),
        );
        let pool = PoolOptions::<Postgres>::new()
            .max_connections(settings.connections_max)
            .acquire_timeout(acquire)
            .after_connect(|connection, _| {
                Box::pin(async move {
                    if server::reads_only(connection).await? {
                        let reason = "the server takes no writes: it is a standby, or was made read-only";
                        return Err(sqlx::Error::Protocol(reason.to_owned()));
                    }
                    server::commit_durably(connection).await
                })
            })
            // In place of the driver's own ping: what is left of a failover is thrown away, not used.
            .test_before_acquire(false)
            .before_acquire(|connection, _| {
                Box::pin(async move { Ok(!server::reads_only(connection).await?) })
            })
            .after_release(|connection, _| {
                Box::pin(async move {
                    // A begin() that was cancelled may have begun on the server, which the driver does not
                    // know: without this the connection would go back into the pool inside a transaction
                    // (launchbadge/sqlx#4393). After these two there is none, whether there was or not;
                    // ROLLBACK alone would warn on every release. An error closes the connection.
                    connection.execute("BEGIN; ROLLBACK").await?;
                    Ok(!connection.is_in_transaction())
                })
            })
            .connect_with(options)
            .await
            .map_err(store_error)?;
        let mut connection = pool.acquire().await.map_err(store_error)?;
        let tells_server = server::is_told(&mut connection).await.map_err(store_error)?;
        drop(connection);
        Ok(Self { pool, tells_server })
    }

    pub async fn begin(&self) -> Result<Session, StoreError> {
        // Not READ WRITE: that would overrule an operator who has made the server read-only.
        let begin = "BEGIN ISOLATION LEVEL READ COMMITTED";
        let transaction = self.pool.begin_with(begin).await.map_err(store_error)?;
        Ok(Session::on_postgres(transaction, false, self.tells_server))
    }

    pub async fn begin_read(&self) -> Result<Session, StoreError> {
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        let transaction = self.pool.begin_with(begin).await.map_err(store_error)?;
        Ok(Session::on_postgres(transaction, true, self.tells_server))
    }

    pub async fn close(&self) {
        self.pool.close().await;
    }
}
