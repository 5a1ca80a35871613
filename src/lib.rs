//! Farmgate: escrow and settlement for capacity pools paid on Stellar.
//!
//! `docs/architecture.md` is the map; `tests/tidy/` enforces which module may import which.

pub mod access;
pub mod api;
pub mod app;
pub mod capacity;
pub mod catalog;
pub mod delivery;
pub mod demo;
pub mod domain;
pub mod http;
pub mod operator;
pub mod ports;
pub mod reservations;
pub mod settlement;
pub mod simulation;
pub mod stellar;
pub mod storage;
