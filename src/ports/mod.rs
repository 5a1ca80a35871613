//! What the use cases need of the outside, as traits. Implementations live in `storage`, `stellar` and `app`.

pub mod network;
pub mod signer;
pub mod store;

pub use stellar_types::{clock, entropy};
