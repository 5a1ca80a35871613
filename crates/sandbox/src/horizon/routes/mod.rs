//! The endpoints: each reads a request, looks at the ledger or hands it something, and answers.

pub mod accounts;
pub mod claimable_balances;
pub mod control;
pub mod history;
pub mod ledgers;
pub mod offers;
pub mod operations;
pub mod order_book;
pub mod paths;
pub mod root;
pub mod status_page;
pub mod submit;
pub mod trades;
pub mod transactions;
