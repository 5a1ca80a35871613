//! `/offers`: one, an account's, or those that filters find.

use axum::extract::Path;
use axum::http::HeaderMap;
use axum::response::Response;
use stellar_types::address::AccountId;
use stellar_types::asset::Asset;

use crate::horizon::json::offers::json;
use crate::horizon::request::headers::{Base, json_only};
use crate::horizon::request::page::{Item, Page, Query, document};
use crate::horizon::request::params::{account_in_path, asset_text, offer_in_path};
use crate::horizon::request::snapshot::{App, Snapshot};
use crate::horizon::response::{BAD_ACCOUNT, BAD_ASSET, Problem, as_of};
use crate::ledger::book::Offer;

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

fn page(ledger: &Snapshot<'_>, filter: &Filter, page: &Page, base: &str) -> Result<Vec<Item>, Problem> {
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

pub async fn one(
    app: App,
    Path(id): Path<String>,
    base: Base,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    json_only(&headers)?;
    let id = offer_in_path(&id)?;
    let ledger = app.ledger();
    let offer = ledger.state().book().get(id).ok_or_else(Problem::not_found)?;
    Ok(as_of(ledger.latest().ledger, &json(offer, &base.0)))
}
