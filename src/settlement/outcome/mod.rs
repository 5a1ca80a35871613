//! What became of transactions that were sent.

pub(super) mod confirm;
pub(super) mod lookup;
pub(super) mod release;
