use axum::Json;
use axum::extract::State;

use crate::api::{Identity, examples};
use crate::domain::ids::IdentityId;
use crate::http::auth::{CatalogRead, May};
use crate::http::document::GetProblems;
use crate::http::input::PathId;
use crate::http::{App, Problem};

/// One identity.
#[utoipa::path(
    get,
    path = "/v1/identities/{id}",
    operation_id = "getIdentity",
    tag = "catalog",
    params(("id" = String, Path, description = "Its id")),
    responses(
        (status = 200, description = "Found", body = Identity, example = json!(examples::identity())),
        GetProblems,
    ),
    security(("api_key" = [])),
)]
pub(in crate::http) async fn handler(
    _caller: May<CatalogRead>,
    State(app): State<App>,
    PathId(id): PathId<IdentityId>,
) -> Result<Json<Identity>, Problem> {
    let mut tx = app.read().await?;
    let identity = tx.identity(id).await?.ok_or_else(|| Problem::not_found("identity", id))?;
    Ok(Json(Identity::from(identity)))
}
