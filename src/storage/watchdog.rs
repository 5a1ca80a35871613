//! What waits longest.

use std::collections::BTreeSet;

use async_trait::async_trait;
use jiff::Timestamp;

use super::rows::{Row, Table};
use super::session::Session;
use super::sql::{Sql, args, statements};
use crate::domain::ids::{ReservationId, SubmissionId, TransferId};
use crate::ports::store::{StoreError, WatchdogTx};

const RESERVATIONS: Table = Table { name: "reservations", key: &["id"] };
const SUBMISSIONS: Table = Table { name: "submissions", key: &["id"] };
const NOTES: Table = Table { name: "unreadable_rows", key: &["id"] };
const TRANSFERS: Table = Table { name: "transfers", key: &[] };

statements! {
    OLDEST_FUNDED = "SELECT id, funded_at FROM reservations WHERE funded_at IS NOT NULL
        ORDER BY funded_at, id LIMIT 20";
    OLDEST_UNKNOWN = "SELECT id, created_at FROM submissions WHERE state = 'live' AND attempts > 0
        ORDER BY created_at, id LIMIT 20";
    /// What is noted of these tables: a dead letter of its own, that nobody waits for.
    NOTED = "SELECT id, table_name, row_key FROM unreadable_rows ORDER BY id LIMIT 1000";
    PENDING = "SELECT COUNT(*) AS transfers, MIN(id) AS oldest FROM transfers WHERE state = 'pending'";
}

impl Session {
    /// The first row of a list that can be read and is not noted as unreadable: its id, and since when.
    async fn oldest(
        &mut self,
        list: Sql,
        table: &'static Table,
        since: &'static str,
    ) -> Result<Option<(i64, Timestamp)>, StoreError> {
        let read = |row: &Row| -> Result<(i64, Timestamp), StoreError> {
            let facts = row.of(table);
            Ok((facts.int("id")?, facts.time(since)?))
        };
        let rows: Vec<(i64, Timestamp)> =
            self.rows(list, args![]).await?.iter().filter_map(|row| read(row).ok()).collect();
        if rows.is_empty() {
            return Ok(None);
        }
        let noted = self.rows(NOTED, args![]).await?;
        let noted: BTreeSet<String> = noted
            .iter()
            .filter(|row| row.of(&NOTES).text("table_name").is_ok_and(|name| name == table.name))
            .filter_map(|row| row.of(&NOTES).text("row_key").ok())
            .collect();
        Ok(rows.into_iter().find(|(id, _)| !noted.contains(&format!("id {id}"))))
    }
}

#[async_trait]
impl WatchdogTx for Session {
    async fn oldest_funded(&mut self) -> Result<Option<(ReservationId, Timestamp)>, StoreError> {
        let oldest = self.oldest(OLDEST_FUNDED, &RESERVATIONS, "funded_at").await?;
        Ok(oldest.and_then(|(id, since)| Some((ReservationId::new(id).ok()?, since))))
    }

    async fn oldest_unknown(&mut self) -> Result<Option<(SubmissionId, Timestamp)>, StoreError> {
        let oldest = self.oldest(OLDEST_UNKNOWN, &SUBMISSIONS, "created_at").await?;
        Ok(oldest.and_then(|(id, since)| Some((SubmissionId::new(id).ok()?, since))))
    }

    async fn pending_transfers(&mut self) -> Result<(u64, Option<TransferId>), StoreError> {
        let Some(row) = self.row(PENDING, args![]).await? else { return Ok((0, None)) };
        let facts = row.of(&TRANSFERS);
        Ok((facts.number("transfers", u64::try_from)?, facts.number_or_none("oldest", TransferId::new)?))
    }
}
