use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use crate::access::Decider;
use crate::api::{Identity, IdentityBody, examples};
use crate::domain::audit::Act;
use crate::domain::identity;
use crate::domain::ids::IdentityId;
use crate::http::auth::{CatalogWrite, May};
use crate::http::document::PutProblems;
use crate::http::input::{Asked, Input, PathId, written};
use crate::http::known::Known;
use crate::http::tenant::OfTenant;
use crate::http::{App, Problem};
use crate::ports::store::{Put, StoreError, Tx, transact};

async fn put_identity(
    tx: &mut dyn Tx,
    decider: &Decider,
    identity: &identity::Identity,
) -> Result<Put, StoreError> {
    let known = Known::of(tx.identity_to_replace(&identity.tenant, identity.id).await)?;
    let put = known.replaced_by(tx.put_identity(identity).await?)?;
    let (before, after) = (known.before().map(|known| known.public_key), identity.public_key);
    decider
        .record(
            tx,
            Act::IdentityDescribed { tenant: identity.tenant.clone(), identity: identity.id, before, after },
        )
        .await?;
    Ok(put)
}

/// Describes an identity: creates it or replaces what was said of it.
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
    let put = {
        let (identity, decider) = (identity.clone(), caller.decider(&app));
        transact(&app.store, move |tx| {
            let (identity, decider) = (identity.clone(), decider.clone());
            Box::pin(async move { put_identity(tx, &decider, &identity).await })
        })
        .await?
    };
    Ok((written(put), Json(Identity::from(identity))))
}
