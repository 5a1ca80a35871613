//! The money rules and state machines: pure functions and values.
//!
//! Never here: I/O, async, the clock, randomness, floats, or anything of Farmgate outside this folder.
//! Impossible values cannot be built; a sum that does not fit is an error.

pub mod address;
pub mod asset;
pub mod ids;
pub mod money;
pub mod pricing;
pub mod split;
pub mod units;
