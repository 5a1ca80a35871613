use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::api::{Currency, Page, examples};
use crate::domain::asset::AssetCode;
use crate::http::auth::{CatalogRead, May};
use crate::http::document::ListProblems;
use crate::http::input::{Asked, Limit};
use crate::http::{App, Problem, listing};

/// What to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Query {
    /// The list goes on after this: `next_cursor` of the page before.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    cursor: Option<AssetCode>,
    /// How many items at most.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 50)]
    limit: Limit,
}

/// Currencies in the order of their codes.
#[utoipa::path(
    get,
    path = "/v1/currencies",
    operation_id = "listCurrencies",
    tag = "catalog",
    params(Query),
    responses(
        (status = 200, description = "A page", body = Page<Currency>,
         example = json!(examples::page(examples::currency(), "TFT"))),
        ListProblems,
    ),
    security(("api_key" = [])),
)]
pub(in crate::http) async fn handler(
    _caller: May<CatalogRead>,
    State(app): State<App>,
    Asked(asked): Asked<Query>,
) -> Result<Json<Page<Currency>>, Problem> {
    let mut tx = app.read().await?;
    let rows = tx.currencies(asked.cursor, asked.limit.rows()).await?;
    drop(tx);
    Ok(Json(listing::page(&app, rows, asked.limit, ToString::to_string, Currency::from).await))
}
