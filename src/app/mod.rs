//! The process: configuration, wiring, command line and telemetry.
//!
//! The only place that asks the machine for time and randomness, and that knows every other module.

pub mod clock;
pub mod commands;
pub mod config;
mod connections;
mod database;
pub mod error;
pub mod log;
pub mod output;
mod sealing_files;
pub mod telemetry;
pub mod wire;
