use std::fmt;
use std::str::FromStr;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::api::{ClaimableBalance, Page, examples};
use crate::domain::address::AccountId;
use crate::http::auth::{May, MoneyRead};
use crate::http::document::ListProblems;
use crate::http::input::{Asked, Limit, Written};
use crate::http::{App, Problem};

/// A place in the list: the account that may claim, and the balance.
#[derive(Debug)]
struct Cursor(AccountId, String);

impl FromStr for Cursor {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (account, id) = text.split_once('-').ok_or("not an account and an id")?;
        let is_id = id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let account = account.parse().map_err(|_| "not an account and an id")?;
        if is_id { Ok(Self(account, id.to_owned())) } else { Err("not an account and an id") }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.0, self.1)
    }
}

/// What to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Query {
    /// The list goes on after this: `next_cursor` of the page before.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    cursor: Option<Written<Cursor>>,
    /// How many items at most.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 50)]
    limit: Limit,
}

/// Claimable balances that strangers made for accounts of the service, as they were last seen.
///
/// They are never claimed by the service: that takes a trust line for whatever anybody sends, and would
/// invite dust. One that is worth something keeps an account of a reservation open for 30 days, so that
/// a person can claim it with the platform's key.
#[utoipa::path(
    get,
    path = "/v1/claimable-balances",
    operation_id = "listClaimableBalances",
    tag = "money",
    params(Query),
    responses(
        (status = 200, description = "A page", body = Page<ClaimableBalance>,
         example = json!(examples::page(examples::claimable_balance(), examples::CLAIMABLE_CURSOR))),
        ListProblems,
    ),
    security(("api_key" = [])),
)]
pub(in crate::http) async fn handler(
    _caller: May<MoneyRead>,
    State(app): State<App>,
    Asked(asked): Asked<Query>,
) -> Result<Json<Page<ClaimableBalance>>, Problem> {
    let after = asked.cursor.map(|Written(Cursor(account, id))| (account, id));
    let rows = app.read().await?.foreign_claimables(after, asked.limit.rows()).await?;
    Ok(Json(Page::of(
        rows,
        asked.limit.0,
        |balance| Cursor(balance.claimant, balance.id.clone()).to_string(),
        |balance| ClaimableBalance {
            id: balance.id,
            claimant: balance.claimant,
            asset: balance.asset,
            amount: balance.amount,
            sponsor: balance.sponsor,
            seen_at: balance.seen_at,
            out_of_reach_at: balance.out_of_reach_at,
        },
    )))
}
