//! Operations that are not ours and that a person accepted: what they took is the operator's loss.

use super::entries::{self, AcceptedLoss};
use super::work::UnitOfWork;
use crate::domain::address::AccountId;
use crate::domain::ids::{OperationId, ReservationId};
use crate::ports::store::{Applied, StoreError, Tx};
use crate::settlement::EngineError;

/// True if a person accepted what an operation took from an account of ours.
pub(in crate::settlement) async fn is_accepted(
    tx: &mut dyn Tx,
    account: AccountId,
    operation: OperationId,
) -> Result<bool, StoreError> {
    Ok(tx.accepted_operation(account, operation).await?.is_some())
}

/// Books what an operation took from an account, once, if a person accepted it; false if nobody did.
pub(in crate::settlement) async fn accept_loss(
    work: &mut UnitOfWork<'_>,
    account: AccountId,
    reservation: Option<ReservationId>,
    loss: &AcceptedLoss,
) -> Result<bool, EngineError> {
    let operation = loss.id.operation;
    let Some(accepted) = work.accepted_operation(account, operation).await? else { return Ok(false) };
    match work.post_once(entries::accepted_loss(loss, account, reservation)).await? {
        Applied::Executed => {
            let (amount, asset) = (loss.amount, loss.asset);
            tracing::warn!(
                %account, operation = operation.0, %amount, %asset, accepted.by, accepted.reason,
                "money that left by an operation which is not ours is booked as a loss: it was accepted"
            );
        }
        Applied::AlreadyApplied => {}
    }
    Ok(true)
}

/// True if operations were accepted that took money from this account: what the operator pays there fills it.
pub(in crate::settlement) async fn has_losses(
    tx: &mut dyn Tx,
    account: AccountId,
) -> Result<bool, StoreError> {
    Ok(!tx.accepted_operations(account, None, 1).await?.is_empty())
}
