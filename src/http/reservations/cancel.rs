use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use crate::api::{ProblemCode, Reservation, examples};
use crate::domain::ids::ReservationId;
use crate::http::auth::{May, ReservationsOpen};
use crate::http::document::CancelProblems;
use crate::http::input::PathId;
use crate::http::{App, Problem};
use crate::ports::store::transact;
use crate::reservations::{Error, cancel};

/// Calls a reservation off.
///
/// Money may be on its way, so this is decided when the next ledgers show what had come: the state becomes
/// `cancelled` if nothing had, `refunding` if something had. A reservation that is funded first stays so.
/// Asking again is harmless.
#[utoipa::path(
    post,
    path = "/v1/reservations/{id}/cancel",
    operation_id = "cancelReservation",
    tag = "reservations",
    params(("id" = String, Path, description = "Its id")),
    responses(
        (status = 202, description = "Noted; it is decided with one of the next ledgers", body = Reservation,
         example = json!(examples::reservation())),
        CancelProblems,
    ),
    security(("api_key" = [])),
)]
pub(in crate::http) async fn handler(
    caller: May<ReservationsOpen>,
    State(app): State<App>,
    PathId(id): PathId<ReservationId>,
) -> Result<(StatusCode, Json<Reservation>), Problem> {
    let (decider, of) = (caller.decider(&app), caller.caller.tenant.clone());
    let cancelled = transact(&app.store, move |tx| {
        let (decider, of) = (decider.clone(), of.clone());
        Box::pin(async move { cancel(tx, &decider, of.as_ref(), id).await })
    })
    .await;
    let reservation = match cancelled {
        Ok(found) => found.ok_or_else(|| Problem::not_found("reservation", id))?,
        Err(Error::Transition(error)) => return Err(Problem::new(ProblemCode::NotCancellable, error)),
        Err(error) => return Err(error.into()),
    };
    Ok((StatusCode::ACCEPTED, Json(Reservation::new(&reservation, app.uri_passphrase()))))
}
