//! What is written of a transfer that is in a ledger, whether its transaction was waited for or found.

use jiff::Timestamp;

use super::entries::{TransactionEntry, paid_out};
use super::refunds::{owe_returns, refunded_if_all};
use super::transfers::funded_option;
use super::work::UnitOfWork;
use crate::capacity;
use crate::domain::ids::{LedgerSeq, OperationId, ReservationId, TxHash};
use crate::domain::reservation::{Settlement, State};
use crate::domain::transfer::{Submission, Transfer};
use crate::ports::network::TransactionRecord;
use crate::ports::store::Tx;
use crate::settlement::EngineError;

/// Where a transaction is.
pub(in crate::settlement) struct Landed {
    pub hash: TxHash,
    pub ledger: LedgerSeq,
    pub at: Timestamp,
}

impl Landed {
    pub(in crate::settlement) const fn of(record: &TransactionRecord) -> Self {
        Self { hash: record.hash, ledger: record.ledger, at: record.closed_at }
    }
}

/// An operation of the transaction, whose ledger closed at `at`, paid this transfer.
pub(in crate::settlement) async fn pay(
    work: &mut UnitOfWork<'_>,
    submission: &Submission,
    transfer: &Transfer,
    operation: OperationId,
    at: Timestamp,
) -> Result<(), EngineError> {
    let paid = transfer.clone().confirmed(submission.id, operation, at)?;
    work.update_transfer(transfer, &paid).await?;
    work.post(paid_out(transfer, at)).await
}

/// Returns are in the ledger: with the last of what counted the reservation is refunded.
pub(in crate::settlement) async fn refund(
    work: &mut UnitOfWork<'_>,
    id: ReservationId,
    at: Timestamp,
) -> Result<(), EngineError> {
    let Some(reservation) = work.reservation(id).await? else { return Ok(()) };
    if let Some(refunded) = refunded_if_all(work.tx(), reservation, at).await? {
        work.save_reservation(&refunded).await?;
    }
    Ok(())
}

/// All legs of a reservation are paid: its pool is credited, and what was too much is owed back.
pub(in crate::settlement) async fn settle(
    work: &mut UnitOfWork<'_>,
    submission: &Submission,
    id: ReservationId,
    landed: &Landed,
) -> Result<(), EngineError> {
    let reservation = work.reservation(id).await?;
    let reservation = reservation
        .ok_or_else(|| EngineError::Contradiction(format!("reservation {id} is paid but not stored")))?;
    let free_only = funded_option(&reservation)?.free_only;
    if let State::Settling { funding, .. } = &reservation.state {
        owe_returns(work, id, Some(funding)).await?;
    }
    let now = work.now();
    let pool = capacity::credit(work.tx(), &reservation, free_only, landed.at, now).await?;
    let settlement =
        Settlement { transaction: Some(landed.hash), ledger: Some(landed.ledger), at: landed.at, pool };
    work.save_reservation(&reservation.settled(submission.id, settlement)?).await?;
    Ok(())
}

/// The entry of a transaction in a ledger, with its fee, if that was ours: whoever bumps our envelope's
/// fee pays it.
pub(in crate::settlement) async fn with_fee(
    tx: &mut dyn Tx,
    record: &TransactionRecord,
) -> Result<TransactionEntry, EngineError> {
    let mut entry = TransactionEntry::default();
    if tx.channels().await?.keys().any(|channel| *channel == record.fee_account) {
        entry.fee(record);
    }
    Ok(entry)
}
