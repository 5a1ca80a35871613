//! Transactions come in: submitted, from friendbot, from the issuers.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use futures::future::{Either, select};
use serde::Deserialize;
use serde_json::{Value, json};
use stellar_types::address::{AccountId, Address};
use stellar_types::asset::{Asset, AssetCode};
use stellar_types::ids::TxHash;
use stellar_types::money::Stroops;
use url::form_urlencoded;

use crate::faucet::{Gift, GiftError};
use crate::faults::Fault;
use crate::horizon::fault_injection::severed;
use crate::horizon::json::transactions;
use crate::horizon::request::headers::Base;
use crate::horizon::request::page::Query;
use crate::horizon::request::snapshot::App;
use crate::horizon::response::{BAD_ACCOUNT, Problem, hal, with_status};
use crate::ledger::Submission;
use crate::ledger::history::TxRecord;
use crate::xdr::{Tx, to_base64};

/// How long a submission waits for its ledger, in seconds.
pub const SUBMIT_SECONDS_MAX: u64 = 30;
const FORM: &str = "application/x-www-form-urlencoded";

fn form_field(headers: &HeaderMap, body: &[u8], name: &str) -> Result<String, Problem> {
    let content = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if content.split(';').next().unwrap_or_default().trim() != FORM {
        return Err(Problem::unsupported_media_type());
    }
    let field = form_urlencoded::parse(body).find(|(field, _)| field == name);
    Ok(field.map(|(_, value)| value.into_owned()).unwrap_or_default())
}

/// Waits until a transaction is in a ledger, for at most [`SUBMIT_SECONDS_MAX`].
async fn included(app: &App, hash: TxHash) -> Option<Arc<TxRecord>> {
    let mut over = pin!(app.clock.sleep(Duration::from_secs(SUBMIT_SECONDS_MAX)));
    loop {
        let mut closing = pin!(app.closing.notified());
        closing.as_mut().enable();
        if let Some(record) = app.ledger().history().transaction(hash) {
            return Some(Arc::clone(record));
        }
        // In this order, and not in a random one as `tokio::select!` would.
        match select(closing, over.as_mut()).await {
            Either::Left(((), _)) => {}
            Either::Right(((), _)) => return None,
        }
    }
}

fn outcome(record: &TxRecord, hash: TxHash, base: &str) -> Result<Response, Problem> {
    if record.successful {
        Ok(hal(&transactions::json(record, hash, base)))
    } else {
        Err(Problem::transaction_failed(&record.tx.to_base64(), &record.result))
    }
}

fn decode(app: &App, text: &str) -> Result<Tx, Problem> {
    let network_id = app.ledger().core().network_id();
    Tx::from_base64(text, network_id).map_err(|_| Problem::transaction_malformed(text))
}

/// What a submission meets.
enum Accepted {
    /// The network's answer.
    Said(Submission),
    /// An answer that does not say.
    TimedOut,
    /// No answer.
    Severed,
}

/// Hands a transaction to the ledger, unless a fault says otherwise.
fn accept(app: &App, tx: Tx) -> Accepted {
    match app.injected.submission {
        Some(Fault::TimeoutLost) => Accepted::TimedOut,
        Some(Fault::TimeoutLands) => match app.submit(tx) {
            // What the ledger refuses at once is told: it has not taken long.
            refused @ Submission::Refused(_) => Accepted::Said(refused),
            _ => Accepted::TimedOut,
        },
        Some(Fault::ResetAfter) => {
            app.submit(tx);
            Accepted::Severed
        }
        Some(Fault::DroppedTransaction) => Accepted::Said(app.submit_and_forget(tx)),
        _ => Accepted::Said(app.submit(tx)),
    }
}

/// `POST /transactions`: answers once the transaction is in a ledger.
pub async fn wait(app: App, base: Base, headers: HeaderMap, body: Bytes) -> Result<Response, Problem> {
    let text = form_field(&headers, &body, "tx")?;
    let tx = decode(&app, &text)?;
    let hash = tx.hash;
    let known = app.ledger().history().transaction(hash).cloned();
    if let Some(record) = known {
        return outcome(&record, hash, &base.0);
    }
    match accept(&app, tx) {
        Accepted::Severed => return Ok(severed()),
        Accepted::TimedOut => return Err(Problem::submission_timeout(&hash.to_string(), &text)),
        // The network's "try again later" is not passed on here: the caller sees a timeout.
        Accepted::Said(Submission::Pending | Submission::Duplicate | Submission::TryAgainLater) => {}
        Accepted::Said(Submission::Refused(refused)) => return Err(Problem::refused(&text, &refused)),
    }
    match included(&app, hash).await {
        Some(record) => outcome(&record, hash, &base.0),
        None => Err(Problem::submission_timeout(&hash.to_string(), &text)),
    }
}

/// `POST /transactions_async`: answers with what the network says at once.
pub async fn at_once(app: App, headers: HeaderMap, body: Bytes) -> Result<Response, Problem> {
    let text = form_field(&headers, &body, "tx")?;
    let tx = decode(&app, &text)?;
    let hash = tx.hash;
    let status = |name: &str| json!({ "tx_status": name, "hash": hash });
    let said = match accept(&app, tx) {
        Accepted::Severed => return Ok(severed()),
        Accepted::TimedOut => return Err(Problem::timeout()),
        Accepted::Said(said) => said,
    };
    Ok(match said {
        Submission::Pending => with_status(StatusCode::CREATED, &status("PENDING")),
        Submission::Duplicate => with_status(StatusCode::CONFLICT, &status("DUPLICATE")),
        Submission::TryAgainLater => with_status(StatusCode::SERVICE_UNAVAILABLE, &status("TRY_AGAIN_LATER")),
        Submission::Refused(refused) => {
            let mut json = status("ERROR");
            json["error_result_xdr"] = Value::String(to_base64(&refused.to_xdr()));
            with_status(StatusCode::BAD_REQUEST, &json)
        }
    })
}

/// Gives as soon as a channel is free, and waits until it is in a ledger; for each at most
/// [`SUBMIT_SECONDS_MAX`].
async fn given(app: &App, gift: Gift, base: &Base) -> Result<Response, Problem> {
    let mut closed = app.closed.subscribe();
    let mut over = pin!(app.clock.sleep(Duration::from_secs(SUBMIT_SECONDS_MAX)));
    let hash = loop {
        match app.give(gift) {
            Ok(hash) => break hash,
            Err(GiftError::Busy) => tokio::select! {
                changed = closed.changed() => changed.map_err(|_| Problem::internal())?,
                () = &mut over => return Err(Problem::timeout()),
            },
            Err(GiftError::NoIssuer { .. }) => {
                return Err(Problem::bad_request("code", "the sandbox issues no asset of this code"));
            }
            Err(GiftError::Unpayable { .. }) => {
                return Err(Problem::bad_request("to", "a contract cannot receive a payment"));
            }
            Err(GiftError::Refused { outcome }) => return Err(Problem::refused("", &outcome)),
            Err(GiftError::Xdr(_)) => return Err(Problem::internal()),
        }
    };
    match included(app, hash).await {
        Some(record) => outcome(&record, hash, &base.0),
        None => Err(Problem::submission_timeout(&hash.to_string(), "")),
    }
}

async fn befriend(app: &App, address: &str, base: &Base) -> Result<Response, Problem> {
    let account: AccountId = address.parse().map_err(|_| Problem::bad_request("addr", BAD_ACCOUNT))?;
    given(app, Gift::Account(account), base).await
}

/// `GET /friendbot?addr=`.
pub async fn friendbot(app: App, base: Base, query: Query) -> Result<Response, Problem> {
    befriend(&app, query.get("addr").unwrap_or_default(), &base).await
}

/// `POST /friendbot`, with `addr` in the query or in a form.
pub async fn friendbot_form(
    app: App,
    base: Base,
    query: Query,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    match query.get("addr") {
        Some(address) => befriend(&app, address, &base).await,
        None => befriend(&app, &form_field(&headers, &body, "addr")?, &base).await,
    }
}

/// What is asked of an issuer.
#[derive(Debug, Deserialize)]
struct Issue {
    to: Address,
    code: AssetCode,
    amount: Stroops,
}

/// `POST /sandbox/issue`: the issuer of `code` pays, or whoever has the XLM that nobody has yet.
pub async fn issue(app: App, base: Base, body: Bytes) -> Result<Response, Problem> {
    let Issue { to, code, amount } =
        serde_json::from_slice(&body).map_err(|error| Problem::bad_request("body", &error.to_string()))?;
    let gift = if code.as_str() == Asset::Native.code() {
        Gift::Xlm { to, amount }
    } else {
        Gift::Tokens { code, to, amount }
    };
    given(&app, gift, &base).await
}
