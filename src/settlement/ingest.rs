//! Money that came in: from an account's history to payments, journal and funding.
//!
//! A page of history, the cursor behind it and all that follows from it are one database transaction, so
//! that a crash repeats a page or does not, and never takes half of one. A record that cannot be
//! understood is put aside, and the cursor goes on.

use std::collections::BTreeMap;

use super::refund::{counted_payments, owe_return};
use super::sweep::Standing;
use super::{Engine, EngineError, Ids, TickReport};
use crate::domain::address::{AccountId, Address};
use crate::domain::asset::Asset;
use crate::domain::escrow::EscrowAccount;
use crate::domain::event::EventKind;
use crate::domain::ids::{LedgerSeq, OperationId, TxHash};
use crate::domain::journal::{BookAccount, Cause, Postings};
use crate::domain::payment::{Attribution, Memo, Payment, PaymentId};
use crate::domain::reservation::{Reservation, State};
use crate::ports::network::{AccountSnapshot, HistoryRecord, Movement, PAGE_RECORDS_MAX, PaymentRecord};
use crate::ports::store::{Applied, Quarantined, StoreError, StoredPayment, Tx, transact};

/// Most pages of one account's history taken in at one look; the rest is for the next.
const INGEST_PAGES_MAX: u32 = 50;

/// What a page of history did.
#[derive(Debug, Clone, Copy, Default)]
struct Ingested {
    payments: u32,
    funded: u32,
    /// True if the cursor went on.
    moved: bool,
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
            if last_page || !ingested.moved {
                return Ok(());
            }
        }
        Ok(())
    }

    pub(super) async fn escrow(&self, account: AccountId) -> Result<Option<EscrowAccount>, StoreError> {
        Ok(self.store.begin_read().await?.escrows(&[account]).await?.pop())
    }

    /// Compares the journal with a snapshot of `ledger`, and keeps what follows.
    pub(super) async fn explain(
        &self,
        account: AccountId,
        snapshot: &AccountSnapshot,
        ledger: LedgerSeq,
    ) -> Result<Standing, EngineError> {
        let snapshot = snapshot.clone();
        let now = self.clock.now();
        transact(&self.store, move |tx| {
            let snapshot = snapshot.clone();
            Box::pin(async move {
                let Some(mut escrow) = tx.escrows(&[account]).await?.pop() else {
                    return Ok(Standing::Dirty(now));
                };
                let before = escrow.watch;
                let comparable = comparable(tx, &escrow, ledger).await?;
                let differing = differing_assets(tx, &snapshot).await?;
                if comparable && differing.is_empty() {
                    escrow.watch.explained = escrow.watch.explained.max(snapshot.last_modified);
                    escrow.watch.dirty_since = None;
                } else {
                    escrow.watch.dirty_since = Some(before.dirty_since.unwrap_or(now));
                }
                if escrow.watch != before {
                    escrow = tx.update_escrow(&escrow).await?;
                }
                let Some(since) = escrow.watch.dirty_since else { return Ok(Standing::Clean) };
                let asked_for = asked_for(tx, &escrow).await?;
                let elsewhere = comparable && differing.iter().all(|asset| !asked_for.contains(asset));
                Ok::<_, EngineError>(if elsewhere {
                    Standing::DirtyElsewhere(since)
                } else {
                    Standing::Dirty(since)
                })
            })
        })
        .await
    }
}

/// True if the journal and a snapshot of `ledger` speak of the same moment.
///
/// Ingested history may be newer than the snapshot; and while money is on its way out the snapshot may or may not have it:
/// a payout that landed unseen and a payment that was not read yet could cancel each other out.
async fn comparable(tx: &mut dyn Tx, escrow: &EscrowAccount, ledger: LedgerSeq) -> Result<bool, StoreError> {
    if escrow.watch.cursor.ledger() > ledger {
        return Ok(false);
    }
    Ok(!tx.money_leaves(escrow.account).await?)
}

/// The assets in which the journal and the ledger say different things of an account.
async fn differing_assets(tx: &mut dyn Tx, snapshot: &AccountSnapshot) -> Result<Vec<Asset>, StoreError> {
    let mut differences: BTreeMap<Asset, i128> = BTreeMap::new();
    for (asset, journal) in tx.balances_of(BookAccount::Stellar(snapshot.account)).await? {
        *differences.entry(asset).or_default() += i128::from(journal);
    }
    for balance in &snapshot.balances {
        *differences.entry(balance.asset).or_default() -= i128::from(balance.amount.get());
    }
    Ok(differences.into_iter().filter(|(_, difference)| *difference != 0).map(|(asset, _)| asset).collect())
}

/// The assets that the account's reservation may be paid in.
async fn asked_for(tx: &mut dyn Tx, escrow: &EscrowAccount) -> Result<Vec<Asset>, StoreError> {
    let Some(reservation) = escrow.state.reservation() else { return Ok(Vec::new()) };
    let reservation = tx.reservation(reservation).await?;
    let options = reservation.map(|reservation| reservation.quote.options).unwrap_or_default();
    Ok(options.into_iter().map(|option| option.asset).collect())
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
        ingested.moved = true;
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
    let json = serde_json::json!({ "type": kind, "id": operation, "transaction_hash": transaction });
    let reason = format!("the amount of {kind} stands in its effects");
    put_aside(tx, ids, account, Some(operation), json.to_string(), reason).await
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
        if leaves && movement.clawback {
            let json = serde_json::json!({
                "type": "clawback", "id": record.operation, "transaction_hash": record.transaction,
                "asset": movement.asset, "amount": movement.amount,
            });
            let reason = "the issuer took money back".to_owned();
            put_aside(tx, ids, escrow.account, Some(record.operation), json.to_string(), reason).await?;
        } else if leaves {
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
    match tx.submission_by_hash(record.envelope_hash()).await? {
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
    let reservation = match escrow.state.reservation() {
        Some(reservation) => tx.reservation(reservation).await?,
        None => None,
    };
    let attribution = attribute(&payment, reservation.as_ref());
    let id = payment.id;
    let owner = reservation.as_ref().map(|reservation| reservation.id);
    let owed = owner.map_or(BookAccount::Unattributed, BookAccount::Deposits);
    let mut postings = Postings::new();
    postings.movement(payment.asset, payment.amount, BookAccount::Stellar(escrow.account), owed);
    let closed_at = payment.closed_at;
    let stored = StoredPayment { payment: payment.clone(), reservation: owner, attribution };
    match tx.insert_payment(&stored).await? {
        Applied::AlreadyApplied => return Ok(()),
        Applied::Executed => ingested.payments += 1,
    }
    ids.post(tx, Cause::Payment(id), owner, closed_at, postings).await?;
    tx.append_event(now, &EventKind::PaymentReceived { payment: id, reservation: owner }).await?;
    match (attribution, reservation) {
        (Attribution::Counted, Some(reservation)) => {
            ingested.funded += u32::from(fund(tx, ids, reservation).await?);
        }
        (Attribution::Counted, None) => {}
        (Attribution::Late | Attribution::OtherAsset | Attribution::Unassigned, _) => {
            owe_return(tx, ids, &payment, owner).await?;
        }
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

/// True if what is owed in some asset reaches what is asked in it. Cheap, so that many small payments are not all read
/// again with each of them.
async fn could_be_covered(tx: &mut dyn Tx, reservation: &Reservation) -> Result<bool, StoreError> {
    for option in &reservation.quote.options {
        let balance = tx.balance(BookAccount::Deposits(reservation.id), option.asset).await?;
        if -i128::from(balance) >= i128::from(option.amount.get()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Makes the reservation funded, if what has been counted covers one of its options.
async fn fund(tx: &mut dyn Tx, ids: &Ids, reservation: Reservation) -> Result<bool, EngineError> {
    let State::AwaitingPayment { .. } = reservation.state else { return Ok(false) };
    if !could_be_covered(tx, &reservation).await? {
        return Ok(false);
    }
    let payments = counted_payments(tx, reservation.id).await?;
    let Some(funding) = reservation.quote.funding(&payments)? else { return Ok(false) };
    let id = reservation.id;
    let funded = tx.update_reservation(&reservation.funded(funding)?).await?;
    let state = funded.state.name().to_owned();
    tx.append_event(ids.now(), &EventKind::ReservationChanged { reservation: id, state }).await?;
    Ok(true)
}
