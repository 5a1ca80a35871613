//! Nodes: where capacity is.

pub(super) mod get;
pub(super) mod list;
pub(super) mod put;
