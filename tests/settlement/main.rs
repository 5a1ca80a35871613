//! Stories about money, on both databases, against the sandbox network.

#[path = "../support/mod.rs"]
mod support;

mod channels;
mod claimables;
mod closing;
mod crashes;
mod dead_letters;
mod dust;
mod engines;
mod faults;
mod fees;
mod hard_cases;
mod interrupted;
mod late;
mod leases;
mod ledger_time;
mod losses;
mod network;
mod opening;
mod payouts;
mod play_money;
mod raw;
mod refunds;
mod restores;
mod settling;
mod stories;
mod stranded;
mod strangers;
mod taken_back;
mod unattributed;
mod watchdog;
mod world;
