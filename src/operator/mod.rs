//! What operators look at: the journal against the ledger, and whether everything the service needs
//! is in order.
//!
//! Never here: a change to what carries money. A difference is shown, not mended; what is missing
//! is named, with what to do. All that is written is what a person says of a dead letter: that a record which
//! nobody could read was seen to, and that what stopped the engine is accepted.

mod accept;
mod account_inventory;
mod dead_letters;
pub mod deployment;
pub mod doctor;
mod reconcile;
mod setup;

pub use accept::{AcceptError, REASON_CHARS_MAX, accept};
pub use account_inventory::{
    AccountInventory, InventoryError, Targets, account_inventory, reserve, spendable,
};
pub use dead_letters::{DeadLetterError, LetterFilter, dead_letters, dismiss};
pub use reconcile::{Line, Miscount, ReconcileError, Reconciliation, miscounted, reconcile};
pub use setup::{SetupPlan, plan_setup};
