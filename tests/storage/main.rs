//! The store, on both databases: one suite, run twice.
#![allow(clippy::cloned_ref_to_slice_refs, reason = "a list of one reads like the longer ones beside it")]

mod audit;
mod corrupt;
mod counts;
mod dead_letters;
mod deployment;
mod history;
mod keys;
mod lease;
mod migrations;
mod payout_changes;
mod plans;
mod round_trips;
mod samples;
mod schema;
#[path = "../support/mod.rs"]
mod support;
mod traps;
mod unreadable;
mod watchdog;
