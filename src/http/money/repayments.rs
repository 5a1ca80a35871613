use axum::Json;
use axum::extract::State;

use super::returns::refused;
use crate::api::{RefundAddress, RefundAddressBody, Returned, examples};
use crate::domain::ids::ClaimableId;
use crate::domain::refund;
use crate::domain::transfer::GivenBack;
use crate::http::auth::{May, ReservationsResolve};
use crate::http::document::ReturnProblems;
use crate::http::input::{Input, PathId};
use crate::http::{App, Problem};
use crate::ports::store::transact;
use crate::settlement::return_to;

/// Decides where the money of a claimable balance goes that nobody claimed, and that was reclaimed.
///
/// For a recipient that can never receive it. Only while its repayment is `pending`. Deciding the same again
/// is harmless.
#[utoipa::path(
    post,
    path = "/v1/claimable-balances/{id}/return",
    operation_id = "returnClaimableBalance",
    tag = "money",
    params(("id" = String, Path, description = "The balance's id")),
    request_body(content = RefundAddressBody, example = json!(examples::refund_address())),
    responses(
        (status = 200, description = "Decided; it is sent with one of the next ledgers", body = Returned,
         example = json!(examples::repayment())),
        ReturnProblems,
    ),
    security(("api_key" = [])),
)]
pub(in crate::http) async fn handler(
    caller: May<ReservationsResolve>,
    State(app): State<App>,
    PathId(id): PathId<ClaimableId>,
    body: Input<RefundAddress>,
) -> Result<Json<Returned>, Problem> {
    let to = refund::RefundAddress::from(body.value);
    let decider = caller.decider(&app);
    let decided = transact(&app.store, move |tx| {
        let (to, decider) = (to.clone(), decider.clone());
        Box::pin(async move { return_to(tx, &decider, GivenBack::Claimable(id), &to).await })
    })
    .await
    .map_err(refused)?;
    let transfer = decided.ok_or_else(|| Problem::not_found("claimable balance", id))?;
    Ok(Json(Returned::from(&transfer)))
}
