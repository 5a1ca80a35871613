//! Horizon's HTTP, shape for shape, over the ledger.
//!
//! Reads see the last closed ledger. Nothing here decides anything about money.

mod accounts;
mod balances;
mod control;
mod effects;
mod harm;
mod home;
mod ledgers;
mod lists;
mod offers;
mod operations;
mod orderbook;
mod page;
mod paths;
mod problem;
pub mod rate;
mod reply;
mod root;
mod seen;
pub(super) mod serve;
mod submit;
#[cfg(test)]
mod tests;
mod trades;
mod transactions;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post};

pub use harm::Severed;
use seen::{App, Seen};

use super::driver::Shared;

/// Longest request body, in bytes: an envelope in base64, percent-encoded.
pub const REQUEST_BYTES_MAX: usize = 512 * 1024;

async fn count(State(app): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    app.requests.fetch_add(1, Ordering::Relaxed);
    next.run(request).await
}

/// All endpoints.
pub(super) fn router(app: Arc<Shared>) -> Router {
    Router::new()
        .route("/", get(root::root))
        .route("/fee_stats", get(root::fee_stats))
        .route("/accounts", get(accounts::list))
        .route("/accounts/{id}", get(accounts::one))
        .route("/accounts/{id}/data/{name}", get(accounts::data))
        .route("/accounts/{id}/offers", get(offers::of_account))
        .route("/accounts/{id}/trades", get(trades::of_account))
        .route("/accounts/{id}/{list}", get(lists::of_account))
        .route("/claimable_balances", get(balances::list))
        .route("/claimable_balances/{id}", get(balances::one))
        .route("/claimable_balances/{id}/{list}", get(lists::of_balance))
        .route("/offers", get(offers::list))
        .route("/offers/{id}", get(offers::one))
        .route("/offers/{id}/trades", get(trades::of_offer))
        .route("/order_book", get(orderbook::order_book))
        .route("/paths", get(paths::strict_receive))
        .route("/paths/strict-receive", get(paths::strict_receive))
        .route("/paths/strict-send", get(paths::strict_send))
        .route("/trades", get(trades::list))
        .route("/ledgers", get(ledgers::list))
        .route("/ledgers/{sequence}", get(ledgers::one))
        .route("/ledgers/{sequence}/{list}", get(lists::of_ledger))
        .route("/transactions", get(lists::transactions).post(submit::wait))
        .route("/transactions_async", post(submit::at_once))
        .route("/transactions/{hash}", get(transactions::one))
        .route("/transactions/{hash}/{list}", get(lists::of_transaction))
        .route("/operations", get(lists::operations))
        .route("/operations/{id}", get(operations::one))
        .route("/operations/{id}/effects", get(lists::of_operation))
        .route("/payments", get(lists::payments))
        .route("/effects", get(lists::effects))
        .route("/friendbot", get(submit::friendbot).post(submit::friendbot_form))
        .route("/sandbox/issue", post(submit::issue))
        .route("/sandbox/close", post(control::close))
        .route(
            "/sandbox/faults",
            get(control::faults).post(control::set_faults).delete(control::clear_faults),
        )
        .fallback(problem::nothing_here)
        .method_not_allowed_fallback(problem::nothing_here)
        .layer(DefaultBodyLimit::max(REQUEST_BYTES_MAX))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), harm::inject))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), rate::limited))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), count))
        .with_state(app)
}
