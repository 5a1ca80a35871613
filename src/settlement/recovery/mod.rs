//! What a database that is older than the ledger does not know, and when transactions may be built again.

pub(super) mod adopt;
pub(super) mod build_gate;
pub(super) mod continuity;
pub(super) mod recover;
mod retire;
