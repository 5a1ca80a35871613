use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use crate::api::{Node, NodeBody, ProblemCode, examples};
use crate::catalog::describe_node;
use crate::domain::ids::NodeId;
use crate::domain::node;
use crate::domain::tenant::Tenant;
use crate::domain::units::CloudUnits;
use crate::http::auth::{CatalogWrite, May};
use crate::http::document::PutNodeProblems;
use crate::http::input::{Asked, Input, PathId, written};
use crate::http::payout_changes::shown;
use crate::http::tenant::OfTenant;
use crate::http::{App, Problem, problem};
use crate::ports::store::transact;

fn described(tenant: Tenant, id: NodeId, body: &NodeBody) -> Result<node::Node, Problem> {
    let capacity = match (body.capacity, body.resources) {
        (Some(capacity), None) => capacity.into(),
        (None, Some(resources)) => {
            let units = CloudUnits::from_resources(resources.units())
                .map_err(|error| problem::units(error, "resources"))?;
            CloudUnits { ipv4u: resources.ipv4u, ..units }
        }
        (Some(_), Some(_)) | (None, None) => {
            let detail = "give either capacity or resources";
            return Err(Problem::new(ProblemCode::CapacityNotUnique, detail).field("capacity"));
        }
    };
    Ok(node::Node { tenant, id, farm: body.farm_id, capacity, free_to_use: body.free_to_use })
}

/// Describes a node: creates it or replaces what was said of it.
///
/// That it belongs to another farm is not in force at once: the answer is then 202 with the node as it is,
/// and with the change that waits. Everything else is so at once.
#[utoipa::path(
    put,
    path = "/v1/nodes/{id}",
    operation_id = "putNode",
    tag = "catalog",
    params(("id" = String, Path, description = "Its id, given by the caller"), OfTenant),
    request_body(content = NodeBody, example = json!(examples::node_body())),
    responses(
        (status = 200, description = "Replaced", body = Node, example = json!(examples::node())),
        (status = 201, description = "Created", body = Node, example = json!(examples::node())),
        (status = 202, description = "That it is another farm's waits", body = Node,
         example = json!(examples::node())),
        PutNodeProblems,
    ),
    security(("api_key" = [])),
)]
pub(in crate::http) async fn handler(
    caller: May<CatalogWrite>,
    State(app): State<App>,
    PathId(id): PathId<NodeId>,
    Asked(asked): Asked<OfTenant>,
    body: Input<NodeBody>,
) -> Result<(StatusCode, Json<Node>), Problem> {
    let tenant = caller.tenant_to_write(&app, asked.tenant).await?;
    let (node, by) = (described(tenant, id, &body.value)?, caller.describing(&app));
    let described = transact(&app.store, move |tx| {
        let (node, by) = (node.clone(), by.clone());
        Box::pin(async move { describe_node(tx, &by, &node).await })
    })
    .await?;
    let payout_change = described.waits.as_ref().map(|change| shown(&app, change));
    let status = written(described.put, described.waits.is_some());
    Ok((status, Json(Node { payout_change, ..described.thing.into() })))
}
