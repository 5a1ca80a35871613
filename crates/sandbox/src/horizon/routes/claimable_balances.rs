//! `/claimable_balances`: one, or those that filters find.

use std::ops::Bound;

use axum::extract::Path;
use axum::http::HeaderMap;
use axum::response::Response;
use stellar_types::address::AccountId;
use stellar_types::ids::LedgerSeq;

use crate::horizon::json::claimable_balances::{json, token};
use crate::horizon::request::headers::{Base, json_only};
use crate::horizon::request::page::{Item, Page, Query, document};
use crate::horizon::request::params::balance_in_path;
use crate::horizon::request::snapshot::{App, Snapshot};
use crate::horizon::response::{BAD_ACCOUNT, BAD_ASSET, Problem, as_of};
use crate::ledger::balances::{BalanceFilter, Place};

pub async fn one(
    app: App,
    Path(id): Path<String>,
    base: Base,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    json_only(&headers)?;
    let id = balance_in_path(&id)?;
    let ledger = app.ledger();
    let balance = ledger.state().balances().get(id).ok_or_else(Problem::not_found)?;
    Ok(as_of(ledger.latest().ledger, &json(balance, &base.0)))
}

fn filters(query: &Query) -> Result<Vec<BalanceFilter>, Problem> {
    let account = |field: &str| match query.get(field) {
        None => Ok(None),
        Some(text) => {
            text.parse::<AccountId>().map(Some).map_err(|_| Problem::bad_request(field, BAD_ACCOUNT))
        }
    };
    let asset = match query.get("asset") {
        None => None,
        Some(text) => Some(text.parse().map_err(|_| Problem::bad_request("asset", BAD_ASSET))?),
    };
    let claimant = account("claimant")?.map(BalanceFilter::Claimant);
    let sponsor = account("sponsor")?.map(BalanceFilter::Sponsor);
    Ok([claimant, sponsor, asset.map(BalanceFilter::Asset)].into_iter().flatten().collect())
}

fn cursor(page: &Page) -> Result<Option<Place>, Problem> {
    if page.cursor.is_empty() {
        return Ok(None);
    }
    let invalid = || Problem::bad_request("cursor", "cursor: invalid value");
    let (ledger, id) = page.cursor.split_once('-').ok_or_else(invalid)?;
    let ledger = LedgerSeq(ledger.parse().map_err(|_| invalid())?);
    Ok(Some((ledger, id.parse().map_err(|_| invalid())?)))
}

fn page(
    ledger: &Snapshot<'_>,
    filters: &[BalanceFilter],
    page: &Page,
    base: &str,
) -> Result<Vec<Item>, Problem> {
    let balances = ledger.state().balances();
    let beyond = cursor(page)?.map_or(Bound::Unbounded, Bound::Excluded);
    let first = filters.first().copied().unwrap_or(BalanceFilter::All);
    let Some(found) = balances.find(first) else { return Ok(Vec::new()) };
    let places: Box<dyn Iterator<Item = &Place>> = if page.descending {
        Box::new(found.range((Bound::Unbounded, beyond)).rev())
    } else {
        Box::new(found.range((beyond, Bound::Unbounded)))
    };
    Ok(places
        .filter_map(|(_, id)| balances.get(*id))
        .filter(|balance| filters.iter().all(|filter| filter.finds(balance)))
        .take(page.limit)
        .map(|balance| Item { token: token((balance.last_modified, balance.id)), json: json(balance, base) })
        .collect())
}

/// `/claimable_balances`, with any of its filters.
pub async fn list(app: App, base: Base, query: Query, headers: HeaderMap) -> Result<Response, Problem> {
    json_only(&headers)?;
    let ledger = app.ledger();
    let latest = ledger.latest().ledger;
    let asked = Page::read(&query, &headers, latest)?;
    let items = page(&ledger, &filters(&query)?, &asked, &base.0)?;
    Ok(as_of(latest, &document(&base.0, &query, &asked, items)))
}
