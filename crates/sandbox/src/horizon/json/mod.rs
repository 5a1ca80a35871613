//! The ledger and its history in Horizon's JSON: one file for each kind of document.

pub mod accounts;
pub mod claimable_balances;
pub mod effects;
pub mod fields;
pub mod ledgers;
pub mod offers;
pub mod operations;
pub mod trades;
pub mod transactions;
