//! Claimable balances as Horizon shows them: one, or those that filters find.

use std::ops::Bound;

use axum::extract::Path;
use axum::http::HeaderMap;
use axum::response::Response;
use jiff::Timestamp;
use serde_json::{Value, json};
use stellar_xdr::ClaimPredicate;

use super::page::{Item, Page, Query, document};
use super::problem::{BAD_ACCOUNT, BAD_ASSET, Problem};
use super::reply::{Base, as_of, json_only, link, template, time};
use super::{App, Seen};
use crate::ledger::balances::{BalanceFilter, BalanceId, ClaimableBalance, Place};
use stellar_types::address::AccountId;
use stellar_types::ids::LedgerSeq;

/// A balance's id in a path.
pub fn id_in_path(text: &str) -> Result<BalanceId, Problem> {
    let reason = format!("{text} does not validate as claimableBalanceID");
    text.parse().map_err(|_| Problem::bad_request("id", &reason))
}

/// A predicate. A time that RFC 3339 cannot write is told in seconds only.
pub fn predicate_json(predicate: &ClaimPredicate) -> Value {
    let each = |two: &[ClaimPredicate]| two.iter().map(predicate_json).collect::<Vec<_>>();
    match predicate {
        ClaimPredicate::Unconditional => json!({ "unconditional": true }),
        ClaimPredicate::And(two) => json!({ "and": each(two) }),
        ClaimPredicate::Or(two) => json!({ "or": each(two) }),
        ClaimPredicate::Not(other) => {
            json!({ "not": other.as_ref().map_or(Value::Null, |other| predicate_json(other)) })
        }
        ClaimPredicate::BeforeAbsoluteTime(before) => {
            let mut json = json!({ "abs_before_epoch": before.to_string() });
            if let Ok(time) = Timestamp::from_second(*before) {
                json["abs_before"] = time.to_string().into();
            }
            json
        }
        ClaimPredicate::BeforeRelativeTime(seconds) => json!({ "rel_before": seconds.to_string() }),
    }
}

/// Someone who may claim.
pub fn claimant_json(destination: AccountId, predicate: &ClaimPredicate) -> Value {
    json!({ "destination": destination.to_string(), "predicate": predicate_json(predicate) })
}

fn token((ledger, id): Place) -> String {
    format!("{ledger}-{id}")
}

fn json(balance: &ClaimableBalance, base: &str) -> Value {
    let own = format!("{base}/claimable_balances/{}", balance.id);
    let claimants = balance.claimants.iter();
    json!({
        "_links": {
            "self": link(own.clone()),
            "transactions": template(format!("{own}/transactions")),
            "operations": template(format!("{own}/operations")),
        },
        "id": balance.id.to_string(),
        "asset": balance.asset.to_string(),
        "amount": balance.amount.to_seven_decimals(),
        "sponsor": balance.sponsor.to_string(),
        "last_modified_ledger": balance.last_modified,
        "last_modified_time": time(balance.last_modified_time),
        "claimants": claimants.map(|one| claimant_json(one.destination, &one.predicate)).collect::<Vec<_>>(),
        "flags": { "clawback_enabled": balance.clawback_enabled },
        "paging_token": token((balance.last_modified, balance.id)),
    })
}

pub async fn one(
    app: App,
    Path(id): Path<String>,
    base: Base,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    json_only(&headers)?;
    let id = id_in_path(&id)?;
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

fn page(ledger: &Seen<'_>, filters: &[BalanceFilter], page: &Page, base: &str) -> Result<Vec<Item>, Problem> {
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
