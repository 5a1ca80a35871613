//! Money that came in: from an account's history to payments, journal and funding.
//!
//! A page of history, the cursor behind it and all that follows from it are one database transaction, so
//! that a crash repeats a page or does not, and never takes half of one. A record that cannot be
//! understood is put aside, and the cursor goes on.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::held::note_lack;
use super::losses::{Clawback, claw_back};
use super::recover::{is_sent_by_us, left_before_adoption, take_out};
use super::refund::{counted_payments, owe_return};
use super::settle::change;
use super::sweep::Standing;
use super::{Engine, EngineError, Ids, TickReport};
use crate::domain::address::{AccountId, Address};
use crate::domain::asset::Asset;
use crate::domain::escrow::{EscrowAccount, EscrowState, HistoryCursor};
use crate::domain::event::EventKind;
use crate::domain::ids::{LedgerSeq, OperationId, ReservationId, TxHash};
use crate::domain::journal::{BookAccount, Cause, Postings};
use crate::domain::payment::{Attribution, Memo, Payment, PaymentId, PaymentKind};
use crate::domain::reservation::{Reservation, State};
use crate::domain::transfer::Purpose;
use crate::ports::network::{AccountSnapshot, HistoryRecord, Movement, PAGE_RECORDS_MAX, PaymentRecord};
use crate::ports::store::{Applied, Quarantined, StoreError, StoredPayment, Tx, transact};

/// Most pages of one account's history taken in at one look; the rest is for the next.
const INGEST_PAGES_MAX: u32 = 50;

/// An account of ours to which money comes, with how far its history was taken in.
pub(super) enum Place {
    /// The account of a reservation, or one that waits for a reservation.
    Escrow(EscrowAccount),
    /// The platform account, or a channel.
    Own { account: AccountId, watch: HistoryCursor },
}

impl Place {
    /// The account as it is stored; `None` if it is none of ours.
    pub async fn load(tx: &mut dyn Tx, account: AccountId) -> Result<Option<Self>, StoreError> {
        if let Some(escrow) = tx.escrows(&[account]).await?.pop() {
            return Ok(Some(Self::Escrow(escrow)));
        }
        Ok(tx.history_cursor(account).await?.map(|watch| Self::Own { account, watch }))
    }

    pub const fn account(&self) -> AccountId {
        match self {
            Self::Escrow(escrow) => escrow.account,
            Self::Own { account, .. } => *account,
        }
    }

    /// The reservation whose account it is.
    pub const fn reservation(&self) -> Option<ReservationId> {
        match self {
            Self::Escrow(escrow) => escrow.state.reservation(),
            Self::Own { .. } => None,
        }
    }

    /// The last operation of its history that concerns us: of an account that is no more, its merge. Whoever makes an account
    /// of that address anew, or pays it, pays somebody else; and one that we never made was never ours.
    pub fn history_ends(&self) -> Option<OperationId> {
        match self {
            Self::Escrow(escrow) => match escrow.state {
                EscrowState::Merged { operation, .. } | EscrowState::Closed { operation, .. } => {
                    Some(operation)
                }
                EscrowState::Abandoned => Some(OperationId(0)),
                EscrowState::Preparing { .. }
                | EscrowState::Ready
                | EscrowState::Adopted
                | EscrowState::Assigned { .. }
                | EscrowState::Closing { .. } => None,
            },
            Self::Own { .. } => None,
        }
    }

    const fn cursor(&self) -> OperationId {
        match self {
            Self::Escrow(escrow) => escrow.watch.cursor,
            Self::Own { watch, .. } => watch.cursor,
        }
    }

    /// Stores that history was taken in up to `cursor`.
    async fn advance(&self, tx: &mut dyn Tx, cursor: OperationId) -> Result<(), StoreError> {
        match self {
            Self::Escrow(escrow) => {
                let mut escrow = escrow.clone();
                escrow.watch.cursor = cursor;
                tx.update_escrow(&escrow).await.map(drop)
            }
            Self::Own { account, watch } => {
                tx.set_history_cursor(*account, Some(*watch), HistoryCursor { cursor, ..*watch }).await
            }
        }
    }
}

/// The ledger's code for a payment that its source has not enough for.
const UNDERFUNDED: &str = "op_underfunded";

/// What a page of history did.
#[derive(Debug, Clone, Default)]
pub(super) struct Ingested {
    pub payments: u32,
    pub clawbacks: u32,
    funded: u32,
    /// True if the cursor went on.
    moved: bool,
}

impl Ingested {
    /// Reports what was taken in.
    pub const fn note(&self, report: &mut TickReport) {
        report.payments += self.payments;
        report.funded += self.funded;
    }
}

impl Engine {
    /// Takes in the history of an account from its cursor on.
    pub(super) async fn ingest(
        &self,
        account: AccountId,
        report: &mut TickReport,
    ) -> Result<(), EngineError> {
        let mut recovered: Option<TxHash> = None;
        for _ in 0..INGEST_PAGES_MAX {
            let place = Place::load(&mut *self.store.begin_read().await?, account).await?;
            let Some(place) = place else { return Ok(()) };
            let (cursor, reserved) = (place.cursor(), place.reservation().is_some());
            let page = self.network.payments(account, cursor, PAGE_RECORDS_MAX).await?;
            let last_page = page.len() < PAGE_RECORDS_MAX;
            if page.is_empty() {
                return Ok(());
            }
            let (ids, funders) = (Ids::of(self), self.funders());
            let ingested = transact(&self.store, move |tx| {
                let (ids, page, funders) = (ids.clone(), page.clone(), funders.clone());
                Box::pin(async move { ingest_page(tx, &ids, account, cursor, &page, &funders).await })
            })
            .await;
            let ingested = match ingested {
                // A transaction of ours that a restored database does not know; once it does, the page is read again.
                Err(EngineError::ForeignOutgoing { transaction, .. })
                    if reserved && recovered != Some(transaction) && self.recover(transaction).await? =>
                {
                    recovered = Some(transaction);
                    continue;
                }
                ingested => ingested?,
            };
            ingested.note(report);
            if last_page || !ingested.moved {
                return Ok(());
            }
        }
        Ok(())
    }

    /// True if an account's effects may tell what its payments do not: not while money is on its way out of it.
    pub(super) async fn effects_may_tell(
        &self,
        account: AccountId,
        ledger: LedgerSeq,
    ) -> Result<bool, EngineError> {
        let mut tx = self.store.begin_read().await?;
        let Some(escrow) = tx.escrows(&[account]).await?.pop() else { return Ok(false) };
        Ok(comparable(&mut *tx, &escrow, ledger).await?)
    }

    /// The operator's own accounts.
    pub(super) fn funders(&self) -> Arc<[AccountId]> {
        Arc::from(self.settings.funding_accounts.as_slice())
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
pub(super) async fn differing_assets(
    tx: &mut dyn Tx,
    snapshot: &AccountSnapshot,
) -> Result<Vec<Asset>, StoreError> {
    let differences = differences(tx, snapshot).await?;
    Ok(differences.into_keys().collect())
}

/// In which assets the journal says more of an account than the ledger, and by how many stroops.
pub(super) async fn differences(
    tx: &mut dyn Tx,
    snapshot: &AccountSnapshot,
) -> Result<BTreeMap<Asset, i128>, StoreError> {
    let mut differences: BTreeMap<Asset, i128> = BTreeMap::new();
    for (asset, journal) in tx.balances_of(BookAccount::Stellar(snapshot.account)).await? {
        *differences.entry(asset).or_default() += i128::from(journal);
    }
    for balance in &snapshot.balances {
        *differences.entry(balance.asset).or_default() -= i128::from(balance.amount.get());
    }
    differences.retain(|_, difference| *difference != 0);
    Ok(differences)
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
    funders: &[AccountId],
) -> Result<Ingested, EngineError> {
    let mut ingested = Ingested::default();
    let Some(place) = Place::load(tx, account).await? else { return Ok(ingested) };
    if place.cursor() != cursor {
        return Ok(ingested);
    }
    let mut reached = cursor;
    for record in page {
        if let (Some(end), Some(operation)) = (place.history_ends(), place_of(record))
            && operation > end
        {
            reached = reached.max(operation);
            continue;
        }
        let operation = match record {
            HistoryRecord::Payment(payment) => {
                take_payment(tx, ids, &place, funders, payment, &mut ingested).await?;
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
        reached = reached.max(operation.unwrap_or(reached));
    }
    if reached != cursor {
        ingested.moved = true;
        place.advance(tx, reached).await?;
    }
    Ok(ingested)
}

const fn place_of(record: &HistoryRecord) -> Option<OperationId> {
    match record {
        HistoryRecord::Payment(payment) => Some(payment.operation),
        HistoryRecord::NotAPayment { operation, .. } => Some(*operation),
        HistoryRecord::Unreadable { operation, .. } => *operation,
    }
}

pub(super) async fn put_aside(
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

/// An operation whose amount the payment list does not tell. One of ours is nothing new; what a merge brought is read from
/// the account's effects, which its balance asks for; anything else is kept for a person.
async fn take_other(
    tx: &mut dyn Tx,
    ids: &Ids,
    account: AccountId,
    operation: OperationId,
    kind: &str,
    transaction: TxHash,
) -> Result<(), EngineError> {
    if kind == "account_merge" || is_sent_by_us(tx, transaction).await? {
        return Ok(());
    }
    let json = serde_json::json!({ "type": kind, "id": operation, "transaction_hash": transaction });
    let reason = format!("the amount of {kind} stands in its effects");
    put_aside(tx, ids, account, Some(operation), json.to_string(), reason).await
}

async fn take_payment(
    tx: &mut dyn Tx,
    ids: &Ids,
    place: &Place,
    funders: &[AccountId],
    record: &PaymentRecord,
    ingested: &mut Ingested,
) -> Result<(), EngineError> {
    if !record.successful {
        return Ok(());
    }
    let account = place.account();
    for movement in &record.movements {
        let comes = movement.to.and_then(|to| to.account()) == Some(account);
        let leaves = movement.from.and_then(|from| from.account()) == Some(account);
        if movement.amount.is_zero() || comes == leaves {
            continue;
        }
        if leaves && movement.clawback {
            let id = PaymentId { operation: record.operation, change: movement.change };
            let (asset, amount, at) = (movement.asset, movement.amount, record.closed_at);
            let booked = claw_back(tx, ids, place, &Clawback { id, asset, amount, at }).await?;
            ingested.clawbacks += u32::from(booked == Applied::Executed);
        } else if leaves {
            leave(tx, ids, place, record, movement).await?;
        } else if !is_between_ours(tx, place, record).await? {
            take_in(tx, ids, place, funders, payment_of(account, record, movement), ingested).await?;
        }
    }
    Ok(())
}

/// True if money comes to the platform or a channel by a transaction of ours: that is journaled when its outcome is recorded.
async fn is_between_ours(tx: &mut dyn Tx, place: &Place, record: &PaymentRecord) -> Result<bool, StoreError> {
    match place {
        Place::Escrow(_) => Ok(false),
        Place::Own { .. } => is_sent_by_us(tx, record.envelope_hash()).await,
    }
}

/// Money that leaves is journaled when its transaction's outcome is recorded; here it must only be known, or have been found.
async fn leave(
    tx: &mut dyn Tx,
    ids: &Ids,
    place: &Place,
    record: &PaymentRecord,
    movement: &Movement,
) -> Result<(), EngineError> {
    let known = match tx.submission_by_hash(record.envelope_hash()).await? {
        Some(submission) if submission.purpose != Purpose::Recovered => return Ok(()),
        known => known,
    };
    let account = place.account();
    let foreign = || EngineError::ForeignOutgoing {
        account,
        operation: record.operation,
        transaction: record.transaction,
    };
    let Place::Escrow(escrow) = place else { return Err(foreign()) };
    let accounted = match (known, escrow.state.reservation()) {
        (_, None) => left_before_adoption(tx, ids, escrow, record, movement).await?,
        (Some(submission), Some(reservation)) => {
            take_out(tx, ids, &submission, reservation, record, movement).await?
        }
        (None, Some(_)) => false,
    };
    if accounted { Ok(()) } else { Err(foreign()) }
}

fn payment_of(account: AccountId, record: &PaymentRecord, movement: &Movement) -> Payment {
    Payment {
        id: PaymentId { operation: record.operation, change: movement.change },
        kind: record.kind,
        to: account,
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
    }
}

/// Takes in money that came, once, with all that follows from it.
pub(super) async fn take_in(
    tx: &mut dyn Tx,
    ids: &Ids,
    place: &Place,
    funders: &[AccountId],
    payment: Payment,
    ingested: &mut Ingested,
) -> Result<(), EngineError> {
    let now = ids.now();
    let reservation = match place.reservation() {
        Some(reservation) => tx.reservation(reservation).await?,
        None => None,
    };
    let attribution = attribute(tx, place, funders, &payment, reservation.as_ref()).await?;
    let id = payment.id;
    let owner = reservation.as_ref().map(|reservation| reservation.id);
    let owed = match (attribution, owner) {
        (Attribution::TopUp, _) => BookAccount::Capital,
        (Attribution::Unassigned, _) | (_, None) => BookAccount::Unattributed,
        (Attribution::Counted | Attribution::Late | Attribution::OtherAsset, Some(owner)) => {
            BookAccount::Deposits(owner)
        }
    };
    let mut postings = Postings::new();
    postings.movement(payment.asset, payment.amount, BookAccount::Stellar(place.account()), owed);
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
            if let State::Held { .. } = reservation.state {
                // Whoever decides about it at the same time changes its row: one of the two runs again, and sees the other.
                return note_lack(tx, ids, reservation.looked_at_soon(now)?).await;
            }
            ingested.funded += u32::from(fund(tx, ids, reservation).await?);
        }
        (Attribution::Counted, None) | (Attribution::TopUp, _) => {}
        (Attribution::Late | Attribution::OtherAsset, owner) => {
            owe_return(tx, ids, &payment, owner.map(|reservation| reservation.id)).await?;
        }
        (Attribution::Unassigned, _) => owe_return(tx, ids, &payment, None).await?,
    }
    Ok(())
}

/// What a payment is taken for, by the reservation as it stands when the payment is taken in.
///
/// Merges and claims pay nothing: they are unassigned even where a reservation has the account.
async fn attribute(
    tx: &mut dyn Tx,
    place: &Place,
    funders: &[AccountId],
    payment: &Payment,
    reservation: Option<&Reservation>,
) -> Result<Attribution, StoreError> {
    if let Place::Own { .. } = place {
        let payer = payment.from.and_then(|from| from.account());
        let is_funder = payer.is_some_and(|payer| funders.contains(&payer));
        return Ok(if is_funder { Attribution::TopUp } else { Attribution::Unassigned });
    }
    let is_payment = match payment.kind {
        PaymentKind::Merge | PaymentKind::Claim => false,
        PaymentKind::Payment
        | PaymentKind::PathPayment
        | PaymentKind::CreateAccount
        | PaymentKind::ContractTransfer => true,
    };
    let Some(reservation) = reservation.filter(|_| is_payment) else { return Ok(Attribution::Unassigned) };
    if fills_shortfall(tx, payment, reservation).await? {
        return Ok(Attribution::Counted);
    }
    Ok(if reservation.quote.option(&payment.asset).is_none() {
        Attribution::OtherAsset
    } else if reservation.state.takes_payments() && payment.closed_at <= reservation.quote.deadline {
        Attribution::Counted
    } else {
        Attribution::Late
    })
}

/// True if the reservation is held because its account has not what it was funded with, and this is of that asset.
async fn fills_shortfall(
    tx: &mut dyn Tx,
    payment: &Payment,
    reservation: &Reservation,
) -> Result<bool, StoreError> {
    let State::Held { funding, why, .. } = &reservation.state else { return Ok(false) };
    if funding.asset != payment.asset {
        return Ok(false);
    }
    let held = tx.balance(BookAccount::Stellar(reservation.escrow), funding.asset).await?;
    // The ledger may have said so before the clawback was seen.
    Ok(held < funding.amount.get() || why.code == UNDERFUNDED)
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
    change(tx, ids, &reservation.funded(funding)?).await?;
    Ok(true)
}
