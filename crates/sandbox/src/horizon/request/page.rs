//! Pages: `cursor`, `limit` and `order` of a request, and the links of an answer.

use std::collections::BTreeMap;
use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::horizon::json::fields::link;
use crate::horizon::response::Problem;
use stellar_types::ids::LedgerSeq;

/// Records of a page unless asked otherwise.
pub const PAGE_RECORDS_DEFAULT: usize = 10;
/// Most records of a page.
pub const PAGE_RECORDS_MAX: usize = 200;

/// The query of a request; of a parameter given twice the first counts.
#[derive(Debug, Clone)]
pub struct Query {
    /// The path asked for.
    pub path: String,
    params: BTreeMap<String, String>,
}

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let mut params = BTreeMap::new();
        let query = parts.uri.query().unwrap_or_default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            params.entry(name.into_owned()).or_insert_with(|| value.into_owned());
        }
        Ok(Self { path: parts.uri.path().to_owned(), params })
    }
}

impl Query {
    /// A parameter that is given and not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.params.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// A parameter that is `true` or `false`.
    pub fn flag(&self, name: &str) -> Result<bool, Problem> {
        match self.get(name) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(Problem::bad_request(name, "Filter should be true or false")),
        }
    }

    /// How many records are wanted.
    pub fn limit(&self, default: usize, max: usize) -> Result<usize, Problem> {
        let Some(text) = self.get("limit") else { return Ok(default) };
        let bad = |reason: &str| Problem::bad_request("limit", reason);
        let limit: i64 = text.parse().map_err(|_| bad("unparseable value"))?;
        if limit <= 0 {
            return Err(bad("invalid limit: non-positive value provided"));
        }
        let fits = usize::try_from(limit).ok().filter(|limit| *limit <= max);
        fits.ok_or_else(|| bad(&format!("invalid limit: value provided that is over limit max of {max}")))
    }

    /// Whether each record is wanted with its transaction.
    pub fn joins_transactions(&self) -> Result<bool, Problem> {
        match self.get("join") {
            None => Ok(false),
            Some("transactions") => Ok(true),
            Some(_) => Err(Problem::bad_request("join", "Accepted values: transactions")),
        }
    }
}

/// Which page is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// As given, or where `now` is; empty for none.
    pub cursor: String,
    /// 1 to [`PAGE_RECORDS_MAX`].
    pub limit: usize,
    /// Latest first.
    pub descending: bool,
}

impl Page {
    /// Reads a page's parameters. `Last-Event-ID` comes before `cursor`.
    pub fn read(query: &Query, headers: &HeaderMap, latest: LedgerSeq) -> Result<Self, Problem> {
        let resumed = headers.get("Last-Event-ID").and_then(|id| id.to_str().ok());
        let cursor = resumed.or_else(|| query.get("cursor")).unwrap_or_default();
        let cursor = if cursor == "now" { after(latest).to_string() } else { cursor.to_owned() };
        let descending = match query.get("order") {
            None | Some("asc") => false,
            Some("desc") => true,
            Some(_) => return Err(Problem::bad_request("order", "order: invalid value")),
        };
        let limit = query.limit(PAGE_RECORDS_DEFAULT, PAGE_RECORDS_MAX)?;
        Ok(Self { cursor, limit, descending })
    }

    /// The cursor as one number, with a second after a dash for effects.
    pub fn position(&self) -> Result<Option<(i64, u64)>, Problem> {
        if self.cursor.is_empty() {
            return Ok(None);
        }
        let invalid = || Problem::bad_request("cursor", "cursor: invalid value");
        let (first, second) = match self.cursor.split_once('-') {
            Some((first, second)) => (first, second.parse().map_err(|_| invalid())?),
            None => (self.cursor.as_str(), if self.descending { u64::MAX } else { 0 }),
        };
        let first: i64 = first.parse().map_err(|_| invalid())?;
        if first < 0 { Err(invalid()) } else { Ok(Some((first, second))) }
    }
}

/// The last place in history that a ledger can hold.
pub fn after(ledger: LedgerSeq) -> i64 {
    (i64::from(ledger.0) << 32) | i64::from(u32::MAX)
}

/// A record of a page.
#[derive(Debug, Clone)]
pub struct Item {
    /// Its cursor.
    pub token: String,
    /// Its JSON.
    pub json: Value,
}

/// A page as Horizon writes it.
pub fn document(base: &str, query: &Query, page: &Page, items: Vec<Item>) -> Value {
    let order = |descending| if descending { "desc" } else { "asc" };
    let href = |cursor: &str, descending: bool| {
        let mut params = query.params.clone();
        params.insert("cursor".to_owned(), cursor.to_owned());
        params.insert("limit".to_owned(), page.limit.to_string());
        params.insert("order".to_owned(), order(descending).to_owned());
        let text = form_urlencoded::Serializer::new(String::new()).extend_pairs(params).finish();
        link(format!("{base}{}?{text}", query.path))
    };
    let first = items.first().map_or(page.cursor.as_str(), |item| item.token.as_str());
    let last = items.last().map_or(page.cursor.as_str(), |item| item.token.as_str());
    let links = json!({
        "self": href(&page.cursor, page.descending),
        "next": href(last, page.descending),
        "prev": href(first, !page.descending),
    });
    let records: Vec<Value> = items.into_iter().map(|item| item.json).collect();
    json!({ "_links": links, "_embedded": { "records": records } })
}
