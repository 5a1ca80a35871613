use axum::Json;
use axum::extract::State;

use super::{seen, shown};
use crate::api::{CallOffBody, PayoutChange, examples};
use crate::catalog::call_off;
use crate::domain::ids::ChangeId;
use crate::http::auth::{CatalogWrite, May};
use crate::http::document::CallOffProblems;
use crate::http::input::{Input, PathId};
use crate::http::{App, Problem};
use crate::ports::store::transact;

/// Calls a change of who is paid off: it is never in force.
#[utoipa::path(
    post,
    path = "/v1/payout-changes/{id}/call-off",
    operation_id = "callOffPayoutChange",
    tag = "catalog",
    params(("id" = String, Path, description = "Its id")),
    request_body(content = CallOffBody, example = json!(examples::call_off())),
    responses(
        (status = 200, description = "Called off", body = PayoutChange,
         example = json!(examples::called_off_payout_change())),
        CallOffProblems,
    ),
    security(("api_key" = [])),
)]
pub(in crate::http) async fn handler(
    caller: May<CatalogWrite>,
    State(app): State<App>,
    PathId(id): PathId<ChangeId>,
    body: Input<CallOffBody>,
) -> Result<Json<PayoutChange>, Problem> {
    seen(&mut *app.read().await?, &caller, id).await?;
    let (decider, reason) = (caller.decider(&app), String::from(body.value.reason));
    let change = transact(&app.store, move |tx| {
        let (decider, reason) = (decider.clone(), reason.clone());
        Box::pin(async move { call_off(tx, &decider, id, &reason).await })
    })
    .await?;
    Ok(Json(shown(&app, &change)))
}
