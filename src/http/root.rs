//! `/` is no part of the API: whoever opens the service in a browser wants to read about it.

use axum::Router;
use axum::response::Redirect;
use axum::routing::get;

/// Leads to the documentation.
pub(super) fn root<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new().route("/", get(async || Redirect::temporary("/docs")))
}
