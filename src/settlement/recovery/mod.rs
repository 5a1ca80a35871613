//! What a database that is older than the ledger does not know.

pub(super) mod adopt;
pub(super) mod build_gate;
pub(super) mod recover;
