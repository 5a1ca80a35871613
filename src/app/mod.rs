//! The process: configuration, wiring, command line and telemetry.
//!
//! The only place that asks the machine for time and randomness, and that knows every other module.

pub mod cli;
pub mod clock;
pub mod commands;
pub mod config;
mod dead_letters;
pub mod doctor;
pub mod setup;
pub mod simulate;
pub mod telemetry;
mod unseal;
pub mod wire;
