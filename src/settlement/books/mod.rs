//! What is written, and by which rule: journal entries, transfers, returns, holds.
//!
//! Free functions over a [`work::UnitOfWork`]. Never here: a request to the network, a memory between ticks,
//! or an import of another folder of the engine.

pub(super) mod accepted;
pub(super) mod accounts;
pub(super) mod claimable_policy;
pub(super) mod clawbacks;
pub(super) mod confirm;
pub(super) mod entries;
pub(super) mod holds;
pub(super) mod refunds;
pub(super) mod repayments;
pub(super) mod result_codes;
pub(super) mod transfers;
pub(super) mod undelivered;
pub(super) mod work;
