//! Farms: who is paid for capacity.

pub(super) mod get;
pub(super) mod list;
pub(super) mod put;
