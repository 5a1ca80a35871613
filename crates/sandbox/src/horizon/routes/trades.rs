//! `/trades`: all, a pair's, an account's or an offer's.

use std::sync::Arc;

use axum::extract::Path;
use axum::http::HeaderMap;
use axum::response::Response;
use stellar_types::address::AccountId;

use super::history::{Fetch, answer};
use crate::horizon::json::trades::{json, pair, token};
use crate::horizon::request::headers::Base;
use crate::horizon::request::page::{Item, Query};
use crate::horizon::request::params::{account_in_path, offer_in_path, typed_asset};
use crate::horizon::request::snapshot::App;
use crate::horizon::response::{BAD_ACCOUNT, Problem};
use crate::ledger::book::{OfferId, Pair};
use crate::ledger::history::{List, Record, Scope, Selection, TradeRecord};

/// Which trades are asked for.
#[derive(Clone, Copy)]
struct Filter {
    scope: Scope,
    pair: Option<Pair>,
    offer: Option<OfferId>,
    /// Trades with liquidity pools alone: there are none.
    none: bool,
}

impl Filter {
    fn read(query: &Query, scope: Scope) -> Result<Self, Problem> {
        let pair = match (typed_asset(query, "base")?, typed_asset(query, "counter")?) {
            (Some(base), Some(counter)) => Some((base, counter)),
            (None, None) => None,
            (given, _) => {
                let missing = if given.is_some() { "counter_asset_type" } else { "base_asset_type" };
                let reason = "this endpoint supports asset pairs but only one asset supplied";
                return Err(Problem::bad_request(missing, reason));
            }
        };
        let none = match query.get("trade_type") {
            None | Some("all" | "orderbook") => false,
            Some("liquidity_pool") => true,
            Some(_) => {
                let reason = "Trade type must be all, orderbook, or liquidity_pool";
                return Err(Problem::bad_request("trade_type", reason));
            }
        };
        let offer = query.get("offer_id").map(offer_in_path).transpose()?;
        Ok(Self { scope, pair, offer, none })
    }

    fn finds(&self, trade: &TradeRecord) -> bool {
        let assets = [(trade.sold.0, trade.bought.0), (trade.bought.0, trade.sold.0)];
        !self.none
            && self.pair.is_none_or(|pair| assets.contains(&pair))
            && self.offer.is_none_or(|offer| offer == trade.offer || Some(offer) == trade.taker_offer)
    }
}

fn trades(
    app: &App,
    base: &Base,
    query: &Query,
    headers: &HeaderMap,
    filter: Filter,
) -> Result<Response, Problem> {
    let root = base.0.clone();
    let fetch: Fetch = Arc::new(move |ledger, page| {
        let selection = Selection {
            cursor: page.position()?,
            descending: page.descending,
            limit: usize::MAX,
            include_failed: false,
        };
        let records = ledger.history().page(List::Trades, filter.scope, selection);
        let found = records.iter().filter_map(|record| match record {
            Record::Trade(trade) => filter.finds(trade).then_some(trade),
            Record::Transaction(_) | Record::Operation(_) | Record::Effect(_) => None,
        });
        let item = |trade: &Arc<TradeRecord>| Item {
            token: token(trade),
            json: json(trade, filter.pair.unwrap_or_else(|| pair(trade)), &root),
        };
        Ok(found.take(page.limit).map(item).collect())
    });
    answer(app, base, query, headers, fetch)
}

/// `/trades`, of one account if `account_id` is given.
pub async fn list(app: App, base: Base, query: Query, headers: HeaderMap) -> Result<Response, Problem> {
    let account = query
        .get("account_id")
        .map(|text| text.parse::<AccountId>().map_err(|_| Problem::bad_request("account_id", BAD_ACCOUNT)));
    let scope = account.transpose()?.map_or(Scope::All, Scope::Account);
    trades(&app, &base, &query, &headers, Filter::read(&query, scope)?)
}

/// `/accounts/{id}/trades`.
pub async fn of_account(
    app: App,
    Path(id): Path<String>,
    base: Base,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let scope = Scope::Account(account_in_path(&id)?);
    trades(&app, &base, &query, &headers, Filter::read(&query, scope)?)
}

/// `/offers/{id}/trades`.
pub async fn of_offer(
    app: App,
    Path(id): Path<String>,
    base: Base,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let offer = Some(offer_in_path(&id)?);
    let filter = Filter { offer, ..Filter::read(&query, Scope::All)? };
    trades(&app, &base, &query, &headers, filter)
}
