//! `/operations/{id}`.

use axum::extract::Path;
use axum::http::HeaderMap;
use axum::response::Response;

use crate::horizon::json::operations::json;
use crate::horizon::request::headers::{Base, json_only};
use crate::horizon::request::page::Query;
use crate::horizon::request::params::operation_in_path;
use crate::horizon::request::snapshot::App;
use crate::horizon::response::{Problem, hal};

pub async fn one(
    app: App,
    Path(id): Path<String>,
    base: Base,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    json_only(&headers)?;
    let id = operation_in_path(&id)?;
    let join = query.joins_transactions()?;
    let record = app.ledger().history().operation(id).cloned().ok_or_else(Problem::not_found)?;
    Ok(hal(&json(&record, &base.0, join)))
}
