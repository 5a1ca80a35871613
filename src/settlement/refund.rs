//! Money that goes back: each payer gets what that payer sent, to where it came from.
//!
//! A return is owed from the moment its reason is recorded: its transfer is stored in that same database
//! transaction, once per payment. It is sent with the memo `Return(hash of the payment's transaction)`, to the muxed address the
//! money came from if it was muxed. What cannot be delivered now stays owed and is tried again, ever less often.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::losses::{bear, taken_back};
use super::settle::{change, legs_of, store_submission};
use super::{Engine, EngineError, Ids, TickReport};
use crate::domain::address::{AccountId, Address};
use crate::domain::asset::Asset;
use crate::domain::escrow::{Channel, ChannelRole};
use crate::domain::ids::{ReservationId, TransferId, TxHash};
use crate::domain::journal::{BookAccount, Cause, Postings};
use crate::domain::payment::{Attribution, Memo, Payment};
use crate::domain::refund::{Return, returns};
use crate::domain::reservation::{Funding, RefundReason, Reservation, State};
use crate::domain::transfer::{Purpose, Transfer, TransferKind, TransferState};
use crate::ports::network::{
    AccountSnapshot, Body, Ledger, PaymentOperation, TRANSACTION_OPERATIONS_MAX, TransactionPlan,
};
use crate::ports::store::{LIST_ROWS_MAX, PaymentFilter, StoreError, Tx, transact};

/// First pause before a return that could not be delivered is tried again, in seconds; it doubles up to the largest.
const RETRY_SECONDS_MIN: i64 = 60;
const RETRY_SECONDS_MAX: i64 = 86_400;
/// Most pages of pending returns that one tick reads.
const REFUND_PAGES_PER_TICK_MAX: u32 = 20;
/// With so many transactions' returns in hand a tick reads no further page.
const REFUND_GROUPS_PER_TICK_MAX: usize = 100;
/// After so many accounts looked up no further returns are stored in a tick.
const PAYERS_PER_TICK_MAX: u32 = 20;
/// Most transfers stored by one statement.
const INSERT_ROWS_MAX: usize = 500;

/// Accounts that were looked up in this tick.
#[derive(Default)]
struct Payers {
    known: BTreeMap<AccountId, Option<AccountSnapshot>>,
    looked_up: u32,
}

/// True if an account can take a return.
fn can_take(payer: &AccountSnapshot, transfer: &Transfer) -> bool {
    let demands_memo = payer.memo_required && matches!(transfer.to, Address::Account(_));
    let holds = match transfer.asset {
        Asset::Native => true,
        Asset::Credit { issuer, .. } if issuer == payer.account => true,
        Asset::Credit { .. } => payer.balances.iter().any(|balance| {
            let room = balance.limit.map(|limit| limit.checked_sub(balance.amount));
            balance.asset == transfer.asset
                && balance.authorized
                && room.is_none_or(|room| room.is_ok_and(|room| room >= transfer.amount))
        }),
    };
    holds && !demands_memo
}

/// When a return that could not be delivered is tried again.
#[derive(Debug, Clone, Copy)]
pub(super) struct Retry {
    pub not_before: Timestamp,
    pub pause_seconds: i64,
}

impl Engine {
    /// Stores returns that are owed: those of one transaction's payments together, as many transactions as there are free
    /// channels.
    pub(super) async fn refund(&self, tip: Ledger, report: &mut TickReport) -> Result<(), EngineError> {
        let mut channels = self.free_channels().await?;
        channels.retain(|channel| channel.role == ChannelRole::Channel);
        if channels.is_empty() {
            return Ok(());
        }
        let mut payers = Payers::default();
        let (due, goes_on_after) = self.due_refunds().await?;
        for (hash, due) in due {
            let what = format!("returns of transaction {hash}");
            let due = match self.borne(due).await {
                Ok(due) => self.deliverable(due, &mut payers).await,
                Err(error) => Err(error),
            };
            let due = match due {
                Ok(due) => due,
                Err(error) => {
                    report.isolate(&what, Err(error))?;
                    continue;
                }
            };
            if payers.looked_up > PAYERS_PER_TICK_MAX {
                return Ok(());
            }
            if due.is_empty() {
                continue;
            }
            let Some(channel) = channels.pop() else { return Ok(()) };
            self.memory().built += 1;
            let stored = self.store_refunds(hash, due, &channel, tip).await;
            report.isolate(&what, stored)?;
        }
        self.memory().refund_after = goes_on_after;
        Ok(())
    }

    /// Pending returns that are not waiting for a retry, by the transaction they return, those owed longest first; and where
    /// the next look goes on, so that none hides behind others.
    async fn due_refunds(&self) -> Result<(Vec<(TxHash, Vec<Transfer>)>, Option<TransferId>), EngineError> {
        let now = self.clock.now();
        let mut due: Vec<(TxHash, Vec<Transfer>)> = Vec::new();
        let mut after = self.memory().refund_after;
        for _ in 0..REFUND_PAGES_PER_TICK_MAX {
            let mut tx = self.store.begin_read().await?;
            let page = tx.pending_refunds(after, LIST_ROWS_MAX).await?;
            after = page.last().map(|transfer| transfer.id);
            let last = page.len() < LIST_ROWS_MAX as usize;
            for transfer in page {
                let rests = {
                    let memory = self.memory();
                    memory.undelivered.get(&transfer.id).is_some_and(|retry| now < retry.not_before)
                };
                if rests {
                    continue;
                }
                let hash = returned_payment(&mut *tx, &transfer).await?.transaction;
                match due.iter_mut().find(|(known, _)| *known == hash) {
                    Some((_, group)) if group.len() < TRANSACTION_OPERATIONS_MAX => group.push(transfer),
                    Some(_) => {}
                    None => due.push((hash, vec![transfer])),
                }
            }
            if last {
                return Ok((due, None));
            }
            if due.len() >= REFUND_GROUPS_PER_TICK_MAX {
                break;
            }
        }
        Ok((due, after))
    }

    /// Leaves out returns that must be cut first, because an issuer took back what they are paid from.
    async fn borne(&self, due: Vec<Transfer>) -> Result<Vec<Transfer>, EngineError> {
        let mut whole = Vec::new();
        for transfer in due {
            let (account, reservation, asset) = (transfer.from, transfer.reservation, transfer.asset);
            let taken =
                self.store.begin_read().await?.balance(BookAccount::ClawedBack(reservation), asset).await?;
            let ids = Ids::of(self);
            let cut = taken > 0
                && transact(&self.store, move |tx| {
                    let ids = ids.clone();
                    Box::pin(async move { bear(tx, &ids, account, reservation, asset).await })
                })
                .await?;
            if cut {
                // What was read may have been given up.
                return Ok(Vec::new());
            }
            whole.push(transfer);
        }
        Ok(whole)
    }

    /// Leaves out returns that cannot be delivered now, without a fee for finding out: to accounts that demand a memo (ours is
    /// taken by the returned hash, SEP-29), that are not there, or that cannot hold the asset.
    async fn deliverable(
        &self,
        due: Vec<Transfer>,
        payers: &mut Payers,
    ) -> Result<Vec<Transfer>, EngineError> {
        let mut deliverable = Vec::new();
        for transfer in due {
            let Some(account) = transfer.to.account() else { continue };
            if !payers.known.contains_key(&account) {
                payers.looked_up += 1;
                let answer = self.network.account(account).await?;
                payers.known.insert(account, answer.account);
            }
            let payer = payers.known.get(&account).and_then(Option::as_ref);
            if payer.is_some_and(|payer| can_take(payer, &transfer)) {
                deliverable.push(transfer);
            } else {
                tracing::warn!(transfer = %transfer.id, to = %transfer.to, "a return cannot be delivered now");
                self.undelivered(transfer.id);
            }
        }
        Ok(deliverable)
    }

    /// A return could not be delivered: it is tried again after a while, longer each time.
    pub(super) fn undelivered(&self, transfer: TransferId) {
        let now = self.clock.now();
        let mut memory = self.memory();
        let last = memory.undelivered.get(&transfer).map(|retry| retry.pause_seconds);
        let pause_seconds = last.map_or(RETRY_SECONDS_MIN, |seconds| (seconds * 2).min(RETRY_SECONDS_MAX));
        let not_before = now.checked_add(SignedDuration::from_secs(pause_seconds)).unwrap_or(now);
        memory.undelivered.insert(transfer, Retry { not_before, pause_seconds });
    }

    async fn store_refunds(
        &self,
        hash: TxHash,
        due: Vec<Transfer>,
        channel: &Channel,
        tip: Ledger,
    ) -> Result<(), EngineError> {
        let operation = |transfer: &Transfer| PaymentOperation {
            from: transfer.from,
            to: transfer.to,
            asset: transfer.asset,
            amount: transfer.amount,
        };
        let plan = TransactionPlan {
            channel: channel.account,
            sequence: channel.sequence + 1,
            max_time: self.max_time(tip)?,
            fee_per_operation: self.settings.fee_per_operation_stroops,
            memo: Memo::Return(hash),
            body: Body::Pay(due.iter().map(operation).collect()),
        };
        let signed = self.network.build(&plan).await?;
        let ids = Ids::of(self);
        transact(&self.store, move |tx| {
            let (ids, due, plan, signed) = (ids.clone(), due.clone(), plan.clone(), signed.clone());
            Box::pin(async move {
                let id = ids.submission()?;
                let transfers: Vec<TransferId> = due.iter().map(|transfer| transfer.id).collect();
                let purpose = Purpose::PayTransfers { transfers };
                store_submission(tx, id, &plan, &signed, purpose, ids.now()).await?;
                for transfer in &due {
                    tx.update_transfer(transfer, &transfer.clone().sent(id)?).await?;
                }
                Ok(())
            })
        })
        .await
    }
}

/// The payment that a transfer returns.
async fn returned_payment(tx: &mut dyn Tx, transfer: &Transfer) -> Result<Payment, EngineError> {
    let contradiction =
        || EngineError::Contradiction(format!("transfer {} returns no stored payment", transfer.id));
    let TransferKind::Refund { payment } = transfer.kind else { return Err(contradiction()) };
    let stored = tx.payment(payment).await?.ok_or_else(contradiction)?;
    Ok(stored.payment)
}

/// Makes the return of a payment owed: all of it.
pub(super) async fn owe_return(
    tx: &mut dyn Tx,
    ids: &Ids,
    payment: &Payment,
    reservation: Option<ReservationId>,
) -> Result<(), EngineError> {
    owe(tx, ids, reservation, vec![Return { payment, amount: payment.amount }]).await
}

/// Makes returns owed.
///
/// Nothing is made of money from our own accounts (it is never sent back automatically), from contracts and from nobody:
/// they cannot be paid by a classic payment. It stays owed in the journal.
async fn owe(
    tx: &mut dyn Tx,
    ids: &Ids,
    reservation: Option<ReservationId>,
    returns: Vec<Return<'_>>,
) -> Result<(), EngineError> {
    let mut ours: BTreeMap<AccountId, bool> = BTreeMap::new();
    let mut ordinal = match reservation {
        Some(reservation) if !returns.is_empty() => tx.next_ordinal(reservation).await?,
        Some(_) | None => 0,
    };
    let mut transfers = Vec::new();
    for Return { payment, amount } in returns {
        let Some((to, payer)) = payment.from.and_then(|from| Some((from, from.account()?))) else {
            tracing::warn!(payment = %payment.id, "money came from a contract; it stays owed");
            continue;
        };
        let known = ours.get(&payer).copied();
        let payer_is_ours = match known {
            Some(known) => known,
            None => is_ours(tx, payer).await?,
        };
        ours.insert(payer, payer_is_ours);
        if payer_is_ours {
            tracing::warn!(payment = %payment.id, %payer, "money came from an account of ours; it is not sent back");
            continue;
        }
        transfers.push(Transfer {
            id: ids.transfer()?,
            reservation,
            ordinal,
            kind: TransferKind::Refund { payment: payment.id },
            from: payment.to,
            to,
            asset: payment.asset,
            amount,
            state: TransferState::Pending,
        });
        ordinal += u32::from(reservation.is_some());
    }
    for chunk in transfers.chunks(INSERT_ROWS_MAX) {
        tx.insert_transfers(chunk).await?;
    }
    Ok(())
}

async fn is_ours(tx: &mut dyn Tx, account: AccountId) -> Result<bool, StoreError> {
    let channel = tx.channels().await?.iter().any(|channel| channel.account == account);
    Ok(channel || !tx.escrows(&[account]).await?.is_empty())
}

/// All payments counted towards a reservation.
pub(super) async fn counted_payments(
    tx: &mut dyn Tx,
    reservation: ReservationId,
) -> Result<Vec<Payment>, StoreError> {
    let counted = PaymentFilter { reservation: Some(reservation), attribution: Some(Attribution::Counted) };
    let mut payments: Vec<Payment> = Vec::new();
    loop {
        let after = payments.last().map(|last| last.id);
        let page = tx.payments(&counted, after, LIST_ROWS_MAX).await?;
        let last = page.len() < LIST_ROWS_MAX as usize;
        payments.extend(page.into_iter().map(|stored| stored.payment));
        if last {
            return Ok(payments);
        }
    }
}

/// Makes everything owed that goes back of a reservation's counted payments: the excess over what its settlement paid out,
/// or all. The latest of them bear what an issuer took back.
pub(super) async fn owe_returns(
    tx: &mut dyn Tx,
    ids: &Ids,
    reservation: ReservationId,
    kept: Option<&Funding>,
) -> Result<(), EngineError> {
    let counted = counted_payments(tx, reservation).await?;
    let taken = taken_back(tx, reservation).await?;
    let decided = returns(&counted, kept.map(|funding| (funding.asset, funding.amount)), &taken)?;
    let mut postings = Postings::new();
    for (asset, amount) in decided.lost {
        let borne_by = BookAccount::Deposits(reservation);
        postings.movement(asset, amount, borne_by, BookAccount::ClawedBack(Some(reservation)));
    }
    ids.post(tx, Cause::Loss(reservation), Some(reservation), ids.now(), postings).await?;
    owe(tx, ids, Some(reservation), decided.returns).await
}

/// A reservation whose money goes back, all that remains of it, and whose legs are given up; one to which nothing came is refunded at once.
pub(super) async fn start_refunding(
    tx: &mut dyn Tx,
    ids: &Ids,
    reservation: Reservation,
    why: RefundReason,
) -> Result<(), EngineError> {
    let now = ids.now();
    let refunding = change(tx, ids, &reservation.refunding(why, now)?).await?;
    for leg in legs_of(tx, refunding.id).await? {
        tx.update_transfer(&leg, &leg.clone().cancelled(now)?).await?;
    }
    owe_returns(tx, ids, refunding.id, None).await?;
    if let Some(refunded) = refunded_if_all(tx, refunding, now).await? {
        change(tx, ids, &refunded).await?;
    }
    Ok(())
}

/// The reservation as refunded, if it was refunding and nothing of what came is left.
pub(super) async fn refunded_if_all(
    tx: &mut dyn Tx,
    reservation: Reservation,
    at: Timestamp,
) -> Result<Option<Reservation>, EngineError> {
    let State::Refunding { .. } = reservation.state else { return Ok(None) };
    if !tx.balances_of(BookAccount::Deposits(reservation.id)).await?.is_empty() {
        return Ok(None);
    }
    Ok(Some(reservation.refunded(at)?))
}
