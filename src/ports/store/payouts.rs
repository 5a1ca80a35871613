use jiff::Timestamp;

use super::error::StoreError;
use super::forward::store_trait;
use super::pages::Page;
use crate::domain::address::AccountId;

/// What is known of an account that is paid out to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PayoutCheck {
    /// The account.
    pub account: AccountId,
    /// True if it demanded a memo of whoever pays it (SEP-29) when it was looked at.
    pub memo_required: bool,
    /// When it was looked at; `None` if it was not yet.
    pub checked_at: Option<Timestamp>,
}

store_trait! {
    /// Accounts that are paid out to.
    pub trait PayoutsTx, forwarded by ForwardPayouts {
        /// Has accounts looked at from now on; nothing for those that are already.
        async fn watch_payouts(&mut self, accounts: &[AccountId]) -> Result<(), StoreError>;

        /// What is known of those of `accounts` that are watched, in any order; at most 200 may be asked for.
        async fn payout_checks(&mut self, accounts: &[AccountId]) -> Result<Vec<PayoutCheck>, StoreError>;

        /// Those that were looked at before `before` or never; those never looked at first, then those
        /// longest ago.
        async fn payouts_to_check(
            &mut self,
            before: Timestamp,
            limit: u32,
        ) -> Result<Page<PayoutCheck, AccountId>, StoreError>;

        /// Stores what was seen of a watched account, over what was known.
        async fn set_payout_check(&mut self, check: &PayoutCheck) -> Result<(), StoreError>;
    }
}
