//! What comes in: sweeps, histories, and what follows from them.

pub(super) mod effects;
pub(super) mod expiry;
pub(super) mod foreign_claimables;
pub(super) mod ingest;
pub(super) mod stream_hints;
pub(super) mod sweep;
pub(super) mod system_accounts;
