//! What goes wrong around a process: its death, its database, its network, and bugs that are put in on
//! purpose.

#[cfg(feature = "simulated-bugs")]
pub mod bugs;
pub(super) mod network;
pub(super) mod other_hands;
pub(super) mod process_faults;
#[cfg(feature = "simulated-bugs")]
mod rebuild_on_504;
