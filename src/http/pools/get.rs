use axum::Json;
use axum::extract::State;

use crate::api::{Pool, examples};
use crate::domain::ids::PoolId;
use crate::http::auth::{May, PoolsRead};
use crate::http::document::GetProblems;
use crate::http::input::PathId;
use crate::http::{App, Problem};

/// One pool, as it stands now.
#[utoipa::path(
    get,
    path = "/v1/pools/{id}",
    operation_id = "getPool",
    tag = "pools",
    params(("id" = String, Path, description = "Its id")),
    responses(
        (status = 200, description = "Found", body = Pool, example = json!(examples::pool())),
        GetProblems,
    ),
    security(("api_key" = [])),
)]
pub(in crate::http) async fn handler(
    caller: May<PoolsRead>,
    State(app): State<App>,
    PathId(id): PathId<PoolId>,
) -> Result<Json<Pool>, Problem> {
    let mut tx = app.read().await?;
    let found = tx.pool(id).await?.filter(|found| caller.sees(&found.tenant));
    let pool = found.ok_or_else(|| Problem::not_found("pool", id))?;
    Ok(Json(Pool::at(pool, app.clock.now()).map_err(|error| Problem::internal(&error))?))
}
