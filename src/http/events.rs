//! What happened, to be followed by cursor.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use super::auth::{EventsRead, May};
use super::document::EventsProblems;
use super::input::{Asked, Limit};
use super::{App, Problem, listing};
use crate::api::{Event, Page, ProblemCode, examples};
use crate::delivery::number_events;
use crate::domain::event::EventCursor;
use crate::domain::ids::EventId;
use crate::domain::tenant::Tenant;
use crate::ports::store::EventNumbers;

/// What to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Query {
    /// For keys of operators and auditors: only what concerns this tenant.
    #[serde(default)]
    #[param(value_type = Option<String>, example = "default")]
    tenant: Option<Tenant>,
    /// Only events after this one: the `cursor` of the last that was seen.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    cursor: Option<EventCursor>,
    /// How many items at most.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 50)]
    limit: Limit,
}

/// Events, oldest first: the list to follow. Whoever has read to the end asks again with the `cursor` of the
/// last event and misses nothing, for events are numbered after their commit; what is missing between their
/// ids concerns other tenants. The events of one subject are in its order; those of different subjects are
/// not always in that of their commits. No other list is like that: its order is that of its items' own ids,
/// and what commits later may have a smaller one.
///
/// A cursor names the database that numbered the events. After that went back to an earlier state (a backup
/// was restored, a standby promoted), or nobody looked after it for a while, a cursor of before is answered
/// 410 `cursor_outdated`: look at what interests you by the lists, and begin again without a cursor.
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
         example = json!(examples::page(examples::event(), "5f3a9c1e-18"))),
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
    // Those that cannot be numbered now are read later: their numbers come after all that are given.
    if let Err(error) = number_events(&app.store).await {
        tracing::warn!(%error, "events wait for their numbers");
    }
    let mut tx = app.read().await?;
    let numbers = tx.event_numbers().await?;
    if let Some(cursor) = asked.cursor {
        check(cursor, &numbers)?;
    }
    let after = asked.cursor.map(|cursor| cursor.event);
    let rows = tx.events(tenant.as_ref(), after, asked.limit.rows()).await?;
    drop(tx);
    let EventNumbers { incarnation, .. } = numbers;
    let cursor = |id: &EventId| EventCursor { incarnation, event: *id }.to_string();
    Ok(Json(listing::page(&app, rows, asked.limit, cursor, |event| Event::of(event, incarnation)).await))
}

/// Whoever would miss events without knowing it is told so.
fn check(cursor: EventCursor, numbers: &EventNumbers) -> Result<(), Problem> {
    if cursor.incarnation != numbers.incarnation || Some(cursor.event) > numbers.last {
        let detail = "the cursor is of before the database went back: look at what interests you by the \
                      lists, and begin again without a cursor";
        return Err(Problem::new(ProblemCode::CursorOutdated, detail).field("cursor"));
    }
    match numbers.forgotten {
        Some(last) if cursor.event < last => {
            let detail = format!("events up to {last} are no longer kept");
            Err(Problem::new(ProblemCode::EventsForgotten, detail).field("cursor"))
        }
        Some(_) | None => Ok(()),
    }
}
