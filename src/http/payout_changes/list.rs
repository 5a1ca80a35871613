use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use super::shown;
use crate::api::{Page, PayoutChange, examples};
use crate::domain::ids::ChangeId;
use crate::domain::tenant::Tenant;
use crate::http::auth::{CatalogRead, May};
use crate::http::document::ListProblems;
use crate::http::input::{Asked, Limit, Written};
use crate::http::{App, Problem, listing};
use crate::ports::store::PayoutChangeFilter;

/// What to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Query {
    /// For keys of operators and auditors: only this tenant's.
    #[serde(default)]
    #[param(value_type = Option<String>, example = "default")]
    tenant: Option<Tenant>,
    /// `true` lists only those that wait.
    #[serde(default)]
    #[param(value_type = Option<bool>, default = false)]
    waiting: Option<Written<bool>>,
    /// The list goes on after this: `next_cursor` of the page before.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    cursor: Option<ChangeId>,
    /// How many items at most.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 50)]
    limit: Limit,
}

/// Changes of who is paid, in the order of their ids.
#[utoipa::path(
    get,
    path = "/v1/payout-changes",
    operation_id = "listPayoutChanges",
    tag = "catalog",
    params(Query),
    responses(
        (status = 200, description = "A page", body = Page<PayoutChange>,
         example = json!(examples::page(examples::payout_change(), "150837286785024"))),
        ListProblems,
    ),
    security(("api_key" = [])),
)]
pub(in crate::http) async fn handler(
    caller: May<CatalogRead>,
    State(app): State<App>,
    Asked(asked): Asked<Query>,
) -> Result<Json<Page<PayoutChange>>, Problem> {
    let filter = PayoutChangeFilter {
        tenant: caller.tenant_or_all(asked.tenant)?,
        waiting: asked.waiting.is_some_and(|Written(waiting)| waiting),
    };
    let mut tx = app.read().await?;
    let rows = tx.payout_changes(&filter, asked.cursor, asked.limit.rows()).await?;
    drop(tx);
    let shape = |change| shown(&app, &change);
    Ok(Json(listing::page(&app, rows, asked.limit, ToString::to_string, shape).await))
}
