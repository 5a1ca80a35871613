use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::watchdog::{Watchdog, age_seconds};
use crate::api::{ProblemCode, examples};
use crate::domain::ids::LedgerSeq;
use crate::http::document::ReadyProblems;
use crate::http::{App, Problem};

const NOT_READY_RETRY_SECONDS: u32 = 5;

/// A service that is ready.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(in crate::http) struct Ready {
    /// Always `ready`.
    #[schema(example = "ready")]
    status: &'static str,
    /// The latest ledger the engine knows of.
    #[schema(value_type = u32)]
    ledger: LedgerSeq,
    /// How long ago that closed, in seconds.
    ledger_age_seconds: u32,
    /// How long ago the engine's last tick ended, in seconds.
    tick_age_seconds: u32,
    /// How long ago the oldest reservation that is not settled was funded, in seconds; absent
    /// if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    oldest_funded_seconds: Option<u32>,
    /// How long ago the oldest transaction that was sent and has no outcome was stored, in seconds; absent
    /// if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    oldest_unknown_seconds: Option<u32>,
    /// For how long the network's payment stream has been away, in seconds; absent if it is there
    /// or not needed.
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_away_seconds: Option<u32>,
    /// Which process runs the engine; absent while none does.
    #[serde(skip_serializing_if = "Option::is_none")]
    lease_holder: Option<String>,
    /// The token of its lease: it rises with every take-over.
    lease_token: i64,
    /// Whether the process that answers is the one that runs the engine.
    leads: bool,
}

/// Whether the service does its work: the database answers, the engine ticks, keeps up with the ledger, and
/// nothing waits for too long. A process that stands by is ready as long as some process's engine works.
#[utoipa::path(
    get,
    path = "/readyz",
    operation_id = "readyz",
    tag = "service",
    responses(
        (status = 200, description = "Ready", body = Ready, example = json!(examples::ready())),
        ReadyProblems,
    ),
)]
pub(in crate::http) async fn handler(State(app): State<App>) -> Result<Json<Ready>, Problem> {
    let watchdog = match Watchdog::read(&app).await {
        Ok(watchdog) => watchdog,
        Err(error) => return Err(not_ready(vec![format!("database: {error}")])),
    };
    let now = app.clock.now();
    let reasons = watchdog.reasons(now, &app.settings);
    let Some(status) = watchdog.status.filter(|_| reasons.is_empty()) else { return Err(not_ready(reasons)) };
    Ok(Json(Ready {
        status: "ready",
        ledger: status.ledger,
        ledger_age_seconds: age_seconds(status.ledger_closed_at, now),
        tick_age_seconds: age_seconds(status.ticked_at, now),
        oldest_funded_seconds: watchdog.funded.map(|(_, since)| age_seconds(since, now)),
        oldest_unknown_seconds: watchdog.unknown.map(|(_, since)| age_seconds(since, now)),
        stream_away_seconds: status.stream_away_since.map(|since| age_seconds(since, now)),
        leads: watchdog.lease.holder.as_ref() == Some(&app.holder),
        lease_token: watchdog.lease.token,
        lease_holder: watchdog.lease.holder,
    }))
}

fn not_ready(reasons: Vec<String>) -> Problem {
    Problem::new(ProblemCode::NotReady, reasons.join("; "))
        .reasons(reasons)
        .retry_after(NOT_READY_RETRY_SECONDS)
}
