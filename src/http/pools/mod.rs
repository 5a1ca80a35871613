//! Pools: capacity that was paid for.

pub(super) mod get;
pub(super) mod list;
