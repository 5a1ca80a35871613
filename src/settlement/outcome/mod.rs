//! What became of transactions that were sent, taken from closed ledgers alone, and what follows from it.

mod channel;
mod confirm;
pub(super) mod effects;
pub(super) mod lookup;
mod release;
