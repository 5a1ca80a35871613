//! Ledgers as Horizon shows them.

use std::sync::Arc;

use axum::extract::Path;
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::{Value, json};

use super::lists::{Fetch, answer};
use super::page::{Item, Page, Query};
use super::problem::Problem;
use super::reply::{Base, amount, hal, json_only, link, template, time};
use super::{App, Seen};
use crate::history::LedgerRecord;
use crate::xdr::to_base64;
use stellar_types::ids::LedgerSeq;

/// A ledger's number in a path.
pub fn sequence_in_path(text: &str) -> Result<LedgerSeq, Problem> {
    let reason = "Ledger Sequence must be an integer higher than 0";
    let number: u32 = text.parse().map_err(|_| Problem::bad_request("ledger_id", reason))?;
    if number == 0 { Err(Problem::bad_request("ledger_id", reason)) } else { Ok(LedgerSeq(number)) }
}

fn token(sequence: LedgerSeq) -> i64 {
    i64::from(sequence.0) << 32
}

fn json(record: &LedgerRecord, base: &str) -> Value {
    let own = format!("{base}/ledgers/{}", record.sequence);
    let header = &record.header;
    json!({
        "_links": {
            "self": link(own.clone()),
            "transactions": template(format!("{own}/transactions")),
            "operations": template(format!("{own}/operations")),
            "payments": template(format!("{own}/payments")),
            "effects": template(format!("{own}/effects")),
        },
        "id": hex::encode(record.hash),
        "paging_token": token(record.sequence).to_string(),
        "hash": hex::encode(record.hash),
        "prev_hash": hex::encode(header.previous_ledger_hash.0),
        "sequence": record.sequence,
        "successful_transaction_count": record.successful,
        "failed_transaction_count": record.failed,
        "operation_count": record.operations,
        "tx_set_operation_count": record.operations_all,
        "closed_at": time(record.closed_at),
        "total_coins": amount(header.total_coins),
        "fee_pool": amount(header.fee_pool),
        "base_fee_in_stroops": header.base_fee,
        "base_reserve_in_stroops": header.base_reserve,
        "max_tx_set_size": header.max_tx_set_size,
        "protocol_version": header.ledger_version,
        "header_xdr": to_base64(header),
    })
}

fn page(ledger: &Seen<'_>, page: &Page, base: &str) -> Result<Vec<Item>, Problem> {
    let all = ledger.history().ledgers();
    let cursor = page.position()?.map(|(first, _)| first);
    let item =
        |record: &LedgerRecord| Item { token: token(record.sequence).to_string(), json: json(record, base) };
    let items = match (cursor, page.descending) {
        (None, false) => all.iter().take(page.limit).map(item).collect(),
        (None, true) => all.iter().rev().take(page.limit).map(item).collect(),
        (Some(cursor), false) => {
            let from = all.partition_point(|record| token(record.sequence) <= cursor);
            all[from..].iter().take(page.limit).map(item).collect()
        }
        (Some(cursor), true) => {
            let to = all.partition_point(|record| token(record.sequence) < cursor);
            all[..to].iter().rev().take(page.limit).map(item).collect()
        }
    };
    Ok(items)
}

pub async fn list(app: App, base: Base, query: Query, headers: HeaderMap) -> Result<Response, Problem> {
    let root = base.0.clone();
    let fetch: Fetch = Arc::new(move |ledger, asked| page(ledger, asked, &root));
    answer(&app, &base, &query, &headers, fetch)
}

pub async fn one(
    app: App,
    Path(sequence): Path<String>,
    base: Base,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    json_only(&headers)?;
    let sequence = sequence_in_path(&sequence)?;
    let ledger = app.ledger();
    let record = ledger.history().ledger(sequence).ok_or_else(Problem::not_found)?;
    Ok(hal(&json(record, &base.0)))
}
