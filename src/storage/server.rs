//! What a PostgreSQL server is asked of itself, outside of every transaction.

use sqlx::Executor;

use super::errors::store_error;
use crate::ports::store::StoreError;
use sqlx::postgres::PgConnection;

/// Whether this user may ask the server for its system identifier and its timeline.
const FUNCTIONS: &str = "SELECT COUNT(*), version() FROM pg_proc
    WHERE proname IN ('pg_control_system', 'pg_walfile_name', 'pg_current_wal_lsn')
        AND has_function_privilege(oid, 'EXECUTE')";
/// How many functions those are.
const FUNCTIONS_ALL: i64 = 3;
/// What a commit waits for, as this session has it.
const COMMIT_WAITS_FOR: &str = "SELECT current_setting('synchronous_commit')";
/// What is too little: a commit that was answered could be lost with the server's own power.
const WEAKER_THAN_ON: [&str; 3] = ["off", "local", "remote_write"];
/// What becomes of a commit.
const COMMITS: &str = "SELECT current_setting('fsync') = 'on', current_setting('full_page_writes') = 'on',
    current_setting('synchronous_standby_names') <> '', (SELECT COUNT(*) FROM pg_stat_replication)";

/// How a database keeps its texts.
const ENCODING: &str = "SHOW server_encoding";
/// The one that keeps whatever a payer writes into a memo.
const UTF8: &str = "UTF8";

/// Refuses a database that could not keep every text of the ledger's: a payment with such a memo would never
/// be taken in.
pub(super) async fn holds_any_text(connection: &mut PgConnection) -> Result<(), StoreError> {
    let encoding: String = sqlx::query_scalar(ENCODING).fetch_one(connection).await.map_err(store_error)?;
    if encoding == UTF8 {
        return Ok(());
    }
    let reason = format!(
        "the database's encoding is {encoding}, and must be {UTF8}: make another one with \
         CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0"
    );
    Err(StoreError::Refused { reason })
}

/// Whether a session's transactions can only read: its server is a standby, or was told to take no writes.
const READS_ONLY: &str = "SHOW transaction_read_only";

/// True if nothing can be written on this connection, as after a failover that it stayed behind at: it is of
/// no use, also once there is a primary again.
pub(super) async fn reads_only(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let reads_only: String = sqlx::query_scalar(READS_ONLY).fetch_one(connection).await?;
    Ok(reads_only == "on")
}

/// Whether the server can be asked which one it is: those that only speak the protocol cannot.
pub(super) async fn is_told(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let (functions, version): (i64, String) = sqlx::query_as(FUNCTIONS).fetch_one(connection).await?;
    // YugabyteDB has them, and answers with errors.
    Ok(functions == FUNCTIONS_ALL && version.starts_with("PostgreSQL") && !version.contains("-YB-"))
}

/// Makes commits wait at least until they are durable where they were made, and with a synchronous standby
/// also there. What an operator set beyond that (`remote_apply`) stays.
pub(super) async fn commit_durably(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let waits_for: String = sqlx::query_scalar(COMMIT_WAITS_FOR).fetch_one(&mut *connection).await?;
    if !WEAKER_THAN_ON.contains(&waits_for.as_str()) {
        return Ok(());
    }
    connection.execute("SET synchronous_commit = on").await?;
    let waits_for: String = sqlx::query_scalar(COMMIT_WAITS_FOR).fetch_one(&mut *connection).await?;
    match waits_for.as_str() {
        "on" => Ok(()),
        other => Err(sqlx::Error::Protocol(format!("synchronous_commit stays {other}, and must be on"))),
    }
}

/// What becomes of a commit on a server.
pub(super) struct Commits {
    pub fsync: bool,
    pub full_page_writes: bool,
    pub waits_for_standby: bool,
    pub standbys: i64,
}

/// Asks what becomes of a commit.
pub(super) async fn commits(connection: &mut PgConnection) -> Result<Commits, sqlx::Error> {
    let (fsync, full_page_writes, waits_for_standby, standbys) =
        sqlx::query_as(COMMITS).fetch_one(connection).await?;
    Ok(Commits { fsync, full_page_writes, waits_for_standby, standbys })
}
