use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use crate::access::Decider;
use crate::api::{Node, NodeBody, ProblemCode, examples};
use crate::domain::audit::{Act, NodeTerms};
use crate::domain::ids::FarmId;
use crate::domain::ids::NodeId;
use crate::domain::node;
use crate::domain::tenant::Tenant;
use crate::domain::units::{CloudUnits, UnitsError};
use crate::http::auth::{CatalogWrite, May};
use crate::http::document::PutNodeProblems;
use crate::http::input::{Asked, Input, PathId, written};
use crate::http::known::Known;
use crate::http::tenant::OfTenant;
use crate::http::{App, Problem, problem};
use crate::ports::store::{Put, RetryOn, StoreError, Tx, transact};

/// Why a node is not taken.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("farm {0} is not known")]
    UnknownFarm(FarmId),
    #[error("give either capacity or resources")]
    CapacityNotUnique,
    #[error(transparent)]
    Units(#[from] UnitsError),
    #[error("node {0} carries capacity bought with play money: it stays free to use")]
    UnderFreePool(NodeId),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl RetryOn for Error {
    fn is_conflict(&self) -> bool {
        match self {
            Self::Store(error) => error.is_conflict(),
            Self::UnknownFarm(_) | Self::CapacityNotUnique | Self::Units(_) | Self::UnderFreePool(_) => false,
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::UnknownFarm(_) => Self::new(ProblemCode::UnknownFarm, error).field("farm_id"),
            Error::CapacityNotUnique => Self::new(ProblemCode::CapacityNotUnique, error).field("capacity"),
            Error::Units(error) => problem::units(error, "resources"),
            Error::UnderFreePool(_) => Self::new(ProblemCode::NodeUnderFreePool, error).field("free_to_use"),
            Error::Store(error) => error.into(),
        }
    }
}

fn described(tenant: Tenant, id: NodeId, body: &NodeBody) -> Result<node::Node, Error> {
    let capacity = match (body.capacity, body.resources) {
        (Some(capacity), None) => capacity.into(),
        (None, Some(resources)) => {
            CloudUnits { ipv4u: resources.ipv4u, ..CloudUnits::from_resources(resources.units())? }
        }
        (Some(_), Some(_)) | (None, None) => return Err(Error::CapacityNotUnique),
    };
    Ok(node::Node { tenant, id, farm: body.farm_id, capacity, free_to_use: body.free_to_use })
}

async fn put_node(tx: &mut dyn Tx, decider: &Decider, node: &node::Node) -> Result<Put, Error> {
    tx.farm(&node.tenant, node.farm).await?.ok_or(Error::UnknownFarm(node.farm))?;
    if !node.free_to_use && tx.node_is_under_free_pool(&node.tenant, node.id).await? {
        return Err(Error::UnderFreePool(node.id));
    }
    let known = Known::of(tx.node_to_replace(&node.tenant, node.id).await)?;
    let put = known.replaced_by(tx.put_node(node).await?)?;
    let (before, after) = (known.before().map(NodeTerms::from), node.into());
    decider
        .record(tx, Act::NodeDescribed { tenant: node.tenant.clone(), node: node.id, before, after })
        .await?;
    Ok(put)
}

/// Describes a node: creates it or replaces what was said of it.
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
    let node = described(tenant, id, &body.value)?;
    let put = {
        let (node, decider) = (node.clone(), caller.decider(&app));
        transact(&app.store, move |tx| {
            let (node, decider) = (node.clone(), decider.clone());
            Box::pin(async move { put_node(tx, &decider, &node).await })
        })
        .await?
    };
    Ok((written(put), Json(Node::from(node))))
}
