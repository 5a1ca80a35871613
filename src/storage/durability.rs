//! What a commit that was answered can still be lost by.

use super::errors::store_error;
use super::postgres;
use super::settings::{EngineKind, Settings};
use super::within_bounds;
use crate::ports::store::StoreError;

/// What a database does so that a commit stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Durability {
    /// SQLite: a commit is in its file before it is answered (`synchronous = FULL`, set by us).
    File,
    /// PostgreSQL: what its settings say.
    Server {
        /// `fsync`: whether it asks the system to write to the disk at all.
        fsync: bool,
        /// `full_page_writes`: whether a page that was written in part is mended after a crash.
        full_page_writes: bool,
        /// Standbys that receive what is committed.
        standbys: u64,
        /// Whether commits wait for one of them (`synchronous_standby_names`).
        waits_for_standby: bool,
    },
}

/// Whether a setting of the server is on.
const SETTINGS: &str = "SELECT current_setting('fsync') = 'on', current_setting('full_page_writes') = 'on',
    current_setting('synchronous_standby_names') <> '', (SELECT COUNT(*) FROM pg_stat_replication)";

/// Asks a database what it does so that a commit stays.
///
/// # Errors
/// [`StoreError::Unavailable`] if it is not reached, [`StoreError::Refused`] if it does not tell.
pub async fn durability(settings: &Settings) -> Result<Durability, StoreError> {
    within_bounds(settings)?;
    match settings.url.engine() {
        EngineKind::Sqlite => Ok(Durability::File),
        EngineKind::Postgres => {
            let mut connection = postgres::connection(settings).await?;
            let (fsync, full_page_writes, waits_for_standby, standbys): (bool, bool, bool, i64) =
                sqlx::query_as(SETTINGS).fetch_one(&mut connection).await.map_err(store_error)?;
            let standbys = u64::try_from(standbys).unwrap_or_default();
            Ok(Durability::Server { fsync, full_page_writes, standbys, waits_for_standby })
        }
    }
}
