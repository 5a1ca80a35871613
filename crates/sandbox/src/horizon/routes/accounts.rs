//! `/accounts`: one account, those that a filter finds, and their data.

use std::ops::Bound;
use std::sync::Arc;

use axum::extract::Path;
use axum::http::HeaderMap;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use stellar_types::address::AccountId;
use stellar_types::asset::Asset;

use super::history::{Fetch, events};
use crate::horizon::json::accounts::json as account_json;
use crate::horizon::request::headers::{Base, Form, accepted, json_only};
use crate::horizon::request::page::{Item, Page, Query, document};
use crate::horizon::request::params::account_in_path;
use crate::horizon::request::snapshot::{App, Snapshot};
use crate::horizon::response::{BAD_ACCOUNT, BAD_ASSET, Problem, as_of, hal};
use crate::ledger::state::{AccountFilter, ByAddress};

const BAD_FILTER_ASSET: &str = "you can't filter by asset: native";

/// `/accounts/{id}`; streamed, it is sent once.
pub async fn one(
    app: App,
    Path(id): Path<String>,
    base: Base,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let form = accepted(&headers)?;
    let id = account_in_path(&id)?;
    let ledger = app.ledger();
    let document = account_json(id, ledger.state().get(id).ok_or_else(Problem::not_found)?, &base.0);
    match form {
        Form::Json => Ok(as_of(ledger.latest().ledger, &document)),
        Form::Stream => {
            drop(ledger);
            // The stream compares records by their id alone, which never changes: one event, then silence.
            let fetch: Fetch = Arc::new(move |_, page| {
                let token = id.to_string();
                let sent = page.cursor == token;
                Ok(if sent { Vec::new() } else { vec![Item { token, json: document.clone() }] })
            });
            let page = Page { cursor: String::new(), limit: usize::MAX, descending: false };
            Ok(events(app.clone(), page, fetch))
        }
    }
}

fn filter(query: &Query) -> Result<AccountFilter, Problem> {
    let account = |field: &str, text: &str| {
        text.parse::<AccountId>().map_err(|_| Problem::bad_request(field, BAD_ACCOUNT))
    };
    match (query.get("signer"), query.get("sponsor"), query.get("asset"), query.get("liquidity_pool")) {
        (Some(signer), None, None, None) => Ok(AccountFilter::Signer(account("signer", signer)?)),
        (None, Some(sponsor), None, None) => Ok(AccountFilter::Sponsor(account("sponsor", sponsor)?)),
        (None, None, Some(asset), None) => {
            match asset.parse::<Asset>().map_err(|_| Problem::bad_request("asset", BAD_ASSET))? {
                Asset::Native => Err(Problem::bad_request("asset", BAD_FILTER_ASSET)),
                credit @ Asset::Credit { .. } => Ok(AccountFilter::Asset(credit)),
            }
        }
        _ => Err(Problem::invalid_accounts_params()),
    }
}

fn page(ledger: &Snapshot<'_>, filter: AccountFilter, page: &Page, base: &str) -> Result<Vec<Item>, Problem> {
    let cursor = match page.cursor.as_str() {
        "" => None,
        text => {
            let id = text.parse().map_err(|_| Problem::bad_request("cursor", BAD_ACCOUNT))?;
            Some(ByAddress(id))
        }
    };
    let Some(found) = ledger.state().find(filter) else { return Ok(Vec::new()) };
    let beyond = cursor.map_or(Bound::Unbounded, Bound::Excluded);
    let ids: Vec<AccountId> = if page.descending {
        found.range((Bound::Unbounded, beyond)).rev().take(page.limit).map(|id| id.0).collect()
    } else {
        found.range((beyond, Bound::Unbounded)).take(page.limit).map(|id| id.0).collect()
    };
    let item = |id: AccountId| {
        let account = ledger.state().get(id)?;
        Some(Item { token: id.to_string(), json: account_json(id, account, base) })
    };
    Ok(ids.into_iter().filter_map(item).collect())
}

/// `/accounts` with exactly one filter.
pub async fn list(app: App, base: Base, query: Query, headers: HeaderMap) -> Result<Response, Problem> {
    json_only(&headers)?;
    let ledger = app.ledger();
    let latest = ledger.latest().ledger;
    let asked = Page::read(&query, &headers, latest)?;
    let items = page(&ledger, filter(&query)?, &asked, &base.0)?;
    Ok(as_of(latest, &document(&base.0, &query, &asked, items)))
}

/// One data entry of an account.
pub async fn data(
    app: App,
    Path((id, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    json_only(&headers)?;
    let id = account_in_path(&id)?;
    let ledger = app.ledger();
    let entry = ledger.state().get(id).and_then(|account| account.data.get(&name));
    let entry = entry.ok_or_else(Problem::not_found)?;
    let mut json = json!({ "value": STANDARD.encode(&entry.value) });
    if let Some(sponsor) = entry.sponsor {
        json["sponsor"] = sponsor.to_string().into();
    }
    Ok(hal(&json))
}
