//! `/paths/strict-receive` and `/paths/strict-send`: paths for a payment through the order book.

use std::collections::BTreeSet;

use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::{Map, Value, json};
use stellar_types::address::AccountId;
use stellar_types::asset::Asset;
use stellar_types::money::Stroops;

use crate::horizon::json::fields::{amount, asset_json, put_asset};
use crate::horizon::request::headers::json_only;
use crate::horizon::request::page::Query;
use crate::horizon::request::params::typed_asset;
use crate::horizon::request::snapshot::{App, Snapshot};
use crate::horizon::response::{BAD_ACCOUNT, BAD_ASSET, Problem, as_of};
use crate::ledger::pathfinding::{Finder, PaymentPath};

/// Most assets that a request may name.
const ASSETS_MAX: usize = 15;
const SOURCE_OR_ACCOUNT: &str =
    "The request requires either a list of source assets or a source account. Both fields cannot be present.";
const DESTINATION_OR_ACCOUNT: &str = "The request requires either a list of destination assets or a \
     destination account. Both fields cannot be present.";

/// The open end of a payment: assets that are named, or all that an account holds.
enum End {
    Assets(BTreeSet<Asset>),
    Account(AccountId),
}

impl End {
    fn read(query: &Query, end: &str, neither: &'static str) -> Result<Self, Problem> {
        let (assets, account) = (format!("{end}_assets"), format!("{end}_account"));
        match (query.get(&assets), query.get(&account)) {
            (Some(text), None) => {
                let named: Vec<&str> = text.split(',').collect();
                if named.len() > ASSETS_MAX {
                    let reason = format!("list of assets exceeds maximum length of {ASSETS_MAX}");
                    return Err(Problem::bad_request(&assets, &reason));
                }
                let read =
                    |text: &str| text.trim().parse().map_err(|_| Problem::bad_request(&assets, BAD_ASSET));
                Ok(Self::Assets(named.into_iter().map(read).collect::<Result<_, _>>()?))
            }
            (None, Some(text)) => {
                Ok(Self::Account(text.parse().map_err(|_| Problem::bad_request(&account, BAD_ACCOUNT))?))
            }
            (None, None) | (Some(_), Some(_)) => Err(Problem::assets_or_account(neither)),
        }
    }

    fn account(&self) -> Option<AccountId> {
        match self {
            Self::Assets(_) => None,
            Self::Account(id) => Some(*id),
        }
    }

    fn assets(&self, ledger: &Snapshot<'_>) -> BTreeSet<Asset> {
        match self {
            Self::Assets(assets) => assets.clone(),
            Self::Account(id) => ledger
                .state()
                .get(*id)
                .map(|account| account.lines.keys().copied().chain([Asset::Native]).collect())
                .unwrap_or_default(),
        }
    }
}

/// The asset and the amount at the fixed end.
fn fixed(query: &Query, end: &str) -> Result<(Asset, i64), Problem> {
    let missing = || Problem::bad_request(&format!("{end}_asset_type"), "Missing required field");
    let asset = typed_asset(query, end)?.ok_or_else(missing)?;
    let field = format!("{end}_amount");
    let read: Option<Stroops> = query.get(&field).and_then(|text| text.parse().ok());
    let positive = read.filter(|amount| !amount.is_zero());
    let amount = positive.ok_or_else(|| Problem::bad_request(&field, "Value must be positive"))?;
    Ok((asset, amount.get()))
}

fn json(path: &PaymentPath) -> Value {
    let mut json = Map::new();
    let (first, last) = (path.assets.first(), path.assets.last());
    for (prefix, asset, sum) in [("source_", first, path.sent), ("destination_", last, path.received)] {
        if let Some(asset) = asset {
            put_asset(&mut json, prefix, asset);
        }
        json.insert(format!("{prefix}amount"), amount(sum).into());
    }
    let between = path.assets.get(1..path.assets.len().saturating_sub(1)).unwrap_or_default();
    json.insert("path".to_owned(), between.iter().map(asset_json).collect());
    Value::Object(json)
}

fn answer(ledger: &Snapshot<'_>, paths: &[PaymentPath]) -> Response {
    let records: Vec<Value> = paths.iter().map(json).collect();
    as_of(ledger.latest().ledger, &json!({ "_embedded": { "records": records } }))
}

/// Paths by which an exact amount arrives. Those of an account that it could not pay are left out.
pub async fn strict_receive(app: App, query: Query, headers: HeaderMap) -> Result<Response, Problem> {
    json_only(&headers)?;
    let source = End::read(&query, "source", SOURCE_OR_ACCOUNT)?;
    let (to, amount) = fixed(&query, "destination")?;
    let ledger = app.ledger();
    let finder = Finder::new(ledger.state(), ledger.latest());
    let mut paths = finder.arriving(&source.assets(&ledger), to, amount, source.account());
    if let Some(id) = source.account() {
        let held = |asset: &Asset| ledger.state().get(id)?.balance_of(asset);
        paths.retain(|path| path.assets.first().and_then(held).is_some_and(|held| held.get() >= path.sent));
    }
    Ok(answer(&ledger, &paths))
}

/// Paths by which an exact amount leaves.
pub async fn strict_send(app: App, query: Query, headers: HeaderMap) -> Result<Response, Problem> {
    json_only(&headers)?;
    let destination = End::read(&query, "destination", DESTINATION_OR_ACCOUNT)?;
    let (from, amount) = fixed(&query, "source")?;
    let ledger = app.ledger();
    let finder = Finder::new(ledger.state(), ledger.latest());
    Ok(answer(&ledger, &finder.leaving(from, amount, &destination.assets(&ledger), None)))
}
