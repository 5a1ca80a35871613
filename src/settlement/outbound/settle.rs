//! Settlements: every leg of a funded reservation in one transaction, many reservations in one transaction.
//!
//! The envelope is built and signed outside the database, then stored with all that it does in one database
//! transaction that checks once more what it was built on. An envelope that fails that check was never sent.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::channels::Channels;
use crate::capacity;
use crate::domain::escrow::{Channel, ChannelRole};
use crate::domain::ids::ReservationId;
use crate::domain::payment::Memo;
use crate::domain::reservation::{RefundReason, Reservation, State};
use crate::ports::network::{Body, Ledger, SignedTransaction, TRANSACTION_OPERATIONS_MAX, TransactionPlan};
use crate::ports::store::{Constraint, LIST_ROWS_MAX, Page, Pages, ReservationFilter, StoreError};
use crate::settlement::books::claimable_policy::ReservePause;
use crate::settlement::books::refunds::{owe_returns, start_refunding};
use crate::settlement::books::transfers::{
    Planned, funded_option, is_claimable, legs_as_quoted, legs_of, operation, paying, places, reclaim_from,
    stored_transfers,
};
use crate::settlement::books::work::{Ports, UnitOfWork};
use crate::settlement::memory::Memory;
use crate::settlement::{EngineError, TickReport};

/// The step that settles funded reservations.
pub(in crate::settlement) struct Settle {
    ports: Arc<Ports>,
    channels: Arc<Channels>,
    reserve: Arc<ReservePause>,
    /// Reservations of transactions that failed for no reservation's named fault: settled one by one.
    alone: Memory<BTreeSet<ReservationId>>,
}

impl Settle {
    pub(in crate::settlement) fn new(
        ports: Arc<Ports>,
        channels: Arc<Channels>,
        reserve: Arc<ReservePause>,
    ) -> Self {
        Self { ports, channels, reserve, alone: Memory::default() }
    }

    /// These reservations go again one by one, since it is not known whose fault it was.
    pub(in crate::settlement) fn settle_alone(&self, reservations: Vec<ReservationId>) {
        self.alone.lock().extend(reservations);
    }

    /// Stores settlement transactions for funded reservations, as many as there are free channels.
    pub(in crate::settlement) async fn run(
        &self,
        tip: Ledger,
        report: &mut TickReport,
    ) -> Result<(), EngineError> {
        let mut channels = self.channels.free().await?;
        channels.retain(|channel| channel.role == ChannelRole::Channel);
        channels.reverse();
        let mut batch: Vec<Planned> = Vec::new();
        let (mut waiting, mut pages) = (BTreeSet::new(), Pages::new());
        while let Some(after) = pages.after() {
            let funded = self.funded(after).await?;
            pages.turn(&funded);
            for reservation in self.ports.readable(funded) {
                let id = reservation.id;
                waiting.insert(id);
                let added = self.add(reservation, &mut batch, &mut channels, tip, report).await;
                report.isolate(&format!("reservation {id}"), added)?;
            }
        }
        self.alone.lock().retain(|id| waiting.contains(id));
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
        let unknown = self.ports.unknown.has(&reservation.escrow);
        if unknown || self.settle_without_transaction(&reservation, report).await? || channels.is_empty() {
            return Ok(());
        }
        let alone = self.alone.lock().contains(&reservation.id);
        let planned = self.plan(reservation).await?;
        if planned.transfers.iter().any(is_claimable) && self.reserve.lasts(self.ports.now()) {
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
        self.channels.take_turn();
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

    async fn funded(
        &self,
        after: Option<ReservationId>,
    ) -> Result<Page<Reservation, ReservationId>, StoreError> {
        let filter = ReservationFilter { state: Some("funded"), ..ReservationFilter::default() };
        self.ports.read().await?.reservations(&filter, after, LIST_ROWS_MAX).await
    }

    /// The reservation with its transfers: those it has from an earlier try, or new ones from the
    /// legs quoted.
    ///
    /// What it depends on is read here, too: if that cannot be, it is this reservation's trouble and not
    /// that of its batch.
    async fn plan(&self, reservation: Reservation) -> Result<Planned, EngineError> {
        let mut tx = self.ports.read().await?;
        let option = funded_option(&reservation)?;
        let _again_when_stored =
            capacity::eligibility(&mut *tx, &reservation, option, self.ports.now()).await?;
        let stored = legs_of(&mut *tx, reservation.id).await?;
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
        let plan = self.channels.plan(
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
        let signed = self.ports.network.build(&plan).await?;
        let settling = self
            .ports
            .transact(move |work| {
                let (batch, plan, signed) = (batch.clone(), plan.clone(), signed.clone());
                Box::pin(async move { store_settlement(work, &batch, &plan, &signed, reclaim_from).await })
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
        let id = reservation.id;
        let settled =
            self.ports.transact(move |work| Box::pin(async move { settle_free(work, id).await })).await?;
        report.settled += u32::from(settled);
        Ok(true)
    }
}

fn operations<'p>(batch: impl Iterator<Item = &'p Planned>) -> usize {
    places(batch.flat_map(|planned| &planned.transfers)).1
}

/// Stores the envelope with all that it does, or, if a reservation of the batch can no longer be settled,
/// only that: the envelope was built for all of them and is dropped, unsent.
async fn store_settlement(
    work: &mut UnitOfWork<'_>,
    batch: &[Planned],
    plan: &TransactionPlan,
    signed: &SignedTransaction,
    reclaim_from: jiff::Timestamp,
) -> Result<u32, EngineError> {
    let now = work.now();
    let mut dropped = false;
    for planned in batch {
        let current = work.reservation(planned.reservation.id).await?;
        if current.as_ref() != Some(&planned.reservation) {
            dropped = true;
            continue;
        }
        let option = funded_option(&planned.reservation)?;
        if let Err(why) = capacity::eligibility(work.tx(), &planned.reservation, option, now).await? {
            let id = planned.reservation.id;
            tracing::warn!(reservation = %id, %why, "a paid reservation cannot be settled");
            let why = RefundReason::SettlementImpossible;
            start_refunding(work, planned.reservation.clone(), why).await?;
            dropped = true;
        }
    }
    if dropped {
        return Ok(0);
    }
    let id = work.new_submission_id()?;
    let mut transfers = Vec::new();
    for planned in batch {
        transfers.extend(stored_transfers(work, planned).await?);
    }
    work.store_submission(id, plan, signed, paying(&transfers, signed, reclaim_from)).await?;
    for transfer in &transfers {
        work.update_transfer(transfer, &transfer.clone().sent(id)?).await?;
    }
    for planned in batch {
        work.save_reservation(&planned.reservation.clone().settling(id)?).await?;
    }
    Ok(u32::try_from(batch.len()).unwrap_or(u32::MAX))
}

async fn settle_free(work: &mut UnitOfWork<'_>, id: ReservationId) -> Result<bool, EngineError> {
    let now = work.now();
    let Some(reservation) = work.reservation(id).await? else { return Ok(false) };
    let State::Funded { .. } = reservation.state else { return Ok(false) };
    let option = funded_option(&reservation)?.clone();
    if let Err(why) = capacity::eligibility(work.tx(), &reservation, &option, now).await? {
        tracing::warn!(reservation = %id, %why, "a reservation without a price cannot be settled");
        start_refunding(work, reservation, RefundReason::SettlementImpossible).await?;
        return Ok(false);
    }
    if let State::Funded { funding } = &reservation.state {
        owe_returns(work, id, Some(funding)).await?;
    }
    let pool = capacity::credit(work.tx(), &reservation, option.free_only, now, now).await?;
    work.save_reservation(&reservation.settled_free(now, pool)?).await?;
    Ok(true)
}
