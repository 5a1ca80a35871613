use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;

use crate::http::App;

/// Metrics in Prometheus' text format.
#[utoipa::path(
    get,
    path = "/metrics",
    operation_id = "metrics",
    tag = "service",
    responses((status = 200, description = "Metrics", body = String, content_type = "text/plain",
               example = json!("farmgate_http_requests_total{method=\"GET\",route=\"/v1/pools\",status=\"200\"} 3\n"))),
)]
pub(in crate::http) async fn handler(State(app): State<App>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], (app.metrics)())
}
