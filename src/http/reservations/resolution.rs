use axum::Json;
use axum::extract::State;

use crate::api::{ProblemCode, Reservation, Resolution, ResolutionDecision, examples};
use crate::domain::ids::ReservationId;
use crate::http::auth::{May, ReservationsResolve};
use crate::http::document::ResolveProblems;
use crate::http::input::{Input, PathId};
use crate::http::{App, Problem};
use crate::ports::store::transact;
use crate::settlement::{Decision, ResolveError, resolve};

impl From<ResolutionDecision> for Decision {
    fn from(decision: ResolutionDecision) -> Self {
        match decision {
            ResolutionDecision::Settle => Self::Settle,
            ResolutionDecision::Refund => Self::Refund,
        }
    }
}

/// Decides what becomes of a held reservation.
///
/// `settle` tries its settlement again at once. `refund` sends back what remains: the latest payment bears
/// what its issuer took back. Deciding the same again is harmless.
#[utoipa::path(
    post,
    path = "/v1/reservations/{id}/resolution",
    operation_id = "resolveReservation",
    tag = "reservations",
    params(("id" = String, Path, description = "Its id")),
    request_body(content = Resolution, example = json!(examples::resolution())),
    responses(
        (status = 200, description = "Decided; it is carried out with one of the next ledgers",
         body = Reservation, example = json!(examples::reservation())),
        ResolveProblems,
    ),
    security(("api_key" = [])),
)]
pub(in crate::http) async fn handler(
    caller: May<ReservationsResolve>,
    State(app): State<App>,
    PathId(id): PathId<ReservationId>,
    body: Input<Resolution>,
) -> Result<Json<Reservation>, Problem> {
    let decision = Decision::from(body.value.decision);
    let decider = caller.decider(&app);
    let resolved = transact(&app.store, move |tx| {
        let decider = decider.clone();
        Box::pin(async move { resolve(tx, &decider, id, decision).await })
    })
    .await;
    let reservation = match resolved {
        Ok(found) => found.ok_or_else(|| Problem::not_found("reservation", id))?,
        Err(error @ ResolveError::NotHeld { .. }) => {
            return Err(Problem::new(ProblemCode::NotHeld, error).field("decision"));
        }
        Err(ResolveError::Store(error)) => return Err(error.into()),
        Err(ResolveError::Engine(error)) => return Err(error.into()),
    };
    Ok(Json(Reservation::new(&reservation, app.uri_passphrase())))
}
