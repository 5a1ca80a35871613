use axum::Json;
use axum::extract::State;

use crate::api::{Farm, examples};
use crate::domain::ids::FarmId;
use crate::http::auth::{CatalogRead, May};
use crate::http::document::GetProblems;
use crate::http::input::{Asked, PathId};
use crate::http::tenant::OfTenant;
use crate::http::{App, Problem};

/// One farm.
#[utoipa::path(
    get,
    path = "/v1/farms/{id}",
    operation_id = "getFarm",
    tag = "catalog",
    params(("id" = String, Path, description = "Its id"), OfTenant),
    responses(
        (status = 200, description = "Found", body = Farm, example = json!(examples::farm())),
        GetProblems,
    ),
    security(("api_key" = [])),
)]
pub(in crate::http) async fn handler(
    caller: May<CatalogRead>,
    State(app): State<App>,
    PathId(id): PathId<FarmId>,
    Asked(asked): Asked<OfTenant>,
) -> Result<Json<Farm>, Problem> {
    let tenant = caller.tenant(asked.tenant)?;
    let mut tx = app.read().await?;
    let farm = tx.farm(&tenant, id).await?.ok_or_else(|| Problem::not_found("farm", id))?;
    Ok(Json(Farm::from(farm)))
}
