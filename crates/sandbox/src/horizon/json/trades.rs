//! Trades as Horizon shows them.

use serde_json::{Map, Value, json};

use super::fields::{link, put_asset, time};
use crate::ledger::book::Pair;
use crate::ledger::history::TradeRecord;

/// Marks a number that stands in for the offer of a taker who was left with none: the operation's.
const NO_OFFER: i64 = 1 << 62;

/// A trade's cursor.
pub fn token(trade: &TradeRecord) -> String {
    format!("{}-{}", trade.operation, trade.number)
}

/// Base and counter, where nobody says which is which.
pub fn pair(trade: &TradeRecord) -> Pair {
    let (sold, bought) = (trade.sold.0, trade.bought.0);
    (sold.min(bought), sold.max(bought))
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
