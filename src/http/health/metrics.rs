use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use jiff::Timestamp;

use super::watchdog::{Watchdog, age_seconds};
use crate::http::App;

const EXAMPLE: &str = "farmgate_http_requests_total{method=\"GET\",route=\"/v1/pools\",status=\"200\"} 3\n";

/// Metrics in Prometheus' text format. What the whole service waits for is read from the database, so that
/// every process tells the same of it.
#[utoipa::path(
    get,
    path = "/metrics",
    operation_id = "metrics",
    tag = "service",
    responses((
        status = 200, description = "Metrics", body = String, content_type = "text/plain",
        example = json!(EXAMPLE),
    )),
)]
pub(in crate::http) async fn handler(State(app): State<App>) -> impl IntoResponse {
    match Watchdog::read(&app).await {
        Ok(watchdog) => gauge(&watchdog, app.clock.now(), &app.holder),
        Err(error) => tracing::warn!(%error, "metrics without the database"),
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], (app.metrics)())
}

fn gauge(watchdog: &Watchdog, now: Timestamp, holder: &str) {
    if let Some(status) = &watchdog.status {
        metrics::gauge!("farmgate_ledger_age_seconds").set(age_seconds(status.ledger_closed_at, now));
        metrics::gauge!("farmgate_tick_age_seconds").set(age_seconds(status.ticked_at, now));
        let away = status.stream_away_since.map_or(0, |since| age_seconds(since, now));
        metrics::gauge!("farmgate_payment_stream_away_seconds").set(away);
    }
    let funded = watchdog.funded.map_or(0, |(_, since)| age_seconds(since, now));
    metrics::gauge!("farmgate_oldest_funded_seconds").set(funded);
    let unknown = watchdog.unknown.map_or(0, |(_, since)| age_seconds(since, now));
    metrics::gauge!("farmgate_oldest_unknown_seconds").set(unknown);
    for (kind, count) in &watchdog.dead_letters {
        let count = u32::try_from(*count).unwrap_or(u32::MAX);
        metrics::gauge!("farmgate_dead_letters", "kind" => kind.as_str()).set(count);
    }
    metrics::gauge!("farmgate_payout_changes_waiting")
        .set(u32::try_from(watchdog.payout_changes).unwrap_or(u32::MAX));
    let leads = watchdog.lease.holder.as_deref() == Some(holder);
    metrics::gauge!("farmgate_engine_leads").set(u32::from(leads));
    metrics::gauge!("farmgate_engine_lease_token")
        .set(u32::try_from(watchdog.lease.token).unwrap_or(u32::MAX));
    metrics::gauge!("farmgate_engine_lease_held").set(u32::from(watchdog.lease.holder.is_some()));
}
