//! Transactions of ours that a database restored from a backup does not know.
//!
//! Money that leaves an account of ours by a transaction that is not stored stops the engine, unless it did
//! exactly what was owed: all legs of the reservation's settlement as they were quoted, or a return, named
//! by its memo, to the stroop. Then it is stored with its outcome, and what it paid is paid. Of an account
//! that was adopted nobody knows any more what was owed: what had left it by then is borne by the returns
//! it names, or by the first, and what is left goes back.

use std::sync::Arc;

use super::build_gate::BuildGate;
use super::retire::retire;
use crate::domain::address::AccountId;
use crate::domain::escrow::{EscrowAccount, EscrowState};
use crate::domain::ids::{ReservationId, TxHash};
use crate::domain::money::Stroops;
use crate::domain::payment::{Attribution, Memo, Payment};
use crate::domain::refund::{RefundAddress, Return};
use crate::domain::reservation::{RefundReason, Reservation, State};
use crate::domain::transfer::{Purpose, Submission, SubmissionState, Transfer, TransferState};
use crate::ports::network::{Movement, NetworkError, PaymentRecord, TransactionRecord};
use crate::ports::store::{LIST_ROWS_MAX, Pages, PaymentFilter, StoreError, Tx};
use crate::settlement::EngineError;
use crate::settlement::books::clawbacks::{bear, owed_from, reduce};
use crate::settlement::books::confirm::{Landed, pay, refund, settle, with_fee};
use crate::settlement::books::entries::{restoration, withdrawal_before_adoption};
use crate::settlement::books::refunds::{owe, refund_address, start_refunding};
use crate::settlement::books::transfers::{legs_of, returned_payment, stored_legs};
use crate::settlement::books::work::{Ports, UnitOfWork};

/// The step that stores transactions which a restored database does not know.
pub(in crate::settlement) struct Recovery {
    ports: Arc<Ports>,
    gate: Arc<BuildGate>,
}

impl Recovery {
    pub(in crate::settlement) const fn new(ports: Arc<Ports>, gate: Arc<BuildGate>) -> Self {
        Self { ports, gate }
    }

    /// Stores a transaction that took money from an account of ours, if it is in a ledger;
    /// true if it is known now.
    pub(in crate::settlement) async fn recover(&self, hash: TxHash) -> Result<bool, EngineError> {
        // An instance that is behind proves nothing.
        let Some(record) = self.ports.network.transaction(hash).await? else {
            let (what, reason) = (format!("transaction {hash}"), "it is not there yet".to_owned());
            return Err(NetworkError::OfOneThing { what, reason, asked: true }.into());
        };
        if !record.successful {
            return Ok(false);
        }
        self.gate.close();
        self.ports
            .transact(move |work| {
                let record = record.clone();
                Box::pin(async move { store_recovered(work, &record).await })
            })
            .await
    }
}

/// True if a transaction is ours as we sent it: what was found on the ledger is ours only as far as it paid
/// what was owed.
pub(in crate::settlement) async fn is_sent_by_us(tx: &mut dyn Tx, hash: TxHash) -> Result<bool, StoreError> {
    Ok(tx.submission_by_hash(hash).await?.is_some_and(|known| known.purpose != Purpose::Recovered))
}

async fn store_recovered(work: &mut UnitOfWork<'_>, record: &TransactionRecord) -> Result<bool, EngineError> {
    if let Some(known) = work.submission_by_hash(record.envelope_hash()).await? {
        let at = work.now().max(record.closed_at);
        retire(work.tx(), at).await?;
        return Ok(known.purpose == Purpose::Recovered);
    }
    let id = work.new_submission_id()?;
    tracing::error!(hash = %record.hash, "a transaction that is not stored moved money of ours: was the \
                                          database restored?");
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
        created_at: work.now(),
    };
    work.insert_recovered(&submission).await?;
    // The database went back: events that were read may not be stored either.
    work.renew_event_incarnation().await?;
    let at = work.now().max(record.closed_at);
    retire(work.tx(), at).await?;
    // The fees of a channel that was caught up with are booked already; of another, what is left is booked
    // when that happens.
    let channel = work.channels().await?.row(&record.source)?;
    let caught_up = channel.is_some_and(|channel| channel.sequence >= record.sequence);
    if !caught_up {
        let entry = with_fee(work.tx(), record).await?;
        work.post(entry.confirmed(id, record)).await?;
    }
    Ok(true)
}

/// Money left a reservation's account by a transaction that was found; false if that was not owed.
pub(in crate::settlement) async fn take_out(
    work: &mut UnitOfWork<'_>,
    submission: &Submission,
    reservation: ReservationId,
    record: &PaymentRecord,
    movement: &Movement,
) -> Result<bool, EngineError> {
    let named = match &record.memo {
        Some(Memo::Return(of)) => Some(Named::Payment(*of)),
        Some(memo) => {
            let refund = refund_address(work.tx(), Some(reservation)).await?;
            let told = |refund: &RefundAddress| {
                *memo != Memo::None && refund.memo() == memo && movement.to == Some(refund.address())
            };
            refund.filter(told).map(|_| Named::Recipient(memo))
        }
        None => None,
    };
    match named {
        Some(named) => give_back(work, submission, reservation, &Sent { record, movement, named }).await,
        None => pay_leg(work, submission, reservation, record, movement).await,
    }
}

/// A leg of the settlement. With the first of them the reservation is settling in that transaction, with the
/// last it is settled.
async fn pay_leg(
    work: &mut UnitOfWork<'_>,
    submission: &Submission,
    id: ReservationId,
    record: &PaymentRecord,
    movement: &Movement,
) -> Result<bool, EngineError> {
    let Some(mut reservation) = work.reservation(id).await? else { return Ok(false) };
    if let State::Held { .. } = reservation.state {
        // Its account was whole again, or an operator had decided so.
        reservation = work.save_reservation(&reservation.whole_again()?).await?;
    }
    match reservation.state {
        State::Funded { .. } => {
            for leg in stored_legs(work, &reservation).await? {
                work.update_transfer(&leg, &leg.clone().sent(submission.id)?).await?;
            }
            work.save_reservation(&reservation.settling(submission.id)?).await?;
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
    let legs = legs_of(work.tx(), id).await?;
    let open: Vec<&Transfer> = legs.iter().filter(|leg| is_under_way(leg)).collect();
    let Some(leg) = open.iter().find(|leg| is_moved_by(leg, movement)) else { return Ok(false) };
    pay(work, submission, leg, record.operation, record.closed_at).await?;
    if open.len() == 1 {
        let (ledger, at) = (record.operation.ledger(), record.closed_at);
        settle(work, submission, id, &Landed { hash: record.transaction, ledger, at }).await?;
    }
    Ok(true)
}

/// What the memo of a return names.
enum Named<'r> {
    /// The transaction whose payment went back.
    Payment(TxHash),
    /// Whom of the recipient's customers it is for, as the order says.
    Recipient(&'r Memo),
}

impl Named<'_> {
    /// True if it names this return.
    async fn names(&self, tx: &mut dyn Tx, transfer: &Transfer) -> Result<bool, EngineError> {
        match self {
            Self::Payment(of) => returns_of(tx, transfer, *of).await,
            Self::Recipient(memo) => Ok(returned_payment(transfer).is_some() && transfer.memo == **memo),
        }
    }
}

/// Money that was sent back, by its memo.
struct Sent<'r> {
    record: &'r PaymentRecord,
    movement: &'r Movement,
    named: Named<'r>,
}

impl Sent<'_> {
    /// The return that it was, of those that are owed from this account.
    async fn among_owed(
        &self,
        tx: &mut dyn Tx,
        account: AccountId,
        id: ReservationId,
    ) -> Result<Option<Transfer>, EngineError> {
        for transfer in owed_from(tx, account, Some(id), self.movement.asset).await? {
            if is_moved_by(&transfer, self.movement) && self.named.names(tx, &transfer).await? {
                return Ok(Some(transfer));
            }
        }
        Ok(None)
    }
}

impl Sent<'_> {
    /// The return that it was, although its payer was to bear a part of what an issuer took back: it had been
    /// sent whole before that was known, and others bear it. All that came goes back from a reservation that
    /// is being refunded, so that nothing else makes a return smaller there.
    async fn restored(
        &self,
        work: &mut UnitOfWork<'_>,
        account: AccountId,
        id: ReservationId,
    ) -> Result<Option<Transfer>, EngineError> {
        let Some(reservation) = work.reservation(id).await? else { return Ok(None) };
        if !matches!(reservation.state, State::Refunding { .. } | State::Refunded { .. }) {
            return Ok(None);
        }
        let Some((payment, smaller)) = self.payment(work.tx(), id).await? else { return Ok(None) };
        let left = smaller.as_ref().map_or(Stroops::ZERO, |smaller| smaller.amount);
        if let Some(smaller) = smaller {
            let now = work.now();
            work.update_transfer(&smaller, &smaller.clone().cancelled(now)?).await?;
        }
        let borne = self.movement.amount.checked_sub(left)?;
        owe(work, Some(id), vec![Return { payment: &payment, amount: self.movement.amount }]).await?;
        let whole = self.among_owed(work.tx(), account, id).await?;
        if let Some(whole) = &whole {
            let now = work.now();
            work.post(restoration(whole, borne, now)).await?;
        }
        Ok(whole)
    }

    /// The payment whose money it was, of no less than that, with what is still owed of it: less, or nothing.
    async fn payment(
        &self,
        tx: &mut dyn Tx,
        id: ReservationId,
    ) -> Result<Option<(Payment, Option<Transfer>)>, EngineError> {
        let filter = PaymentFilter { reservation: Some(id), attribution: None };
        let mut pages = Pages::new();
        while let Some(after) = pages.after() {
            let page = tx.payments(&filter, after, LIST_ROWS_MAX).await?;
            pages.turn_after(&page, |stored| stored.payment.id);
            for stored in page {
                let payment = stored.payment;
                if stored.attribution == Attribution::TopUp || !self.may_be_of(&payment) {
                    continue;
                }
                match tx.refund_of(payment.id).await? {
                    None => return Ok(Some((payment, None))),
                    Some(owed)
                        if owed.state == TransferState::Pending && owed.amount < self.movement.amount =>
                    {
                        return Ok(Some((payment, Some(owed))));
                    }
                    Some(_) => {}
                }
            }
        }
        Ok(None)
    }

    fn may_be_of(&self, payment: &Payment) -> bool {
        let is_named = match &self.named {
            Named::Payment(of) => payment.transaction == *of,
            Named::Recipient(_) => payment.from == self.movement.to,
        };
        is_named && payment.asset == self.movement.asset && payment.amount >= self.movement.amount
    }
}

/// A return. What did not count goes back while the reservation is open; one of what counted shows that it
/// had come to its end.
async fn give_back(
    work: &mut UnitOfWork<'_>,
    submission: &Submission,
    id: ReservationId,
    sent: &Sent<'_>,
) -> Result<bool, EngineError> {
    let Some(reservation) = work.reservation(id).await? else { return Ok(false) };
    let account = reservation.escrow;
    let mut owed = sent.among_owed(work.tx(), account, id).await?;
    if owed.is_none()
        && let Some(why) = given_up_for(&reservation)
    {
        start_refunding(work, reservation, why).await?;
        owed = sent.among_owed(work.tx(), account, id).await?;
    }
    if owed.is_none() {
        owed = sent.restored(work, account, id).await?;
    }
    let Some(transfer) = owed else {
        // What is under way is looked up first: what is owed follows from its outcome, an excess or the same
        // return once more.
        if work.money_leaves(account).await? {
            let of = sent.record.transaction;
            let what = format!("reservation {id} was returned money by {of}, but has other money under way");
            return Err(EngineError::Contradiction(what));
        }
        return Ok(false);
    };
    let carried = transfer.clone().sent(submission.id)?;
    work.update_transfer(&transfer, &carried).await?;
    pay(work, submission, &carried, sent.record.operation, sent.record.closed_at).await?;
    bear(work, account, Some(id), transfer.asset).await?;
    refund(work, id, sent.record.closed_at).await?;
    Ok(true)
}

/// Why a reservation had come to its end, if what counted went back; `None` if that cannot be.
fn given_up_for(reservation: &Reservation) -> Option<RefundReason> {
    match &reservation.state {
        // An operator had decided so. One that is funded here had been held.
        State::Funded { .. } | State::Held { .. } => Some(RefundReason::SettlementImpossible),
        state if state.takes_payments() => {
            let cancelled = reservation.cancel_requested_at.is_some_and(|at| at < reservation.quote.deadline);
            Some(if cancelled { RefundReason::Cancelled } else { RefundReason::PaidInPart })
        }
        _ => None,
    }
}

/// Money had left an account before it was adopted; false if that was later, or more than had come.
pub(in crate::settlement) async fn left_before_adoption(
    work: &mut UnitOfWork<'_>,
    escrow: &EscrowAccount,
    record: &PaymentRecord,
    movement: &Movement,
) -> Result<bool, EngineError> {
    if escrow.state != EscrowState::Adopted || record.closed_at > escrow.created_at {
        return Ok(false);
    }
    let account = escrow.account;
    let mut owed = owed_from(work.tx(), account, None, movement.asset).await?;
    if let Some(Memo::Return(of)) = record.memo {
        let mut named = Vec::new();
        for transfer in owed {
            if returns_of(work.tx(), &transfer, of).await? {
                named.push(transfer);
            }
        }
        owed = named;
    }
    owed.sort_by_key(returned_payment);
    let mut left = movement.amount;
    for transfer in owed {
        let cut = left.min(transfer.amount);
        if cut.is_zero() {
            break;
        }
        reduce(work, &transfer, cut).await?;
        left = left.checked_sub(cut)?;
    }
    if left > Stroops::ZERO {
        return Ok(false);
    }
    work.post(withdrawal_before_adoption(account, record, movement)).await?;
    Ok(true)
}

/// True if it returns a payment of this transaction.
async fn returns_of(tx: &mut dyn Tx, transfer: &Transfer, of: TxHash) -> Result<bool, EngineError> {
    let Some(payment) = returned_payment(transfer) else { return Ok(false) };
    Ok(tx.payment(payment).await?.is_some_and(|stored| stored.payment.transaction == of))
}

const fn is_under_way(transfer: &Transfer) -> bool {
    matches!(transfer.state, TransferState::InFlight { .. })
}

/// True if the movement is what the transfer would move.
fn is_moved_by(transfer: &Transfer, movement: &Movement) -> bool {
    transfer.asset == movement.asset && transfer.amount == movement.amount && movement.to == Some(transfer.to)
}
