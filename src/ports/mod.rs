//! What the use cases need of the outside, as traits. Implementations live in `storage`, `stellar` and `app`.

pub mod clock;
pub mod entropy;
pub mod network;
pub mod signer;
pub mod store;
