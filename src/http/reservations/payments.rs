use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::api::{Page, Payment, examples};
use crate::domain::ids::ReservationId;
use crate::domain::payment::PaymentId;
use crate::http::auth::{May, ReservationsRead};
use crate::http::document::GetProblems;
use crate::http::input::{Asked, Limit, PathId};
use crate::http::money::payments::page;
use crate::http::{App, Problem};
use crate::ports::store::PaymentFilter;

/// What to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Query {
    /// The list goes on after this: `next_cursor` of the page before.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    cursor: Option<PaymentId>,
    /// How many items at most.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 50)]
    limit: Limit,
}

/// What came in for one reservation, in the order of the ledger, and how it goes back where it does.
#[utoipa::path(
    get,
    path = "/v1/reservations/{id}/payments",
    operation_id = "listReservationPayments",
    tag = "reservations",
    params(("id" = String, Path, description = "The reservation's id"), Query),
    responses(
        (status = 200, description = "A page", body = Page<Payment>,
         example = json!(examples::page(examples::payment(), "9108135936987137-0"))),
        GetProblems,
    ),
    security(("api_key" = [])),
)]
pub(in crate::http) async fn handler(
    caller: May<ReservationsRead>,
    State(app): State<App>,
    PathId(id): PathId<ReservationId>,
    Asked(asked): Asked<Query>,
) -> Result<Json<Page<Payment>>, Problem> {
    let mut tx = app.read().await?;
    let found = tx.reservation(id).await?.filter(|found| caller.sees(&found.tenant));
    found.ok_or_else(|| Problem::not_found("reservation", id))?;
    let filter = PaymentFilter { reservation: Some(id), attribution: None };
    Ok(Json(page(&mut *tx, &filter, asked.cursor, asked.limit).await?))
}
