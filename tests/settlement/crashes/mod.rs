//! Processes that die, stall or run twice, and envelopes whose outcome nobody tells.

mod concurrent_engines;
mod every_commit;
mod leases;
mod unknown_outcomes;
mod watchdog;
