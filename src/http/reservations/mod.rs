//! Capacity reservations.

pub(super) mod cancel;
pub(super) mod get;
pub(super) mod list;
pub(super) mod open;
pub(super) mod payments;
pub(super) mod resolution;
