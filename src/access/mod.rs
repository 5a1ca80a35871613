//! Who may call, what was answered to whom, and who decided what.
//!
//! Secrets are never stored, only their SHA-256; an idempotency key's answer is kept in the transaction
//! of its effects.

mod audit;
mod idempotency;
mod keys;
mod permission;

pub use audit::Decider;
pub use idempotency::{
    IDEMPOTENCY_KEY_BYTES_MAX, IdempotencyError, Replay, check_key, keep, request_hash, seen,
};
pub use keys::{
    AccessError, Caller, NewKey, authenticate, create_key, is_well_formed, list_keys, revoke_key,
    take_rates_from,
};
pub use permission::{Permission, allows, roles_that_may};
