//! What a request says, and what it sees of the ledger.

pub mod headers;
pub mod page;
pub mod params;
pub mod snapshot;
