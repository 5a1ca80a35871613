//! The engine: its tick, the lease it runs under, and what is said of it.

pub(super) mod fenced_store;
pub(super) mod leadership;
pub(super) mod startup_log;
