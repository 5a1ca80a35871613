//! What is written, and by which rule: journal entries, transfers, returns, holds.

pub(super) mod claimable_policy;
pub(super) mod clawbacks;
pub(super) mod result_codes;
pub(super) mod undelivered;
