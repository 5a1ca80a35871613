//! Transactions of ours that a database restored from a backup does not know.
//!
//! Money that leaves an account of ours by a transaction that is not stored stops the engine, unless it did exactly what was owed:
//! all legs of the reservation's settlement as they were quoted, or a return, named by its memo, to the stroop. Then it
//! is stored with its outcome, and what it paid is paid. Of an account that was adopted nobody knows any more what was owed:
//! what had left it by then is borne by the returns it names, or by the first, and what is left goes back.

use crate::domain::escrow::{EscrowAccount, EscrowState};
use crate::domain::ids::{ReservationId, TxHash};
use crate::domain::journal::{BookAccount, Cause, Postings};
use crate::domain::money::Stroops;
use crate::domain::payment::{Memo, PaymentId};
use crate::domain::reservation::{RefundReason, State};
use crate::domain::transfer::{Purpose, Submission, SubmissionState, Transfer, TransferKind, TransferState};
use crate::ports::network::{Movement, NetworkError, PaymentRecord, TransactionRecord};
use crate::ports::store::{StoreError, Tx, transact};
use crate::settlement::books::clawbacks::{owed_from, reduce};
use crate::settlement::outbound::refund::start_refunding;
use crate::settlement::outbound::settle::{change, legs_of, stored_legs};
use crate::settlement::outcome::confirm::{Landed, pay, refunded, settled};
use crate::settlement::outcome::lookup::fee;
use crate::settlement::recovery::adopt::retire;
use crate::settlement::{Engine, EngineError, Ids};

impl Engine {
    /// Stores a transaction that took money from an account of ours, if it is in a ledger; true if it is known now.
    pub(in crate::settlement) async fn recover(&self, hash: TxHash) -> Result<bool, EngineError> {
        // An instance that is behind proves nothing.
        let record = self.network.transaction(hash).await?.ok_or(NetworkError::StaleHistory)?;
        if !record.successful {
            return Ok(false);
        }
        self.distrust();
        let ids = Ids::of(self);
        transact(&self.store, move |tx| {
            let (ids, record) = (ids.clone(), record.clone());
            Box::pin(async move { store_recovered(tx, &ids, &record).await })
        })
        .await
    }
}

/// True if a transaction is ours as we sent it: what was found on the ledger is ours only as far as it paid what was owed.
pub(in crate::settlement) async fn is_sent_by_us(tx: &mut dyn Tx, hash: TxHash) -> Result<bool, StoreError> {
    Ok(tx.submission_by_hash(hash).await?.is_some_and(|known| known.purpose != Purpose::Recovered))
}

async fn store_recovered(
    tx: &mut dyn Tx,
    ids: &Ids,
    record: &TransactionRecord,
) -> Result<bool, EngineError> {
    if let Some(known) = tx.submission_by_hash(record.envelope_hash()).await? {
        retire(tx, ids.now().max(record.closed_at)).await?;
        return Ok(known.purpose == Purpose::Recovered);
    }
    let id = ids.submission()?;
    tracing::error!(hash = %record.hash, "a transaction that is not stored moved money of ours: was the database restored?");
    let submission = Submission {
        id,
        channel: record.source,
        sequence: record.sequence,
        hash: record.envelope_hash(),
        envelope: String::new(),
        max_time: record.closed_at,
        purpose: Purpose::Recovered,
        state: SubmissionState::Confirmed { ledger: record.ledger, at: record.closed_at },
        attempts: 0,
        last_answer: Some("found on the ledger".to_owned()),
        created_at: ids.now(),
    };
    tx.insert_recovered(&submission).await?;
    retire(tx, ids.now().max(record.closed_at)).await?;
    // The fees of a channel that was caught up with are booked already; of another, what is left is booked when that happens.
    let caught_up = tx
        .channels()
        .await?
        .iter()
        .any(|channel| channel.account == record.source && channel.sequence >= record.sequence);
    if !caught_up {
        let mut postings = Postings::new();
        fee(tx, record, &mut postings).await?;
        ids.post(tx, Cause::Confirmed(id), None, record.closed_at, postings).await?;
    }
    Ok(true)
}

/// Money left a reservation's account by a transaction that was found; false if that was not owed.
pub(in crate::settlement) async fn take_out(
    tx: &mut dyn Tx,
    ids: &Ids,
    submission: &Submission,
    reservation: ReservationId,
    record: &PaymentRecord,
    movement: &Movement,
) -> Result<bool, EngineError> {
    match record.memo {
        Some(Memo::Return(of)) => give_back(tx, ids, submission, reservation, record, movement, of).await,
        _ => pay_leg(tx, ids, submission, reservation, record, movement).await,
    }
}

/// A leg of the settlement. With the first of them the reservation is settling in that transaction, with the last it is settled.
async fn pay_leg(
    tx: &mut dyn Tx,
    ids: &Ids,
    submission: &Submission,
    id: ReservationId,
    record: &PaymentRecord,
    movement: &Movement,
) -> Result<bool, EngineError> {
    let Some(reservation) = tx.reservation(id).await? else { return Ok(false) };
    match reservation.state {
        State::Funded { .. } => {
            for leg in stored_legs(tx, ids, &reservation).await? {
                tx.update_transfer(&leg, &leg.clone().sent(submission.id)?).await?;
            }
            change(tx, ids, &reservation.settling(submission.id)?).await?;
        }
        State::Settling { submission: by, .. } if by == submission.id => {}
        // What is under way is looked up first, and leaves it as it was or settled.
        State::Settling { .. } => {
            let what =
                format!("reservation {id} was paid by {}, but is settling in another", record.transaction);
            return Err(EngineError::Contradiction(what));
        }
        State::AwaitingSignatures
        | State::AwaitingFarmer { .. }
        | State::AwaitingPayment { .. }
        | State::Settled { .. }
        | State::Rejected { .. }
        | State::Cancelled { .. }
        | State::Expired { .. }
        | State::Refunding { .. }
        | State::Refunded { .. }
        | State::Held { .. } => return Ok(false),
    }
    let legs = legs_of(tx, id).await?;
    let open: Vec<&Transfer> = legs.iter().filter(|leg| is_under_way(leg)).collect();
    let Some(leg) = open.iter().find(|leg| is_moved_by(leg, movement)) else { return Ok(false) };
    pay(tx, ids, submission, leg, record.operation, record.closed_at).await?;
    if open.len() == 1 {
        let (ledger, at) = (record.operation.ledger(), record.closed_at);
        settled(tx, ids, submission, id, &Landed { hash: record.transaction, ledger, at }).await?;
    }
    Ok(true)
}

/// A return of a payment of transaction `of`.
async fn give_back(
    tx: &mut dyn Tx,
    ids: &Ids,
    submission: &Submission,
    id: ReservationId,
    record: &PaymentRecord,
    movement: &Movement,
    of: TxHash,
) -> Result<bool, EngineError> {
    let Some(reservation) = tx.reservation(id).await? else { return Ok(false) };
    let account = reservation.escrow;
    if reservation.state.takes_payments() {
        let cancelled = reservation.cancel_requested_at.is_some_and(|at| at < reservation.quote.deadline);
        let why = if cancelled { RefundReason::Cancelled } else { RefundReason::PaidInPart };
        start_refunding(tx, ids, reservation, why).await?;
    }
    for transfer in owed_from(tx, account, Some(id), movement.asset).await? {
        if is_moved_by(&transfer, movement) && returns_of(tx, &transfer, of).await? {
            let sent = transfer.clone().sent(submission.id)?;
            tx.update_transfer(&transfer, &sent).await?;
            pay(tx, ids, submission, &sent, record.operation, record.closed_at).await?;
            refunded(tx, ids, id, record.closed_at).await?;
            return Ok(true);
        }
    }
    Ok(false)
}

/// Money had left an account before it was adopted; false if that was later, or more than had come.
pub(in crate::settlement) async fn left_before_adoption(
    tx: &mut dyn Tx,
    ids: &Ids,
    escrow: &EscrowAccount,
    record: &PaymentRecord,
    movement: &Movement,
) -> Result<bool, EngineError> {
    if escrow.state != EscrowState::Adopted || record.closed_at > escrow.created_at {
        return Ok(false);
    }
    let account = escrow.account;
    let mut owed = owed_from(tx, account, None, movement.asset).await?;
    if let Some(Memo::Return(of)) = record.memo {
        let mut named = Vec::new();
        for transfer in owed {
            if returns_of(tx, &transfer, of).await? {
                named.push(transfer);
            }
        }
        owed = named;
    }
    owed.sort_by_key(payment_of);
    let mut left = movement.amount;
    for transfer in owed {
        let cut = left.min(transfer.amount);
        if cut.is_zero() {
            break;
        }
        reduce(tx, ids, &transfer, cut).await?;
        left = left.checked_sub(cut)?;
    }
    if left > Stroops::ZERO {
        return Ok(false);
    }
    let mut postings = Postings::new();
    let (owed, held) = (BookAccount::Unattributed, BookAccount::Stellar(account));
    postings.movement(movement.asset, movement.amount, owed, held);
    let change = PaymentId { operation: record.operation, change: movement.change };
    ids.post(tx, Cause::LeftBefore(change), None, record.closed_at, postings).await?;
    Ok(true)
}

const fn payment_of(transfer: &Transfer) -> Option<PaymentId> {
    match transfer.kind {
        TransferKind::Refund { payment } => Some(payment),
        TransferKind::Leg { .. } | TransferKind::Repayment { .. } => None,
    }
}

/// True if it returns a payment of this transaction.
async fn returns_of(tx: &mut dyn Tx, transfer: &Transfer, of: TxHash) -> Result<bool, EngineError> {
    let Some(payment) = payment_of(transfer) else { return Ok(false) };
    Ok(tx.payment(payment).await?.is_some_and(|stored| stored.payment.transaction == of))
}

const fn is_under_way(transfer: &Transfer) -> bool {
    matches!(transfer.state, TransferState::InFlight { .. })
}

/// True if the movement is what the transfer would move.
fn is_moved_by(transfer: &Transfer, movement: &Movement) -> bool {
    transfer.asset == movement.asset && transfer.amount == movement.amount && movement.to == Some(transfer.to)
}
