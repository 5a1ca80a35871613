//! What happened, in the order of commits.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use super::auth::{EventsRead, May};
use super::document::EventsProblems;
use super::input::{Asked, Limit};
use super::{App, Problem, listing};
use crate::api::{Event, Page, ProblemCode, examples};
use crate::domain::ids::EventId;
use crate::domain::tenant::Tenant;

/// What to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Query {
    /// For keys of operators and auditors: only what concerns this tenant.
    #[serde(default)]
    #[param(value_type = Option<String>, example = "default")]
    tenant: Option<Tenant>,
    /// Only events after this one: the id of the last that was seen.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    cursor: Option<EventId>,
    /// How many items at most.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 50)]
    limit: Limit,
}

/// Events, oldest first: the list to follow. Whoever has read to the end asks again with the last id as
/// `cursor` and misses nothing, for ids rise in the order of commits; what is missing between them concerns
/// other tenants. No other list is like that: its order is that of its items' own ids, and what commits later
/// may have a smaller one.
///
/// They are kept for a while (90 days, unless it is configured otherwise). Who asks with a cursor after which
/// some were forgotten has missed them and is told so: look at what interests you by the lists, and begin
/// again without a cursor.
#[utoipa::path(
    get,
    path = "/v1/events",
    operation_id = "listEvents",
    tag = "events",
    params(Query),
    responses(
        (status = 200, description = "A page", body = Page<Event>,
         example = json!(examples::page(examples::event(), "18"))),
        EventsProblems,
    ),
    security(("api_key" = [])),
)]
pub(super) async fn handler(
    caller: May<EventsRead>,
    State(app): State<App>,
    Asked(asked): Asked<Query>,
) -> Result<Json<Page<Event>>, Problem> {
    let tenant = caller.tenant_or_all(asked.tenant)?;
    let mut tx = app.read().await?;
    if let Some(cursor) = asked.cursor
        && let Some(last) = tx.last_event_forgotten().await?
        && cursor < last
    {
        let detail = format!("events up to {last} are no longer kept");
        return Err(Problem::new(ProblemCode::EventsForgotten, detail).field("cursor"));
    }
    let rows = tx.events(tenant.as_ref(), asked.cursor, asked.limit.rows()).await?;
    drop(tx);
    Ok(Json(listing::page(&app, rows, asked.limit, ToString::to_string, Event::from).await))
}
