//! Money that goes out, and the transactions that carry it.

use async_trait::async_trait;
use serde::Serialize;

use super::rows::{Facts, Row, Table, legible, to_json};
use super::session::{Session, rows_max};
use super::sql::{Arg, Sql, args, statements};
use crate::domain::address::{AccountId, Address};
use crate::domain::asset::Asset;
use crate::domain::ids::{ClaimableId, FarmId, OperationId, ReservationId, SubmissionId, TransferId, TxHash};
use crate::domain::payment::PaymentId;
use crate::domain::transfer::{Delivery, Submission, SubmissionState, Transfer, TransferKind, TransferState};
use crate::ports::store::{Page, StoreError, TransfersTx};

/// Most transfers that are read at once: a transaction has at most 100 operations.
const TRANSFERS_READ_MAX: usize = 100;
/// Most transactions that can be live: one per channel.
const SUBMISSIONS_LIVE_MAX: i64 = 1_000;

const DELIVERIES: [Delivery; 3] = [Delivery::Payment, Delivery::ClaimableBalance, Delivery::Undecided];

const TRANSFERS: Table = Table { name: "transfers", key: &["id"] };
/// Counts have no key of their own.
const COUNTS: Table = Table { name: "transfers", key: &[] };
const SUBMISSIONS: Table = Table { name: "submissions", key: &["id"] };

/// Those that a new transfer has.
macro_rules! new_transfer_columns {
    () => {
        "id, reservation, returns_operation, returns_change, repays_claimable, farm, ordinal, kind_facts,
            source, destination, asset, amount, memo_facts, delivery"
    };
}
pub(super) use new_transfer_columns;

macro_rules! transfer_columns {
    () => {
        concat!(
            $crate::storage::transfers::new_transfer_columns!(),
            ", state, submission, operation, confirmed_at, cancelled_at"
        )
    };
}
pub(super) use transfer_columns;

macro_rules! select_transfers {
    ($rest:literal) => {
        concat!("SELECT ", transfer_columns!(), " FROM transfers ", $rest)
    };
}

macro_rules! submission_columns {
    () => {
        "id, channel, sequence, hash, envelope, max_time, purpose_facts, state, state_facts, attempts,
            last_answer, created_at"
    };
}

macro_rules! select_submissions {
    ($rest:literal) => {
        concat!("SELECT ", submission_columns!(), " FROM submissions ", $rest)
    };
}

statements! {
    INSERT_TRANSFERS = concat!(
            "INSERT INTO transfers (",
            new_transfer_columns!(),
            ", state)
            SELECT json_extract(value, '$.id'), json_extract(value, '$.reservation'),
                json_extract(value, '$.returns_operation'), json_extract(value, '$.returns_change'),
                json_extract(value, '$.repays_claimable'), json_extract(value, '$.farm'),
                json_extract(value, '$.ordinal'),
                json_extract(value, '$.kind_facts'),
                json_extract(value, '$.source'), json_extract(value, '$.destination'),
                json_extract(value, '$.asset'), json_extract(value, '$.amount'),
                json_extract(value, '$.memo_facts'), json_extract(value, '$.delivery'), 'pending'
            FROM json_each($1)"
        ),
        on_postgres concat!(
            "INSERT INTO transfers (",
            new_transfer_columns!(),
            ", state) SELECT ",
            new_transfer_columns!(),
            ", 'pending'
            FROM jsonb_to_recordset(CAST($1 AS JSONB)) AS transfer (id BIGINT, reservation BIGINT,
                returns_operation BIGINT, returns_change BIGINT, repays_claimable TEXT, farm BIGINT,
                ordinal BIGINT, kind_facts TEXT, source TEXT, destination TEXT, asset TEXT, amount BIGINT,
                memo_facts TEXT, delivery TEXT)"
        );
    UPDATE_TRANSFER = "UPDATE transfers SET state = $2, submission = $3, operation = $4, confirmed_at = $5,
            cancelled_at = $8
        WHERE id = $1 AND state = $6 AND submission IS NOT DISTINCT FROM CAST($7 AS BIGINT)
            AND source = $9 AND destination = $10 AND memo_facts = $11 AND delivery = $12";
    REDIRECT = "UPDATE transfers SET destination = $2, memo_facts = $3, delivery = $4
        WHERE id = $1 AND state = 'pending' AND destination = $5 AND delivery = $6";
    SWEEP_TO_PLATFORM = "UPDATE transfers SET source = $2,
            delivery = CASE delivery WHEN 'claimable_balance' THEN 'payment' ELSE delivery END
        WHERE source = $1 AND state = 'pending'";
    OPEN_FROM = "SELECT (SELECT COUNT(*) FROM transfers WHERE source = $1 AND state = 'pending')
        + (SELECT COUNT(*) FROM transfers WHERE source = $1 AND state = 'in_flight') AS transfers";
    COUNTED_RETURNS_OPEN = "SELECT COUNT(*) AS transfers FROM transfers
        WHERE reservation = $1 AND state IN ('pending', 'in_flight') AND 'counted' = (
            SELECT attribution FROM payments
            WHERE operation = transfers.returns_operation AND change = transfers.returns_change
        )";
    TRANSFERS_OF = select_transfers!("WHERE reservation = $1 ORDER BY ordinal");
    NEXT_ORDINAL = "SELECT COALESCE(MAX(ordinal), -1) + 1 AS ordinal FROM transfers WHERE reservation = $1";
    PENDING_REFUNDS = select_transfers!(
        "WHERE state = 'pending' AND (returns_operation IS NOT NULL OR repays_claimable IS NOT NULL)
            AND delivery <> 'undecided' AND id > $1
            ORDER BY id LIMIT $2"
    );
    PENDING_REFUNDS_FROM = select_transfers!(
        "WHERE state = 'pending' AND (returns_operation IS NOT NULL OR repays_claimable IS NOT NULL)
            AND source = $1 AND id > $2
            ORDER BY id LIMIT $3"
    );
    REFUND_OF = select_transfers!(
        "WHERE returns_operation = $1 AND returns_change = $2 AND state <> 'cancelled'"
    );
    CANCELLED_REFUND_OF = select_transfers!(
        "WHERE returns_operation = $1 AND returns_change = $2 ORDER BY id DESC LIMIT 1"
    );
    REPAYMENT_OF = select_transfers!("WHERE repays_claimable = $1 AND state <> 'cancelled'");
    IN_FLIGHT_FROM = "SELECT COUNT(*) AS transfers FROM transfers WHERE source = $1 AND state = 'in_flight'";
    TRANSFERS_NAMED = select_transfers!("WHERE id IN (SELECT CAST(value AS INTEGER) FROM json_each($1))"),
        on_postgres select_transfers!(
            "WHERE id = ANY (ARRAY(SELECT CAST(jsonb_array_elements_text(CAST($1 AS JSONB)) AS BIGINT)))"
        );
    INSERT_ATTEMPT = "INSERT INTO transfer_attempts (transfer, submission, outcome) VALUES ($1, $2, 'live')";
    DELIVERED = "DELETE FROM undelivered WHERE transfer = $1";
    REPAID = "UPDATE claimables SET repaid = 1 WHERE id = $1";
    END_ATTEMPT = "UPDATE transfer_attempts SET outcome = $3
        WHERE transfer = $1 AND submission = $2 AND outcome = 'live'";

    INSERT_SUBMISSION = concat!(
        "INSERT INTO submissions (",
        submission_columns!(),
        ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
    );
    COUNT_ATTEMPT = "UPDATE submissions SET attempts = attempts + 1 WHERE id = $1 AND state = 'live'";
    NOTE_ANSWER = "UPDATE submissions SET last_answer = $2 WHERE id = $1 AND state = 'live'";
    RESOLVE_SUBMISSION = "UPDATE submissions SET state = $2, state_facts = $3
        WHERE id = $1 AND state = 'live'";
    SUBMISSION = select_submissions!("WHERE id = $1");
    SUBMISSION_BY_HASH = select_submissions!(
        "WHERE id IN (SELECT id FROM submissions WHERE hash = $1
            UNION ALL SELECT submission FROM fee_bumps WHERE hash = $1)"
    );
    HAS_SUBMISSION = "SELECT id FROM submissions WHERE hash = $1";
    CHANNELS_IN_USE = "SELECT id, channel FROM submissions WHERE state = 'live' ORDER BY id LIMIT $1";
    LIVE_SUBMISSIONS = select_submissions!("WHERE state = 'live' ORDER BY id LIMIT $1");
}

/// A transfer on its way into the database.
#[derive(Serialize)]
struct TransferRow {
    id: i64,
    reservation: Option<i64>,
    returns_operation: Option<i64>,
    returns_change: Option<u16>,
    repays_claimable: Option<String>,
    farm: Option<i64>,
    ordinal: u32,
    kind_facts: String,
    source: AccountId,
    destination: Address,
    asset: Asset,
    amount: i64,
    memo_facts: String,
    delivery: &'static str,
}

fn transfer_state(facts: Facts<'_>) -> Result<TransferState, StoreError> {
    let submission = facts.number_or_none("submission", SubmissionId::new)?;
    let operation = facts.int_or_none("operation")?.map(OperationId);
    let at = facts.time_or_none("confirmed_at")?;
    let cancelled_at = facts.time_or_none("cancelled_at")?;
    match (facts.text("state")?.as_str(), submission, operation, at, cancelled_at) {
        ("pending", None, None, None, None) => Ok(TransferState::Pending),
        ("in_flight", Some(submission), None, None, None) => Ok(TransferState::InFlight { submission }),
        ("confirmed", Some(submission), Some(operation), Some(at), None) => {
            Ok(TransferState::Confirmed { submission, operation, at })
        }
        ("cancelled", None, None, None, Some(at)) => Ok(TransferState::Cancelled { at }),
        (state, _, _, _, _) => {
            let reason = format!(
                "it is {state:?} with submission {submission:?}, operation {operation:?}, at {at:?}, \
                 cancelled at {cancelled_at:?}"
            );
            Err(facts.corrupt("state", reason))
        }
    }
}

pub(super) fn transfer_id(row: &Row) -> Result<TransferId, StoreError> {
    row.of(&TRANSFERS).number("id", TransferId::new)
}

pub(super) fn transfer(row: &Row) -> Result<Transfer, StoreError> {
    let facts = row.of(&TRANSFERS);
    let kind: TransferKind = facts.json("kind_facts")?;
    let returned = returned_payment(&kind);
    for (column, expected) in [
        ("returns_operation", returned.map(|payment| payment.operation.0)),
        ("returns_change", returned.map(|payment| payment.change.into())),
        ("farm", farm_of(&kind).map(FarmId::get)),
    ] {
        let stored = facts.int_or_none(column)?;
        if stored != expected {
            return Err(facts.corrupt(column, format!("it is {stored:?}, but the transfer is {kind:?}")));
        }
    }
    let repaid = facts.text_or_none("repays_claimable")?;
    if repaid != repaid_claimable(&kind) {
        let reason = format!("it is {repaid:?}, but the transfer is {kind:?}");
        return Err(facts.corrupt("repays_claimable", reason));
    }
    Ok(Transfer {
        id: facts.number("id", TransferId::new)?,
        reservation: facts.number_or_none("reservation", ReservationId::new)?,
        ordinal: facts.number("ordinal", u32::try_from)?,
        kind,
        from: facts.parsed("source")?,
        to: facts.parsed("destination")?,
        asset: facts.parsed("asset")?,
        amount: facts.stroops("amount")?,
        memo: facts.json("memo_facts")?,
        delivery: facts.one_of("delivery", &DELIVERIES, Delivery::as_str)?,
        state: transfer_state(facts)?,
    })
}

pub(super) fn submission(row: &Row) -> Result<Submission, StoreError> {
    let facts = row.of(&SUBMISSIONS);
    let state: SubmissionState = facts.json("state_facts")?;
    facts.agrees("state", facts.text("state")?.as_str(), state.name())?;
    Ok(Submission {
        id: facts.number("id", SubmissionId::new)?,
        channel: facts.parsed("channel")?,
        sequence: facts.int("sequence")?,
        hash: facts.parsed("hash")?,
        envelope: facts.text("envelope")?,
        max_time: facts.time("max_time")?,
        purpose: facts.json("purpose_facts")?,
        state,
        attempts: facts.number("attempts", u32::try_from)?,
        last_answer: facts.text_or_none("last_answer")?,
        created_at: facts.time("created_at")?,
    })
}

/// The payment that a transfer returns.
const fn returned_payment(kind: &TransferKind) -> Option<PaymentId> {
    match kind {
        TransferKind::Refund { payment } => Some(*payment),
        TransferKind::Repayment { .. } | TransferKind::Leg { .. } => None,
    }
}

/// The claimable balance that a transfer repays.
fn repaid_claimable(kind: &TransferKind) -> Option<String> {
    match kind {
        TransferKind::Repayment { claimable } => Some(claimable.to_string()),
        TransferKind::Refund { .. } | TransferKind::Leg { .. } => None,
    }
}

/// The farm that a leg pays.
const fn farm_of(kind: &TransferKind) -> Option<FarmId> {
    match kind {
        TransferKind::Leg { farm, .. } => *farm,
        TransferKind::Refund { .. } | TransferKind::Repayment { .. } => None,
    }
}

/// The transaction a transfer is in.
fn carrier(state: &TransferState) -> Option<i64> {
    match state {
        TransferState::Pending | TransferState::Cancelled { .. } => None,
        TransferState::InFlight { submission } | TransferState::Confirmed { submission, .. } => {
            Some(submission.get())
        }
    }
}

fn submission_args(submission: &Submission) -> Result<Vec<super::sql::Arg>, StoreError> {
    Ok(args![
        submission.id.get(),
        submission.channel.to_string(),
        submission.sequence,
        submission.hash.to_string(),
        submission.envelope.as_str(),
        submission.max_time,
        to_json(&submission.purpose)?,
        submission.state.name(),
        to_json(&submission.state)?,
        submission.attempts,
        submission.last_answer.clone(),
        submission.created_at,
    ])
}

impl Session {
    /// True if a statement that counts transfers counts any.
    async fn any_transfers(&mut self, count: Sql, args: Vec<Arg>) -> Result<bool, StoreError> {
        let row = self.row(count, args).await?;
        let count = row.as_ref().map_or(Ok(0), |row| row.of(&COUNTS).number("transfers", u64::try_from))?;
        Ok(count > 0)
    }
}

#[async_trait]
impl TransfersTx for Session {
    async fn insert_transfers(&mut self, transfers: &[Transfer]) -> Result<(), StoreError> {
        let mut rows = Vec::with_capacity(transfers.len());
        for transfer in transfers {
            if transfer.state != TransferState::Pending {
                return Err(self.refuse(format!("new transfer {} is not pending", transfer.id)));
            }
            let returned = returned_payment(&transfer.kind);
            rows.push(TransferRow {
                id: transfer.id.get(),
                reservation: transfer.reservation.map(ReservationId::get),
                returns_operation: returned.map(|payment| payment.operation.0),
                returns_change: returned.map(|payment| payment.change),
                repays_claimable: repaid_claimable(&transfer.kind),
                farm: farm_of(&transfer.kind).map(FarmId::get),
                ordinal: transfer.ordinal,
                kind_facts: to_json(&transfer.kind)?,
                source: transfer.from,
                destination: transfer.to,
                asset: transfer.asset,
                amount: transfer.amount.get(),
                memo_facts: to_json(&transfer.memo)?,
                delivery: transfer.delivery.as_str(),
            });
        }
        self.execute(INSERT_TRANSFERS, args![to_json(&rows)?]).await.map(drop)
    }

    async fn update_transfer(&mut self, before: &Transfer, after: &Transfer) -> Result<(), StoreError> {
        if (Transfer { state: after.state.clone(), ..before.clone() }) != *after {
            return Err(self.refuse(format!("transfer {} may change nothing but its state", before.id)));
        }
        let (submission, operation, at, cancelled_at) = match &after.state {
            TransferState::Pending => (None, None, None, None),
            TransferState::InFlight { submission } => (Some(submission.get()), None, None, None),
            TransferState::Confirmed { submission, operation, at } => {
                (Some(submission.get()), Some(operation.0), Some(*at), None)
            }
            TransferState::Cancelled { at } => (None, None, None, Some(*at)),
        };
        let args = args![
            after.id.get(),
            after.state.name(),
            submission,
            operation,
            at,
            before.state.name(),
            carrier(&before.state),
            cancelled_at,
            before.from.to_string(),
            before.to.to_string(),
            to_json(&before.memo)?,
            before.delivery.as_str(),
        ];
        let what = || format!("transfer {}", after.id);
        self.guarded(UPDATE_TRANSFER, args, what).await?;
        match (&before.state, &after.state) {
            (TransferState::Pending, TransferState::InFlight { submission }) => {
                self.execute(INSERT_ATTEMPT, args![after.id.get(), submission.get()]).await.map(drop)
            }
            (TransferState::InFlight { submission }, TransferState::Confirmed { submission: by, .. })
                if submission == by =>
            {
                self.guarded(END_ATTEMPT, args![after.id.get(), by.get(), "paid"], what).await?;
                match after.kind {
                    TransferKind::Leg { .. } => Ok(()),
                    TransferKind::Refund { .. } => {
                        self.execute(DELIVERED, args![after.id.get()]).await.map(drop)
                    }
                    TransferKind::Repayment { claimable } => {
                        self.execute(DELIVERED, args![after.id.get()]).await?;
                        self.execute(REPAID, args![claimable.to_string()]).await.map(drop)
                    }
                }
            }
            (TransferState::InFlight { submission }, TransferState::Pending) => {
                self.guarded(END_ATTEMPT, args![after.id.get(), submission.get(), "released"], what).await
            }
            (TransferState::Pending, TransferState::Cancelled { .. }) => {
                self.execute(DELIVERED, args![after.id.get()]).await.map(drop)
            }
            (
                TransferState::Pending
                | TransferState::InFlight { .. }
                | TransferState::Confirmed { .. }
                | TransferState::Cancelled { .. },
                _,
            ) => {
                let (before, after) = (before.state.name(), after.state.name());
                Err(self.refuse(format!("{} cannot go from {before} to {after}", what())))
            }
        }
    }

    async fn redirect_transfer(&mut self, before: &Transfer, after: &Transfer) -> Result<(), StoreError> {
        let Transfer { to, delivery, memo, .. } = after.clone();
        if (Transfer { to, delivery, memo, ..before.clone() }) != *after {
            return Err(self.refuse(format!("transfer {} may only go another way", before.id)));
        }
        let args = args![
            after.id.get(),
            after.to.to_string(),
            to_json(&after.memo)?,
            after.delivery.as_str(),
            before.to.to_string(),
            before.delivery.as_str(),
        ];
        self.guarded(REDIRECT, args, || format!("transfer {}", after.id)).await?;
        self.execute(DELIVERED, args![after.id.get()]).await.map(drop)
    }

    async fn sweep_to_platform(&mut self, closed: AccountId, home: AccountId) -> Result<(), StoreError> {
        self.execute(SWEEP_TO_PLATFORM, args![closed.to_string(), home.to_string()]).await.map(drop)
    }

    async fn money_is_owed_from(&mut self, account: AccountId) -> Result<bool, StoreError> {
        self.any_transfers(OPEN_FROM, args![account.to_string()]).await
    }

    async fn counted_returns_open(&mut self, reservation: ReservationId) -> Result<bool, StoreError> {
        self.any_transfers(COUNTED_RETURNS_OPEN, args![reservation.get()]).await
    }

    async fn transfers_of(&mut self, reservation: ReservationId) -> Result<Vec<Transfer>, StoreError> {
        self.rows(TRANSFERS_OF, args![reservation.get()]).await?.iter().map(transfer).collect()
    }

    async fn next_ordinal(&mut self, reservation: ReservationId) -> Result<u32, StoreError> {
        let row = self.row(NEXT_ORDINAL, args![reservation.get()]).await?;
        row.as_ref().map_or(Ok(0), |row| row.of(&COUNTS).number("ordinal", u32::try_from))
    }

    async fn pending_refunds(
        &mut self,
        after: Option<TransferId>,
        limit: u32,
    ) -> Result<Page<Transfer, TransferId>, StoreError> {
        let after = after.map_or(-1, TransferId::get);
        self.page((PENDING_REFUNDS, args![after, rows_max(limit)]), transfer, transfer_id).await
    }

    async fn pending_refunds_from(
        &mut self,
        account: AccountId,
        after: Option<TransferId>,
        limit: u32,
    ) -> Result<Vec<Transfer>, StoreError> {
        let args = args![account.to_string(), after.map_or(-1, TransferId::get), rows_max(limit)];
        let rows = self.rows(PENDING_REFUNDS_FROM, args).await?;
        rows.iter().map(transfer).collect()
    }

    async fn refund_of(&mut self, payment: PaymentId) -> Result<Option<Transfer>, StoreError> {
        let args = args![payment.operation.0, payment.change];
        let row = match self.row(REFUND_OF, args.clone()).await? {
            Some(row) => Some(row),
            None => self.row(CANCELLED_REFUND_OF, args).await?,
        };
        row.as_ref().map(transfer).transpose()
    }

    async fn repayment_of(&mut self, claimable: ClaimableId) -> Result<Option<Transfer>, StoreError> {
        self.row(REPAYMENT_OF, args![claimable.to_string()]).await?.as_ref().map(transfer).transpose()
    }

    async fn money_leaves(&mut self, account: AccountId) -> Result<bool, StoreError> {
        self.any_transfers(IN_FLIGHT_FROM, args![account.to_string()]).await
    }

    async fn transfers(&mut self, ids: &[TransferId]) -> Result<Vec<Transfer>, StoreError> {
        if ids.len() > TRANSFERS_READ_MAX {
            return Err(self.refuse(format!("{} transfers asked for at once", ids.len())));
        }
        let rows = self.rows(TRANSFERS_NAMED, args![to_json(ids)?]).await?;
        let found = rows.iter().map(transfer).collect::<Result<Vec<_>, _>>()?;
        let one = |id: &TransferId| {
            found.iter().find(|transfer| transfer.id == *id).cloned().ok_or_else(|| StoreError::Corrupt {
                table: TRANSFERS.name,
                column: "id",
                key: format!("id {id}"),
                reason: "the row is missing".to_owned(),
            })
        };
        ids.iter().map(one).collect()
    }

    async fn insert_submission(&mut self, submission: &Submission) -> Result<(), StoreError> {
        if submission.state != SubmissionState::Live {
            return Err(self.refuse(format!("new submission {} is not live", submission.id)));
        }
        self.execute(INSERT_SUBMISSION, submission_args(submission)?).await.map(drop)
    }

    async fn insert_recovered(&mut self, submission: &Submission) -> Result<(), StoreError> {
        let SubmissionState::Confirmed { .. } = submission.state else {
            return Err(self.refuse(format!("recovered submission {} is not confirmed", submission.id)));
        };
        self.execute(INSERT_SUBMISSION, submission_args(submission)?).await.map(drop)
    }

    async fn count_attempt(&mut self, id: SubmissionId) -> Result<(), StoreError> {
        self.guarded(COUNT_ATTEMPT, args![id.get()], || format!("submission {id}")).await
    }

    async fn note_answer(&mut self, id: SubmissionId, answer: &str) -> Result<(), StoreError> {
        self.execute(NOTE_ANSWER, args![id.get(), legible(answer)]).await.map(drop)
    }

    async fn resolve_submission(&mut self, submission: &Submission) -> Result<(), StoreError> {
        if submission.state == SubmissionState::Live {
            return Err(self.refuse(format!("submission {} has no outcome", submission.id)));
        }
        let args = args![submission.id.get(), submission.state.name(), to_json(&submission.state)?];
        self.guarded(RESOLVE_SUBMISSION, args, || format!("submission {}", submission.id)).await
    }

    async fn submission(&mut self, id: SubmissionId) -> Result<Option<Submission>, StoreError> {
        self.row(SUBMISSION, args![id.get()]).await?.as_ref().map(submission).transpose()
    }

    async fn submission_by_hash(&mut self, hash: TxHash) -> Result<Option<Submission>, StoreError> {
        self.row(SUBMISSION_BY_HASH, args![hash.to_string()]).await?.as_ref().map(submission).transpose()
    }

    async fn has_submission(&mut self, hash: TxHash) -> Result<bool, StoreError> {
        Ok(self.row(HAS_SUBMISSION, args![hash.to_string()]).await?.is_some())
    }

    async fn live_submissions(&mut self) -> Result<Page<Submission, SubmissionId>, StoreError> {
        let key = |row: &Row| row.of(&SUBMISSIONS).number("id", SubmissionId::new);
        self.page((LIVE_SUBMISSIONS, args![SUBMISSIONS_LIVE_MAX]), submission, key).await
    }

    async fn channels_in_use(&mut self) -> Result<Vec<AccountId>, StoreError> {
        let rows = self.rows(CHANNELS_IN_USE, args![SUBMISSIONS_LIVE_MAX]).await?;
        // A name that is no account's is no channel's.
        Ok(rows.iter().filter_map(|row| row.of(&SUBMISSIONS).parsed("channel").ok()).collect())
    }
}
