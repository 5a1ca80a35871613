//! Currencies: which assets pay, and what they are worth.

pub(super) mod get;
pub(super) mod list;
pub(super) mod put;
