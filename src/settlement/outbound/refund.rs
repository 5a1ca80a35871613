//! Money that goes back: each payer gets what that payer sent, to where it came from.
//!
//! A return is owed from the moment its reason is recorded: its transfer is stored in that same database
//! transaction, once per payment. It is sent with the memo `Return(hash of the payment's transaction)`,
//! to the muxed address the money came from if it was muxed. Who cannot receive it gets a claimable balance,
//! if [`super::dust`] has nothing against it; anything else that cannot be delivered now stays owed and
//! is tried again, ever less often.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use super::channels::Channels;
use crate::domain::address::{AccountId, Address};
use crate::domain::asset::Asset;
use crate::domain::dead_letter::{RETRY_SECONDS_MAX, RETRY_SECONDS_MIN, Why};
use crate::domain::escrow::{Channel, ChannelRole, EscrowState};
use crate::domain::ids::{LedgerSeq, TransferId};
use crate::domain::journal::BookAccount;
use crate::domain::payment::Memo;
use crate::domain::transfer::{Delivery, Route, Transfer, TransferKind};
use crate::ports::network::{AccountAnswer, AccountSnapshot, Body, Ledger, TRANSACTION_OPERATIONS_MAX};
use crate::ports::store::{LIST_ROWS_MAX, StoreError, Tx};
use crate::settlement::backoff::Backoff;
use crate::settlement::books::accounts::has_room;
use crate::settlement::books::claimable_policy::{
    ClaimablePolicy, Fallback, ReservePause, fallback, too_many_returns,
};
use crate::settlement::books::clawbacks::{bear, owners};
use crate::settlement::books::refunds::refund_address;
use crate::settlement::books::transfers::{is_claimable, operation, paying, places, reclaim_from};
use crate::settlement::books::undelivered::note_undelivered;
use crate::settlement::books::work::Ports;
use crate::settlement::memory::Memory;
use crate::settlement::{EngineError, TickReport};

/// Most pages of pending returns that one tick reads.
const REFUND_PAGES_PER_TICK_MAX: u32 = 20;
/// With so many transactions' returns in hand a tick reads no further page.
const REFUND_GROUPS_PER_TICK_MAX: usize = 100;
/// After so many accounts looked up a tick begins with no further returns.
const PAYERS_PER_TICK_MAX: u32 = 20;

/// Accounts that were looked up in this tick.
#[derive(Default)]
struct Payers {
    known: BTreeMap<AccountId, AccountAnswer>,
    looked_up: u32,
}

/// How a return can be delivered now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deliverability {
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
fn deliverability(answer: &AccountAnswer, transfer: &Transfer, tip: Ledger) -> Deliverability {
    let Address::Account(_) = transfer.to else {
        let takes = answer.account.as_ref().is_some_and(|payer| can_take(payer, transfer));
        return if takes { Deliverability::Payment } else { Deliverability::None(cannot(answer)) };
    };
    match &answer.account {
        Some(payer) if can_take(payer, transfer) => Deliverability::Payment,
        Some(payer) if lacks_memo(payer, transfer) && !repays(transfer) => Deliverability::Elsewhere,
        Some(payer) if lacks_memo(payer, transfer) => Deliverability::None(Why::MemoDemanded),
        Some(payer) if payer.memo_required => Deliverability::None(Why::CannotReceive),
        Some(_) | None if transfer.asset == Asset::Native || repays(transfer) => {
            Deliverability::None(cannot(answer))
        }
        // An account that is not there comes without a ledger. A balance for one that is does no harm:
        // it can be claimed.
        Some(_) | None if answer.ledger < tip.sequence && answer.ledger != LedgerSeq(0) => {
            Deliverability::Unknown
        }
        Some(_) | None => Deliverability::ClaimableBalance,
    }
}

/// Why who an answer is about cannot receive a payment.
const fn cannot(answer: &AccountAnswer) -> Why {
    if answer.account.is_some() { Why::CannotReceive } else { Why::NoAccount }
}

/// True if a transfer repays a claimable balance that was reclaimed: it never becomes one again, and who
/// ordered has no say where it goes.
const fn repays(transfer: &Transfer) -> bool {
    matches!(transfer.kind, TransferKind::Repayment { .. })
}

/// True if an account demands a memo that the transfer has not: it tells its own customers apart
/// by it (SEP-29), and the hash of what is returned tells it nothing.
fn lacks_memo(payer: &AccountSnapshot, transfer: &Transfer) -> bool {
    let has_none = matches!(transfer.memo, Memo::None | Memo::Return(_));
    payer.memo_required && has_none && matches!(transfer.to, Address::Account(_))
}

/// True if an account can take a return.
fn can_take(payer: &AccountSnapshot, transfer: &Transfer) -> bool {
    let holds = match transfer.asset {
        Asset::Native => true,
        Asset::Credit { issuer, .. } if issuer == payer.account => true,
        Asset::Credit { .. } => has_room(payer, &[(transfer.asset, transfer.amount)]),
    };
    holds && !lacks_memo(payer, transfer)
}

/// What the step remembers.
struct RefundMemory {
    /// The last return that was looked at; the next tick goes on after it.
    after: Option<TransferId>,
    /// Returns that could not be delivered: when they are tried again.
    undelivered: Backoff<Route>,
}

/// The step that sends back what is owed to payers.
pub(in crate::settlement) struct Refund {
    ports: Arc<Ports>,
    channels: Arc<Channels>,
    reserve: Arc<ReservePause>,
    progress: Memory<RefundMemory>,
}

impl Refund {
    pub(in crate::settlement) fn new(
        ports: Arc<Ports>,
        channels: Arc<Channels>,
        reserve: Arc<ReservePause>,
    ) -> Self {
        let undelivered = Backoff::new(RETRY_SECONDS_MIN, RETRY_SECONDS_MAX);
        Self { ports, channels, reserve, progress: Memory::new(RefundMemory { after: None, undelivered }) }
    }

    /// Returns are in the ledger: nothing of them is tried again.
    pub(in crate::settlement) fn delivered(&self, returns: &[Route]) {
        let mut progress = self.progress.lock();
        for route in returns {
            progress.undelivered.forget(route);
        }
    }

    /// A return could not be delivered: it is tried again after a while, longer each time.
    pub(in crate::settlement) fn undelivered(&self, route: Route) {
        let now = self.ports.now();
        self.progress.lock().undelivered.lengthen(route, now);
    }

    /// True if a pending return cannot be sent: somebody must say where it belongs, or trying did not work.
    pub(in crate::settlement) fn waits(&self, transfer: &Transfer) -> bool {
        match transfer.delivery {
            Delivery::Undecided => true,
            Delivery::Payment => self.progress.lock().undelivered.rests(&transfer.route(), self.ports.now()),
            Delivery::ClaimableBalance => false,
        }
    }

    /// A return or repayment could not be delivered: it rests, longer each time, and is listed as such.
    async fn not_delivered(&self, transfer: &Transfer, why: Why) -> Result<(), EngineError> {
        self.undelivered(transfer.route());
        let (transfer, now) = (transfer.clone(), self.ports.now());
        self.ports
            .transact(move |work| {
                let transfer = transfer.clone();
                Box::pin(async move { Ok(note_undelivered(work.tx(), &transfer, why, now).await?) })
            })
            .await
    }

    /// Stores returns that are owed: those of one transaction's payments together, as many transactions
    /// as there are free channels.
    pub(in crate::settlement) async fn run(
        &self,
        tip: Ledger,
        report: &mut TickReport,
    ) -> Result<(), EngineError> {
        let mut channels = self.channels.free().await?;
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
                self.progress.lock().after = before(first);
                return Ok(());
            }
            // If this one ends the tick, the next begins after it.
            self.progress.lock().after = Some(first);
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
            self.channels.take_turn();
            let stored = self.store_refunds(memo, due, &channel, tip).await;
            report.isolate(&what, stored)?;
        }
        self.progress.lock().after = goes_on_after;
        Ok(())
    }

    /// Pending returns that are not waiting for a retry, by their memos, those owed longest first; and where
    /// the next look goes on, so that none hides behind others.
    async fn due_refunds(&self) -> Result<(Vec<(Memo, Vec<Transfer>)>, Option<TransferId>), EngineError> {
        let now = self.ports.now();
        let mut due: Vec<(Memo, Vec<Transfer>)> = Vec::new();
        let mut after = self.progress.lock().after;
        for _ in 0..REFUND_PAGES_PER_TICK_MAX {
            let mut tx = self.ports.read().await?;
            let page = tx.pending_refunds(after, LIST_ROWS_MAX).await?;
            after = page.last();
            let last = page.len() < LIST_ROWS_MAX as usize;
            for transfer in self.ports.readable(page) {
                let rests = self.progress.lock().undelivered.rests(&transfer.route(), now)
                    || self.ports.unknown.has(&transfer.from);
                if rests || (is_claimable(&transfer) && self.reserve.lasts(self.ports.now())) {
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
            // An account, or a reservation, that cannot be read holds up its own returns alone.
            let escrow = self.ports.read().await?.escrow(transfer.from).await;
            let refund = refund_address(&mut *self.ports.read().await?, transfer.reservation).await;
            let is_read = self.ports.unless_unreadable(escrow)?.is_some()
                && self.ports.unless_unreadable(refund)?.is_some();
            if !is_read {
                continue;
            }
            if repays(&transfer) {
                whole.push(transfer);
                continue;
            }
            let (account, asset) = (transfer.from, transfer.asset);
            let owners = owners(&mut *self.ports.read().await?, &transfer).await?;
            for reservation in owners {
                let taken =
                    self.ports.read().await?.balance(BookAccount::ClawedBack(reservation), asset).await?;
                if taken > 0 && self.ports.read().await?.money_leaves(account).await? {
                    // What lands decides what is left to bear it.
                    continue 'due;
                }
                let cut = taken > 0
                    && self
                        .ports
                        .transact(move |work| {
                            Box::pin(async move { bear(work, account, reservation, asset).await })
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

    /// Leaves out returns that cannot be delivered now, without a fee for finding out; those for payers that
    /// cannot receive a payment become claimable balances.
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
                    match self.ports.network.account(account).await.map_err(EngineError::from) {
                        Ok(answer) => unknown.insert(answer),
                        Err(error) if error.ends_the_tick() => return Err(error),
                        Err(error) => {
                            report.isolate(&format!("the payer of transfer {}", transfer.id), Err(error))?;
                            self.not_delivered(&transfer, Why::Unanswered).await?;
                            continue;
                        }
                    }
                }
            };
            match deliverability(answer, &transfer, tip) {
                Deliverability::Payment => deliverable.push(transfer),
                Deliverability::ClaimableBalance => self.deliver_as_claimable(transfer, report).await?,
                Deliverability::Elsewhere => self.redirect(transfer).await?,
                Deliverability::Unknown => self.undelivered(transfer.route()),
                Deliverability::None(why) => {
                    let (id, to) = (transfer.id, transfer.to);
                    let why_text = why.as_str();
                    tracing::warn!(transfer = %id, %to, why = why_text, "a return cannot be delivered now");
                    self.not_delivered(&transfer, why).await?;
                }
            }
        }
        // What becomes a claimable balance goes with the next look, so that a crash here loses nothing.
        Ok(deliverable)
    }

    /// Sends a return to where its order says, if it says so; else it stays owed until somebody says
    /// where it belongs.
    async fn redirect(&self, transfer: Transfer) -> Result<(), EngineError> {
        let pending = transfer.clone();
        let redirected: bool = self
            .ports
            .transact(move |work| {
                let transfer = pending.clone();
                Box::pin(async move {
                    let Some(refund) = refund_address(work.tx(), transfer.reservation).await? else {
                        return Ok(false);
                    };
                    if refund.address() == transfer.to && *refund.memo() == Memo::None {
                        return Ok(false);
                    }
                    let redirected = transfer.clone().redirected(&refund)?;
                    work.redirect_transfer(&transfer, &redirected).await?;
                    Ok::<_, EngineError>(true)
                })
            })
            .await?;
        if !redirected {
            let id = transfer.id;
            tracing::warn!(transfer = %id, "a payer demands a memo, and its order names no address for \
                                            refunds");
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
        let policy = ClaimablePolicy::of(&self.ports.settings);
        let (id, to, pending) = (transfer.id, transfer.to, transfer.clone());
        let fallback: Fallback = self
            .ports
            .transact(move |work| {
                let transfer = pending.clone();
                Box::pin(async move {
                    let now = work.now();
                    let fallback = fallback(work.tx(), &transfer, policy, now).await?;
                    if fallback == Fallback::ClaimableBalance {
                        let claimable = transfer.clone().as_claimable()?;
                        work.redirect_transfer(&transfer, &claimable).await?;
                    }
                    Ok::<_, EngineError>(fallback)
                })
            })
            .await?;
        let why = match fallback {
            Fallback::ClaimableBalance => {
                tracing::info!(transfer = %id, %to, "a return becomes a claimable balance");
                return Ok(());
            }
            Fallback::TooManyReturns => {
                tracing::error!(transfer = %id, %to, "returns stand in too many claimable balances; this one \
                                                      waits");
                report.trouble(too_many_returns(self.ports.settings.refund_claimables_max));
                Why::TooManyBalances
            }
            Fallback::Owed | Fallback::TooManyOfItsFarm => {
                tracing::warn!(transfer = %id, %to, "a return cannot be delivered now");
                Why::NotWorthABalance
            }
        };
        self.not_delivered(&transfer, why).await
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
        let plan = self.channels.plan(
            channel,
            tip,
            memo,
            Body::Pay(due.iter().map(|transfer| operation(transfer, reclaim_from)).collect()),
        )?;
        let signed = self.ports.network.build(&plan).await?;
        self.ports
            .transact(move |work| {
                let (due, plan, signed) = (due.clone(), plan.clone(), signed.clone());
                Box::pin(async move {
                    if any_closing(work.tx(), &due).await? {
                        // What is pending when an account is merged goes from the platform's; it waits until
                        // that is known.
                        return Ok(());
                    }
                    let id = work.new_submission_id()?;
                    work.store_submission(id, &plan, &signed, paying(&due, &signed, reclaim_from)).await?;
                    for transfer in &due {
                        work.update_transfer(transfer, &transfer.clone().sent(id)?).await?;
                    }
                    Ok(())
                })
            })
            .await
    }
}

/// The place before a transfer, in the order in which returns are looked at.
fn before(id: TransferId) -> Option<TransferId> {
    TransferId::new(id.get() - 1).ok()
}

/// True if a transfer's account is being closed, or was: its transfers are moved. If none is, none will
/// be without seeing these.
async fn any_closing(tx: &mut dyn Tx, transfers: &[Transfer]) -> Result<bool, StoreError> {
    let mut accounts: Vec<AccountId> = transfers.iter().map(|transfer| transfer.from).collect();
    accounts.sort();
    accounts.dedup();
    let escrows = tx.escrows(&accounts).await?.all()?;
    let closing = escrows.iter().any(|escrow| match escrow.state {
        EscrowState::Closing { .. } | EscrowState::Merged { .. } | EscrowState::Closed { .. } => true,
        EscrowState::Preparing { .. }
        | EscrowState::Ready
        | EscrowState::Assigned { .. }
        | EscrowState::Adopted
        | EscrowState::Abandoned => false,
    });
    if !closing {
        // Whoever closes one at the same time changes its row: one of the two runs again, and sees what
        // the other did.
        for escrow in &escrows {
            tx.update_escrow(escrow).await?;
        }
    }
    Ok(closing)
}
