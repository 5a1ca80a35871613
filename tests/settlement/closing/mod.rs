//! Escrow accounts that are merged once they are no longer needed.

mod escrow_accounts;
