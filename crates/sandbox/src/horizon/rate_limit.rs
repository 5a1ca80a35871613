//! Horizon's rate limit before the endpoints, with what it says in the headers of an answer.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::response::Problem;
use crate::state::Shared;

/// Counts a request against the limit, if there is one, and says so in its answer.
pub async fn limited(State(app): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let Some(taken) = app.take_request() else { return next.run(request).await };
    let mut response = if taken.is_allowed() {
        next.run(request).await
    } else {
        Problem::rate_limit_exceeded().into_response()
    };
    let headers = response.headers_mut();
    headers.insert("X-RateLimit-Limit", HeaderValue::from(taken.limit));
    headers.insert("X-RateLimit-Remaining", HeaderValue::from(taken.remaining));
    headers.insert("X-RateLimit-Reset", HeaderValue::from(taken.reset_seconds));
    if !taken.is_allowed() {
        headers.insert("Retry-After", HeaderValue::from(taken.retry_seconds));
    }
    response
}
