use jiff::Timestamp;

use super::error::StoreError;
use super::forward::store_trait;
use super::pages::Page;
use crate::domain::asset::Asset;
use crate::domain::claimable::Claimable;
use crate::domain::ids::{ClaimableId, FarmId};
use crate::domain::tenant::Tenant;

/// What an asset's claimable balances hold, in stroops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClaimableSums {
    /// The asset.
    pub asset: Asset,
    /// The sum of those that may still be claimed.
    pub standing: i64,
    /// What is owed to recipients: that sum, and what was reclaimed and is not repaid.
    pub owed: i64,
}

store_trait! {
    /// Claimable balances that we made for recipients who could not be paid.
    pub trait ClaimablesTx, forwarded by ForwardClaimables {
        /// Stores a new claimable balance; it must be outstanding.
        async fn insert_claimable(&mut self, claimable: &Claimable) -> Result<(), StoreError>;

        /// Stores a claimable balance's new state, if the stored one is still that of `before`.
        async fn update_claimable(&mut self, before: &Claimable, after: &Claimable) -> Result<(), StoreError>;

        /// The claimable balance with this id.
        async fn claimable(&mut self, id: ClaimableId) -> Result<Option<Claimable>, StoreError>;

        /// Those that may still be claimed: outstanding, or being reclaimed; in id order, after `after`.
        async fn claimables_open(
            &mut self,
            after: Option<ClaimableId>,
            limit: u32,
        ) -> Result<Page<Claimable, ClaimableId>, StoreError>;

        /// Outstanding ones that may be reclaimed at `now`, those that could be longest first; after
        /// `after`, from when on and which.
        async fn claimables_reclaimable(
            &mut self,
            now: Timestamp,
            after: Option<(Timestamp, ClaimableId)>,
            limit: u32,
        ) -> Result<Page<Claimable, (Timestamp, ClaimableId)>, StoreError>;

        /// Reclaimed ones of which no repayment is stored, in id order, after `after`.
        async fn claimables_not_repaid(
            &mut self,
            after: Option<ClaimableId>,
            limit: u32,
        ) -> Result<Page<Claimable, ClaimableId>, StoreError>;

        /// Per asset, in stroops: what stands in those that may still be claimed, and what is owed to
        /// recipients: that, and what was reclaimed and is not repaid.
        async fn claimable_sums(&mut self) -> Result<Vec<ClaimableSums>, StoreError>;

        /// How many returns of payments stand in claimable balances on the ledger, or are on their way to it.
        async fn returns_by_claimable(&mut self) -> Result<u64, StoreError>;

        /// How many of a farm's legs in an asset stand in claimable balances on the ledger, or are on their
        /// way to it.
        async fn claimables_of_farm(
            &mut self,
            tenant: &Tenant,
            farm: FarmId,
            asset: Asset,
        ) -> Result<u64, StoreError>;

        /// The farms of a tenant of whose legs in an asset `at_least` stand in claimable balances on the
        /// ledger, in any order; at most `limit`.
        async fn farms_with_claimables(
            &mut self,
            tenant: &Tenant,
            at_least: u32,
            limit: u32,
        ) -> Result<Vec<(FarmId, Asset)>, StoreError>;
    }
}
