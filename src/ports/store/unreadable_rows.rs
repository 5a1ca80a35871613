use jiff::Timestamp;

use super::error::{Applied, StoreError};
use super::forward::store_trait;
use super::pages::UnreadableRow;

/// A row that could not be read when somebody last came to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotedRow {
    /// Names the note: hexadecimal digits of the SHA-256 of table, key and column.
    pub id: String,
    /// Its table.
    pub table: String,
    /// The column that could not be read.
    pub column: String,
    /// The columns that name the row, with their values.
    pub key: String,
    /// Why it could not be read.
    pub reason: String,
    /// When somebody first came to it.
    pub since: Timestamp,
    /// When somebody last did.
    pub last_met_at: Timestamp,
}

store_trait! {
    /// Rows that somebody came to and could not read, kept for a person to see to.
    pub trait UnreadableRowsTx, forwarded by ForwardUnreadableRows {
        /// Notes rows that cannot be read, as of `at`. One that is noted already stays noted since then.
        async fn note_unreadable(&mut self, rows: &[UnreadableRow], at: Timestamp) -> Result<(), StoreError>;

        /// Rows that were noted, in the order of their notes' ids, after `after`.
        async fn unreadable_rows(
            &mut self,
            after: Option<String>,
            limit: u32,
        ) -> Result<Vec<NotedRow>, StoreError>;

        /// The row that was noted under this id.
        async fn unreadable_row(&mut self, id: &str) -> Result<Option<NotedRow>, StoreError>;

        /// Takes a note back: if the row can still not be read, it is noted again as soon as somebody comes
        /// to it.
        async fn forget_unreadable(&mut self, id: &str) -> Result<Applied, StoreError>;

        /// Takes back notes of rows that nobody has found unreadable since `before`, at most `limit`; how
        /// many.
        async fn forget_unreadable_before(
            &mut self,
            before: Timestamp,
            limit: u32,
        ) -> Result<u64, StoreError>;
    }
}
