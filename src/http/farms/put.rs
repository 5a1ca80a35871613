use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use crate::api::{Farm, FarmBody, ProblemCode, examples};
use crate::catalog::describe_farm;
use crate::domain::farm::{self, FARM_PAYOUTS_MAX};
use crate::domain::ids::FarmId;
use crate::domain::tenant::Tenant;
use crate::http::auth::{CatalogWrite, May};
use crate::http::document::PutProblems;
use crate::http::input::{Asked, Input, PathId, written};
use crate::http::payout_changes::shown;
use crate::http::tenant::OfTenant;
use crate::http::{App, Problem, problem};
use crate::ports::store::transact;

fn described(tenant: Tenant, id: FarmId, body: FarmBody) -> Result<farm::Farm, Problem> {
    if body.payout_addresses.len() > FARM_PAYOUTS_MAX {
        let detail = format!("a farm has at most {FARM_PAYOUTS_MAX} payout addresses");
        return Err(Problem::new(ProblemCode::TooManyPayoutAddresses, detail).field("payout_addresses"));
    }
    Ok(farm::Farm {
        tenant,
        id,
        name: body.name.into_inner(),
        owner: body.owner_id,
        payout_addresses: body.payout_addresses,
        distribution: body.distribution.try_into().map_err(|error| problem::distribution(&error))?,
    })
}

/// Describes a farm: creates it or replaces what was said of it.
///
/// Another owner, distribution or payout address (also one for a further asset) is not in force at once: the
/// answer is then 202 with the farm as it is, and with the change that waits. Everything else is so at once.
#[utoipa::path(
    put,
    path = "/v1/farms/{id}",
    operation_id = "putFarm",
    tag = "catalog",
    params(("id" = String, Path, description = "Its id, given by the caller"), OfTenant),
    request_body(content = FarmBody, example = json!(examples::farm_body())),
    responses(
        (status = 200, description = "Replaced", body = Farm, example = json!(examples::farm())),
        (status = 201, description = "Created", body = Farm, example = json!(examples::farm())),
        (status = 202, description = "Who else is paid waits", body = Farm,
         example = json!(examples::farm())),
        PutProblems,
    ),
    security(("api_key" = [])),
)]
pub(in crate::http) async fn handler(
    caller: May<CatalogWrite>,
    State(app): State<App>,
    PathId(id): PathId<FarmId>,
    Asked(asked): Asked<OfTenant>,
    body: Input<FarmBody>,
) -> Result<(StatusCode, Json<Farm>), Problem> {
    let tenant = caller.tenant_to_write(&app, asked.tenant).await?;
    let (farm, by) = (described(tenant, id, body.value)?, caller.describing(&app));
    let described = transact(&app.store, move |tx| {
        let (farm, by) = (farm.clone(), by.clone());
        Box::pin(async move { describe_farm(tx, &by, &farm).await })
    })
    .await?;
    let payout_change = described.waits.as_ref().map(|change| shown(&app, change));
    let status = written(described.put, described.waits.is_some());
    Ok((status, Json(Farm { payout_change, ..described.thing.into() })))
}
