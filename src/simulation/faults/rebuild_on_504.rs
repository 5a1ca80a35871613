//! The bug [`Bug::RebuildOn504`](super::bugs::Bug::RebuildOn504): a transaction whose outcome is not known is
//! given up.

use crate::domain::ids::{LedgerSeq, TxHash};
use crate::domain::transfer::{Purpose, SubmissionState};
use crate::ports::store::{Store, StoreError};
use crate::simulation::store::Base;

/// Takes a transaction that nobody answered for failed: what it pays is to be built again.
pub(super) async fn give_up(base: &Base, hash: Option<TxHash>) {
    // Without an outcome it stays live, as it should have.
    drop(try_to_give_up(base, hash).await);
}

async fn try_to_give_up(base: &Base, hash: Option<TxHash>) -> Result<(), StoreError> {
    let Some(hash) = hash else { return Ok(()) };
    let mut tx = Store::begin(base).await?;
    let Some(submission) = tx.submission_by_hash(hash).await? else { return Ok(()) };
    let Purpose::PayTransfers { transfers, .. } = &submission.purpose else { return Ok(()) };
    let failed = SubmissionState::Dead { proved_at: LedgerSeq(0) };
    let Ok(resolved) = submission.clone().resolved(failed) else { return Ok(()) };
    tx.resolve_submission(&resolved).await?;
    for transfer in tx.transfers(transfers).await? {
        let Ok(released) = transfer.clone().released(submission.id) else { continue };
        tx.update_transfer(&transfer, &released).await?;
        let Some(reservation) = transfer.reservation else { continue };
        let Some(reservation) = tx.reservation(reservation).await? else { continue };
        if let Ok(released) = reservation.settlement_released(submission.id) {
            tx.update_reservation(&released).await?;
        }
    }
    tx.commit().await
}
