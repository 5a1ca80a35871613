use axum::Json;
use axum::extract::State;

use super::{seen, shown};
use crate::api::{PayoutChange, SignatureBody, examples};
use crate::catalog::sign;
use crate::domain::ids::ChangeId;
use crate::http::auth::{CatalogWrite, May};
use crate::http::document::SignProblems;
use crate::http::input::{Input, PathId};
use crate::http::{App, Problem};
use crate::ports::store::transact;

/// Puts a change of who is paid in force at once, by the signature of whoever is paid until then: the owner
/// of the farm, or for an identity's key the key that it has.
#[utoipa::path(
    post,
    path = "/v1/payout-changes/{id}/signature",
    operation_id = "signPayoutChange",
    tag = "catalog",
    params(("id" = String, Path, description = "Its id")),
    request_body(content = SignatureBody, example = json!(examples::signature())),
    responses(
        (status = 200, description = "In force", body = PayoutChange,
         example = json!(examples::signed_payout_change())),
        SignProblems,
    ),
    security(("api_key" = [])),
)]
pub(in crate::http) async fn handler(
    caller: May<CatalogWrite>,
    State(app): State<App>,
    PathId(id): PathId<ChangeId>,
    body: Input<SignatureBody>,
) -> Result<Json<PayoutChange>, Problem> {
    seen(&mut *app.read().await?, &caller, id).await?;
    let (decider, signature) = (caller.decider(&app), body.value.signature);
    let passphrase = app.network_passphrase.clone();
    let change = transact(&app.store, move |tx| {
        let (decider, passphrase) = (decider.clone(), passphrase.clone());
        Box::pin(async move { sign(tx, &decider, id, &signature, &passphrase).await })
    })
    .await?;
    Ok(Json(shown(&app, &change)))
}
