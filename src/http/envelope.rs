//! The outermost layer: names every request, bounds its time, and lets no error out that is no
//! problem document.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use tracing::Instrument;

use super::auth::RequestId;
use super::{App, Problem};
use crate::api::ProblemCode;
use crate::domain::audit::REQUEST_ID_BYTES_MAX;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Headers of requests that are no lists.
const STAND_ONCE: [&str; 16] = [
    "authorization",
    "content-length",
    "content-type",
    "content-range",
    "date",
    "from",
    "host",
    "idempotency-key",
    "if-modified-since",
    "if-range",
    "if-unmodified-since",
    "last-event-id",
    "origin",
    "referer",
    "user-agent",
    "x-request-id",
];
const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

pub(super) async fn envelope(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let id = request_id(&app, request.headers());
    request.extensions_mut().insert(RequestId(id.clone()));
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let began = app.clock.now();
    let span = tracing::info_span!("request", %method, path, request_id = id);
    let answer = answer(&app, request, next).instrument(span.clone()).await;
    let response = written(answer, &id);
    let status = response.status().as_u16();
    let took = Duration::try_from(app.clock.now().duration_since(began)).unwrap_or_default();
    span.in_scope(|| tracing::info!(status, took_micros = took.as_micros(), "answered"));
    let labels = [
        ("method", label(&method).to_owned()),
        ("route", route.unwrap_or_else(|| "none".to_owned())),
        ("status", status.to_string()),
    ];
    metrics::counter!("farmgate_http_requests_total", &labels).increment(1);
    metrics::histogram!("farmgate_http_request_seconds", &labels).record(took);
    response
}

/// Clients may invent methods; a metric's labels are few.
fn label(method: &Method) -> &str {
    match method.as_str() {
        known @ ("GET" | "HEAD" | "OPTIONS" | "POST" | "PUT" | "DELETE" | "PATCH") => known,
        _ => "other",
    }
}

async fn answer(app: &App, request: Request, next: Next) -> Response {
    if let Some(name) = stands_twice(request.headers()) {
        let detail = format!("the header {name} may stand once, and stands more than once");
        return Problem::new(ProblemCode::InvalidRequest, detail).field(name).into_response();
    }
    let limit_seconds = app.settings.request_timeout_seconds;
    let work = AssertUnwindSafe(next.run(request)).catch_unwind();
    tokio::select! {
        biased;
        outcome = work => outcome.unwrap_or_else(|_| panicked()),
        () = app.clock.sleep(Duration::from_secs(limit_seconds.into())) => timed_out(limit_seconds),
    }
}

/// A header that may stand once (RFC 9110, section 5.3) and stands more than once. Whoever is between us and
/// the client may take the one, and we the other.
fn stands_twice(headers: &HeaderMap) -> Option<&'static str> {
    STAND_ONCE.into_iter().find(|name| headers.get_all(*name).iter().nth(1).is_some())
}

fn panicked() -> Response {
    tracing::error!("a handler panicked");
    let detail = "the service's log says more under this request's id";
    Problem::new(ProblemCode::Internal, detail).into_response()
}

fn timed_out(limit_seconds: u32) -> Response {
    let detail = format!("no answer within {limit_seconds} seconds; it may still take effect");
    Problem::new(ProblemCode::RequestTimeout, detail).retry_after(1).into_response()
}

/// The client's own id where it is a harmless one, else a fresh one.
fn request_id(app: &App, headers: &HeaderMap) -> String {
    let given = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok()).filter(|id| {
        (1..=REQUEST_ID_BYTES_MAX).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
    });
    given.map_or_else(|| format!("{:016x}", app.entropy.u64()), ToOwned::to_owned)
}

fn written(mut response: Response, id: &str) -> Response {
    let status = response.status();
    if status.is_client_error() || status.is_server_error() {
        let problem = response.extensions_mut().remove::<Problem>();
        let problem = problem.unwrap_or_else(|| foreign(status));
        let body = problem.body(id);
        let text = serde_json::to_vec(&body).unwrap_or_default();
        *response.status_mut() = StatusCode::from_u16(body.status).unwrap_or(status);
        response.headers_mut().remove(header::CONTENT_LENGTH);
        response.headers_mut().insert(header::CONTENT_TYPE, PROBLEM_JSON);
        *response.body_mut() = Body::from(text);
    }
    if let Ok(id) = HeaderValue::from_str(id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// An error that no handler of ours gave: axum's routing, or the document viewer.
fn foreign(status: StatusCode) -> Problem {
    let code = match status {
        StatusCode::NOT_FOUND => ProblemCode::RouteNotFound,
        StatusCode::METHOD_NOT_ALLOWED => ProblemCode::MethodNotAllowed,
        StatusCode::PAYLOAD_TOO_LARGE => ProblemCode::BodyTooLarge,
        StatusCode::UNSUPPORTED_MEDIA_TYPE => ProblemCode::UnsupportedMediaType,
        other if other.is_client_error() => ProblemCode::InvalidRequest,
        _ => ProblemCode::Internal,
    };
    let detail = match code {
        ProblemCode::MethodNotAllowed => "the header Allow names the methods that are",
        other => other.title(),
    };
    Problem::new(code, detail)
}
