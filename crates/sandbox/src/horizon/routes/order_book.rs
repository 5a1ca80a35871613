//! `/order_book`: what two assets are offered for, price by price.

use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::{Value, json};
use stellar_xdr::Price;

use crate::horizon::json::fields::{amount, asset_json, price_json, price_text};
use crate::horizon::request::headers::json_only;
use crate::horizon::request::page::{PAGE_RECORDS_MAX, Query};
use crate::horizon::request::params::typed_asset;
use crate::horizon::request::snapshot::App;
use crate::horizon::response::{Problem, as_of};
use crate::ledger::book::{Offer, compare_prices};

/// Prices of a side unless asked otherwise.
const PRICES_DEFAULT: usize = 20;

/// Offers of one price in one line, the best first; a bid's price is turned round, into the asks' terms.
fn side<'a>(offers: impl Iterator<Item = &'a Offer>, limit: usize, turned: bool) -> Vec<Value> {
    let offers: Vec<&Offer> = offers.collect();
    let of_one_price = offers.chunk_by(|a, b| compare_prices(&a.price, &b.price).is_eq()).take(limit);
    let levels = of_one_price.filter_map(|level| {
        let sum = level.iter().fold(0_i64, |sum, offer| sum.saturating_add(offer.amount));
        Some((level.first()?.price.clone(), sum))
    });
    let line = |(price, sum): (Price, i64)| {
        let price = if turned { Price { n: price.d, d: price.n } } else { price };
        json!({ "price_r": price_json(&price), "price": price_text(&price), "amount": amount(sum) })
    };
    levels.map(line).collect()
}

pub async fn order_book(app: App, query: Query, headers: HeaderMap) -> Result<Response, Problem> {
    json_only(&headers)?;
    let asset = |field| match typed_asset(&query, field) {
        Ok(Some(asset)) => Ok(asset),
        Ok(None) | Err(_) => Err(Problem::invalid_order_book()),
    };
    let (selling, buying) = (asset("selling")?, asset("buying")?);
    let limit = query.limit(PRICES_DEFAULT, PAGE_RECORDS_MAX)?;
    let ledger = app.ledger();
    let book = ledger.state().book();
    let document = json!({
        "bids": side(book.of_pair((buying, selling)), limit, true),
        "asks": side(book.of_pair((selling, buying)), limit, false),
        "base": asset_json(&selling),
        "counter": asset_json(&buying),
    });
    Ok(as_of(ledger.latest().ledger, &document))
}
