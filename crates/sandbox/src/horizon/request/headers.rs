//! What the headers of a request say about the answer: where its links point, and the form it is wanted in.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};

use crate::horizon::response::Problem;

const HOST_DEFAULT: &str = "127.0.0.1";

/// Where links point: the address that the client used.
#[derive(Debug, Clone)]
pub struct Base(pub String);

impl<S: Send + Sync> FromRequestParts<S> for Base {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let named = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let host = named.or_else(|| parts.uri.authority().map(|authority| authority.as_str()));
        Ok(Self(format!("http://{}", host.unwrap_or(HOST_DEFAULT))))
    }
}

/// The form in which an answer is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One document.
    Json,
    /// Server-sent events.
    Stream,
}

/// Whether a browser asks, which wants a page for people.
pub fn wants_page(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    accept.split(',').any(|kind| kind.split(';').next().unwrap_or_default().trim() == "text/html")
}

/// Reads `Accept`: the first form in it that Horizon knows.
pub fn accepted(headers: &HeaderMap) -> Result<Form, Problem> {
    let Some(accept) = headers.get(header::ACCEPT) else { return Ok(Form::Json) };
    let accept = accept.to_str().unwrap_or_default();
    let kinds = accept.split(',').map(|kind| kind.split(';').next().unwrap_or_default().trim());
    kinds
        .filter_map(|kind| match kind {
            "text/event-stream" => Some(Form::Stream),
            "" | "*/*" | "application/*" | "application/json" | "application/hal+json" => Some(Form::Json),
            _ => None,
        })
        .next()
        .ok_or_else(Problem::not_acceptable)
}

/// For what cannot be streamed.
pub fn json_only(headers: &HeaderMap) -> Result<(), Problem> {
    match accepted(headers)? {
        Form::Json => Ok(()),
        Form::Stream => Err(Problem::not_acceptable()),
    }
}
