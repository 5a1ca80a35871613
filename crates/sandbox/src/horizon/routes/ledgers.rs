//! `/ledgers`: closed ledgers.

use std::sync::Arc;

use axum::extract::Path;
use axum::http::HeaderMap;
use axum::response::Response;

use super::history::{Fetch, answer};
use crate::horizon::json::ledgers::{json, token};
use crate::horizon::request::headers::{Base, json_only};
use crate::horizon::request::page::{Item, Page, Query};
use crate::horizon::request::params::sequence_in_path;
use crate::horizon::request::snapshot::{App, Snapshot};
use crate::horizon::response::{Problem, hal};
use crate::ledger::history::LedgerRecord;

fn page(ledger: &Snapshot<'_>, page: &Page, base: &str) -> Result<Vec<Item>, Problem> {
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
