//! Notes of rows that could not be read.

use async_trait::async_trait;
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::rows::{Row, Table, legible};
use super::session::{Session, rows_max};
use super::sql::{args, statements};
use crate::ports::store::{Applied, NotedRow, StoreError, UnreadableRow, UnreadableRowsTx};

const UNREADABLE_ROWS: Table = Table { name: "unreadable_rows", key: &["id"] };

macro_rules! select {
    ($rest:expr) => {
        concat!(
            "SELECT id, table_name, column_name, row_key, reason, since, last_met_at FROM unreadable_rows ",
            $rest
        )
    };
}

statements! {
    NOTE = "INSERT INTO unreadable_rows (id, table_name, column_name, row_key, reason, since, last_met_at)
        VALUES ($1, $2, $3, $4, $5, $6, $6)
        ON CONFLICT (id) DO UPDATE SET reason = excluded.reason, last_met_at = excluded.last_met_at";
    /// The ids are hexadecimal digits: in the order of bytes, whatever the database's language.
    LIST = select!("WHERE id > $1 ORDER BY id LIMIT $2"),
        on_postgres select!("WHERE id COLLATE \"C\" > $1 ORDER BY id COLLATE \"C\" LIMIT $2");
    ONE = select!("WHERE id = $1");
    FORGET = "DELETE FROM unreadable_rows WHERE id = $1";
    FORGET_BEFORE = "DELETE FROM unreadable_rows WHERE id IN (
            SELECT id FROM unreadable_rows WHERE last_met_at < $1 ORDER BY last_met_at, id LIMIT $2
        )";
}

/// Names the note of a row and column.
fn id(row: &UnreadableRow) -> String {
    let mut hash = Sha256::new();
    for part in [row.table, row.column, row.key.as_str()] {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    hex::encode(hash.finalize())
}

fn noted(row: &Row) -> Result<NotedRow, StoreError> {
    let facts = row.of(&UNREADABLE_ROWS);
    Ok(NotedRow {
        id: facts.text("id")?,
        table: facts.text("table_name")?,
        column: facts.text("column_name")?,
        key: facts.text("row_key")?,
        reason: facts.text("reason")?,
        since: facts.time("since")?,
        last_met_at: facts.time("last_met_at")?,
    })
}

#[async_trait]
impl UnreadableRowsTx for Session {
    async fn note_unreadable(&mut self, rows: &[UnreadableRow], at: Timestamp) -> Result<(), StoreError> {
        // In the order of their ids, so that no two writers wait for each other.
        let mut rows: Vec<(String, &UnreadableRow)> = rows.iter().map(|row| (id(row), row)).collect();
        rows.sort();
        for (id, row) in rows {
            let args = args![id, row.table, row.column, legible(&row.key), legible(&row.reason), at];
            self.execute(NOTE, args).await?;
        }
        Ok(())
    }

    async fn unreadable_rows(
        &mut self,
        after: Option<String>,
        limit: u32,
    ) -> Result<Vec<NotedRow>, StoreError> {
        let args = args![after.unwrap_or_default(), rows_max(limit)];
        self.rows(LIST, args).await?.iter().map(noted).collect()
    }

    async fn unreadable_row(&mut self, id: &str) -> Result<Option<NotedRow>, StoreError> {
        self.row(ONE, args![id]).await?.as_ref().map(noted).transpose()
    }

    async fn forget_unreadable(&mut self, id: &str) -> Result<Applied, StoreError> {
        let rows = self.execute(FORGET, args![id]).await?;
        Ok(if rows == 0 { Applied::AlreadyApplied } else { Applied::Executed })
    }

    async fn forget_unreadable_before(&mut self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.execute(FORGET_BEFORE, args![before, limit]).await
    }
}
