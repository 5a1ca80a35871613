use axum::Json;
use axum::extract::State;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::{ProblemCode, examples};
use crate::domain::ids::LedgerSeq;
use crate::http::document::ReadyProblems;
use crate::http::{App, Problem, Settings};
use crate::ports::store::EngineStatus;

const NOT_READY_RETRY_SECONDS: u32 = 5;

/// A service that is ready.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub(in crate::http) struct Ready {
    /// Always `ready`.
    #[schema(example = "ready")]
    status: &'static str,
    /// The latest ledger the engine knows of.
    #[schema(value_type = u32)]
    ledger: LedgerSeq,
    /// How long ago that closed, in seconds.
    ledger_age_seconds: i64,
    /// How long ago the engine's last tick ended, in seconds.
    tick_age_seconds: i64,
}

/// Whether the service does its work: the database answers, the engine ticks and keeps up with the ledger.
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
    let status = async { app.read().await?.engine_status().await };
    match status.await {
        Ok(status) => readiness(status.as_ref(), app.clock.now(), &app.settings).map(Json).map_err(not_ready),
        Err(error) => Err(not_ready(vec![error.to_string()])),
    }
}

fn not_ready(reasons: Vec<String>) -> Problem {
    Problem::new(ProblemCode::NotReady, reasons.join("; "))
        .reasons(reasons)
        .retry_after(NOT_READY_RETRY_SECONDS)
}

fn readiness(status: Option<&EngineStatus>, now: Timestamp, limits: &Settings) -> Result<Ready, Vec<String>> {
    let Some(status) = status else {
        return Err(vec!["the engine has not reported yet".to_owned()]);
    };
    let tick_age = now.duration_since(status.ticked_at);
    let ledger_age = now.duration_since(status.ledger_closed_at);
    let over =
        |age: SignedDuration, limit_seconds: u32| age > SignedDuration::from_secs(limit_seconds.into());
    let mut reasons: Vec<String> = status.trouble.iter().cloned().collect();
    if over(tick_age, limits.ready_tick_age_seconds_max) {
        reasons.push(format!("the engine's last tick ended {} seconds ago", tick_age.as_secs()));
    }
    if over(ledger_age, limits.ready_ledger_age_seconds_max) {
        reasons.push(format!("the last ledger known closed {} seconds ago", ledger_age.as_secs()));
    }
    if !reasons.is_empty() {
        return Err(reasons);
    }
    Ok(Ready {
        status: "ready",
        ledger: status.ledger,
        ledger_age_seconds: ledger_age.as_secs(),
        tick_age_seconds: tick_age.as_secs(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn reported(ticked: i64, closed: i64, trouble: Option<&str>) -> EngineStatus {
        EngineStatus {
            ticked_at: at(ticked),
            ledger: LedgerSeq(5),
            ledger_closed_at: at(closed),
            swept_at: None,
            trouble: trouble.map(ToOwned::to_owned),
            stream_away_since: None,
        }
    }

    fn reasons(status: Option<EngineStatus>) -> usize {
        readiness(status.as_ref(), at(1_000), &Settings::default())
            .map_or_else(|reasons| reasons.len(), |_| 0)
    }

    #[test]
    fn ready_means_that_the_engine_ticks_and_the_ledger_is_fresh() {
        assert_eq!(reasons(Some(reported(999, 990, None))), 0);
        assert_eq!(reasons(Some(reported(940, 940, None))), 0, "the limit itself is in time");
        assert_eq!(reasons(Some(reported(939, 999, None))), 1);
        assert_eq!(reasons(Some(reported(939, 939, Some("Horizon is unavailable")))), 3);
        assert_eq!(reasons(None), 1);
    }
}
