use axum::Json;
use axum::extract::State;

use crate::api::{Node, examples};
use crate::domain::ids::NodeId;
use crate::http::auth::{CatalogRead, May};
use crate::http::document::GetProblems;
use crate::http::input::{Asked, PathId};
use crate::http::tenant::OfTenant;
use crate::http::{App, Problem};

/// One node.
#[utoipa::path(
    get,
    path = "/v1/nodes/{id}",
    operation_id = "getNode",
    tag = "catalog",
    params(("id" = String, Path, description = "Its id"), OfTenant),
    responses(
        (status = 200, description = "Found", body = Node, example = json!(examples::node())),
        GetProblems,
    ),
    security(("api_key" = [])),
)]
pub(in crate::http) async fn handler(
    caller: May<CatalogRead>,
    State(app): State<App>,
    PathId(id): PathId<NodeId>,
    Asked(asked): Asked<OfTenant>,
) -> Result<Json<Node>, Problem> {
    let tenant = caller.tenant(asked.tenant)?;
    let mut tx = app.read().await?;
    let node = tx.node(&tenant, id).await?.ok_or_else(|| Problem::not_found("node", id))?;
    Ok(Json(Node::from(node)))
}
