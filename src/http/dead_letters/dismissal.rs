use axum::Json;
use axum::extract::State;

use super::refused;
use crate::api::{DeadLetter, DismissalBody, examples};
use crate::domain::dead_letter::LetterId;
use crate::http::auth::{May, ReservationsResolve};
use crate::http::document::DismissProblems;
use crate::http::input::{Input, PathId};
use crate::http::{App, Problem};
use crate::operator::{DeadLetterError, dismiss};
use crate::ports::store::{StoreError, transact};

/// Says that a record nobody could read needs nothing more. It stays stored, and is listed with
/// `dismissed=true` only.
///
/// Dismissing it again is harmless: the first note stands. What is about money cannot be dismissed.
#[utoipa::path(
    post,
    path = "/v1/dead-letters/{id}/dismissal",
    operation_id = "dismissDeadLetter",
    tag = "money",
    params(("id" = String, Path, description = "Its id")),
    request_body(content = DismissalBody, example = json!(examples::dismissal())),
    responses(
        (status = 200, description = "Dismissed", body = DeadLetter,
         example = json!(examples::dismissed_letter())),
        DismissProblems,
    ),
    security(("api_key" = [])),
)]
pub(in crate::http) async fn handler(
    caller: May<ReservationsResolve>,
    State(app): State<App>,
    PathId(id): PathId<LetterId>,
    body: Input<DismissalBody>,
) -> Result<Json<DeadLetter>, Problem> {
    let (decider, note) = (caller.decider(&app), String::from(body.value.note));
    let named = id.clone();
    // What the store would run again must be a store's error.
    let dismissed = transact(&app.store, move |tx| {
        let (id, decider, note) = (named.clone(), decider.clone(), note.clone());
        Box::pin(async move {
            match dismiss(tx, &decider, &id, &note).await {
                Err(DeadLetterError::Store(error)) => Err(error),
                decided => Ok::<_, StoreError>(decided),
            }
        })
    })
    .await?;
    let letter = dismissed.map_err(|error| refused(error, "id"))?;
    letter.map(Json).ok_or_else(|| Problem::not_found("dead letter", id))
}
