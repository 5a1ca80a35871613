use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::api::{Identity, Page, examples};
use crate::domain::ids::IdentityId;
use crate::domain::tenant::Tenant;
use crate::http::auth::{CatalogRead, May};
use crate::http::document::ListProblems;
use crate::http::input::{Asked, Limit};
use crate::http::{App, Problem, listing};

/// What to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Query {
    /// For keys of operators and auditors: the tenant whose they are, `default` if left out.
    #[serde(default)]
    #[param(value_type = Option<String>, example = "default")]
    tenant: Option<Tenant>,
    /// The list goes on after this: `next_cursor` of the page before.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    cursor: Option<IdentityId>,
    /// How many items at most.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 50)]
    limit: Limit,
}

/// Identities in the order of their ids.
#[utoipa::path(
    get,
    path = "/v1/identities",
    operation_id = "listIdentities",
    tag = "catalog",
    params(Query),
    responses(
        (status = 200, description = "A page", body = Page<Identity>,
         example = json!(examples::page(examples::identity(), "7"))),
        ListProblems,
    ),
    security(("api_key" = [])),
)]
pub(in crate::http) async fn handler(
    caller: May<CatalogRead>,
    State(app): State<App>,
    Asked(asked): Asked<Query>,
) -> Result<Json<Page<Identity>>, Problem> {
    let tenant = caller.tenant(asked.tenant)?;
    let mut tx = app.read().await?;
    let rows = tx.identities(&tenant, asked.cursor, asked.limit.rows()).await?;
    drop(tx);
    Ok(Json(listing::page(&app, rows, asked.limit, ToString::to_string, Identity::from).await))
}
