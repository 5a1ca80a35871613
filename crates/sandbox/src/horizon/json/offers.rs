//! Offers as Horizon shows them.

use serde_json::{Value, json};

use super::fields::{amount, asset_json, link, price_json, price_text, time};
use crate::ledger::book::Offer;

/// An offer.
pub fn json(offer: &Offer, base: &str) -> Value {
    let mut json = json!({
        "_links": {
            "self": link(format!("{base}/offers/{}", offer.id)),
            "offer_maker": link(format!("{base}/accounts/{}", offer.seller)),
        },
        "id": offer.id.to_string(),
        "paging_token": offer.id.to_string(),
        "seller": offer.seller.to_string(),
        "selling": asset_json(&offer.selling),
        "buying": asset_json(&offer.buying),
        "amount": amount(offer.amount),
        "price_r": price_json(&offer.price),
        "price": price_text(&offer.price),
        "last_modified_ledger": offer.last_modified,
        "last_modified_time": time(offer.last_modified_time),
    });
    if let Some(sponsor) = offer.sponsor {
        json["sponsor"] = sponsor.to_string().into();
    }
    json
}
