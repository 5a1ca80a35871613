//! Settlements: every leg of a funded reservation in one transaction, many reservations in one transaction.
//!
//! The envelope is built and signed outside the database, then stored with all that it does in one database
//! transaction that checks once more what it was built on. An envelope that fails that check was never sent.

use std::collections::BTreeSet;

use crate::capacity;
use crate::domain::address::Address;
use crate::domain::claimable::RECLAIM_AFTER_SECONDS;
use crate::domain::escrow::{Channel, ChannelRole};
use crate::domain::event::EventKind;
use crate::domain::ids::{ReservationId, SubmissionId, TransferId};
use crate::domain::payment::Memo;
use crate::domain::reservation::{PaymentOption, RefundReason, Reservation, State};
use crate::domain::transfer::{
    Delivery, Purpose, Submission, SubmissionState, Transfer, TransferKind, TransferState,
};
use crate::ports::network::{
    Body, Ledger, PaymentOperation, SignedTransaction, TRANSACTION_OPERATIONS_MAX, TransactionPlan,
    payment_places,
};
use crate::ports::store::{Constraint, LIST_ROWS_MAX, ReservationFilter, StoreError, Tx, transact};
use crate::settlement::outbound::refund::{owe_returns, start_refunding};
use crate::settlement::{Engine, EngineError, Ids, TickReport};

/// The id of a transfer that is not stored yet.
const UNNUMBERED: TransferId = match TransferId::new(0) {
    Ok(id) => id,
    Err(_) => panic!("zero is an id"),
};

/// A funded reservation with the transfers that will settle it.
#[derive(Clone)]
struct Planned {
    reservation: Reservation,
    transfers: Vec<Transfer>,
}

impl Engine {
    /// Stores settlement transactions for funded reservations, as many as there are free channels.
    pub(in crate::settlement) async fn settle(
        &self,
        tip: Ledger,
        report: &mut TickReport,
    ) -> Result<(), EngineError> {
        let mut channels = self.free_channels().await?;
        channels.retain(|channel| channel.role == ChannelRole::Channel);
        channels.reverse();
        let mut after = None;
        let mut batch: Vec<Planned> = Vec::new();
        let mut waiting = BTreeSet::new();
        loop {
            let funded = self.funded(after).await?;
            after = funded.last().map(|reservation| reservation.id);
            let last = funded.len() < LIST_ROWS_MAX as usize;
            for reservation in funded {
                let id = reservation.id;
                waiting.insert(id);
                let added = self.add(reservation, &mut batch, &mut channels, tip, report).await;
                report.isolate(&format!("reservation {id}"), added)?;
            }
            if last {
                break;
            }
        }
        self.memory().alone.retain(|id| waiting.contains(id));
        self.flush(&mut batch, &mut channels, tip, report).await
    }

    /// Puts a funded reservation into the batch, which is stored first if it is full.
    async fn add(
        &self,
        reservation: Reservation,
        batch: &mut Vec<Planned>,
        channels: &mut Vec<Channel>,
        tip: Ledger,
        report: &mut TickReport,
    ) -> Result<(), EngineError> {
        if self.settle_without_transaction(&reservation, report).await? || channels.is_empty() {
            return Ok(());
        }
        let alone = self.memory().alone.contains(&reservation.id);
        let planned = self.plan(reservation).await?;
        if planned.transfers.iter().any(is_claimable) && self.claimables_rest() {
            return Ok(());
        }
        if alone {
            return self.flush(&mut vec![planned], channels, tip, report).await;
        }
        if operations(batch.iter().chain([&planned])) > TRANSACTION_OPERATIONS_MAX {
            self.flush(batch, channels, tip, report).await?;
        }
        batch.push(planned);
        Ok(())
    }

    /// Stores the batch as one transaction on the next channel; without a channel it waits for the next tick.
    async fn flush(
        &self,
        batch: &mut Vec<Planned>,
        channels: &mut Vec<Channel>,
        tip: Ledger,
        report: &mut TickReport,
    ) -> Result<(), EngineError> {
        let batch = std::mem::take(batch);
        if batch.is_empty() {
            return Ok(());
        }
        let Some(channel) = channels.pop() else { return Ok(()) };
        self.memory().built += 1;
        let what = format!("a settlement of {} reservations", batch.len());
        let stored = match self.store_batch(batch, channel, tip, report).await {
            // Another engine was faster: the reservations or the channel are its.
            Err(EngineError::Store(StoreError::Exists {
                constraint:
                    Constraint::ChannelLease | Constraint::SubmissionHash | Constraint::TransferAttempt,
            })) => Ok(()),
            stored => stored,
        };
        report.isolate(&what, stored)
    }

    async fn funded(&self, after: Option<ReservationId>) -> Result<Vec<Reservation>, StoreError> {
        let filter = ReservationFilter { state: Some("funded"), customer: None };
        self.store.begin_read().await?.reservations(&filter, after, LIST_ROWS_MAX).await
    }

    /// The reservation with its transfers: those it has from an earlier try, or new ones from the legs quoted.
    async fn plan(&self, reservation: Reservation) -> Result<Planned, EngineError> {
        let stored = legs_of(&mut *self.store.begin_read().await?, reservation.id).await?;
        if !stored.is_empty() {
            return Ok(Planned { reservation, transfers: stored });
        }
        let transfers = legs_as_quoted(&reservation)?;
        Ok(Planned { reservation, transfers })
    }

    async fn store_batch(
        &self,
        batch: Vec<Planned>,
        channel: Channel,
        tip: Ledger,
        report: &mut TickReport,
    ) -> Result<(), EngineError> {
        let reclaim_from = reclaim_from(tip)?;
        let plan = self.transaction(
            &channel,
            tip,
            Memo::None,
            Body::Pay(
                batch
                    .iter()
                    .flat_map(|planned| &planned.transfers)
                    .map(|transfer| operation(transfer, reclaim_from))
                    .collect(),
            ),
        )?;
        let signed = self.network.build(&plan).await?;
        let ids = Ids::of(self);
        let settling = transact(&self.store, move |tx| {
            let (ids, batch, plan, signed) = (ids.clone(), batch.clone(), plan.clone(), signed.clone());
            Box::pin(async move { store_settlement(tx, &ids, &batch, &plan, &signed, reclaim_from).await })
        })
        .await?;
        report.settling += settling;
        Ok(())
    }

    /// Settles a price of zero, which moves no money; true if it was one.
    async fn settle_without_transaction(
        &self,
        reservation: &Reservation,
        report: &mut TickReport,
    ) -> Result<bool, EngineError> {
        let State::Funded { funding } = &reservation.state else { return Ok(true) };
        if !funding.amount.is_zero() {
            return Ok(false);
        }
        let (ids, id) = (Ids::of(self), reservation.id);
        let settled = transact(&self.store, move |tx| {
            let ids = ids.clone();
            Box::pin(async move { settle_free(tx, &ids, id).await })
        })
        .await?;
        report.settled += u32::from(settled);
        Ok(true)
    }
}

fn operations<'p>(batch: impl Iterator<Item = &'p Planned>) -> usize {
    places(batch.flat_map(|planned| &planned.transfers)).1
}

/// Which operation (from 0) pays each of these transfers, and how many operations that takes.
pub(in crate::settlement) fn places<'t>(
    transfers: impl IntoIterator<Item = &'t Transfer>,
) -> (Vec<usize>, usize) {
    payment_places(transfers.into_iter().map(|transfer| (transfer.from, is_claimable(transfer))))
}

pub(in crate::settlement) const fn is_claimable(transfer: &Transfer) -> bool {
    match transfer.delivery {
        Delivery::ClaimableBalance => true,
        Delivery::Payment | Delivery::Undecided => false,
    }
}

/// From when on the platform may take back a claimable balance made now: it counts from ledger time, in whole seconds.
pub(in crate::settlement) fn reclaim_from(tip: Ledger) -> Result<jiff::Timestamp, EngineError> {
    jiff::Timestamp::from_second(tip.closed_at.as_second() + RECLAIM_AFTER_SECONDS)
        .map_err(|error| EngineError::Contradiction(format!("ledger time: {error}")))
}

pub(in crate::settlement) fn operation(
    transfer: &Transfer,
    reclaim_from: jiff::Timestamp,
) -> PaymentOperation {
    PaymentOperation {
        from: transfer.from,
        to: transfer.to,
        asset: transfer.asset,
        amount: transfer.amount,
        reclaim_from: is_claimable(transfer).then_some(reclaim_from),
    }
}

/// The purpose of a transaction that pays these transfers, in this order.
pub(in crate::settlement) fn paying(
    transfers: &[Transfer],
    signed: &SignedTransaction,
    reclaim_from: jiff::Timestamp,
) -> Purpose {
    Purpose::PayTransfers {
        transfers: transfers.iter().map(|transfer| transfer.id).collect(),
        claimables: signed.claimables.clone(),
        reclaim_from: transfers.iter().any(is_claimable).then_some(reclaim_from),
    }
}

/// The option that funded the reservation.
pub(in crate::settlement) fn funded_option(reservation: &Reservation) -> Result<&PaymentOption, EngineError> {
    let contradiction = || {
        let (id, state) = (reservation.id, reservation.state.name());
        EngineError::Contradiction(format!("reservation {id} is {state}, but by no option of its quote"))
    };
    let funding = match &reservation.state {
        State::Funded { funding }
        | State::Settling { funding, .. }
        | State::Settled { funding, .. }
        | State::Held { funding, .. } => funding,
        State::AwaitingSignatures
        | State::AwaitingFarmer { .. }
        | State::AwaitingPayment { .. }
        | State::Rejected { .. }
        | State::Cancelled { .. }
        | State::Expired { .. }
        | State::Refunding { .. }
        | State::Refunded { .. } => return Err(contradiction()),
    };
    let option = reservation.quote.option(&funding.asset).ok_or_else(contradiction)?;
    if option.amount == funding.amount && option.legs_total()? == option.amount {
        Ok(option)
    } else {
        Err(contradiction())
    }
}

/// Stores the envelope with all that it does, or, if a reservation of the batch can no longer be settled, only
/// that: the envelope was built for all of them and is dropped, unsent.
async fn store_settlement(
    tx: &mut dyn Tx,
    ids: &Ids,
    batch: &[Planned],
    plan: &TransactionPlan,
    signed: &SignedTransaction,
    reclaim_from: jiff::Timestamp,
) -> Result<u32, EngineError> {
    let now = ids.now();
    let mut dropped = false;
    for planned in batch {
        let current = tx.reservation(planned.reservation.id).await?;
        if current.as_ref() != Some(&planned.reservation) {
            dropped = true;
            continue;
        }
        let option = funded_option(&planned.reservation)?;
        if let Err(why) = capacity::eligibility(tx, &planned.reservation, option, now).await? {
            tracing::warn!(reservation = %planned.reservation.id, %why, "a paid reservation cannot be settled");
            let why = RefundReason::SettlementImpossible;
            start_refunding(tx, ids, planned.reservation.clone(), why).await?;
            dropped = true;
        }
    }
    if dropped {
        return Ok(0);
    }
    let id = ids.submission()?;
    let mut transfers = Vec::new();
    for planned in batch {
        transfers.extend(stored_transfers(tx, ids, planned).await?);
    }
    store_submission(tx, id, plan, signed, paying(&transfers, signed, reclaim_from), now).await?;
    for transfer in &transfers {
        tx.update_transfer(transfer, &transfer.clone().sent(id)?).await?;
    }
    for planned in batch {
        change(tx, ids, &planned.reservation.clone().settling(id)?).await?;
    }
    Ok(u32::try_from(batch.len()).unwrap_or(u32::MAX))
}

/// The legs of a reservation's settlement that are stored and not given up: payments by their order, then claimable balances by
/// theirs, so that those share one sponsorship.
pub(in crate::settlement) async fn legs_of(
    tx: &mut dyn Tx,
    reservation: ReservationId,
) -> Result<Vec<Transfer>, StoreError> {
    let mut transfers = tx.transfers_of(reservation).await?;
    transfers.retain(|transfer| {
        matches!(transfer.kind, TransferKind::Leg { .. })
            && !matches!(transfer.state, TransferState::Cancelled { .. })
    });
    transfers.sort_by_key(is_claimable);
    Ok(transfers)
}

/// The legs of a funded reservation as it was quoted, not stored yet.
fn legs_as_quoted(reservation: &Reservation) -> Result<Vec<Transfer>, EngineError> {
    let option = funded_option(reservation)?;
    let transfers = option
        .legs
        .iter()
        .zip(0_u32..)
        .map(|(leg, ordinal)| Transfer {
            id: UNNUMBERED,
            reservation: Some(reservation.id),
            ordinal,
            kind: TransferKind::Leg { recipient: leg.recipient, farm: leg.farm },
            from: reservation.escrow,
            to: Address::Account(leg.to),
            asset: option.asset,
            amount: leg.amount,
            memo: Memo::None,
            delivery: Delivery::Payment,
            state: TransferState::Pending,
        })
        .collect();
    Ok(transfers)
}

/// The legs of a funded reservation, stored: from an earlier try, or as quoted.
pub(in crate::settlement) async fn stored_legs(
    tx: &mut dyn Tx,
    ids: &Ids,
    reservation: &Reservation,
) -> Result<Vec<Transfer>, EngineError> {
    let stored = legs_of(tx, reservation.id).await?;
    if !stored.is_empty() {
        return Ok(stored);
    }
    let planned = Planned { transfers: legs_as_quoted(reservation)?, reservation: reservation.clone() };
    stored_transfers(tx, ids, &planned).await
}

/// The transfers of a planned reservation, stored: as they were from an earlier try, or new, with fresh ids.
async fn stored_transfers(
    tx: &mut dyn Tx,
    ids: &Ids,
    planned: &Planned,
) -> Result<Vec<Transfer>, EngineError> {
    let stored = legs_of(tx, planned.reservation.id).await?;
    if !stored.is_empty() {
        let same = stored == planned.transfers;
        let what = format!("the transfers of reservation {}", planned.reservation.id);
        return if same { Ok(stored) } else { Err(StoreError::Conflict { what }.into()) };
    }
    let mut fresh = planned.transfers.clone();
    let first = tx.next_ordinal(planned.reservation.id).await?;
    for (transfer, place) in fresh.iter_mut().zip(first..) {
        transfer.id = ids.transfer()?;
        transfer.ordinal = place;
    }
    tx.insert_transfers(&fresh).await?;
    Ok(fresh)
}

/// Stores a transaction before it is sent.
pub(in crate::settlement) async fn store_submission(
    tx: &mut dyn Tx,
    id: SubmissionId,
    plan: &TransactionPlan,
    signed: &SignedTransaction,
    purpose: Purpose,
    now: jiff::Timestamp,
) -> Result<(), EngineError> {
    let submission = Submission {
        id,
        channel: plan.channel,
        sequence: plan.sequence,
        hash: signed.hash,
        envelope: signed.envelope.clone(),
        max_time: plan.max_time,
        purpose,
        state: SubmissionState::Live,
        attempts: 0,
        last_answer: None,
        created_at: now,
    };
    tx.insert_submission(&submission).await?;
    for sealed in &signed.sealed {
        tx.insert_sealed_secret(sealed).await?;
    }
    Ok(())
}

/// Stores a reservation's new state, and tells it.
pub(in crate::settlement) async fn change(
    tx: &mut dyn Tx,
    ids: &Ids,
    reservation: &Reservation,
) -> Result<Reservation, EngineError> {
    let stored = tx.update_reservation(reservation).await?;
    tx.append_event(ids.now(), &EventKind::changed(&stored)).await?;
    Ok(stored)
}

async fn settle_free(tx: &mut dyn Tx, ids: &Ids, id: ReservationId) -> Result<bool, EngineError> {
    let now = ids.now();
    let Some(reservation) = tx.reservation(id).await? else { return Ok(false) };
    let State::Funded { .. } = reservation.state else { return Ok(false) };
    let option = funded_option(&reservation)?.clone();
    if let Err(why) = capacity::eligibility(tx, &reservation, &option, now).await? {
        tracing::warn!(reservation = %id, %why, "a reservation without a price cannot be settled");
        start_refunding(tx, ids, reservation, RefundReason::SettlementImpossible).await?;
        return Ok(false);
    }
    if let State::Funded { funding } = &reservation.state {
        owe_returns(tx, ids, id, Some(funding)).await?;
    }
    let pool = capacity::credit(tx, &reservation, option.free_only, now, now).await?;
    change(tx, ids, &reservation.settled_free(now, pool)?).await?;
    Ok(true)
}
