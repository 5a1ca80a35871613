//! What comes in: sweeps, histories, and what follows from them.
//!
//! A page of history, the cursor behind it and all that follows from it are one database transaction. Never
//! here: what is sent.

pub(super) mod attribution;
pub(super) mod effects;
pub(super) mod escrow_accounts;
pub(super) mod expiry;
pub(super) mod foreign_claimables;
pub(super) mod ingest;
pub(super) mod merged_accounts;
pub(super) mod quarantine;
pub(super) mod stream_hints;
pub(super) mod sweep;
pub(super) mod system_accounts;
pub(super) mod unexplained;
pub(super) mod watched_account;
