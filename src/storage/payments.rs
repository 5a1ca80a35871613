//! Money that came in, and records of it that could not be understood.

use async_trait::async_trait;
use sha2::{Digest, Sha256};

use super::rows::{Row, Table, legible, to_json};
use super::session::{Session, rows_max};
use super::sql::{Arg, Sql, args, statements};
use crate::domain::ids::{OperationId, ReservationId};
use crate::domain::payment::{Attribution, Payment, PaymentId, PaymentKind};
use crate::ports::store::{Applied, PaymentFilter, PaymentsTx, Quarantined, StoreError, StoredPayment};

const PAYMENTS: Table = Table { name: "payments", key: &["operation", "change"] };
const QUARANTINE: Table = Table { name: "quarantine", key: &["account", "digest"] };

const KINDS: [PaymentKind; 6] = [
    PaymentKind::Payment,
    PaymentKind::PathPayment,
    PaymentKind::CreateAccount,
    PaymentKind::ContractTransfer,
    PaymentKind::Merge,
    PaymentKind::Claim,
];
const ATTRIBUTIONS: [Attribution; 5] = [
    Attribution::Counted,
    Attribution::Late,
    Attribution::OtherAsset,
    Attribution::Unassigned,
    Attribution::TopUp,
];

macro_rules! payment_columns {
    () => {
        "operation, change, kind, account, muxed_id, payer, asset, amount, tx_hash, ledger, closed_at,
            memo_facts, reservation, attribution"
    };
}

macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT ", payment_columns!(), " FROM payments ", $rest)
    };
}

/// Those that a new record has.
macro_rules! quarantine_columns {
    () => {
        "account, digest, operation, json, reason, noted_at"
    };
}
pub(super) use quarantine_columns;

macro_rules! select_quarantine {
    ($rest:literal) => {
        concat!(
            "SELECT ",
            $crate::storage::payments::quarantine_columns!(),
            ", dismissed_at, dismissed_by, dismissed_note FROM quarantine ",
            $rest
        )
    };
}
pub(super) use select_quarantine;

macro_rules! select_page {
    ($filter:expr) => {
        concat!(
            select!("WHERE "),
            $filter,
            "operation >= $1 AND (operation > $1 OR change > $2) ORDER BY operation, change LIMIT $3"
        )
    };
}

/// What it is taken for stands in the text: PostgreSQL then knows whether few or nearly all payments are.
macro_rules! list_taken_for {
    ($attribution:literal) => {
        select_page!(concat!("attribution = '", $attribution, "' AND "))
    };
}

statements! {
    INSERT = concat!(
        "INSERT INTO payments (",
        payment_columns!(),
        ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
        ON CONFLICT (operation, change) DO NOTHING"
    );
    ONE = select!("WHERE operation = $1 AND change = $2");
    LIST = select_page!("");
    LIST_OF_RESERVATION = select_page!("reservation = $4 AND ");
    LIST_COUNTED = list_taken_for!("counted");
    LIST_LATE = list_taken_for!("late");
    LIST_OTHER_ASSET = list_taken_for!("other_asset");
    LIST_UNASSIGNED = list_taken_for!("unassigned");
    LIST_TOP_UP = list_taken_for!("top_up");
    LIST_OF_RESERVATION_TAKEN_FOR = select_page!("reservation = $4 AND attribution = $5 AND ");
    QUARANTINE_RECORD = concat!(
        "INSERT INTO quarantine (",
        quarantine_columns!(),
        ") VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (account, digest) DO NOTHING"
    );
    QUARANTINED = select_quarantine!(
        "WHERE dismissed_at IS NULL ORDER BY noted_at, account, digest LIMIT $1"
    );
}

fn operation(number: i64) -> Result<OperationId, &'static str> {
    if number < 0 { Err("it is negative") } else { Ok(OperationId(number)) }
}

fn payment(row: &Row) -> Result<StoredPayment, StoreError> {
    let facts = row.of(&PAYMENTS);
    Ok(StoredPayment {
        payment: Payment {
            id: PaymentId {
                operation: facts.number("operation", operation)?,
                change: facts.number("change", u16::try_from)?,
            },
            kind: facts.one_of("kind", &KINDS, PaymentKind::as_str)?,
            to: facts.parsed("account")?,
            to_muxed_id: facts.parsed_or_none("muxed_id")?,
            from: facts.parsed_or_none("payer")?,
            asset: facts.parsed("asset")?,
            amount: facts.stroops("amount")?,
            transaction: facts.parsed("tx_hash")?,
            ledger: facts.ledger("ledger")?,
            closed_at: facts.time("closed_at")?,
            memo: facts.json("memo_facts")?,
        },
        reservation: facts.number_or_none("reservation", ReservationId::new)?,
        attribution: facts.one_of("attribution", &ATTRIBUTIONS, Attribution::as_str)?,
    })
}

pub(super) fn quarantined(row: &Row) -> Result<Quarantined, StoreError> {
    let facts = row.of(&QUARANTINE);
    let json = facts.text("json")?;
    facts.agrees("digest", facts.text("digest")?, digest(&json))?;
    Ok(Quarantined {
        account: facts.parsed("account")?,
        operation: facts.number_or_none("operation", operation)?,
        json,
        reason: facts.text("reason")?,
        at: facts.time("noted_at")?,
    })
}

const fn list_taken_for(attribution: Attribution) -> Sql {
    match attribution {
        Attribution::Counted => LIST_COUNTED,
        Attribution::Late => LIST_LATE,
        Attribution::OtherAsset => LIST_OTHER_ASSET,
        Attribution::Unassigned => LIST_UNASSIGNED,
        Attribution::TopUp => LIST_TOP_UP,
    }
}

fn digest(json: &str) -> String {
    hex::encode(Sha256::digest(json.as_bytes()))
}

fn applied(rows: u64) -> Applied {
    if rows == 0 { Applied::AlreadyApplied } else { Applied::Executed }
}

#[async_trait]
impl PaymentsTx for Session {
    async fn insert_payment(&mut self, stored: &StoredPayment) -> Result<Applied, StoreError> {
        let payment = &stored.payment;
        let args = args![
            payment.id.operation.0,
            payment.id.change,
            payment.kind.as_str(),
            payment.to.to_string(),
            payment.to_muxed_id.map(|id| id.to_string()),
            payment.from.map(|from| from.to_string()),
            payment.asset.to_string(),
            payment.amount.get(),
            payment.transaction.to_string(),
            payment.ledger.0,
            payment.closed_at,
            to_json(&payment.memo)?,
            stored.reservation.map(ReservationId::get),
            stored.attribution.as_str(),
        ];
        self.execute(INSERT, args).await.map(applied)
    }

    async fn payment(&mut self, id: PaymentId) -> Result<Option<StoredPayment>, StoreError> {
        self.row(ONE, args![id.operation.0, id.change]).await?.as_ref().map(payment).transpose()
    }

    async fn payments(
        &mut self,
        filter: &PaymentFilter,
        after: Option<PaymentId>,
        limit: u32,
    ) -> Result<Vec<StoredPayment>, StoreError> {
        let (operation, change) = after.map_or((-1, 0), |id| (id.operation.0, i64::from(id.change)));
        let mut args = args![operation, change, rows_max(limit)];
        let sql = match (filter.reservation, filter.attribution) {
            (None, None) => LIST,
            (Some(_), None) => LIST_OF_RESERVATION,
            (None, Some(attribution)) => list_taken_for(attribution),
            (Some(_), Some(_)) => LIST_OF_RESERVATION_TAKEN_FOR,
        };
        if let Some(reservation) = filter.reservation {
            args.push(reservation.get().into());
            args.extend(filter.attribution.map(Attribution::as_str).map(Arg::from));
        }
        self.rows(sql, args).await?.iter().map(payment).collect()
    }

    async fn quarantine(&mut self, record: &Quarantined) -> Result<Applied, StoreError> {
        let json = legible(&record.json);
        let args = args![
            record.account.to_string(),
            digest(&json),
            record.operation.map(|operation| operation.0),
            json,
            legible(&record.reason),
            record.at,
        ];
        self.execute(QUARANTINE_RECORD, args).await.map(applied)
    }

    async fn quarantined(&mut self, limit: u32) -> Result<Vec<Quarantined>, StoreError> {
        self.rows(QUARANTINED, args![rows_max(limit)]).await?.iter().map(quarantined).collect()
    }
}
