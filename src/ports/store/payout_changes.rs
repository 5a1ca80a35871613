use jiff::Timestamp;

use super::error::StoreError;
use super::forward::store_trait;
use super::pages::Page;
use crate::domain::ids::ChangeId;
use crate::domain::payout_change::PayoutChange;
use crate::domain::subject::Subject;
use crate::domain::tenant::Tenant;

/// Which changes of who is paid.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PayoutChangeFilter {
    /// Those of one tenant.
    pub tenant: Option<Tenant>,
    /// Those alone that wait.
    pub waiting: bool,
}

store_trait! {
    /// Changes of who is paid.
    pub trait PayoutChangesTx, forwarded by ForwardPayoutChanges {
        /// Adds a change that waits. [`StoreError::Exists`] if one of the same thing waits already.
        async fn insert_payout_change(&mut self, change: &PayoutChange) -> Result<(), StoreError>;

        /// Stores how a change ended. [`StoreError::Conflict`] if it does not wait any more.
        async fn end_payout_change(&mut self, change: &PayoutChange) -> Result<(), StoreError>;

        /// The change with this id.
        async fn payout_change(&mut self, id: ChangeId) -> Result<Option<PayoutChange>, StoreError>;

        /// The change of this thing that waits.
        async fn waiting_payout_change(
            &mut self,
            subject: &Subject,
        ) -> Result<Option<PayoutChange>, StoreError>;

        /// Changes that wait and are due, the earliest first.
        async fn due_payout_changes(
            &mut self,
            now: Timestamp,
            limit: u32,
        ) -> Result<Page<PayoutChange, ChangeId>, StoreError>;

        /// Changes in the order of their ids, after `after`.
        async fn payout_changes(
            &mut self,
            filter: &PayoutChangeFilter,
            after: Option<ChangeId>,
            limit: u32,
        ) -> Result<Page<PayoutChange, ChangeId>, StoreError>;

        /// How many wait.
        async fn payout_changes_waiting(&mut self) -> Result<u64, StoreError>;
    }
}
