use super::error::StoreError;
use super::forward::store_trait;
use super::pages::Page;
use crate::domain::fee_bump::FeeBump;
use crate::domain::ids::SubmissionId;

store_trait! {
    /// Fee bumps of transactions of ours.
    pub trait FeeBumpsTx, forwarded by ForwardFeeBumps {
        /// Stores a bump of a live transaction, by unique keys once per bid; [`StoreError::Conflict`] if the
        /// transaction is no longer live.
        async fn insert_fee_bump(&mut self, bump: &FeeBump) -> Result<(), StoreError>;

        /// The bumps of all live transactions, the lowest bid of each first.
        async fn live_fee_bumps(&mut self) -> Result<Page<FeeBump, SubmissionId>, StoreError>;
    }
}
