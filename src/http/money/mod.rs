//! Money that came, whosever it is, and what is owed.

pub(super) mod claimable_balances;
pub(super) mod liabilities;
pub(super) mod payments;
pub(super) mod repayments;
pub(super) mod returns;
