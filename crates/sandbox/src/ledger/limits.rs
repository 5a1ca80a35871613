//! Fees and limits of the network.

/// The smallest fee of one operation, in stroops.
pub const BASE_FEE_STROOPS: u32 = 100;
/// Most operations of one ledger unless set otherwise, as on the public network.
pub const LEDGER_OPERATIONS_MAX: u32 = 1_000;
/// The queue holds the operations of so many full ledgers.
pub const QUEUE_FULL_LEDGERS_MAX: u32 = 4;
/// Ledgers that a transaction waits for before it is dropped.
pub const QUEUE_LEDGERS_MAX: u32 = 10;
/// A fee bump replaces a waiting transaction at so many times its fee rate.
pub const REPLACE_FEE_FACTOR: i128 = 10;
/// Ledgers that take at least so many milliseconds close in different seconds, as on the public network.
pub const SECOND_MS: u64 = 1_000;
/// Ledgers that the queue looks ahead when it checks a transaction's last time.
pub const EXPIRY_LEDGERS_AHEAD: u64 = 2;
