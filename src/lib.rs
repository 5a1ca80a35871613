//! Farmgate: escrow and settlement for capacity pools paid on Stellar.
//!
//! `docs/architecture.md` is the map; `tests/tidy.rs` enforces which module may import which.

pub mod domain;
pub mod ports;
pub mod sandbox;
pub mod stellar;
