//! What operators look at: the journal against the ledger, and whether everything the service needs is in order.
//!
//! Never here: a change of any kind. A difference is shown, not mended; what is missing is named, with what to do.

pub mod doctor;
mod reconcile;
mod setup;
mod stock;

pub use reconcile::{Line, ReconcileError, Reconciliation, reconcile};
pub use setup::{SetupPlan, plan_setup};
pub use stock::{Stock, StockError, Wanted, reserve, spendable, stock};
