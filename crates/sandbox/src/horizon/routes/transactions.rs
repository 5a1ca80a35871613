//! `/transactions/{hash}`.

use axum::extract::Path;
use axum::http::HeaderMap;
use axum::response::Response;

use crate::horizon::json::transactions::json;
use crate::horizon::request::headers::{Base, json_only};
use crate::horizon::request::params::hash_in_path;
use crate::horizon::request::snapshot::App;
use crate::horizon::response::{Problem, hal};

pub async fn one(
    app: App,
    Path(hash): Path<String>,
    base: Base,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    json_only(&headers)?;
    let hash = hash_in_path(&hash)?;
    let record = app.ledger().history().transaction(hash).cloned().ok_or_else(Problem::not_found)?;
    Ok(hal(&json(&record, hash, &base.0)))
}
