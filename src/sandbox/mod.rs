//! A small Stellar network on loopback: our own ledger with Horizon's HTTP in front.
//!
//! For the demo, the tutorial and every test that moves money. It decodes and verifies what it is sent by
//! its own code, never through `stellar`, so that it shares none of our client's mistakes. It never
//! reads the machine's clock or randomness: the same seed, clock and requests give the same ledgers. All
//! history stays in memory, and is gone when it stops.

pub mod codes;
mod driver;
pub mod gifts;
pub mod history;
mod http;
pub mod ledger;
pub mod network;
#[cfg(test)]
mod story;
pub mod wallet;
pub mod xdr;

pub use driver::{Handle, LEDGER_MS, Sandbox, Settings, StartError};
