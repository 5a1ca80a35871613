use jiff::Timestamp;

use super::error::{Applied, StoreError};
use super::forward::store_trait;
use crate::domain::address::AccountId;
use crate::domain::ids::OperationId;

/// An operation that took money from an account of ours by a transaction that is not stored, and that a
/// person accepted: what it took is the operator's loss.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptedOperation {
    /// The account it took money from.
    pub account: AccountId,
    /// The operation.
    pub operation: OperationId,
    /// Who accepted it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When, by our clock.
    pub at: Timestamp,
}

store_trait! {
    /// Operations that were accepted although they are not ours.
    pub trait AcceptedTx, forwarded by ForwardAccepted {
        /// Stores that an operation was accepted, once: who did so first stays.
        async fn accept_operation(&mut self, accepted: &AcceptedOperation) -> Result<Applied, StoreError>;

        /// The operations that were accepted for an account, in their order, after `after`.
        async fn accepted_operations(
            &mut self,
            account: AccountId,
            after: Option<OperationId>,
            limit: u32,
        ) -> Result<Vec<AcceptedOperation>, StoreError>;

        /// One of them.
        async fn accepted_operation(
            &mut self,
            account: AccountId,
            operation: OperationId,
        ) -> Result<Option<AcceptedOperation>, StoreError>;
    }
}
