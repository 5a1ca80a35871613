//! Identities: customers, farmers and sales channels.

pub(super) mod get;
pub(super) mod list;
pub(super) mod put;
