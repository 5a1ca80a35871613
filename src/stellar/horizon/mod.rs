//! The Horizon client: questions, submissions and streams over [`crate::stellar::transport`].
//!
//! `json` reads the small forms, `records` histories, `removed` those of accounts that are no more,
//! `resources` everything else, `codes` verdicts; `budget` says when a request may go; `client` asks.
//! Never here: building or signing transactions. Fails with [`crate::ports::network::NetworkError`]; recovers
//! by asking again within one call, and else leaves it to the engine's next tick.

pub mod budget;
pub mod client;
pub mod codes;
pub mod json;
pub mod records;
mod removed;
pub mod resources;

pub use super::Settings;
