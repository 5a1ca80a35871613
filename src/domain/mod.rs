//! The money rules and state machines: pure functions and values.
//!
//! Never here: I/O, async, the clock, randomness, floats, or anything of Farmgate outside this folder.
//! Impossible values cannot be built; a sum that does not fit is an error.

pub mod audit;
pub mod claimable;
pub mod currency;
pub mod dead_letter;
pub mod deployment;
pub mod escrow;
pub mod event;
pub mod farm;
pub mod fee_bump;
pub mod identity;
pub mod ids;
pub mod journal;
pub mod ledger;
pub mod node;
pub mod payment;
pub mod payout_change;
pub mod pool;
pub mod pricing;
pub mod refund;
pub mod request_budget;
pub mod reservation;
pub mod sealing;
pub mod split;
pub mod subject;
pub mod tenant;
pub mod transfer;
pub mod units;

pub use stellar_types::{address, asset, money};
