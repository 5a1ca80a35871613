//! What Farmgate and its sandbox network both speak of: amounts, assets, addresses and ids of the Stellar
//! ledger, and time and randomness as arguments.
//!
//! Values and their text, nothing else: the two encode and decode transactions each by code of its own, so
//! that neither approves of the other's mistakes. Never here: I/O, the machine's clock or randomness, floats.

mod text;

pub mod address;
pub mod asset;
pub mod clock;
pub mod entropy;
pub mod ids;
pub mod money;
