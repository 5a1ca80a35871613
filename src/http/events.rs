//! What happened, in the order of commits.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use super::auth::{EventsRead, May};
use super::document::ListProblems;
use super::input::{Asked, Limit};
use super::{App, Problem};
use crate::api::{Event, Page, examples};
use crate::domain::ids::EventId;

/// What to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Query {
    /// Only events after this one: the id of the last that was seen.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    cursor: Option<EventId>,
    /// How many items at most.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 50)]
    limit: Limit,
}

/// Events, oldest first. Whoever has read to the end asks again with the last id as `cursor`.
#[utoipa::path(
    get,
    path = "/v1/events",
    operation_id = "listEvents",
    tag = "events",
    params(Query),
    responses(
        (status = 200, description = "A page", body = Page<Event>,
         example = json!(examples::page(examples::event(), "18"))),
        ListProblems,
    ),
    security(("api_key" = [])),
)]
pub(super) async fn handler(
    _caller: May<EventsRead>,
    State(app): State<App>,
    Asked(asked): Asked<Query>,
) -> Result<Json<Page<Event>>, Problem> {
    let mut tx = app.read().await?;
    let rows = tx.events(asked.cursor, asked.limit.rows()).await?;
    Ok(Json(Page::of(rows, asked.limit.0, |event| event.id.to_string(), Event::from)))
}
