//! The lists of history, as pages and as streams of server-sent events.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_stream::stream;
use axum::body::{Body, Bytes};
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use stellar_types::ids::{LedgerSeq, OperationId};

use crate::faults::Fault;
use crate::horizon::json::transactions as transaction_json;
use crate::horizon::json::{effects as effect_json, operations as operation_json, trades as trade_json};
use crate::horizon::request::headers::{Base, Form, accepted};
use crate::horizon::request::page::{Item, Page, Query, document};
use crate::horizon::request::params::{
    account_in_path, balance_in_path, hash_in_path, operation_in_path, sequence_in_path,
};
use crate::horizon::request::snapshot::{App, Snapshot};
use crate::horizon::response::{Problem, RATE_LIMITED, hal, to_body};
use crate::ledger::history::{List, Record, Scope, Selection};

/// How long a stream lasts, in seconds.
pub const STREAM_SECONDS_MAX: u64 = 55;
const HELLO: &str = "retry: 1000\nevent: open\ndata: \"hello\"\n\n";
const BYE: &str = "retry: 10\nevent: close\ndata: \"byebye\"\n\n";

/// Reads a page of some list.
pub type Fetch = Arc<dyn Fn(&Snapshot<'_>, &Page) -> Result<Vec<Item>, Problem> + Send + Sync>;

/// Answers with a page or a stream, whichever is wanted.
pub fn answer(
    app: &App,
    base: &Base,
    query: &Query,
    headers: &HeaderMap,
    fetch: Fetch,
) -> Result<Response, Problem> {
    let form = accepted(headers)?;
    let ledger = app.ledger();
    let page = Page::read(query, headers, ledger.latest().ledger)?;
    let items = fetch(&ledger, &page)?;
    drop(ledger);
    match form {
        Form::Json => Ok(hal(&document(&base.0, query, &page, items))),
        Form::Stream => Ok(events(app.clone(), page, fetch)),
    }
}

/// A stream: the greeting, then records as ledgers close, until `limit` of them or the time are over.
pub fn events(app: App, page: Page, fetch: Fetch) -> Response {
    let fault = app.injected.stream;
    let stream = stream! {
        let frame = |text: String| Ok::<_, io::Error>(Bytes::from(text));
        let mut over = pin!(app.clock.sleep(Duration::from_secs(STREAM_SECONDS_MAX)));
        let mut page = page;
        yield frame(HELLO.to_owned());
        if fault == Some(Fault::SilentStream) {
            over.await;
            return;
        }
        loop {
            // Those who wait for a ledger are woken in the order in which they came.
            let mut closing = pin!(app.closing.notified());
            closing.as_mut().enable();
            let items = fetch(&app.ledger(), &page);
            let Ok(items) = items else {
                yield frame("event: error\ndata: Unexpected stream error\n\n".to_owned());
                return;
            };
            for item in items {
                page.limit = page.limit.saturating_sub(1);
                let text = format!("id: {}\ndata: {}\n\n", item.token, to_body(&item.json));
                if fault == Some(Fault::TruncatedStream) {
                    yield frame(text.chars().take(text.len() / 2).collect());
                    yield Err(io::Error::from(io::ErrorKind::ConnectionReset));
                    return;
                }
                if fault == Some(Fault::RepeatedEvents) {
                    yield frame(text.clone());
                }
                yield frame(text);
                page.cursor = item.token;
            }
            if page.limit == 0 {
                break;
            }
            tokio::select! {
                biased;
                () = closing => {}
                () = &mut over => break,
            }
            if app.take_stream_look().is_some_and(|taken| !taken.is_allowed()) {
                let text = "problem: rate_limit_exceeded. full details: ";
                yield frame(format!("event: error\ndata: {text}{RATE_LIMITED}\n\n"));
                return;
            }
        }
        yield frame(BYE.to_owned());
    };
    let head = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    (head, Body::from_stream(stream)).into_response()
}

fn item(record: &Record, base: &str, join: bool) -> Item {
    match record {
        Record::Transaction(tx) => {
            Item { token: tx.id.to_string(), json: transaction_json::json(tx, tx.tx.hash, base) }
        }
        Record::Operation(operation) => {
            Item { token: operation.id.to_string(), json: operation_json::json(operation, base, join) }
        }
        Record::Effect(effect) => {
            Item { token: effect_json::token(effect), json: effect_json::json(effect, base) }
        }
        Record::Trade(trade) => Item {
            token: trade_json::token(trade),
            json: trade_json::json(trade, trade_json::pair(trade), base),
        },
    }
}

/// Whether failed transactions are listed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Failed {
    /// If `include_failed` says so.
    IfAsked,
    /// In lists of one transaction or operation.
    Always,
}

fn history(
    app: &App,
    base: &Base,
    query: &Query,
    headers: &HeaderMap,
    (list, scope, failed): (List, Scope, Failed),
) -> Result<Response, Problem> {
    let include_failed = failed == Failed::Always || query.flag("include_failed")?;
    let join = query.joins_transactions()?;
    let root = base.0.clone();
    let fetch: Fetch = Arc::new(move |ledger, page| {
        let selection = Selection {
            cursor: page.position()?,
            descending: page.descending,
            limit: page.limit,
            include_failed,
        };
        let records = ledger.history().page(list, scope, selection);
        Ok(records.iter().map(|record| item(record, &root, join)).collect())
    });
    answer(app, base, query, headers, fetch)
}

fn named(list: &str) -> Result<List, Problem> {
    match list {
        "transactions" => Ok(List::Transactions),
        "operations" => Ok(List::Operations),
        "payments" => Ok(List::Payments),
        "effects" => Ok(List::Effects),
        _ => Err(Problem::not_found()),
    }
}

pub async fn of_account(
    app: App,
    Path((id, list)): Path<(String, String)>,
    base: Base,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let list = named(&list)?;
    let account = account_in_path(&id)?;
    if !app.ledger().history().knows(account) {
        return Err(Problem::not_found());
    }
    history(&app, &base, &query, &headers, (list, Scope::Account(account), Failed::IfAsked))
}

pub async fn of_balance(
    app: App,
    Path((id, list)): Path<(String, String)>,
    base: Base,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let list = match named(&list)? {
        list @ (List::Transactions | List::Operations) => list,
        List::Payments | List::Effects | List::Trades => return Err(Problem::not_found()),
    };
    let scope = Scope::Balance(balance_in_path(&id)?);
    history(&app, &base, &query, &headers, (list, scope, Failed::IfAsked))
}

pub async fn of_ledger(
    app: App,
    Path((sequence, list)): Path<(String, String)>,
    base: Base,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let list = named(&list)?;
    let sequence = sequence_in_path(&sequence)?;
    if app.ledger().history().ledger(sequence).is_none() {
        return Err(Problem::not_found());
    }
    let start = |ledger| OperationId::from_parts(LedgerSeq(ledger), 0, 0);
    let scope = Scope::Between(start(sequence.0), start(sequence.0.saturating_add(1)));
    history(&app, &base, &query, &headers, (list, scope, Failed::IfAsked))
}

pub async fn of_transaction(
    app: App,
    Path((hash, list)): Path<(String, String)>,
    base: Base,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let list = named(&list)?;
    if list == List::Transactions {
        return Err(Problem::not_found());
    }
    let hash = hash_in_path(&hash)?;
    let found = app.ledger().history().transaction(hash).map(|record| record.id);
    let id = found.ok_or_else(Problem::not_found)?;
    let scope = Scope::Between(id, OperationId(id.0 + (1 << 12)));
    history(&app, &base, &query, &headers, (list, scope, Failed::Always))
}

pub async fn of_operation(
    app: App,
    Path(id): Path<String>,
    base: Base,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let id = operation_in_path(&id)?;
    if app.ledger().history().operation(id).is_none() {
        return Err(Problem::not_found());
    }
    let scope = Scope::Between(id, OperationId(id.0 + 1));
    history(&app, &base, &query, &headers, (List::Effects, scope, Failed::Always))
}

macro_rules! network_wide {
    ($($name:ident: $list:expr),+ $(,)?) => {$(
        pub async fn $name(
            app: App,
            base: Base,
            query: Query,
            headers: HeaderMap,
        ) -> Result<Response, Problem> {
            history(&app, &base, &query, &headers, ($list, Scope::All, Failed::IfAsked))
        }
    )+};
}

network_wide! {
    transactions: List::Transactions,
    operations: List::Operations,
    payments: List::Payments,
    effects: List::Effects,
}
