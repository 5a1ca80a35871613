use axum::Json;
use axum::extract::State;

use super::{seen, shown};
use crate::api::{PayoutChange, examples};
use crate::domain::ids::ChangeId;
use crate::http::auth::{CatalogRead, May};
use crate::http::document::GetProblems;
use crate::http::input::PathId;
use crate::http::{App, Problem};

/// One change of who is paid.
#[utoipa::path(
    get,
    path = "/v1/payout-changes/{id}",
    operation_id = "getPayoutChange",
    tag = "catalog",
    params(("id" = String, Path, description = "Its id")),
    responses(
        (status = 200, description = "Found", body = PayoutChange,
         example = json!(examples::payout_change())),
        GetProblems,
    ),
    security(("api_key" = [])),
)]
pub(in crate::http) async fn handler(
    caller: May<CatalogRead>,
    State(app): State<App>,
    PathId(id): PathId<ChangeId>,
) -> Result<Json<PayoutChange>, Problem> {
    let change = seen(&mut *app.read().await?, &caller, id).await?;
    Ok(Json(shown(&app, &change)))
}
