//! The API under `/v1`, health, metrics and the document that describes them.
//!
//! A folder per resource, a file per endpoint. Handlers read a request, run one use case in one transaction
//! and shape its answer; they decide nothing about money. Every error leaves as a problem document (RFC
//! 9457): errors of handlers, of axum's own routing, time-outs and panics all pass through `envelope`, the
//! outermost layer.

mod audit;
mod auth;
mod calls;
mod currencies;
mod dead_letters;
mod document;
mod envelope;
mod events;
mod farms;
mod health;
mod identities;
mod input;
mod listing;
mod money;
mod nodes;
mod payout_changes;
mod pools;
mod problem;
mod reservations;
mod root;
mod settings;
mod state;
mod tenant;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Router;
use axum::middleware;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use utoipa_swagger_ui::SwaggerUi;

pub use calls::{CALLS, Call, Things, calls_by_role};
pub use problem::Problem;
pub use settings::{Settings, SettingsError};
use state::App;
pub use state::AppState;

fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(document::base())
        .routes(routes!(farms::list::handler))
        .routes(routes!(farms::get::handler, farms::put::handler))
        .routes(routes!(nodes::list::handler))
        .routes(routes!(nodes::get::handler, nodes::put::handler))
        .routes(routes!(identities::list::handler))
        .routes(routes!(identities::get::handler, identities::put::handler))
        .routes(routes!(payout_changes::list::handler))
        .routes(routes!(payout_changes::get::handler))
        .routes(routes!(payout_changes::signature::handler))
        .routes(routes!(payout_changes::call_off::handler))
        .routes(routes!(currencies::list::handler))
        .routes(routes!(currencies::get::handler, currencies::put::handler))
        .routes(routes!(reservations::list::handler, reservations::open::handler))
        .routes(routes!(reservations::get::handler))
        .routes(routes!(reservations::cancel::handler))
        .routes(routes!(reservations::payments::handler))
        .routes(routes!(reservations::resolution::handler))
        .routes(routes!(money::payments::handler))
        .routes(routes!(money::returns::handler))
        .routes(routes!(money::claimable_balances::handler))
        .routes(routes!(money::repayments::handler))
        .routes(routes!(money::liabilities::handler))
        .routes(routes!(audit::handler))
        .routes(routes!(dead_letters::list::handler))
        .routes(routes!(dead_letters::dismissal::handler))
        .routes(routes!(pools::list::handler))
        .routes(routes!(pools::get::handler))
        .routes(routes!(events::handler))
        .routes(routes!(health::healthz::handler))
        .routes(routes!(health::readyz::handler))
        .routes(routes!(health::metrics::handler))
}

/// The document that `/openapi.json` answers with.
pub fn openapi() -> utoipa::openapi::OpenApi {
    routes().into_openapi()
}

/// Everything, ready to be served.
pub fn router(state: AppState) -> Router {
    let app = Arc::new(state);
    let (router, document) = routes().split_for_parts();
    router
        .merge(root::root())
        .merge(SwaggerUi::new("/docs").url("/openapi.json", document))
        .with_state(Arc::clone(&app))
        .layer(middleware::from_fn_with_state(app, envelope::envelope))
}
