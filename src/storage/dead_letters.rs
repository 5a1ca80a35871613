//! What the engine does not bring further by itself.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;

use super::accounts::{escrow, escrow_account, select_escrows};
use super::claimables::{claimable, claimable_id, select_claimables};
use super::payments::{quarantined, select_quarantine};
use super::rows::{Row, Table, legible, to_json};
use super::session::{Session, rows_max};
use super::sql::{args, statements};
use super::transfers::{transfer, transfer_columns, transfer_id};
use crate::domain::address::AccountId;
use crate::domain::claimable::Claimable;
use crate::domain::dead_letter::{Kind, UNEXPLAINED_AFTER, UNKNOWN_AFTER, UNTAKEN_AFTER, Undelivered, Why};
use crate::domain::escrow::EscrowAccount;
use crate::domain::ids::{ClaimableId, SubmissionId, TransferId};
use crate::domain::transfer::Transfer;
use crate::ports::store::{
    Applied, DeadLettersTx, Dismissal, Page, QuarantinedRecord, RecordId, StoreError, Tries,
};

const QUARANTINE: Table = Table { name: "quarantine", key: &["account", "digest"] };
const UNDELIVERED: Table = Table { name: "undelivered", key: &["transfer"] };
/// Counts have no key of their own.
const COUNTS: Table = Table { name: "dead letters", key: &[] };

macro_rules! undelivered_columns {
    () => {
        "transfer, why, since, looks, next_look_at"
    };
}

/// Pending transfers that give something back, with how they could not be delivered. All of them have an
/// index: whether a payment or a claimable balance, is told by what they do not give back.
macro_rules! select_pending {
    ($which:literal) => {
        concat!(
            "SELECT ",
            transfer_columns!(),
            ", ",
            undelivered_columns!(),
            " FROM transfers LEFT JOIN undelivered ON undelivered.transfer = transfers.id
            WHERE state = 'pending' AND (returns_operation IS NOT NULL OR repays_claimable IS NOT NULL) AND ",
            $which,
            " AND id > $1 ORDER BY id LIMIT $2"
        )
    };
}

macro_rules! replace_undelivered {
    () => {
        " WHERE id = $1 AND state = 'pending' AND destination = $6 AND memo_facts = $7 AND delivery = $8
            ON CONFLICT (transfer) DO UPDATE SET why = excluded.why, since = excluded.since,
            looks = excluded.looks, next_look_at = excluded.next_look_at"
    };
}

statements! {
    RECORDS_OPEN = select_quarantine!("WHERE dismissed_at IS NULL AND account >= $1
        AND (account > $1 OR digest > $2)
            ORDER BY account, digest LIMIT $3"),
        on_postgres select_quarantine!("WHERE dismissed_at IS NULL AND account COLLATE \"C\" >= $1
                AND (account COLLATE \"C\" > $1 OR digest COLLATE \"C\" > $2)
            ORDER BY account COLLATE \"C\", digest COLLATE \"C\" LIMIT $3");
    RECORDS_DISMISSED = select_quarantine!("WHERE dismissed_at IS NOT NULL AND account >= $1
                AND (account > $1 OR digest > $2)
            ORDER BY account, digest LIMIT $3"),
        on_postgres select_quarantine!("WHERE dismissed_at IS NOT NULL AND account COLLATE \"C\" >= $1
                AND (account COLLATE \"C\" > $1 OR digest COLLATE \"C\" > $2)
            ORDER BY account COLLATE \"C\", digest COLLATE \"C\" LIMIT $3");
    RECORD = select_quarantine!("WHERE account = $1 AND digest = $2");
    DISMISS = "UPDATE quarantine SET dismissed_at = $3, dismissed_by = $4, dismissed_note = $5
        WHERE account = $1 AND digest = $2 AND dismissed_at IS NULL";
    RETURNS = select_pending!("repays_claimable IS NULL
        AND (delivery = 'undecided' OR transfer IS NOT NULL)");
    REPAYMENTS = select_pending!("returns_operation IS NULL");
    ONE_UNDELIVERED = concat!("SELECT ", undelivered_columns!(), " FROM undelivered WHERE transfer = $1");
    SET_UNDELIVERED = concat!(
            "INSERT INTO undelivered (",
            undelivered_columns!(),
            ") SELECT id, $2, $3, $4, $5 FROM transfers",
            replace_undelivered!()
        ),
        on_postgres concat!(
            "INSERT INTO undelivered (",
            undelivered_columns!(),
            ") SELECT id, CAST($2 AS TEXT), CAST($3 AS BIGINT), CAST($4 AS BIGINT), CAST($5 AS BIGINT)
                FROM transfers",
            replace_undelivered!()
        );
    TRIES = "SELECT COUNT(*) AS tries, MAX(submission) AS last FROM transfer_attempts
        WHERE transfer = $1 AND outcome = 'released'";
    TRIES_TO_RECLAIM = "SELECT COUNT(*) AS tries, MAX(submission) AS last FROM reclaim_attempts
        WHERE claimable = $1";
    /// What is overdue may be reclaimed, too. Those that may still be claimed have an index.
    NOT_RECLAIMED = select_claimables!("WHERE state IN ('outstanding', 'taking_back')
            AND state = 'outstanding' AND id > $3 AND reclaim_from <= $1
            AND (reclaim_from <= $2
                OR EXISTS (SELECT 1 FROM reclaim_attempts WHERE claimable = claimables.id))
            ORDER BY id LIMIT $4"),
        on_postgres select_claimables!("WHERE state IN ('outstanding', 'taking_back')
            AND state = 'outstanding' AND id COLLATE \"C\" > $3 AND reclaim_from <= $1
            AND (reclaim_from <= $2
                OR EXISTS (SELECT 1 FROM reclaim_attempts WHERE claimable = claimables.id))
            ORDER BY id COLLATE \"C\" LIMIT $4");
    UNEXPLAINED = select_escrows!("WHERE dirty_since IS NOT NULL AND dirty_since <= $1 AND account > $2
            ORDER BY account LIMIT $3"),
        on_postgres select_escrows!("WHERE dirty_since IS NOT NULL AND dirty_since <= $1
            AND account COLLATE \"C\" > $2 ORDER BY account COLLATE \"C\" LIMIT $3");
    COUNT_ALL = "SELECT
            (SELECT COUNT(*) FROM engine_status WHERE stopped_facts IS NOT NULL) AS stopped_engine,
            (SELECT COUNT(*) FROM quarantine WHERE dismissed_at IS NULL) AS unreadable_record,
            (SELECT COUNT(*) FROM unreadable_rows) AS unreadable_row,
            (SELECT COUNT(*) FROM reservations WHERE state = 'held') AS held_reservation,
            (SELECT COUNT(*) FROM transfers LEFT JOIN undelivered ON undelivered.transfer = transfers.id
                WHERE state = 'pending' AND (returns_operation IS NOT NULL OR repays_claimable IS NOT NULL)
                    AND repays_claimable IS NULL
                    AND (delivery = 'undecided' OR transfer IS NOT NULL)) AS undeliverable_return,
            (SELECT COUNT(*) FROM transfers
                WHERE state = 'pending' AND (returns_operation IS NOT NULL OR repays_claimable IS NOT NULL)
                    AND returns_operation IS NULL) AS unpaid_repayment,
            (SELECT COUNT(*) FROM claimables
            WHERE state = 'outstanding' AND reclaim_from <= $1 AND (reclaim_from <= $2
                OR EXISTS (SELECT 1 FROM reclaim_attempts
                WHERE claimable = claimables.id))) AS untakeable_balance,
            (SELECT COUNT(*) FROM escrows
                WHERE dirty_since IS NOT NULL AND dirty_since <= $3) AS unexplained_account,
            (SELECT COUNT(*) FROM submissions
            WHERE state = 'live' AND max_time <= $4) AS unknown_transaction";
}

fn quarantined_record(row: &Row) -> Result<QuarantinedRecord, StoreError> {
    let facts = row.of(&QUARANTINE);
    let record = quarantined(row)?;
    let (at, by, note) = (
        facts.time_or_none("dismissed_at")?,
        facts.text_or_none("dismissed_by")?,
        facts.text_or_none("dismissed_note")?,
    );
    let dismissed = match (at, by, note) {
        (Some(at), Some(by), Some(note)) => Some(Dismissal { at, by, note }),
        (None, None, None) => None,
        (at, by, note) => {
            let reason = format!("it is {at:?}, by {by:?}, with note {note:?}");
            return Err(facts.corrupt("dismissed_at", reason));
        }
    };
    Ok(QuarantinedRecord { id: (record.account, facts.text("digest")?), record, dismissed })
}

fn undelivered(row: &Row) -> Result<Option<Undelivered>, StoreError> {
    let facts = row.of(&UNDELIVERED);
    if facts.int_or_none("transfer")?.is_none() {
        return Ok(None);
    }
    Ok(Some(Undelivered {
        why: facts.one_of("why", &Why::ALL, Why::as_str)?,
        since: facts.time("since")?,
        looks: facts.number("looks", u32::try_from)?,
        next_look_at: facts.time("next_look_at")?,
    }))
}

fn tries(row: Option<&Row>) -> Result<Tries, StoreError> {
    let Some(row) = row else { return Ok(Tries::default()) };
    let facts = row.of(&COUNTS);
    Ok(Tries {
        count: facts.number("tries", u32::try_from)?,
        last: facts.number_or_none("last", SubmissionId::new)?,
    })
}

fn before(now: Timestamp, duration: jiff::SignedDuration) -> Timestamp {
    now.checked_sub(duration).unwrap_or(now)
}

impl Session {
    async fn pending(
        &mut self,
        sql: super::sql::Sql,
        after: Option<TransferId>,
        limit: u32,
    ) -> Result<Page<(Transfer, Option<Undelivered>), TransferId>, StoreError> {
        let args = args![after.map_or(-1, TransferId::get), rows_max(limit)];
        self.page((sql, args), |row| Ok((transfer(row)?, undelivered(row)?)), transfer_id).await
    }
}

#[async_trait]
impl DeadLettersTx for Session {
    async fn quarantined_records(
        &mut self,
        dismissed: bool,
        after: Option<RecordId>,
        limit: u32,
    ) -> Result<Page<QuarantinedRecord, RecordId>, StoreError> {
        let (account, digest) =
            after.map_or_else(Default::default, |(account, digest)| (account.to_string(), digest));
        let sql = if dismissed { RECORDS_DISMISSED } else { RECORDS_OPEN };
        let key = |row: &Row| {
            let facts = row.of(&QUARANTINE);
            Ok((facts.parsed("account")?, facts.text("digest")?))
        };
        self.page((sql, args![account, digest, rows_max(limit)]), quarantined_record, key).await
    }

    async fn quarantined_record(
        &mut self,
        (account, digest): &RecordId,
    ) -> Result<Option<QuarantinedRecord>, StoreError> {
        let row = self.row(RECORD, args![account.to_string(), digest.as_str()]).await?;
        row.as_ref().map(quarantined_record).transpose()
    }

    async fn dismiss_record(
        &mut self,
        (account, digest): &RecordId,
        dismissal: &Dismissal,
    ) -> Result<Applied, StoreError> {
        let (by, note) = (legible(&dismissal.by), legible(&dismissal.note));
        let args = args![account.to_string(), digest.as_str(), dismissal.at, by, note];
        let rows = self.execute(DISMISS, args).await?;
        Ok(if rows == 0 { Applied::AlreadyApplied } else { Applied::Executed })
    }

    async fn returns_undelivered(
        &mut self,
        after: Option<TransferId>,
        limit: u32,
    ) -> Result<Page<(Transfer, Option<Undelivered>), TransferId>, StoreError> {
        self.pending(RETURNS, after, limit).await
    }

    async fn repayments_unpaid(
        &mut self,
        after: Option<TransferId>,
        limit: u32,
    ) -> Result<Page<(Transfer, Option<Undelivered>), TransferId>, StoreError> {
        self.pending(REPAYMENTS, after, limit).await
    }

    async fn undelivered(&mut self, transfer: TransferId) -> Result<Option<Undelivered>, StoreError> {
        let row = self.row(ONE_UNDELIVERED, args![transfer.get()]).await?;
        row.as_ref().map_or(Ok(None), undelivered)
    }

    async fn set_undelivered(
        &mut self,
        transfer: &Transfer,
        undelivered: &Undelivered,
    ) -> Result<(), StoreError> {
        let args = args![
            transfer.id.get(),
            undelivered.why.as_str(),
            undelivered.since,
            undelivered.looks,
            undelivered.next_look_at,
            transfer.to.to_string(),
            to_json(&transfer.memo)?,
            transfer.delivery.as_str(),
        ];
        self.execute(SET_UNDELIVERED, args).await.map(drop)
    }

    async fn tries_of(&mut self, transfer: TransferId) -> Result<Tries, StoreError> {
        tries(self.row(TRIES, args![transfer.get()]).await?.as_ref())
    }

    async fn tries_to_reclaim(&mut self, claimable: ClaimableId) -> Result<Tries, StoreError> {
        tries(self.row(TRIES_TO_RECLAIM, args![claimable.to_string()]).await?.as_ref())
    }

    async fn claimables_not_reclaimed(
        &mut self,
        now: Timestamp,
        overdue: Timestamp,
        after: Option<ClaimableId>,
        limit: u32,
    ) -> Result<Page<Claimable, ClaimableId>, StoreError> {
        let after = after.map(|id| id.to_string()).unwrap_or_default();
        let args = args![now, overdue, after, rows_max(limit)];
        self.page((NOT_RECLAIMED, args), claimable, claimable_id).await
    }

    async fn escrows_unexplained(
        &mut self,
        since: Timestamp,
        after: Option<AccountId>,
        limit: u32,
    ) -> Result<Page<EscrowAccount, AccountId>, StoreError> {
        let after = after.map(|account| account.to_string()).unwrap_or_default();
        let args = args![since, after, rows_max(limit)];
        self.page((UNEXPLAINED, args), escrow, escrow_account).await
    }

    async fn dead_letter_counts(&mut self, now: Timestamp) -> Result<BTreeMap<Kind, u64>, StoreError> {
        let args = args![
            now,
            before(now, UNTAKEN_AFTER),
            before(now, UNEXPLAINED_AFTER),
            before(now, UNKNOWN_AFTER),
        ];
        let Some(row) = self.row(COUNT_ALL, args).await? else { return Ok(BTreeMap::new()) };
        let facts = row.of(&COUNTS);
        Kind::ALL.iter().map(|kind| Ok((*kind, facts.number(kind.as_str(), u64::try_from)?))).collect()
    }
}
