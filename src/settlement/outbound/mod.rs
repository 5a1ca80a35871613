//! What goes out: settlements, returns, accounts, and the transactions that carry them.
//!
//! Each file is a step of the engine with its own memory. A step stores what is to be sent in one database
//! transaction, and [`submit`] alone sends. Never here: what comes in, or what became of a transaction.

pub(super) mod channels;
pub(super) mod close;
pub(super) mod fee_bump;
pub(super) mod held;
pub(super) mod open;
pub(super) mod payout_checks;
pub(super) mod reclaim;
pub(super) mod redirect;
pub(super) mod refund;
pub(super) mod settle;
pub(super) mod submit;
pub(super) mod sweep_to_platform;
