//! What a commit that was answered can still be lost by.

use super::errors::store_error;
use super::settings::Settings;
use super::{postgres, server};
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

/// What a PostgreSQL server does.
pub(super) async fn of_server(settings: &Settings) -> Result<Durability, StoreError> {
    let mut connection = postgres::connection(settings).await?;
    let server::Commits { fsync, full_page_writes, waits_for_standby, standbys } =
        server::commits(&mut connection).await.map_err(store_error)?;
    let standbys = u64::try_from(standbys).unwrap_or_default();
    Ok(Durability::Server { fsync, full_page_writes, standbys, waits_for_standby })
}
