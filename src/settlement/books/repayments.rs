//! Repayments: what is owed after a claimable balance was reclaimed.

use super::work::UnitOfWork;
use crate::domain::address::{AccountId, Address};
use crate::domain::claimable::{Claimable, ClaimableState};
use crate::domain::payment::Memo;
use crate::domain::transfer::{Delivery, Transfer, TransferKind, TransferState};
use crate::settlement::EngineError;

/// Makes the money of a balance that was reclaimed owed to whom it was for: all of it, from the platform's
/// account, in the transaction that records the reclaim.
pub(in crate::settlement) async fn owe_repayment(
    work: &mut UnitOfWork<'_>,
    claimable: &Claimable,
    platform: AccountId,
) -> Result<(), EngineError> {
    let ClaimableState::Reclaimed { submission, .. } = claimable.state else {
        let (id, state) = (claimable.id, claimable.state.name());
        return Err(EngineError::Contradiction(format!("claimable balance {id} is {state}, and not repaid")));
    };
    let by = work.submission(submission).await?.ok_or_else(|| {
        EngineError::Contradiction(format!("transaction {submission} took a balance back and is not stored"))
    })?;
    let ordinal = match claimable.reservation {
        Some(reservation) => work.next_ordinal(reservation).await?,
        None => 0,
    };
    let repayment = Transfer {
        id: work.new_transfer_id()?,
        reservation: claimable.reservation,
        ordinal,
        kind: TransferKind::Repayment { claimable: claimable.id },
        from: platform,
        to: Address::Account(claimable.recipient),
        asset: claimable.asset,
        amount: claimable.amount,
        memo: Memo::Return(by.hash),
        delivery: Delivery::Payment,
        state: TransferState::Pending,
    };
    Ok(work.insert_transfers(&[repayment]).await?)
}
