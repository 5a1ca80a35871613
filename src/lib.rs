//! Farmgate: escrow and settlement for capacity pools paid on Stellar.
//!
//! `docs/architecture.md` is the map; `tests/tidy.rs` enforces which module may import which.

pub mod access;
pub mod api;
pub mod domain;
pub mod http;
pub mod ports;
pub mod reservations;
pub mod storage;
