use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use crate::api::{Identity, IdentityBody, examples};
use crate::catalog::describe_identity;
use crate::domain::identity;
use crate::domain::ids::IdentityId;
use crate::http::auth::{CatalogWrite, May};
use crate::http::document::PutProblems;
use crate::http::input::{Asked, Input, PathId, written};
use crate::http::payout_changes::shown;
use crate::http::tenant::OfTenant;
use crate::http::{App, Problem};
use crate::ports::store::transact;

/// Describes an identity: creates it or replaces what was said of it.
///
/// Another key is not in force at once: the answer is then 202 with the identity as it is, and with the
/// change that waits. Everything else is so at once.
#[utoipa::path(
    put,
    path = "/v1/identities/{id}",
    operation_id = "putIdentity",
    tag = "catalog",
    params(("id" = String, Path, description = "Its id, given by the caller"), OfTenant),
    request_body(content = IdentityBody, example = json!(examples::identity_body())),
    responses(
        (status = 200, description = "Replaced", body = Identity, example = json!(examples::identity())),
        (status = 201, description = "Created", body = Identity, example = json!(examples::identity())),
        (status = 202, description = "Its other key waits", body = Identity,
         example = json!(examples::identity())),
        PutProblems,
    ),
    security(("api_key" = [])),
)]
pub(in crate::http) async fn handler(
    caller: May<CatalogWrite>,
    State(app): State<App>,
    PathId(id): PathId<IdentityId>,
    Asked(asked): Asked<OfTenant>,
    body: Input<IdentityBody>,
) -> Result<(StatusCode, Json<Identity>), Problem> {
    let IdentityBody { name, public_key } = body.value;
    let tenant = caller.tenant_to_write(&app, asked.tenant).await?;
    let identity = identity::Identity { tenant, id, name: name.into_inner(), public_key };
    let by = caller.describing(&app);
    let described = transact(&app.store, move |tx| {
        let (identity, by) = (identity.clone(), by.clone());
        Box::pin(async move { describe_identity(tx, &by, &identity).await })
    })
    .await?;
    let payout_change = described.waits.as_ref().map(|change| shown(&app, change));
    let status = written(described.put, described.waits.is_some());
    Ok((status, Json(Identity { payout_change, ..described.thing.into() })))
}
