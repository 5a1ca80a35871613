//! Money that came in: from an account's history to payments, journal and funding.
//!
//! A page of history, the cursor behind it and all that follows from it are one database transaction, so
//! that a crash repeats a page or does not, and never takes half of one. A record that cannot be
//! understood is put aside, and the cursor goes on.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Engine, EngineError, Ids, TickReport};
use crate::domain::address::{AccountId, Address};
use crate::domain::asset::Asset;
use crate::domain::escrow::{EscrowAccount, EscrowState};
use crate::domain::event::EventKind;
use crate::domain::ids::{LedgerSeq, OperationId, TxHash};
use crate::domain::journal::{BookAccount, Cause, Postings};
use crate::domain::payment::{Attribution, Memo, Payment, PaymentId};
use crate::domain::reservation::{Reservation, State};
use crate::ports::network::{AccountSnapshot, HistoryRecord, Movement, PAGE_RECORDS_MAX, PaymentRecord};
use crate::ports::store::{
    Applied, LIST_ROWS_MAX, PaymentFilter, Quarantined, StoreError, StoredPayment, Tx, transact,
};

/// Most pages of one account's history taken in at one look; the rest is for the next.
const INGEST_PAGES_MAX: u32 = 50;

/// What a page of history did.
#[derive(Debug, Clone, Copy, Default)]
struct Ingested {
    payments: u32,
    funded: u32,
}

impl Engine {
    /// Takes in the history of an account from its cursor on.
    pub(super) async fn ingest(
        &self,
        account: AccountId,
        report: &mut TickReport,
    ) -> Result<(), EngineError> {
        for _ in 0..INGEST_PAGES_MAX {
            let Some(escrow) = self.escrow(account).await? else { return Ok(()) };
            let cursor = escrow.watch.cursor;
            let page = self.network.payments(account, cursor, PAGE_RECORDS_MAX).await?;
            let last_page = page.len() < PAGE_RECORDS_MAX;
            if page.is_empty() {
                return Ok(());
            }
            let ids = Ids::of(self);
            let ingested = transact(&self.store, move |tx| {
                let (ids, page) = (ids.clone(), page.clone());
                Box::pin(async move { ingest_page(tx, &ids, account, cursor, &page).await })
            })
            .await?;
            report.payments += ingested.payments;
            report.funded += ingested.funded;
            if last_page {
                return Ok(());
            }
        }
        Ok(())
    }

    async fn escrow(&self, account: AccountId) -> Result<Option<EscrowAccount>, StoreError> {
        Ok(self.store.begin_read().await?.escrows(&[account]).await?.pop())
    }

    /// Compares the journal with a snapshot of `ledger`. If they agree the account is clean and `None` is given;
    /// otherwise since when it is not.
    pub(super) async fn explain(
        &self,
        account: AccountId,
        snapshot: &AccountSnapshot,
        ledger: LedgerSeq,
    ) -> Result<Option<Timestamp>, EngineError> {
        let snapshot = snapshot.clone();
        let now = self.clock.now();
        transact(&self.store, move |tx| {
            let snapshot = snapshot.clone();
            Box::pin(async move {
                let Some(mut escrow) = tx.escrows(&[account]).await?.pop() else { return Ok(None) };
                let before = escrow.watch;
                // History that is newer than the snapshot cannot be compared with it.
                let comparable = escrow.watch.cursor.ledger() <= ledger;
                if comparable && journal_agrees(tx, &snapshot).await? {
                    escrow.watch.explained = escrow.watch.explained.max(snapshot.last_modified);
                    escrow.watch.dirty_since = None;
                } else {
                    escrow.watch.dirty_since = Some(before.dirty_since.unwrap_or(now));
                }
                if escrow.watch != before {
                    escrow = tx.update_escrow(&escrow).await?;
                }
                Ok::<_, EngineError>(escrow.watch.dirty_since)
            })
        })
        .await
    }
}

async fn journal_agrees(tx: &mut dyn Tx, snapshot: &AccountSnapshot) -> Result<bool, StoreError> {
    let journal: BTreeMap<Asset, i64> =
        tx.balances_of(BookAccount::Stellar(snapshot.account)).await?.into_iter().collect();
    let ledger: BTreeMap<Asset, i64> = snapshot
        .balances
        .iter()
        .filter(|balance| !balance.amount.is_zero())
        .map(|balance| (balance.asset, balance.amount.get()))
        .collect();
    Ok(journal == ledger)
}

async fn ingest_page(
    tx: &mut dyn Tx,
    ids: &Ids,
    account: AccountId,
    cursor: OperationId,
    page: &[HistoryRecord],
) -> Result<Ingested, EngineError> {
    let mut ingested = Ingested::default();
    let Some(mut escrow) = tx.escrows(&[account]).await?.pop() else { return Ok(ingested) };
    if escrow.watch.cursor != cursor {
        return Ok(ingested);
    }
    for record in page {
        let operation = match record {
            HistoryRecord::Payment(payment) => {
                take_payment(tx, ids, &escrow, payment, &mut ingested).await?;
                Some(payment.operation)
            }
            HistoryRecord::NotAPayment { operation, kind, transaction } => {
                take_other(tx, ids, account, *operation, kind, *transaction).await?;
                Some(*operation)
            }
            HistoryRecord::Unreadable { operation, json, reason } => {
                put_aside(tx, ids, account, *operation, json.clone(), reason.clone()).await?;
                *operation
            }
        };
        escrow.watch.cursor = escrow.watch.cursor.max(operation.unwrap_or(escrow.watch.cursor));
    }
    if escrow.watch.cursor != cursor {
        tx.update_escrow(&escrow).await?;
    }
    Ok(ingested)
}

async fn put_aside(
    tx: &mut dyn Tx,
    ids: &Ids,
    account: AccountId,
    operation: Option<OperationId>,
    json: String,
    reason: String,
) -> Result<(), EngineError> {
    tracing::error!(%account, ?operation, reason, "a record of history is put aside");
    let record = Quarantined { account, operation, json, reason, at: ids.now() };
    match tx.quarantine(&record).await? {
        Applied::Executed | Applied::AlreadyApplied => Ok(()),
    }
}

/// An operation whose amount the payment list does not tell. One of ours is nothing new; one of a
/// stranger (a merge into our account) is kept for a person.
async fn take_other(
    tx: &mut dyn Tx,
    ids: &Ids,
    account: AccountId,
    operation: OperationId,
    kind: &str,
    transaction: TxHash,
) -> Result<(), EngineError> {
    if tx.submission_by_hash(transaction).await?.is_some() {
        return Ok(());
    }
    let json = format!(r#"{{"type":"{kind}","id":"{operation}","transaction_hash":"{transaction}"}}"#);
    put_aside(tx, ids, account, Some(operation), json, format!("the amount of {kind} stands in its effects"))
        .await
}

async fn take_payment(
    tx: &mut dyn Tx,
    ids: &Ids,
    escrow: &EscrowAccount,
    record: &PaymentRecord,
    ingested: &mut Ingested,
) -> Result<(), EngineError> {
    if !record.successful {
        return Ok(());
    }
    for movement in &record.movements {
        let comes = movement.to.and_then(|to| to.account()) == Some(escrow.account);
        let leaves = movement.from.and_then(|from| from.account()) == Some(escrow.account);
        if movement.amount.is_zero() || comes == leaves {
            continue;
        }
        if leaves {
            ours_or_stop(tx, escrow.account, record).await?;
        } else {
            take_movement(tx, ids, escrow, record, movement, ingested).await?;
        }
    }
    Ok(())
}

/// Money that leaves is journaled when its transaction's outcome is recorded; here it must only be known.
async fn ours_or_stop(
    tx: &mut dyn Tx,
    account: AccountId,
    record: &PaymentRecord,
) -> Result<(), EngineError> {
    match tx.submission_by_hash(record.transaction).await? {
        Some(_) => Ok(()),
        None => Err(EngineError::ForeignOutgoing {
            account,
            operation: record.operation,
            transaction: record.transaction,
        }),
    }
}

async fn take_movement(
    tx: &mut dyn Tx,
    ids: &Ids,
    escrow: &EscrowAccount,
    record: &PaymentRecord,
    movement: &Movement,
    ingested: &mut Ingested,
) -> Result<(), EngineError> {
    let now = ids.now();
    let payment = Payment {
        id: PaymentId { operation: record.operation, change: movement.change },
        kind: record.kind,
        to: escrow.account,
        to_muxed_id: match movement.to {
            Some(Address::Muxed { id, .. }) => Some(id),
            Some(Address::Account(_) | Address::Contract(_)) | None => None,
        },
        from: movement.from,
        asset: movement.asset,
        amount: movement.amount,
        transaction: record.transaction,
        ledger: record.operation.ledger(),
        closed_at: record.closed_at,
        memo: record.memo.clone().unwrap_or(Memo::None),
    };
    let reservation = match escrow.state {
        EscrowState::Assigned { reservation } => tx.reservation(reservation).await?,
        EscrowState::Ready | EscrowState::Abandoned | EscrowState::Preparing { .. } => None,
    };
    let attribution = attribute(&payment, reservation.as_ref());
    let id = payment.id;
    let owner = reservation.as_ref().map(|reservation| reservation.id);
    let owed = owner.map_or(BookAccount::Unattributed, BookAccount::Deposits);
    let mut postings = Postings::new();
    postings.movement(payment.asset, payment.amount, BookAccount::Stellar(escrow.account), owed);
    let closed_at = payment.closed_at;
    let stored = StoredPayment { payment, reservation: owner, attribution };
    match tx.insert_payment(&stored).await? {
        Applied::AlreadyApplied => return Ok(()),
        Applied::Executed => ingested.payments += 1,
    }
    ids.post(tx, Cause::Payment(id), owner, closed_at, postings).await?;
    tx.append_event(now, &EventKind::PaymentReceived { payment: id, reservation: owner }).await?;
    if let Some(reservation) = reservation.filter(|_| attribution == Attribution::Counted) {
        ingested.funded += u32::from(fund(tx, ids, reservation).await?);
    }
    Ok(())
}

/// What a payment is taken for, by the reservation as it stands when the payment is taken in.
fn attribute(payment: &Payment, reservation: Option<&Reservation>) -> Attribution {
    let Some(reservation) = reservation else { return Attribution::Unassigned };
    if reservation.quote.option(&payment.asset).is_none() {
        Attribution::OtherAsset
    } else if reservation.state.takes_payments() && payment.closed_at <= reservation.quote.deadline {
        Attribution::Counted
    } else {
        Attribution::Late
    }
}

/// Makes the reservation funded, if what has been counted covers one of its options.
async fn fund(tx: &mut dyn Tx, ids: &Ids, reservation: Reservation) -> Result<bool, EngineError> {
    let State::AwaitingPayment { .. } = reservation.state else { return Ok(false) };
    let counted =
        PaymentFilter { reservation: Some(reservation.id), attribution: Some(Attribution::Counted) };
    let mut payments: Vec<Payment> = Vec::new();
    loop {
        let after = payments.last().map(|last| last.id);
        let page = tx.payments(&counted, after, LIST_ROWS_MAX).await?;
        let last = page.len() < LIST_ROWS_MAX as usize;
        payments.extend(page.into_iter().map(|stored| stored.payment));
        if last {
            break;
        }
    }
    let Some(funding) = reservation.quote.funding(&payments)? else { return Ok(false) };
    let id = reservation.id;
    let funded = tx.update_reservation(&reservation.funded(funding)?).await?;
    let state = funded.state.name().to_owned();
    tx.append_event(ids.now(), &EventKind::ReservationChanged { reservation: id, state }).await?;
    Ok(true)
}
