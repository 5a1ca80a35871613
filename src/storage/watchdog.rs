//! What waits longest.

use async_trait::async_trait;
use jiff::Timestamp;

use super::rows::Table;
use super::session::Session;
use super::sql::{args, statements};
use crate::domain::ids::{ReservationId, SubmissionId, TransferId};
use crate::ports::store::{StoreError, WatchdogTx};

const RESERVATIONS: Table = Table { name: "reservations", key: &["id"] };
const SUBMISSIONS: Table = Table { name: "submissions", key: &["id"] };
const TRANSFERS: Table = Table { name: "transfers", key: &[] };

statements! {
    OLDEST_FUNDED = "SELECT id, funded_at FROM reservations WHERE funded_at IS NOT NULL
        ORDER BY funded_at, id LIMIT 1";
    OLDEST_UNKNOWN = "SELECT id, created_at FROM submissions WHERE state = 'live' AND attempts > 0
        ORDER BY created_at, id LIMIT 1";
    PENDING = "SELECT COUNT(*) AS transfers, MIN(id) AS oldest FROM transfers WHERE state = 'pending'";
}

#[async_trait]
impl WatchdogTx for Session {
    async fn oldest_funded(&mut self) -> Result<Option<(ReservationId, Timestamp)>, StoreError> {
        let Some(row) = self.row(OLDEST_FUNDED, args![]).await? else { return Ok(None) };
        let facts = row.of(&RESERVATIONS);
        Ok(Some((facts.number("id", ReservationId::new)?, facts.time("funded_at")?)))
    }

    async fn oldest_unknown(&mut self) -> Result<Option<(SubmissionId, Timestamp)>, StoreError> {
        let Some(row) = self.row(OLDEST_UNKNOWN, args![]).await? else { return Ok(None) };
        let facts = row.of(&SUBMISSIONS);
        Ok(Some((facts.number("id", SubmissionId::new)?, facts.time("created_at")?)))
    }

    async fn pending_transfers(&mut self) -> Result<(u64, Option<TransferId>), StoreError> {
        let Some(row) = self.row(PENDING, args![]).await? else { return Ok((0, None)) };
        let facts = row.of(&TRANSFERS);
        Ok((facts.number("transfers", u64::try_from)?, facts.number_or_none("oldest", TransferId::new)?))
    }
}
