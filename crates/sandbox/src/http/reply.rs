//! Answers in Horizon's JSON, and what a request says about how it wants them.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use std::convert::Infallible;

use super::problem::Problem;
use stellar_types::address::Address;
use stellar_types::asset::Asset;
use stellar_types::ids::LedgerSeq;
use stellar_types::money::Stroops;

const CONTENT_TYPE: &str = "application/hal+json; charset=utf-8";
const HOST_DEFAULT: &str = "127.0.0.1";

/// Where links point: the address that the client used.
#[derive(Debug, Clone)]
pub struct Base(pub String);

impl<S: Send + Sync> FromRequestParts<S> for Base {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let named = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let host = named.or_else(|| parts.uri.authority().map(|authority| authority.as_str()));
        Ok(Self(format!("http://{}", host.unwrap_or(HOST_DEFAULT))))
    }
}

/// JSON text as Horizon's: Go escapes `&`, `<` and `>`.
pub fn to_body(value: &Value) -> String {
    value.to_string().replace('&', "\\u0026").replace('<', "\\u003c").replace('>', "\\u003e")
}

/// An answer.
pub fn hal(value: &Value) -> Response {
    with_status(StatusCode::OK, value)
}

/// An answer with another status than 200.
pub fn with_status(status: StatusCode, value: &Value) -> Response {
    let content = [(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE))];
    (status, content, to_body(value)).into_response()
}

/// An answer that is as of a ledger.
pub fn as_of(ledger: LedgerSeq, value: &Value) -> Response {
    let mut response = hal(value);
    response.headers_mut().insert("Latest-Ledger", HeaderValue::from(ledger.0));
    response
}

/// The form in which an answer is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One document.
    Json,
    /// Server-sent events.
    Stream,
}

/// Whether a browser asks, which wants a page for people.
pub fn wants_page(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    accept.split(',').any(|kind| kind.split(';').next().unwrap_or_default().trim() == "text/html")
}

/// Reads `Accept`: the first form in it that Horizon knows.
pub fn accepted(headers: &HeaderMap) -> Result<Form, Problem> {
    let Some(accept) = headers.get(header::ACCEPT) else { return Ok(Form::Json) };
    let accept = accept.to_str().unwrap_or_default();
    let kinds = accept.split(',').map(|kind| kind.split(';').next().unwrap_or_default().trim());
    kinds
        .filter_map(|kind| match kind {
            "text/event-stream" => Some(Form::Stream),
            "" | "*/*" | "application/*" | "application/json" | "application/hal+json" => Some(Form::Json),
            _ => None,
        })
        .next()
        .ok_or_else(Problem::not_acceptable)
}

/// For what cannot be streamed.
pub fn json_only(headers: &HeaderMap) -> Result<(), Problem> {
    match accepted(headers)? {
        Form::Json => Ok(()),
        Form::Stream => Err(Problem::not_acceptable()),
    }
}

/// A time in RFC 3339; unix seconds beyond its range show as its beginning.
pub fn time(unix_seconds: u64) -> String {
    let seconds = i64::try_from(unix_seconds).unwrap_or(0);
    Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH).to_string()
}

/// A link.
pub fn link(href: String) -> Value {
    json!({ "href": href })
}

/// A link to a list.
pub fn template(href: String) -> Value {
    json!({ "href": format!("{href}{{?cursor,limit,order}}"), "templated": true })
}

/// `asset_type`, and code and issuer for a credit, each with a prefix.
pub fn put_asset(into: &mut Map<String, Value>, prefix: &str, asset: &Asset) {
    let kind = match asset {
        Asset::Native => "native",
        Asset::Credit { code, .. } if code.is_short() => "credit_alphanum4",
        Asset::Credit { .. } => "credit_alphanum12",
    };
    into.insert(format!("{prefix}asset_type"), kind.into());
    if let Asset::Credit { code, issuer } = asset {
        into.insert(format!("{prefix}asset_code"), code.as_str().into());
        into.insert(format!("{prefix}asset_issuer"), issuer.to_string().into());
    }
}

/// An address in a field of its own: the account, and what a muxed one adds.
pub fn put_address(into: &mut Map<String, Value>, field: &str, address: Address) {
    match address {
        Address::Account(account) => {
            into.insert(field.to_owned(), account.to_string().into());
        }
        Address::Muxed { account, id } => {
            into.insert(field.to_owned(), account.to_string().into());
            into.insert(format!("{field}_muxed"), address.to_string().into());
            into.insert(format!("{field}_muxed_id"), id.to_string().into());
        }
        Address::Contract(_) => {
            into.insert(field.to_owned(), address.to_string().into());
        }
    }
}

/// An amount of stroops that came from an envelope, which may hold any number.
pub fn amount(stroops: i64) -> String {
    match Stroops::new(stroops) {
        Ok(amount) => amount.to_seven_decimals(),
        Err(_) => {
            format!("-{}", Stroops::new(stroops.saturating_neg()).unwrap_or(Stroops::MAX).to_seven_decimals())
        }
    }
}
