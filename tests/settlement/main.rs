//! Stories about money, on both databases, against the sandbox network.

#[path = "../support/mod.rs"]
mod support;

mod claimables;
mod closing;
mod crashes;
mod engines;
mod faults;
mod interrupted;
mod late;
mod leases;
mod ledger_time;
mod losses;
mod network;
mod opening;
mod play_money;
mod raw;
mod refunds;
mod settling;
mod stories;
mod strangers;
mod unattributed;
mod watchdog;
mod world;
