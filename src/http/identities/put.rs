use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use crate::api::{Identity, IdentityBody, examples};
use crate::domain::identity;
use crate::domain::ids::IdentityId;
use crate::http::auth::{CatalogWrite, May};
use crate::http::document::PutProblems;
use crate::http::input::{Input, PathId, written};
use crate::http::{App, Problem};
use crate::ports::store::{StoreError, transact};

/// Describes an identity: creates it or replaces what was said of it.
#[utoipa::path(
    put,
    path = "/v1/identities/{id}",
    operation_id = "putIdentity",
    tag = "catalog",
    params(("id" = String, Path, description = "Its id, given by the caller")),
    request_body(content = IdentityBody, example = json!(examples::identity_body())),
    responses(
        (status = 200, description = "Replaced", body = Identity, example = json!(examples::identity())),
        (status = 201, description = "Created", body = Identity, example = json!(examples::identity())),
        PutProblems,
    ),
    security(("api_key" = [])),
)]
pub(in crate::http) async fn handler(
    _caller: May<CatalogWrite>,
    State(app): State<App>,
    PathId(id): PathId<IdentityId>,
    body: Input<IdentityBody>,
) -> Result<(StatusCode, Json<Identity>), Problem> {
    let IdentityBody { name, public_key } = body.value;
    let identity = identity::Identity { id, name: name.into_inner(), public_key };
    let put = {
        let identity = identity.clone();
        transact::<_, StoreError, _>(&app.store, move |tx| {
            let identity = identity.clone();
            Box::pin(async move { tx.put_identity(&identity).await })
        })
        .await?
    };
    Ok((written(put), Json(Identity::from(identity))))
}
