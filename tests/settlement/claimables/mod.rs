//! Claimable balances for who cannot receive money, their limits, and their reclaims.

pub mod claimable_balances;
mod limits;
pub mod reclaims;
