use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::api::{IdText, Page, Pool, examples};
use crate::domain::ids::PoolId;
use crate::domain::ids::{IdentityId, NodeId};
use crate::domain::tenant::Tenant;
use crate::http::auth::{May, PoolsRead};
use crate::http::document::ListProblems;
use crate::http::input::{Asked, Limit};
use crate::http::{App, Problem, listing};
use crate::ports::store::PoolFilter;

/// What to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Query {
    /// For keys of operators and auditors: only this tenant's.
    #[serde(default)]
    #[param(value_type = Option<String>, example = "default")]
    tenant: Option<Tenant>,
    /// Only this customer's; of the tenant `default`, where a key of no tenant names none.
    #[serde(default)]
    #[param(value_type = Option<IdText>)]
    customer_id: Option<IdentityId>,
    /// Only those that may be used on this node; of the tenant `default`, where a key of no tenant names
    /// none.
    #[serde(default)]
    #[param(value_type = Option<IdText>)]
    node_id: Option<NodeId>,
    /// The list goes on after this: `next_cursor` of the page before.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    cursor: Option<PoolId>,
    /// How many items at most.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 50)]
    limit: Limit,
}

/// Pools in the order of their ids.
#[utoipa::path(
    get,
    path = "/v1/pools",
    operation_id = "listPools",
    tag = "pools",
    params(Query),
    responses(
        (status = 200, description = "A page", body = Page<Pool>,
         example = json!(examples::page(examples::pool(), "150837286785024"))),
        ListProblems,
    ),
    security(("api_key" = [])),
)]
pub(in crate::http) async fn handler(
    caller: May<PoolsRead>,
    State(app): State<App>,
    Asked(asked): Asked<Query>,
) -> Result<Json<Page<Pool>>, Problem> {
    let (customer, node) = (asked.customer_id, asked.node_id);
    let is_of_one = customer.is_some() || node.is_some();
    let tenant = caller.tenant_or_all(asked.tenant)?.or_else(|| is_of_one.then(Tenant::default));
    let filter = PoolFilter { tenant, customer, node };
    let now = app.clock.now();
    let mut tx = app.read().await?;
    let rows = tx.pools(&filter, asked.cursor, asked.limit.rows()).await?;
    drop(tx);
    let Page { items, next_cursor, unreadable } =
        listing::page(&app, rows, asked.limit, ToString::to_string, |pool| Pool::at(pool, now)).await;
    let items = items.into_iter().collect::<Result<_, _>>().map_err(|error| Problem::internal(&error))?;
    Ok(Json(Page { items, next_cursor, unreadable }))
}
