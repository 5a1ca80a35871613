//! Money that came in: from an account's history to payments, journal and funding.
//!
//! A page of history, the cursor behind it and all that follows from it are one database transaction, so
//! that a crash repeats a page or does not, and never takes half of one. A record that cannot be
//! understood is put aside, and the cursor goes on.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::attribution::{Ingested, take_in};
use super::quarantine::quarantine;
use super::watched_account::WatchedAccount;
use crate::domain::address::{AccountId, Address};
use crate::domain::ids::{OperationId, TxHash};
use crate::domain::payment::{Memo, Payment, PaymentId};
use crate::domain::transfer::Purpose;
use crate::ports::network::{HistoryRecord, Movement, PAGE_RECORDS_MAX, PaymentRecord};
use crate::ports::store::{Applied, StoreError, Tx};
use crate::settlement::books::accepted::accept_loss;
use crate::settlement::books::clawbacks::claw_back;
use crate::settlement::books::entries::{AcceptedLoss, Clawback};
use crate::settlement::books::work::{Ports, UnitOfWork};
use crate::settlement::memory::Memory;
use crate::settlement::recovery::build_gate::BuildGate;
use crate::settlement::recovery::recover::{Recovery, is_sent_by_us, left_before_adoption, take_out};
use crate::settlement::{EngineError, TickReport};

/// Most pages of one account's history taken in at one look; the rest is for the next.
const INGEST_PAGES_MAX: u32 = 50;

/// How far a look at a history came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::settlement) enum Read {
    /// Everything that the network has told of it.
    ToItsEnd,
    /// There is more of it, or something else read on in the meantime.
    InPart,
}

/// Takes in the histories of accounts of ours: payments here, and what no payment list tells
/// in [`super::effects`].
pub(in crate::settlement) struct Histories {
    pub(super) ports: Arc<Ports>,
    recovery: Recovery,
    /// The last operation whose effects were looked at, of accounts that payments do not explain; of our own
    /// accounts also that up to which the journal explains everything.
    pub(super) effects_seen: Memory<BTreeMap<AccountId, OperationId>>,
}

impl Histories {
    pub(in crate::settlement) fn new(ports: Arc<Ports>, gate: Arc<BuildGate>) -> Self {
        let recovery = Recovery::new(Arc::clone(&ports), gate);
        Self { ports, recovery, effects_seen: Memory::default() }
    }

    /// The operator's own accounts.
    pub(super) fn funders(&self) -> Arc<[AccountId]> {
        Arc::from(self.ports.settings.funding_accounts.as_slice())
    }

    /// Up to this operation an account's effects need not be looked at: the journal explains everything.
    pub(in crate::settlement) fn effects_explained(&self, account: AccountId, reached: OperationId) {
        self.effects_seen.lock().insert(account, reached);
    }

    /// An account is explained: its effects are read from the beginning if it is not again.
    pub(in crate::settlement) fn forget_effects(&self, account: &AccountId) {
        self.effects_seen.lock().remove(account);
    }

    /// Takes in the history of an account from its cursor on.
    pub(in crate::settlement) async fn ingest(
        &self,
        account: AccountId,
        report: &mut TickReport,
    ) -> Result<Read, EngineError> {
        let mut recovered: Option<TxHash> = None;
        let mut told_before: Option<OperationId> = None;
        for _ in 0..INGEST_PAGES_MAX {
            let place = WatchedAccount::load(&mut *self.ports.read().await?, account).await?;
            let Some(place) = place else { return Ok(Read::ToItsEnd) };
            let (cursor, reserved) = (place.cursor(), place.reservation().is_some());
            let owes = place.may_owe();
            let page = self.ports.network.payments(account, cursor, PAGE_RECORDS_MAX).await?;
            let last_page = page.len() < PAGE_RECORDS_MAX;
            if page.is_empty() {
                return Ok(Read::ToItsEnd);
            }
            let ingested = match self.take_in_page(account, cursor, &page).await {
                // A transaction of ours that a restored database does not know; once it does, the page
                // is read again.
                Err(EngineError::ForeignOutgoing { transaction, .. })
                    if reserved
                        && recovered != Some(transaction)
                        && self.recovery.recover(transaction).await? =>
                {
                    recovered = Some(transaction);
                    continue;
                }
                // What is owed from an account follows from all that came before, a clawback too. Where
                // nothing can be owed there is nothing to wait for.
                Err(EngineError::ForeignOutgoing { operation, .. })
                    if owes && told_before != Some(operation) =>
                {
                    let before = page.iter().position(|record| operation_of(record) == Some(operation));
                    let before = page.get(..before.unwrap_or(0)).unwrap_or_default();
                    if let Some(ingested) = self.take_in_page(account, cursor, before).await? {
                        ingested.note(report);
                    }
                    self.take_in_effects_before(account, operation, report).await?;
                    told_before = Some(operation);
                    continue;
                }
                ingested => ingested?,
            };
            let Some(ingested) = ingested else { return Ok(Read::InPart) };
            ingested.note(report);
            if last_page {
                return Ok(Read::ToItsEnd);
            }
            if !ingested.moved {
                return Ok(Read::InPart);
            }
        }
        Ok(Read::InPart)
    }

    /// Takes in a page of history; `None` if something else read on in the meantime.
    async fn take_in_page(
        &self,
        account: AccountId,
        cursor: OperationId,
        page: &[HistoryRecord],
    ) -> Result<Option<Ingested>, EngineError> {
        let (page, funders): (Arc<[HistoryRecord]>, _) = (Arc::from(page), self.funders());
        self.ports
            .transact(move |work| {
                let (page, funders) = (Arc::clone(&page), Arc::clone(&funders));
                Box::pin(async move { ingest_page(work, account, cursor, &page, &funders).await })
            })
            .await
    }
}

/// Takes in a page of history; `None` if something else read on in the meantime.
async fn ingest_page(
    work: &mut UnitOfWork<'_>,
    account: AccountId,
    cursor: OperationId,
    page: &[HistoryRecord],
    funders: &[AccountId],
) -> Result<Option<Ingested>, EngineError> {
    let mut ingested = Ingested::default();
    let Some(place) = WatchedAccount::load(work.tx(), account).await? else { return Ok(None) };
    if place.cursor() != cursor {
        return Ok(None);
    }
    let (mut reached, mut booked) = (cursor, None);
    for record in page {
        if let (Some(end), Some(operation)) = (place.history_ends(), operation_of(record))
            && operation > end
        {
            reached = reached.max(operation);
            continue;
        }
        let before = ingested.booked();
        let operation = match record {
            HistoryRecord::Payment(payment) => {
                take_payment(work, &place, funders, payment, &mut ingested).await?;
                Some(payment.operation)
            }
            HistoryRecord::NotAPayment { operation, kind, transaction } => {
                take_other(work, account, *operation, kind, *transaction).await?;
                Some(*operation)
            }
            HistoryRecord::Unreadable { operation, json, reason } => {
                quarantine(work, account, *operation, json.clone(), reason.clone()).await?;
                *operation
            }
        };
        if ingested.booked() > before {
            booked = booked.or_else(|| operation.map(|operation| operation.ledger()));
        }
        reached = reached.max(operation.unwrap_or(reached));
    }
    if reached != cursor {
        ingested.moved = true;
        let now = work.now();
        place.advance(work.tx(), reached, booked, now).await?;
    }
    Ok(Some(ingested))
}

const fn operation_of(record: &HistoryRecord) -> Option<OperationId> {
    match record {
        HistoryRecord::Payment(payment) => Some(payment.operation),
        HistoryRecord::NotAPayment { operation, .. } => Some(*operation),
        HistoryRecord::Unreadable { operation, .. } => *operation,
    }
}

/// An operation whose amount the payment list does not tell. One of ours is nothing new; what a merge brought
/// is read from the account's effects, which its balance asks for; anything else is kept for a person.
async fn take_other(
    work: &mut UnitOfWork<'_>,
    account: AccountId,
    operation: OperationId,
    kind: &str,
    transaction: TxHash,
) -> Result<(), EngineError> {
    if kind == "account_merge" || is_sent_by_us(work.tx(), transaction).await? {
        return Ok(());
    }
    let json = serde_json::json!({ "type": kind, "id": operation, "transaction_hash": transaction });
    let reason = format!("the amount of {kind} stands in its effects");
    quarantine(work, account, Some(operation), json.to_string(), reason).await
}

async fn take_payment(
    work: &mut UnitOfWork<'_>,
    place: &WatchedAccount,
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
            let booked =
                claw_back(work, account, place.reservation(), &Clawback { id, asset, amount, at }).await?;
            ingested.clawbacks += u32::from(booked == Applied::Executed);
        } else if leaves {
            leave(work, place, record, movement, ingested).await?;
        } else if !is_between_ours(work.tx(), place, record).await? {
            take_in(work, place, funders, payment_of(account, record, movement), ingested).await?;
        }
    }
    Ok(())
}

/// True if money comes to the platform or a channel by a transaction of ours: that is journaled when its
/// outcome is recorded.
async fn is_between_ours(
    tx: &mut dyn Tx,
    place: &WatchedAccount,
    record: &PaymentRecord,
) -> Result<bool, StoreError> {
    match place {
        WatchedAccount::Escrow(_) => Ok(false),
        WatchedAccount::System { .. } => is_sent_by_us(tx, record.envelope_hash()).await,
    }
}

/// Money that leaves is journaled when its transaction's outcome is recorded; here it must only be known,
/// or have been found.
async fn leave(
    work: &mut UnitOfWork<'_>,
    place: &WatchedAccount,
    record: &PaymentRecord,
    movement: &Movement,
    ingested: &mut Ingested,
) -> Result<(), EngineError> {
    let known = match work.submission_by_hash(record.envelope_hash()).await? {
        Some(submission) if submission.purpose != Purpose::Recovered => return Ok(()),
        known => known,
    };
    let account = place.account();
    let foreign = || EngineError::ForeignOutgoing {
        account,
        operation: record.operation,
        transaction: record.transaction,
    };
    let WatchedAccount::Escrow(escrow) = place else {
        return accepted_or(work, place, record, movement, foreign()).await;
    };
    let accounted = match (known, escrow.state.reservation()) {
        (_, None) => left_before_adoption(work, escrow, record, movement).await?,
        (Some(submission), Some(reservation)) => {
            // What a person accepted as a loss is not looked for among what was owed: that may begin a
            // refund.
            booked_as_loss(work, place, record, movement).await?
                || take_out(work, &submission, reservation, record, movement).await?
        }
        (None, Some(_)) => false,
    };
    if !accounted {
        accepted_or(work, place, record, movement, foreign()).await?;
    }
    ingested.outgoing += 1;
    Ok(())
}

/// Books what an operation took that is not ours, if a person accepted it; the error if nobody did.
async fn accepted_or(
    work: &mut UnitOfWork<'_>,
    place: &WatchedAccount,
    record: &PaymentRecord,
    movement: &Movement,
    foreign: EngineError,
) -> Result<(), EngineError> {
    if booked_as_loss(work, place, record, movement).await? { Ok(()) } else { Err(foreign) }
}

/// Books what an operation took that is not ours, if a person accepted it; true if so.
async fn booked_as_loss(
    work: &mut UnitOfWork<'_>,
    place: &WatchedAccount,
    record: &PaymentRecord,
    movement: &Movement,
) -> Result<bool, EngineError> {
    let id = PaymentId { operation: record.operation, change: movement.change };
    let (asset, amount, at) = (movement.asset, movement.amount, record.closed_at);
    let loss = AcceptedLoss { id, asset, amount, at };
    accept_loss(work, place.account(), place.reservation(), &loss).await
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
