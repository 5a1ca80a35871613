use axum::Json;
use axum::extract::State;

use crate::api::{Identity, examples};
use crate::domain::ids::IdentityId;
use crate::http::auth::{CatalogRead, May};
use crate::http::document::GetProblems;
use crate::http::input::{Asked, PathId};
use crate::http::tenant::OfTenant;
use crate::http::{App, Problem};

/// One identity.
#[utoipa::path(
    get,
    path = "/v1/identities/{id}",
    operation_id = "getIdentity",
    tag = "catalog",
    params(("id" = String, Path, description = "Its id"), OfTenant),
    responses(
        (status = 200, description = "Found", body = Identity, example = json!(examples::identity())),
        GetProblems,
    ),
    security(("api_key" = [])),
)]
pub(in crate::http) async fn handler(
    caller: May<CatalogRead>,
    State(app): State<App>,
    PathId(id): PathId<IdentityId>,
    Asked(asked): Asked<OfTenant>,
) -> Result<Json<Identity>, Problem> {
    let tenant = caller.tenant(asked.tenant)?;
    let mut tx = app.read().await?;
    let identity = tx.identity(&tenant, id).await?.ok_or_else(|| Problem::not_found("identity", id))?;
    Ok(Json(Identity::from(identity)))
}
