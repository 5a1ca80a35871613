use axum::Json;
use axum::extract::State;

use crate::api::{Reservation, examples};
use crate::domain::ids::ReservationId;
use crate::http::auth::{May, ReservationsRead};
use crate::http::document::GetProblems;
use crate::http::input::PathId;
use crate::http::{App, Problem};

/// One reservation, as it stands.
#[utoipa::path(
    get,
    path = "/v1/reservations/{id}",
    operation_id = "getReservation",
    tag = "reservations",
    params(("id" = String, Path, description = "Its id")),
    responses(
        (status = 200, description = "Found", body = Reservation,
         example = json!(examples::settled_reservation())),
        GetProblems,
    ),
    security(("api_key" = [])),
)]
pub(in crate::http) async fn handler(
    caller: May<ReservationsRead>,
    State(app): State<App>,
    PathId(id): PathId<ReservationId>,
) -> Result<Json<Reservation>, Problem> {
    let mut tx = app.read().await?;
    let found = tx.reservation(id).await?.filter(|found| caller.sees(&found.tenant));
    let reservation = found.ok_or_else(|| Problem::not_found("reservation", id))?;
    Ok(Json(Reservation::new(&reservation, app.uri_passphrase())))
}
