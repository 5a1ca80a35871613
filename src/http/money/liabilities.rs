use std::fmt;
use std::str::FromStr;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::api::{Liability, Page, examples};
use crate::domain::asset::Asset;
use crate::domain::journal::BookAccount;
use crate::http::auth::{May, MoneyRead};
use crate::http::document::ListProblems;
use crate::http::input::{Asked, Limit, Written};
use crate::http::{App, Problem};

/// A place in the list.
#[derive(Debug)]
struct Cursor(BookAccount, Asset);

impl FromStr for Cursor {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str = "not a book account and an asset";
        let (account, asset) = text.split_once('~').ok_or(WRONG)?;
        Ok(Self(account.parse().map_err(|_| WRONG)?, asset.parse().map_err(|_| WRONG)?))
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}~{}", self.0, self.1)
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

/// What the service owes, by whom it is owed to: each reservation's payers, and those whose money belongs
/// to none; and what issuers took back of it while it is open who bears that.
#[utoipa::path(
    get,
    path = "/v1/liabilities",
    operation_id = "listLiabilities",
    tag = "money",
    params(Query),
    responses(
        (status = 200, description = "A page", body = Page<Liability>,
         example = json!(examples::page(examples::liability(), examples::LIABILITY_CURSOR))),
        ListProblems,
    ),
    security(("api_key" = [])),
)]
pub(in crate::http) async fn handler(
    _caller: May<MoneyRead>,
    State(app): State<App>,
    Asked(asked): Asked<Query>,
) -> Result<Json<Page<Liability>>, Problem> {
    let after = asked.cursor.map(|Written(Cursor(account, asset))| (account, asset));
    let rows = app.read().await?.balances_owed(after, asked.limit.rows()).await?;
    Ok(Json(Page::of(
        rows,
        asked.limit.0,
        |(account, asset, _)| Cursor(*account, *asset).to_string(),
        |(account, asset, balance)| Liability::new(account, asset, balance),
    )))
}
