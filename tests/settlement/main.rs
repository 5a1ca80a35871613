//! Stories about money, on both databases, against the sandbox network.

#[path = "../support/mod.rs"]
mod support;

mod crashes;
mod faults;
mod refunds;
mod stories;
mod world;
