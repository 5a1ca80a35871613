//! Horizon's HTTP, shape for shape, over the ledger.
//!
//! Reads see the last closed ledger. Nothing here decides anything about money.

pub mod fault_injection;
mod json;
mod rate_limit;
mod request;
mod response;
mod routes;
pub mod serve;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post};
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;

use crate::state::Shared;
use routes::{
    accounts, claimable_balances, control, history, ledgers, offers, operations, order_book, paths, root,
    submit, trades, transactions,
};

/// Longest request body, in bytes: an envelope in base64, percent-encoded.
pub const REQUEST_BYTES_MAX: usize = 512 * 1024;

async fn count(State(app): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    app.requests.fetch_add(1, Ordering::Relaxed);
    next.run(request).await
}

/// All endpoints.
pub fn router(app: Arc<Shared>) -> Router {
    Router::new()
        .route("/", get(root::root))
        .route("/fee_stats", get(root::fee_stats))
        .route("/accounts", get(accounts::list))
        .route("/accounts/{id}", get(accounts::one))
        .route("/accounts/{id}/data/{name}", get(accounts::data))
        .route("/accounts/{id}/offers", get(offers::of_account))
        .route("/accounts/{id}/trades", get(trades::of_account))
        .route("/accounts/{id}/{list}", get(history::of_account))
        .route("/claimable_balances", get(claimable_balances::list))
        .route("/claimable_balances/{id}", get(claimable_balances::one))
        .route("/claimable_balances/{id}/{list}", get(history::of_balance))
        .route("/offers", get(offers::list))
        .route("/offers/{id}", get(offers::one))
        .route("/offers/{id}/trades", get(trades::of_offer))
        .route("/order_book", get(order_book::order_book))
        .route("/paths", get(paths::strict_receive))
        .route("/paths/strict-receive", get(paths::strict_receive))
        .route("/paths/strict-send", get(paths::strict_send))
        .route("/trades", get(trades::list))
        .route("/ledgers", get(ledgers::list))
        .route("/ledgers/{sequence}", get(ledgers::one))
        .route("/ledgers/{sequence}/{list}", get(history::of_ledger))
        .route("/transactions", get(history::transactions).post(submit::wait))
        .route("/transactions_async", post(submit::at_once))
        .route("/transactions/{hash}", get(transactions::one))
        .route("/transactions/{hash}/{list}", get(history::of_transaction))
        .route("/operations", get(history::operations))
        .route("/operations/{id}", get(operations::one))
        .route("/operations/{id}/effects", get(history::of_operation))
        .route("/payments", get(history::payments))
        .route("/effects", get(history::effects))
        .route("/friendbot", get(submit::friendbot).post(submit::friendbot_form))
        .route("/sandbox/issue", post(submit::issue))
        .route("/sandbox/close", post(control::close))
        .route(
            "/sandbox/faults",
            get(control::faults).post(control::set_faults).delete(control::clear_faults),
        )
        .fallback(response::nothing_here)
        .method_not_allowed_fallback(response::nothing_here)
        .layer(DefaultBodyLimit::max(REQUEST_BYTES_MAX))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), fault_injection::inject))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), rate_limit::limited))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), count))
        // Whoever asks for it, and never a stream: as before Horizon.
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
        .with_state(app)
}
