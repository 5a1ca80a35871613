//! What finance people look at: the journal against the ledger.
//!
//! Never here: a change of any kind. A difference is shown, not mended.

mod reconcile;

pub use reconcile::{Line, ReconcileError, Reconciliation, reconcile};
