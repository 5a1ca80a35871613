//! A small Stellar network on loopback: our own ledger with Horizon's HTTP in front.
//!
//! For the demo, the tutorial and every test that moves money. It decodes and verifies what it is sent by
//! its own code, never through `stellar`, so that it shares none of our client's mistakes. It never
//! reads the machine's clock or randomness: the same seed, clock and requests give the same ledgers. All
//! history stays in memory; with a state file it is made again from there when the sandbox starts.
//!
//! It is meant to be stricter than lenient: checks come in the network's order, and what it does not know
//! (liquidity pools, inflation, contracts) it refuses as `op_not_supported`. It differs where a small network
//! must: short ledgers may close in one second, and there is no limit on who asks friendbot or an issuer for
//! money. Hence it listens on loopback only.

pub mod codes;
pub mod faucet;
pub mod faults;
mod horizon;
pub mod ledger;
pub mod log;
pub mod movements;
pub mod network;
mod node;
pub mod operations;
mod rate_limit;
mod state;
#[cfg(test)]
mod story;
pub mod submission;
pub mod wallet;
pub mod xdr;

pub use horizon::fault_injection::Severed;
pub use node::{Handle, LEDGER_MS, Sandbox, Settings, StartError};
pub use rate_limit::{PUBLIC_RATE_LIMIT, RateLimit, TokenBucket};
pub use state::StepError;
