//! Trades as Horizon shows them: all, a pair's, an account's or an offer's.

use std::sync::Arc;

use axum::extract::Path;
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::App;
use super::lists::{Fetch, account_in_path, answer};
use super::offers::{id_in_path, typed_asset};
use super::page::{Item, Query};
use super::problem::{BAD_ACCOUNT, Problem};
use super::reply::{Base, link, put_asset, time};
use crate::history::{List, Record, Scope, Selection, TradeRecord};
use crate::ledger::book::{OfferId, Pair};
use stellar_types::address::AccountId;

/// Marks a number that stands in for the offer of a taker who was left with none: the operation's.
const NO_OFFER: i64 = 1 << 62;

/// A trade's cursor.
pub fn token(trade: &TradeRecord) -> String {
    format!("{}-{}", trade.operation, trade.number)
}

impl TradeRecord {
    /// Base and counter, where nobody says which is which.
    pub fn pair(&self) -> Pair {
        (self.sold.0.min(self.bought.0), self.sold.0.max(self.bought.0))
    }
}

/// A trade, told in terms of base and counter.
pub fn json(trade: &TradeRecord, (base, _): Pair, root: &str) -> Value {
    let maker_is_base = trade.sold.0 == base;
    let maker = (trade.maker, trade.offer, trade.sold);
    let taker = (trade.taker, trade.taker_offer.unwrap_or(NO_OFFER | trade.operation.0), trade.bought);
    let sides = if maker_is_base { [maker, taker] } else { [taker, maker] };
    let (n, d) = if maker_is_base { (trade.price.n, trade.price.d) } else { (trade.price.d, trade.price.n) };
    let [(base_account, ..), (counter_account, ..)] = sides;
    let mut json = Map::new();
    let mut put = |field: &str, value: Value| json.insert(field.to_owned(), value);
    put(
        "_links",
        json!({
            "self": link(String::new()),
            "base": link(format!("{root}/accounts/{base_account}")),
            "counter": link(format!("{root}/accounts/{counter_account}")),
            "operation": link(format!("{root}/operations/{}", trade.operation)),
        }),
    );
    put("id", token(trade).into());
    put("paging_token", token(trade).into());
    put("ledger_close_time", time(trade.closed_at).into());
    put("trade_type", "orderbook".into());
    put("offer_id", trade.offer.to_string().into());
    put("base_is_seller", maker_is_base.into());
    put("price", json!({ "n": n.to_string(), "d": d.to_string() }));
    for (side, (account, offer, (asset, amount))) in ["base", "counter"].into_iter().zip(sides) {
        json.insert(format!("{side}_offer_id"), offer.to_string().into());
        json.insert(format!("{side}_account"), account.to_string().into());
        json.insert(format!("{side}_amount"), amount.to_seven_decimals().into());
        put_asset(&mut json, &format!("{side}_"), &asset);
    }
    Value::Object(json)
}

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
        let offer = query.get("offer_id").map(id_in_path).transpose()?;
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
            json: json(trade, filter.pair.unwrap_or_else(|| trade.pair()), &root),
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
    let offer = Some(id_in_path(&id)?);
    let filter = Filter { offer, ..Filter::read(&query, Scope::All)? };
    trades(&app, &base, &query, &headers, filter)
}
