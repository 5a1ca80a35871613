//! Faults of the servers between a client and the ledger, done to requests, answers and streams.
//!
//! Requests to the sandbox's own endpoints, to friendbot and for the page are spared.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_stream::stream;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::stream;
use http_body_util::BodyExt;

use super::request::headers::wants_page;
use super::response::Problem;
use crate::faults::Fault;
use crate::state::Shared;

const GARBAGE: &str = "<html><head><title>upstream error</title></head><body>{\"_embedded\":";

/// The mark of an answer that never was: the connection is to be cut instead of it. Over a socket the
/// sandbox does so itself; who calls the router in process sees this among the response's extensions, and
/// a body that fails at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Severed;

/// The faults that are to happen to one request, further in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Injected {
    /// The instance that answers is so many ledgers behind.
    pub lag: u32,
    /// What happens to a submission.
    pub submission: Option<Fault>,
    /// What happens to a stream.
    pub stream: Option<Fault>,
}

fn cut() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionReset, "the connection was cut")
}

/// No answer: the connection is cut.
pub fn severed() -> Response {
    let mut response = Body::from_stream(stream::once(async { Err::<Bytes, _>(cut()) })).into_response();
    response.extensions_mut().insert(Severed);
    response
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Submission,
    Stream,
    Read,
}

fn class(request: &Request) -> Option<Class> {
    let path = request.uri().path();
    let spared = path.starts_with("/sandbox/") || path == "/friendbot";
    if spared || (path == "/" && wants_page(request.headers())) {
        return None;
    }
    let accept = request.headers().get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    if request.method() == Method::POST {
        Some(Class::Submission)
    } else if accept.is_some_and(|accept| accept.contains("text/event-stream")) {
        Some(Class::Stream)
    } else {
        Some(Class::Read)
    }
}

/// An answer in the place of the server's own.
fn instead(app: &Shared, class: Class) -> Option<Response> {
    let faults = &app.faults;
    match faults.first_of(&[Fault::ResetBefore, Fault::RateLimited, Fault::StaleHistory])? {
        Fault::RateLimited => {
            let mut response = Problem::rate_limit_exceeded().into_response();
            let wait = HeaderValue::from(faults.parameters().retry_after_seconds);
            response.headers_mut().insert(header::RETRY_AFTER, wait);
            Some(response)
        }
        Fault::StaleHistory => {
            let core = app.ledger().latest().ledger;
            let lag = faults.parameters().lag_ledgers;
            let ledgers = (class != Class::Submission).then(|| (core.0.saturating_sub(lag), core.0));
            Some(Problem::stale_history(ledgers).into_response())
        }
        _ => Some(severed()),
    }
}

async fn truncated(response: Response) -> Response {
    let (mut head, body) = response.into_parts();
    let Ok(whole) = body.collect().await else { return severed() };
    let whole = whole.to_bytes();
    let half = whole.slice(..whole.len() / 2);
    head.headers.remove(header::CONTENT_LENGTH);
    let parts = stream! {
        yield Ok::<Bytes, io::Error>(half);
        yield Err(cut());
    };
    Response::from_parts(head, Body::from_stream(parts))
}

fn garbled(response: &Response) -> Response {
    let content = response.headers().get(header::CONTENT_TYPE).cloned();
    let mut garbage = (StatusCode::OK, GARBAGE).into_response();
    if let Some(content) = content {
        garbage.headers_mut().insert(header::CONTENT_TYPE, content);
    }
    garbage
}

/// Does to a request what is due.
pub async fn inject(State(app): State<Arc<Shared>>, mut request: Request, next: Next) -> Response {
    let Some(class) = class(&request) else { return next.run(request).await };
    let faults = &app.faults;
    if faults.strikes(Fault::SlowAnswer) {
        app.clock.sleep(Duration::from_millis(faults.parameters().slow_ms)).await;
    }
    if let Some(response) = instead(&app, class) {
        return response;
    }
    let mut injected = Injected { lag: faults.lag(), ..Injected::default() };
    match class {
        Class::Submission => {
            injected.submission = faults.first_of(&[
                Fault::TimeoutLands,
                Fault::TimeoutLost,
                Fault::ResetAfter,
                Fault::DroppedTransaction,
            ]);
        }
        Class::Stream => {
            injected.stream =
                faults.first_of(&[Fault::TruncatedStream, Fault::RepeatedEvents, Fault::SilentStream]);
        }
        Class::Read => {}
    }
    request.extensions_mut().insert(injected);
    let response = next.run(request).await;
    if class == Class::Stream || response.extensions().get::<Severed>().is_some() {
        return response;
    }
    match faults.first_of(&[Fault::GarbageBody, Fault::TruncatedBody]) {
        Some(Fault::GarbageBody) => garbled(&response),
        Some(_) => truncated(response).await,
        None => response,
    }
}
