//! Stories about money, on both databases, against the sandbox network.

#[path = "../support/mod.rs"]
mod support;

mod channels;
mod claimables;
mod closing;
mod crashes;
mod ending;
mod late;
mod paying;
mod refunds;
mod restores;
mod world;
