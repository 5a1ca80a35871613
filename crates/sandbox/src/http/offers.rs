//! Offers as Horizon shows them: one, an account's, or those that filters find.

use axum::extract::Path;
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::{Map, Value, json};
use stellar_xdr::Price;

use super::lists::account_in_path;
use super::page::{Item, Page, Query, document};
use super::problem::{BAD_ACCOUNT, BAD_ASSET, Problem};
use super::reply::{Base, amount, as_of, json_only, link, put_asset, time};
use super::{App, Seen};
use crate::ledger::book::{Offer, OfferId};
use stellar_types::address::AccountId;
use stellar_types::asset::{Asset, AssetCode};
use stellar_types::money::STROOPS_PER_UNIT;

const BAD_ASSET_TYPE: &str = "Asset type must be native, credit_alphanum4 or credit_alphanum12";
const BAD_ASSET_CODE: &str = "Asset code must be 1-12 alphanumeric characters, as many as its type says";

/// A price as a fraction.
pub fn price_json(price: &Price) -> Value {
    json!({ "n": price.n, "d": price.d })
}

/// A price with seven decimals, rounded to the nearest.
pub fn price_text(price: &Price) -> String {
    let (n, d) = (i64::from(price.n), i64::from(price.d).max(1));
    let units = i128::from(n) * i128::from(STROOPS_PER_UNIT);
    let rounded = (2 * units + i128::from(d)).div_euclid(2 * i128::from(d));
    amount(i64::try_from(rounded).unwrap_or(i64::MAX))
}

/// An asset in an object of its own.
pub fn asset_json(asset: &Asset) -> Value {
    let mut json = Map::new();
    put_asset(&mut json, "", asset);
    Value::Object(json)
}

fn json(offer: &Offer, base: &str) -> Value {
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

/// An asset in one parameter, or in three as the older SDKs send it.
fn asset_text(query: &Query, field: &str) -> Option<String> {
    let part = |name: &str| query.get(&format!("{field}_asset_{name}"));
    match (query.get(field), part("type")) {
        (Some(whole), _) => Some(whole.to_owned()),
        (None, Some("native")) => Some("native".to_owned()),
        (None, Some(_)) => {
            Some(format!("{}:{}", part("code").unwrap_or_default(), part("issuer").unwrap_or_default()))
        }
        (None, None) => None,
    }
}

/// The asset that `…_asset_type`, `…_asset_code` and `…_asset_issuer` name, if the first is given.
pub fn typed_asset(query: &Query, field: &str) -> Result<Option<Asset>, Problem> {
    let name = |part: &str| format!("{field}_asset_{part}");
    let part = |part: &str| query.get(&name(part));
    let bad = |part: &str, reason: &str| Problem::bad_request(&name(part), reason);
    let short = match part("type") {
        None => return Ok(None),
        Some("native") => return Ok(Some(Asset::Native)),
        Some("credit_alphanum4") => true,
        Some("credit_alphanum12") => false,
        Some(_) => return Err(bad("type", BAD_ASSET_TYPE)),
    };
    let code: AssetCode =
        part("code").unwrap_or_default().parse().map_err(|_| bad("code", BAD_ASSET_CODE))?;
    if code.is_short() != short {
        return Err(bad("code", BAD_ASSET_CODE));
    }
    let issuer = part("issuer").unwrap_or_default().parse().map_err(|_| bad("issuer", BAD_ACCOUNT))?;
    Ok(Some(Asset::credit(code, issuer)))
}

#[derive(Default)]
struct Filter {
    seller: Option<AccountId>,
    sponsor: Option<AccountId>,
    selling: Option<Asset>,
    buying: Option<Asset>,
}

impl Filter {
    fn read(query: &Query) -> Result<Self, Problem> {
        let account = |field: &str| match query.get(field) {
            None => Ok(None),
            Some(text) => text.parse().map(Some).map_err(|_| Problem::bad_request(field, BAD_ACCOUNT)),
        };
        let asset = |field: &str| {
            let Some(text) = asset_text(query, field) else { return Ok(None) };
            text.parse().map(Some).map_err(|_| Problem::bad_request(field, BAD_ASSET))
        };
        Ok(Self {
            seller: account("seller")?,
            sponsor: account("sponsor")?,
            selling: asset("selling")?,
            buying: asset("buying")?,
        })
    }

    fn finds(&self, offer: &Offer) -> bool {
        self.seller.is_none_or(|seller| seller == offer.seller)
            && self.sponsor.is_none_or(|sponsor| Some(sponsor) == offer.sponsor)
            && self.selling.is_none_or(|asset| asset == offer.selling)
            && self.buying.is_none_or(|asset| asset == offer.buying)
    }
}

fn page(ledger: &Seen<'_>, filter: &Filter, page: &Page, base: &str) -> Result<Vec<Item>, Problem> {
    let cursor = page.position()?.map(|(first, _)| first);
    let offers = ledger.state().book().iter();
    let all: Box<dyn Iterator<Item = &Offer>> =
        if page.descending { Box::new(offers.rev()) } else { Box::new(offers) };
    let beyond = |offer: &&Offer| match cursor {
        None => true,
        Some(cursor) if page.descending => offer.id < cursor,
        Some(cursor) => offer.id > cursor,
    };
    let found = all.filter(beyond).filter(|offer| filter.finds(offer)).take(page.limit);
    Ok(found.map(|offer| Item { token: offer.id.to_string(), json: json(offer, base) }).collect())
}

fn answer(
    app: &App,
    base: &Base,
    query: &Query,
    headers: &HeaderMap,
    filter: &Filter,
) -> Result<Response, Problem> {
    json_only(headers)?;
    let ledger = app.ledger();
    let latest = ledger.latest().ledger;
    let asked = Page::read(query, headers, latest)?;
    let items = page(&ledger, filter, &asked, &base.0)?;
    Ok(as_of(latest, &document(&base.0, query, &asked, items)))
}

pub async fn list(app: App, base: Base, query: Query, headers: HeaderMap) -> Result<Response, Problem> {
    answer(&app, &base, &query, &headers, &Filter::read(&query)?)
}

pub async fn of_account(
    app: App,
    Path(id): Path<String>,
    base: Base,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let filter = Filter { seller: Some(account_in_path(&id)?), ..Filter::default() };
    answer(&app, &base, &query, &headers, &filter)
}

/// An offer's number in a path or a parameter.
pub fn id_in_path(text: &str) -> Result<OfferId, Problem> {
    text.parse()
        .ok()
        .filter(|id| *id > 0)
        .ok_or_else(|| Problem::bad_request("offer_id", "Offer ID must be an integer higher than 0"))
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
    let offer = ledger.state().book().get(id).ok_or_else(Problem::not_found)?;
    Ok(as_of(ledger.latest().ledger, &json(offer, &base.0)))
}
