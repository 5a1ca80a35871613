//! What operators look at: the journal against the ledger, and whether everything the service needs
//! is in order.
//!
//! Never here: a change to what carries money. A difference is shown, not mended; what is missing
//! is named, with what to do. The one thing that is written is that a person has seen to a record that
//! nobody could read.

mod dead_letters;
pub mod doctor;
mod reconcile;
mod setup;
mod stock;

pub use dead_letters::{DeadLetterError, LetterFilter, dead_letters, dismiss};
pub use reconcile::{Line, Miscount, ReconcileError, Reconciliation, miscounted, reconcile};
pub use setup::{SetupPlan, plan_setup};
pub use stock::{Stock, StockError, Wanted, reserve, spendable, stock};
