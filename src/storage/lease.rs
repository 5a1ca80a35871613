//! The lease of the engine, and its fence.

use async_trait::async_trait;
use jiff::Timestamp;

use super::rows::{Row, Table, legible};
use super::session::Session;
use super::sql::{args, statements};
use crate::ports::store::{Lease, LeaseTx, ServerIdentity, StoreError};

const LEASE: Table = Table { name: "engine_lease", key: &["id"] };

/// With so many digits the name of a file of the write-ahead log begins: its timeline.
const TIMELINE_DIGITS: usize = 8;

/// What a lease is read from, with no server that could be told.
macro_rules! held {
    () => {
        "SELECT id, token, holder, renewal, taken_at, renewed_at,
            NULL AS server_system, NULL AS server_timeline
        FROM engine_lease WHERE id = 1"
    };
}

/// The same, with the server that answers. The timeline is the first part of the name of the file that is
/// written to: what the control file says of it is older, up to the next checkpoint.
macro_rules! held_with_server {
    () => {
        "SELECT id, token, holder, renewal, taken_at, renewed_at,
            (SELECT system_identifier FROM pg_control_system()) AS server_system,
            CASE WHEN pg_is_in_recovery() THEN NULL
                ELSE pg_walfile_name(pg_current_wal_lsn()) END AS server_timeline
        FROM engine_lease WHERE id = 1"
    };
}

statements! {
    HELD = held!();
    HELD_AND_SERVER = held!(), on_postgres held_with_server!();
    /// The token is a key, so that only what changes it waits for this lock: SQLite's writers exclude each
    /// other anyway.
    HELD_TO_WRITE = held!(), on_postgres concat!(held!(), " FOR KEY SHARE");
    HELD_TO_WRITE_AND_SERVER = held!(), on_postgres concat!(held_with_server!(), " FOR KEY SHARE");
    TAKE = "UPDATE engine_lease SET token = token + 1, holder = $3, renewal = 0, taken_at = $4,
        renewed_at = $4
        WHERE id = 1 AND token = $1 AND renewal = $2
        RETURNING id, token, holder, renewal, taken_at, renewed_at,
            NULL AS server_system, NULL AS server_timeline";
    RENEW = "UPDATE engine_lease SET renewal = renewal + 1, renewed_at = $3
        WHERE id = 1 AND token = $1 AND holder = $2
        RETURNING id, token, holder, renewal, taken_at, renewed_at,
            NULL AS server_system, NULL AS server_timeline";
    RELEASE = "UPDATE engine_lease SET token = token + 1, holder = NULL
        WHERE id = 1 AND token = $1 AND holder = $2";
}

fn lease(row: &Row) -> Result<Lease, StoreError> {
    let facts = row.of(&LEASE);
    Ok(Lease {
        token: facts.int("token")?,
        holder: facts.text_or_none("holder")?,
        renewal: facts.int("renewal")?,
        taken_at: facts.time_or_none("taken_at")?,
        renewed_at: facts.time_or_none("renewed_at")?,
        server: facts.server()?.map(|server| ServerIdentity {
            timeline: server.timeline.map(|file| file.chars().take(TIMELINE_DIGITS).collect()),
            ..server
        }),
    })
}

#[async_trait]
impl LeaseTx for Session {
    async fn lease(&mut self) -> Result<Lease, StoreError> {
        let sql = match (self.reads_only(), self.tells_server()) {
            (true, false) => HELD,
            (true, true) => HELD_AND_SERVER,
            (false, false) => HELD_TO_WRITE,
            (false, true) => HELD_TO_WRITE_AND_SERVER,
        };
        match self.row(sql, args![]).await? {
            Some(row) => lease(&row),
            None => Err(self.over(StoreError::Corrupt {
                table: LEASE.name,
                column: "id",
                key: "id 1".to_owned(),
                reason: "the row is missing".to_owned(),
            })),
        }
    }

    async fn take_lease(
        &mut self,
        seen: &Lease,
        holder: &str,
        now: Timestamp,
    ) -> Result<Option<Lease>, StoreError> {
        let args = args![seen.token, seen.renewal, legible(holder), now];
        self.row(TAKE, args).await?.as_ref().map(lease).transpose()
    }

    async fn renew_lease(
        &mut self,
        token: i64,
        holder: &str,
        now: Timestamp,
    ) -> Result<Option<Lease>, StoreError> {
        self.row(RENEW, args![token, legible(holder), now]).await?.as_ref().map(lease).transpose()
    }

    async fn release_lease(&mut self, token: i64, holder: &str) -> Result<bool, StoreError> {
        Ok(self.execute(RELEASE, args![token, legible(holder)]).await? > 0)
    }
}
