//! The page at `/` for people: what the network is, its last ledgers and transactions, the faults in force.

use askama::Template;
use axum::http::{HeaderValue, header};
use axum::response::{Html, IntoResponse, Response};

use crate::faults::Fault;
use crate::horizon::json::fields::time;
use crate::horizon::request::snapshot::App;
use crate::horizon::response::Problem;
use crate::ledger::history::{List, Record, Scope, Selection};
use crate::network::account_of_key;

/// Rows of each table.
const ROWS_MAX: usize = 20;
/// The page loads nothing from anywhere, and runs nothing.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'";

#[derive(Template)]
#[template(path = "status_page.html")]
struct StatusPage {
    ledger: u32,
    closed_at: String,
    accounts: usize,
    queued: usize,
    balances: usize,
    offers: usize,
    passphrase: String,
    issuers: Vec<(String, String)>,
    faults: Vec<FaultRow>,
    ledgers: Vec<LedgerRow>,
    transactions: Vec<TransactionRow>,
}

struct FaultRow {
    name: &'static str,
    per_mille: u16,
    next: u32,
    injected: u64,
}

struct LedgerRow {
    number: u32,
    closed_at: String,
    successful: u32,
    failed: u32,
    operations: u32,
    base_fee: i64,
}

struct TransactionRow {
    hash: String,
    short: String,
    ledger: u32,
    source: String,
    operations: u32,
    fee: i64,
    successful: bool,
}

fn faults(app: &App) -> Vec<FaultRow> {
    let (rates, pending, counts) = (app.faults.rates(), app.faults.pending(), app.faults.counts());
    let row = |fault: Fault| FaultRow {
        name: fault.name(),
        per_mille: rates.get(&fault).copied().unwrap_or(0),
        next: pending.get(&fault).copied().unwrap_or(0),
        injected: counts.get(&fault).copied().unwrap_or(0),
    };
    let rows = Fault::ALL.into_iter().map(row);
    rows.filter(|row| row.per_mille > 0 || row.next > 0 || row.injected > 0).collect()
}

fn transactions(app: &App) -> Vec<TransactionRow> {
    let latest = Selection { cursor: None, descending: true, limit: ROWS_MAX, include_failed: true };
    let records = app.ledger().history().page(List::Transactions, Scope::All, latest);
    let row = |record: &Record| match record {
        Record::Transaction(record) => {
            let hash = record.tx.hash.to_string();
            Some(TransactionRow {
                short: format!("{}…", hash.get(..12).unwrap_or_default()),
                hash,
                ledger: record.id.ledger().0,
                source: record.tx.source().to_string(),
                operations: record.tx.operation_count(),
                fee: record.fee_charged,
                successful: record.successful,
            })
        }
        Record::Operation(_) | Record::Effect(_) | Record::Trade(_) => None,
    };
    records.iter().filter_map(row).collect()
}

/// The page.
pub fn page(app: &App) -> Result<Response, Problem> {
    let (faults, transactions) = (faults(app), transactions(app));
    let snapshot = app.ledger();
    let core = snapshot.core();
    let ledgers = snapshot.history().ledgers().iter().rev().take(ROWS_MAX).map(|record| LedgerRow {
        number: record.sequence.0,
        closed_at: time(record.closed_at),
        successful: record.successful,
        failed: record.failed,
        operations: record.operations,
        base_fee: record.base_fee,
    });
    let issuers = core.keys().issuers.iter();
    let page = StatusPage {
        ledger: snapshot.latest().ledger.0,
        closed_at: time(snapshot.latest().time),
        accounts: snapshot.state().account_count(),
        queued: core.queued(),
        balances: snapshot.state().balances().iter().count(),
        offers: snapshot.state().book().iter().count(),
        passphrase: core.genesis().passphrase.clone(),
        issuers: issuers.map(|(code, key)| (code.to_string(), account_of_key(key).to_string())).collect(),
        faults,
        ledgers: ledgers.collect(),
        transactions,
    };
    let html = page.render().map_err(|_| Problem::internal())?;
    let mut response = Html(html).into_response();
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    Ok(response)
}
