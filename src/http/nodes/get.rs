use axum::Json;
use axum::extract::State;

use crate::api::{Node, examples};
use crate::domain::ids::NodeId;
use crate::http::auth::{CatalogRead, May};
use crate::http::document::GetProblems;
use crate::http::input::PathId;
use crate::http::{App, Problem};

/// One node.
#[utoipa::path(
    get,
    path = "/v1/nodes/{id}",
    operation_id = "getNode",
    tag = "catalog",
    params(("id" = String, Path, description = "Its id")),
    responses(
        (status = 200, description = "Found", body = Node, example = json!(examples::node())),
        GetProblems,
    ),
    security(("api_key" = [])),
)]
pub(in crate::http) async fn handler(
    _caller: May<CatalogRead>,
    State(app): State<App>,
    PathId(id): PathId<NodeId>,
) -> Result<Json<Node>, Problem> {
    let mut tx = app.read().await?;
    let node = tx.node(id).await?.ok_or_else(|| Problem::not_found("node", id))?;
    Ok(Json(Node::from(node)))
}
