use async_trait::async_trait;
use jiff::Timestamp;

use super::StoreError;
use crate::domain::claimable::Claimable;
use crate::domain::ids::ClaimableId;

/// Claimable balances of ours.
#[async_trait]
pub trait ClaimablesTx {
    /// Stores a new claimable balance; it must be outstanding.
    async fn insert_claimable(&mut self, claimable: &Claimable) -> Result<(), StoreError>;

    /// Stores a claimable balance's new state, if the stored one is still that of `before`.
    async fn update_claimable(&mut self, before: &Claimable, after: &Claimable) -> Result<(), StoreError>;

    /// One claimable balance.
    async fn claimable(&mut self, id: ClaimableId) -> Result<Option<Claimable>, StoreError>;

    /// Those that may still be claimed: outstanding, or being taken back; in id order, after `after`.
    async fn claimables_open(
        &mut self,
        after: Option<ClaimableId>,
        limit: u32,
    ) -> Result<Vec<Claimable>, StoreError>;

    /// Outstanding ones that may be taken back at `now`, those that could be longest first.
    async fn claimables_reclaimable(
        &mut self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<Claimable>, StoreError>;
}
