use axum::Json;
use axum::extract::State;

use crate::api::{Currency, examples};
use crate::domain::asset::AssetCode;
use crate::http::auth::{CatalogRead, May};
use crate::http::document::GetProblems;
use crate::http::input::PathId;
use crate::http::{App, Problem};

/// One currency.
#[utoipa::path(
    get,
    path = "/v1/currencies/{code}",
    operation_id = "getCurrency",
    tag = "catalog",
    params(("code" = String, Path, description = "Its code")),
    responses(
        (status = 200, description = "Found", body = Currency, example = json!(examples::currency())),
        GetProblems,
    ),
    security(("api_key" = [])),
)]
pub(in crate::http) async fn handler(
    _caller: May<CatalogRead>,
    State(app): State<App>,
    PathId(id): PathId<AssetCode>,
) -> Result<Json<Currency>, Problem> {
    let mut tx = app.read().await?;
    let currency = tx.currency(id).await?.ok_or_else(|| Problem::not_found("currency", id))?;
    Ok(Json(Currency::from(currency)))
}
