//! The engine: its tick, the lease it runs under, and what is told of it.

mod due_changes;
mod fenced_store;
mod forget;
pub(super) mod leadership;
mod look;
mod outcomes;
mod startup_log;
mod status;
pub(super) mod tick;
