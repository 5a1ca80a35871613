//! The API over a real database, on both of them.

mod audit;
mod bad_input;
mod calls;
mod catalog;
mod dead_letters;
mod keys;
mod money;
mod payout_changes;
mod rates;
mod reading;
mod reservations;
mod rig;
#[path = "../support/mod.rs"]
mod support;
mod tenants;
