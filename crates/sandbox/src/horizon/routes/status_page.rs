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
#[template(
    ext = "html",
    source = r##"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="5">
<title>Sandbox: ledger {{ ledger }}</title>
<style>
:root { color-scheme: light dark; --line: #8884; --quiet: #777; --bad: #c33; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
p { margin: .3rem 0; } .quiet { color: var(--quiet); } .bad { color: var(--bad); }
table { border-collapse: collapse; width: 100%; } .scroll { overflow-x: auto; }
th, td { text-align: left; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { color: var(--quiet); font-weight: normal; } td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
code { font: .85em ui-monospace, monospace; }
</style>
</head>
<body>
<h1>Farmgate sandbox</h1>
<p class="quiet">A small Stellar network on this machine. Nothing here is worth anything.</p>
<p>Ledger <strong>{{ ledger }}</strong> closed {{ closed_at }} · {{ accounts }} accounts · {{ queued }} waiting · {{ balances }} claimable balances · {{ offers }} offers</p>
<p>Passphrase <code>{{ passphrase }}</code></p>
<h2>Assets</h2>
<div class="scroll"><table>
<tr><th>Code</th><th>Issuer</th></tr>
{% for (code, issuer) in issuers %}<tr><td>{{ code }}</td><td><a href="/accounts/{{ issuer }}"><code>{{ issuer }}</code></a></td></tr>
{% endfor %}</table></div>
<h2>Faults</h2>
{% if faults.is_empty() %}<p class="quiet">None in force, and none so far.</p>{% else %}
<div class="scroll"><table>
<tr><th>Kind</th><th class="n">Per mille</th><th class="n">Next</th><th class="n">Injected</th></tr>
{% for fault in faults %}<tr><td>{{ fault.name }}</td><td class="n">{{ fault.per_mille }}</td><td class="n">{{ fault.next }}</td><td class="n">{{ fault.injected }}</td></tr>
{% endfor %}</table></div>{% endif %}
<h2>Ledgers</h2>
<div class="scroll"><table>
<tr><th>Ledger</th><th>Closed</th><th class="n">Transactions</th><th class="n">Failed</th><th class="n">Operations</th><th class="n">Base fee</th></tr>
{% for row in ledgers %}<tr><td><a href="/ledgers/{{ row.number }}">{{ row.number }}</a></td><td>{{ row.closed_at }}</td><td class="n">{{ row.successful }}</td><td class="n">{{ row.failed }}</td><td class="n">{{ row.operations }}</td><td class="n">{{ row.base_fee }}</td></tr>
{% endfor %}</table></div>
<h2>Transactions</h2>
{% if transactions.is_empty() %}<p class="quiet">None yet. <code>GET /friendbot?addr=G…</code> makes an account.</p>{% else %}
<div class="scroll"><table>
<tr><th>Hash</th><th>Ledger</th><th>Source</th><th class="n">Operations</th><th class="n">Fee</th><th>Outcome</th></tr>
{% for row in transactions %}<tr><td><a href="/transactions/{{ row.hash }}"><code>{{ row.short }}</code></a></td><td>{{ row.ledger }}</td><td><a href="/accounts/{{ row.source }}"><code>{{ row.source }}</code></a></td><td class="n">{{ row.operations }}</td><td class="n">{{ row.fee }}</td><td>{% if row.successful %}done{% else %}<span class="bad">failed</span>{% endif %}</td></tr>
{% endfor %}</table></div>{% endif %}
</body>
</html>
"##
)]
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
