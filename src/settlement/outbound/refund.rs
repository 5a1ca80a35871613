//! Money that goes back: each payer gets what that payer sent, to where it came from.
//!
//! A return is owed from the moment its reason is recorded: its transfer is stored in that same database
//! transaction, once per payment. It is sent with the memo `Return(hash of the payment's transaction)`, to the muxed address the
//! money came from if it was muxed. Who cannot receive it gets a claimable balance, if [`super::dust`] has nothing against it;
//! anything else that cannot be delivered now stays owed and is tried again, ever less often.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use jiff::Timestamp;

use crate::domain::address::{AccountId, Address};
use crate::domain::asset::Asset;
use crate::domain::dead_letter::Why;
use crate::domain::escrow::{Channel, ChannelRole, EscrowState};
use crate::domain::ids::{LedgerSeq, ReservationId, TransferId};
use crate::domain::journal::{BookAccount, Cause, Postings};
use crate::domain::payment::{Attribution, Memo, Payment, PaymentKind};
use crate::domain::refund::{RefundAddress, Return, returns};
use crate::domain::reservation::{Funding, RefundReason, Reservation, State};
use crate::domain::transfer::{Delivery, GivenBack, Route, Transfer, TransferKind, TransferState};
use crate::ports::network::{AccountAnswer, AccountSnapshot, Body, Ledger, TRANSACTION_OPERATIONS_MAX};
use crate::ports::store::{LIST_ROWS_MAX, PaymentFilter, RetryOn, StoreError, Tx, transact};
use crate::settlement::books::claimable_policy::{Instead, instead_of_payment};
use crate::settlement::books::clawbacks::{bear, owners, taken_back};
use crate::settlement::outbound::close::platform;
use crate::settlement::outbound::settle::{
    change, is_claimable, legs_of, operation, paying, places, reclaim_from, store_submission,
};
use crate::settlement::{Engine, EngineError, Ids, TickReport};

/// Most pages of pending returns that one tick reads.
const REFUND_PAGES_PER_TICK_MAX: u32 = 20;
/// With so many transactions' returns in hand a tick reads no further page.
const REFUND_GROUPS_PER_TICK_MAX: usize = 100;
/// After so many accounts looked up a tick begins with no further returns.
const PAYERS_PER_TICK_MAX: u32 = 20;
/// Most transfers stored by one statement.
const INSERT_ROWS_MAX: usize = 500;

/// Accounts that were looked up in this tick.
#[derive(Default)]
struct Payers {
    known: BTreeMap<AccountId, AccountAnswer>,
    looked_up: u32,
}

/// How a return can be delivered now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Payment,
    /// By a claimable balance, if it is worth it.
    ClaimableBalance,
    /// Not to where it came from: that demands a memo which nobody told us.
    Elsewhere,
    /// Not by what is known: the answer is older than the ledger we act on.
    Unknown,
    None(Why),
}

/// How a return can be delivered, by an answer about who gets it.
fn way(answer: &AccountAnswer, transfer: &Transfer, tip: Ledger) -> Way {
    let Address::Account(_) = transfer.to else {
        let takes = answer.account.as_ref().is_some_and(|payer| can_take(payer, transfer));
        return if takes { Way::Payment } else { Way::None(cannot(answer)) };
    };
    match &answer.account {
        Some(payer) if can_take(payer, transfer) => Way::Payment,
        Some(payer) if lacks_memo(payer, transfer) && !repays(transfer) => Way::Elsewhere,
        Some(payer) if lacks_memo(payer, transfer) => Way::None(Why::MemoDemanded),
        Some(payer) if payer.memo_required => Way::None(Why::CannotReceive),
        Some(_) | None if transfer.asset == Asset::Native || repays(transfer) => Way::None(cannot(answer)),
        // An account that is not there comes without a ledger. A balance for one that is does no harm: it can be claimed.
        Some(_) | None if answer.ledger < tip.sequence && answer.ledger != LedgerSeq(0) => Way::Unknown,
        Some(_) | None => Way::ClaimableBalance,
    }
}

/// Why who an answer is about cannot receive a payment.
const fn cannot(answer: &AccountAnswer) -> Why {
    if answer.account.is_some() { Why::CannotReceive } else { Why::NoAccount }
}

/// True if a transfer repays a claimable balance that was taken back: it never becomes one again, and who ordered has no say where it
/// goes.
const fn repays(transfer: &Transfer) -> bool {
    matches!(transfer.kind, TransferKind::Repayment { .. })
}

/// True if an account demands a memo that the transfer has not: it tells its own customers apart by it (SEP-29), and the hash of
/// what is returned tells it nothing.
fn lacks_memo(payer: &AccountSnapshot, transfer: &Transfer) -> bool {
    let has_none = matches!(transfer.memo, Memo::None | Memo::Return(_));
    payer.memo_required && has_none && matches!(transfer.to, Address::Account(_))
}

/// True if an account can take a return.
fn can_take(payer: &AccountSnapshot, transfer: &Transfer) -> bool {
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
    holds && !lacks_memo(payer, transfer)
}

impl Engine {
    /// Stores returns that are owed: those of one transaction's payments together, as many transactions as there are free
    /// channels.
    pub(in crate::settlement) async fn refund(
        &self,
        tip: Ledger,
        report: &mut TickReport,
    ) -> Result<(), EngineError> {
        let mut channels = self.free_channels().await?;
        channels.retain(|channel| channel.role == ChannelRole::Channel);
        if channels.is_empty() {
            return Ok(());
        }
        let mut payers = Payers::default();
        let (due, goes_on_after) = self.due_refunds().await?;
        for (memo, due) in due {
            let Some(first) = due.first().map(|transfer| transfer.id) else { continue };
            if channels.is_empty() || payers.looked_up >= PAYERS_PER_TICK_MAX {
                // The next look begins here: what comes first and cannot be delivered holds nobody up.
                self.memory().refund_after = before(first);
                return Ok(());
            }
            // If this one ends the tick, the next begins after it.
            self.memory().refund_after = Some(first);
            let what = format!("returns with memo {memo:?}");
            let due = match self.borne(due).await {
                Ok(due) => self.deliverable(due, &mut payers, tip, report).await,
                Err(error) => Err(error),
            };
            let due = match due {
                Ok(due) => due,
                Err(error) => {
                    report.isolate(&what, Err(error))?;
                    continue;
                }
            };
            if due.is_empty() {
                continue;
            }
            let Some(channel) = channels.pop() else { return Ok(()) };
            self.memory().built += 1;
            let stored = self.store_refunds(memo, due, &channel, tip).await;
            report.isolate(&what, stored)?;
        }
        self.memory().refund_after = goes_on_after;
        Ok(())
    }

    /// Pending returns that are not waiting for a retry, by their memos, those owed longest first; and where
    /// the next look goes on, so that none hides behind others.
    async fn due_refunds(&self) -> Result<(Vec<(Memo, Vec<Transfer>)>, Option<TransferId>), EngineError> {
        let now = self.clock.now();
        let mut due: Vec<(Memo, Vec<Transfer>)> = Vec::new();
        let mut after = self.memory().refund_after;
        for _ in 0..REFUND_PAGES_PER_TICK_MAX {
            let mut tx = self.store.begin_read().await?;
            let page = tx.pending_refunds(after, LIST_ROWS_MAX).await?;
            after = page.last().map(|transfer| transfer.id);
            let last = page.len() < LIST_ROWS_MAX as usize;
            for transfer in page {
                let rests = self.memory().undelivered.rests(&transfer.route(), now);
                if rests || (is_claimable(&transfer) && self.claimables_rest()) {
                    continue;
                }
                match due.iter_mut().find(|(known, _)| *known == transfer.memo) {
                    Some((_, group)) if group.len() < TRANSACTION_OPERATIONS_MAX => group.push(transfer),
                    Some(_) => {}
                    None => due.push((transfer.memo.clone(), vec![transfer])),
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
        'due: for transfer in due {
            if repays(&transfer) {
                whole.push(transfer);
                continue;
            }
            let (account, asset) = (transfer.from, transfer.asset);
            let owners = owners(&mut *self.store.begin_read().await?, &transfer).await?;
            for reservation in owners {
                let taken = self
                    .store
                    .begin_read()
                    .await?
                    .balance(BookAccount::ClawedBack(reservation), asset)
                    .await?;
                let ids = Ids::of(self);
                if taken > 0 && self.store.begin_read().await?.money_leaves(account).await? {
                    // What lands decides what is left to bear it.
                    continue 'due;
                }
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
            }
            whole.push(transfer);
        }
        Ok(whole)
    }

    /// Leaves out returns that cannot be delivered now, without a fee for finding out; those for payers that cannot receive a
    /// payment become claimable balances.
    async fn deliverable(
        &self,
        due: Vec<Transfer>,
        payers: &mut Payers,
        tip: Ledger,
        report: &mut TickReport,
    ) -> Result<Vec<Transfer>, EngineError> {
        let mut deliverable = Vec::new();
        for transfer in due {
            if is_claimable(&transfer) {
                deliverable.push(transfer);
                continue;
            }
            let Some(account) = transfer.to.account() else { continue };
            let answer = match payers.known.entry(account) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(unknown) => {
                    payers.looked_up += 1;
                    unknown.insert(self.network.account(account).await?)
                }
            };
            match way(answer, &transfer, tip) {
                Way::Payment => deliverable.push(transfer),
                Way::ClaimableBalance => self.deliver_as_claimable(transfer, report).await?,
                Way::Elsewhere => self.redirect(transfer).await?,
                Way::Unknown => self.undelivered(transfer.route()),
                Way::None(why) => {
                    let (id, to) = (transfer.id, transfer.to);
                    tracing::warn!(transfer = %id, %to, why = why.as_str(), "a return cannot be delivered now");
                    self.not_delivered(&transfer, why).await?;
                }
            }
        }
        // What becomes a claimable balance goes with the next look, so that a crash here loses nothing.
        Ok(deliverable)
    }

    /// Sends a return to where its order says, if it says so; else it stays owed until somebody says where it belongs.
    async fn redirect(&self, transfer: Transfer) -> Result<(), EngineError> {
        let pending = transfer.clone();
        let redirected: bool = transact(&self.store, move |tx| {
            let transfer = pending.clone();
            Box::pin(async move {
                let Some(refund) = refund_address(tx, transfer.reservation).await? else { return Ok(false) };
                if refund.address() == transfer.to && *refund.memo() == Memo::None {
                    return Ok(false);
                }
                let redirected = transfer.clone().redirected(&refund)?;
                tx.redirect_transfer(&transfer, &redirected).await?;
                Ok::<_, EngineError>(true)
            })
        })
        .await?;
        if !redirected {
            let id = transfer.id;
            tracing::warn!(transfer = %id, "a payer demands a memo, and its order names no address for refunds");
            self.not_delivered(&transfer, Why::MemoDemanded).await?;
        }
        Ok(())
    }

    /// Makes a return go by a claimable balance, if it is worth it and they are not too many.
    async fn deliver_as_claimable(
        &self,
        transfer: Transfer,
        report: &mut TickReport,
    ) -> Result<(), EngineError> {
        let (ids, bounds) = (Ids::of(self), self.bounds());
        let (id, to, pending) = (transfer.id, transfer.to, transfer.clone());
        let instead: Instead = transact(&self.store, move |tx| {
            let (ids, transfer) = (ids.clone(), pending.clone());
            Box::pin(async move {
                let instead = instead_of_payment(tx, &transfer, bounds, ids.now()).await?;
                if instead == Instead::ClaimableBalance {
                    let claimable = transfer.clone().as_claimable()?;
                    tx.redirect_transfer(&transfer, &claimable).await?;
                }
                Ok::<_, EngineError>(instead)
            })
        })
        .await?;
        let why = match instead {
            Instead::ClaimableBalance => {
                tracing::info!(transfer = %id, %to, "a return becomes a claimable balance");
                return Ok(());
            }
            Instead::TooManyReturns => {
                tracing::error!(transfer = %id, %to, "returns stand in too many claimable balances; this one waits");
                report.trouble(too_many_returns(self.settings.refund_claimables_max));
                Why::TooManyBalances
            }
            Instead::Owed | Instead::TooManyOfItsFarm => {
                tracing::warn!(transfer = %id, %to, "a return cannot be delivered now");
                Why::NotWorthABalance
            }
        };
        self.not_delivered(&transfer, why).await
    }

    /// True while no claimable balance is made, since the platform has no reserve to spare.
    pub(in crate::settlement) fn claimables_rest(&self) -> bool {
        self.memory().claimables_not_before.is_some_and(|until| self.clock.now() < until)
    }

    /// A return could not be delivered: it is tried again after a while, longer each time.
    pub(in crate::settlement) fn undelivered(&self, route: Route) {
        let now = self.clock.now();
        self.memory().undelivered.lengthen(route, now);
    }

    async fn store_refunds(
        &self,
        memo: Memo,
        mut due: Vec<Transfer>,
        channel: &Channel,
        tip: Ledger,
    ) -> Result<(), EngineError> {
        due.sort_by_key(is_claimable);
        while places(&due).1 > TRANSACTION_OPERATIONS_MAX {
            due.pop();
        }
        let reclaim_from = reclaim_from(tip)?;
        let plan = self.transaction(
            channel,
            tip,
            memo,
            Body::Pay(due.iter().map(|transfer| operation(transfer, reclaim_from)).collect()),
        )?;
        let signed = self.network.build(&plan).await?;
        let ids = Ids::of(self);
        transact(&self.store, move |tx| {
            let (ids, due, plan, signed) = (ids.clone(), due.clone(), plan.clone(), signed.clone());
            Box::pin(async move {
                if any_closing(tx, &due).await? {
                    // What is pending when an account is merged goes from the platform's; it waits until that is known.
                    return Ok(());
                }
                let id = ids.submission()?;
                store_submission(tx, id, &plan, &signed, paying(&due, &signed, reclaim_from), ids.now())
                    .await?;
                for transfer in &due {
                    tx.update_transfer(transfer, &transfer.clone().sent(id)?).await?;
                }
                Ok(())
            })
        })
        .await
    }
}

/// What the engine reports while returns wait because of the bound.
pub(in crate::settlement) fn too_many_returns(max: u32) -> String {
    format!("returns stand in {max} claimable balances, as many as they may; further ones wait")
}

/// The place before a transfer, in the order in which returns are looked at.
fn before(id: TransferId) -> Option<TransferId> {
    TransferId::new(id.get() - 1).ok()
}

/// True if a transfer's account is being closed, or was: its transfers are moved. If none is, none will be without seeing these.
async fn any_closing(tx: &mut dyn Tx, transfers: &[Transfer]) -> Result<bool, StoreError> {
    let mut accounts: Vec<AccountId> = transfers.iter().map(|transfer| transfer.from).collect();
    accounts.sort();
    accounts.dedup();
    let escrows = tx.escrows(&accounts).await?;
    let closing = escrows.iter().any(|escrow| match escrow.state {
        EscrowState::Closing { .. } | EscrowState::Merged { .. } | EscrowState::Closed { .. } => true,
        EscrowState::Preparing { .. }
        | EscrowState::Ready
        | EscrowState::Assigned { .. }
        | EscrowState::Adopted
        | EscrowState::Abandoned => false,
    });
    if !closing {
        // Whoever closes one at the same time changes its row: one of the two runs again, and sees what the other did.
        for escrow in &escrows {
            tx.update_escrow(escrow).await?;
        }
    }
    Ok(closing)
}

/// Where the money that came to `account` is now: with the platform, once the account is merged.
async fn home_of(tx: &mut dyn Tx, account: AccountId) -> Result<AccountId, EngineError> {
    match tx.escrows(&[account]).await?.pop() {
        Some(escrow) if escrow.state.is_merged() => platform(tx).await,
        Some(_) | None => Ok(account),
    }
}

/// Where a reservation's order wants money that cannot go back to where it came from.
async fn refund_address(
    tx: &mut dyn Tx,
    reservation: Option<ReservationId>,
) -> Result<Option<RefundAddress>, StoreError> {
    match reservation {
        Some(id) => Ok(tx.reservation(id).await?.and_then(|reservation| reservation.order.refund)),
        None => Ok(None),
    }
}

/// Makes the return of a payment owed: all of it.
pub(in crate::settlement) async fn owe_return(
    tx: &mut dyn Tx,
    ids: &Ids,
    payment: &Payment,
    reservation: Option<ReservationId>,
) -> Result<(), EngineError> {
    owe(tx, ids, reservation, vec![Return { payment, amount: payment.amount }]).await
}

/// Makes returns owed.
///
/// Money from our own accounts is never sent back automatically, and who merged an account into ours has none any more. Contracts
/// cannot be paid by a payment: their money, and what came from nobody, goes to where the order says. What has nowhere to
/// go waits, undecided, until somebody says where it belongs ([`return_to`]).
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
    let elsewhere = refund_address(tx, reservation).await?;
    let mut homes: BTreeMap<AccountId, AccountId> = BTreeMap::new();
    for Return { payment, amount } in returns {
        let memo = Memo::Return(payment.transaction);
        let (to, memo, delivery) = match (payment.from, &elsewhere) {
            (Some(from), _) if payment.kind == PaymentKind::Merge => (from, memo, Delivery::Undecided),
            (Some(from @ (Address::Account(account) | Address::Muxed { account, .. })), _) => {
                let is_ours = match ours.get(&account) {
                    Some(is_ours) => *is_ours,
                    None => is_ours(tx, account).await?,
                };
                ours.insert(account, is_ours);
                let delivery = if is_ours { Delivery::Undecided } else { Delivery::Payment };
                (from, memo, delivery)
            }
            (Some(Address::Contract(_)) | None, Some(refund)) => match refund.memo() {
                Memo::None => (refund.address(), memo, Delivery::Payment),
                told => (refund.address(), told.clone(), Delivery::Payment),
            },
            (from, None) => (from.unwrap_or(Address::Account(payment.to)), memo, Delivery::Undecided),
        };
        if delivery == Delivery::Undecided {
            tracing::warn!(payment = %payment.id, "nobody knows where this money can go back to; it stays owed");
        }
        let from = match homes.get(&payment.to) {
            Some(home) => *home,
            None => home_of(tx, payment.to).await?,
        };
        homes.insert(payment.to, from);
        transfers.push(Transfer {
            id: ids.transfer()?,
            reservation,
            ordinal,
            kind: TransferKind::Refund { payment: payment.id },
            from,
            to,
            asset: payment.asset,
            amount,
            memo,
            delivery,
            state: TransferState::Pending,
        });
        ordinal += u32::from(reservation.is_some());
    }
    for chunk in transfers.chunks(INSERT_ROWS_MAX) {
        tx.insert_transfers(chunk).await?;
    }
    Ok(())
}

/// Why a return or repayment cannot be sent elsewhere.
#[derive(Debug, thiserror::Error)]
pub enum ReturnError {
    /// Nothing of it is owed to anybody.
    #[error("nothing of {0} goes back")]
    NotOwed(GivenBack),
    /// It is on its way, paid, or given up.
    #[error("what goes back of {what} is {state}")]
    NotPending {
        /// Which.
        what: GivenBack,
        /// How far it has come.
        state: &'static str,
    },
    /// The address is an account of the service.
    #[error("{0} is an account of this service")]
    Ours(AccountId),
    /// The change could not be made.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The database did not do what was asked.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl RetryOn for ReturnError {
    fn is_conflict(&self) -> bool {
        match self {
            Self::NotOwed(_) | Self::NotPending { .. } | Self::Ours(_) => false,
            Self::Engine(error) => error.is_conflict(),
            Self::Store(error) => error.is_conflict(),
        }
    }
}

/// Carries out an operator's decision where a payment's return goes, or the repayment of a claimable balance that was taken back; it as
/// it then stands, `None` if there is no such payment or balance. Deciding the same again changes nothing.
///
/// # Errors
/// [`ReturnError::NotOwed`] if nothing of it goes back, [`ReturnError::NotPending`] once it is sent or given up,
/// [`ReturnError::Ours`] for an address of ours.
pub async fn return_to(
    tx: &mut dyn Tx,
    what: GivenBack,
    to: &RefundAddress,
) -> Result<Option<Transfer>, ReturnError> {
    let known = match what {
        GivenBack::Payment(payment) => tx.payment(payment).await?.is_some(),
        GivenBack::Claimable(claimable) => tx.claimable(claimable).await?.is_some(),
    };
    if !known {
        return Ok(None);
    }
    if let Some(account) = to.account()
        && is_ours(tx, account).await?
    {
        return Err(ReturnError::Ours(account));
    }
    let transfer = match what {
        GivenBack::Payment(payment) => tx.refund_of(payment).await?,
        GivenBack::Claimable(claimable) => tx.repayment_of(claimable).await?,
    };
    let transfer = transfer.ok_or(ReturnError::NotOwed(what))?;
    if transfer.state != TransferState::Pending {
        return Err(ReturnError::NotPending { what, state: transfer.state.name() });
    }
    let redirected = transfer.clone().redirected(to).map_err(EngineError::from)?;
    if redirected != transfer {
        tx.redirect_transfer(&transfer, &redirected).await?;
    }
    Ok(Some(redirected))
}

async fn is_ours(tx: &mut dyn Tx, account: AccountId) -> Result<bool, StoreError> {
    let channel = tx.channels().await?.iter().any(|channel| channel.account == account);
    Ok(channel || !tx.escrows(&[account]).await?.is_empty())
}

/// All payments counted towards a reservation.
pub(in crate::settlement) async fn counted_payments(
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
pub(in crate::settlement) async fn owe_returns(
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
pub(in crate::settlement) async fn start_refunding(
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

/// The reservation as refunded, if it was refunding and nothing of what counted is left. What did not count goes back beside it, and
/// if that cannot be sent it stays owed without keeping the reservation from its end.
pub(in crate::settlement) async fn refunded_if_all(
    tx: &mut dyn Tx,
    reservation: Reservation,
    at: Timestamp,
) -> Result<Option<Reservation>, EngineError> {
    let State::Refunding { .. } = reservation.state else { return Ok(None) };
    let nothing_left = tx.balances_of(BookAccount::Deposits(reservation.id)).await?.is_empty();
    if !nothing_left && tx.counted_returns_open(reservation.id).await? {
        return Ok(None);
    }
    Ok(Some(reservation.refunded(at)?))
}
