//! Escrow accounts that are no longer needed: their trust lines are removed and they are merged into the
//! platform's account.
//!
//! A transaction of its own, never part of a settlement: a stranger's dust must not block one. Only accounts
//! whose reservation has ended, quietly for a while, that hold nothing but what is owed and cannot be sent
//! (see `sweep_to_platform`), and whose history was read to its end. What comes at the very last is found in
//! that history up to the merge, and goes back from the platform's account; whoever pays later is refused by
//! the network itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::channels::Channels;
use super::sweep_to_platform::{Left, left_on};
use crate::domain::address::AccountId;
use crate::domain::asset::Asset;
use crate::domain::escrow::{Channel, EscrowAccount, EscrowState};
use crate::domain::money::Stroops;
use crate::domain::payment::Memo;
use crate::domain::reservation::State;
use crate::domain::transfer::{ClosedAccount, Delivery, Purpose, Transfer};
use crate::ports::network::{
    AccountPage, AccountSnapshot, Body, Closing, Ledger, SignedTransaction, TRANSACTION_OPERATIONS_MAX,
    TransactionPlan,
};
use crate::ports::store::Tx;
use crate::settlement::EngineError;
use crate::settlement::backoff::Backoff;
use crate::settlement::books::accounts::{has_room, trusted};
use crate::settlement::books::work::{Ports, UnitOfWork};
use crate::settlement::memory::Memory;

/// First pause before an account is tried again that could not be closed, in seconds; it doubles
/// up to the largest.
const RETRY_SECONDS_MIN: i64 = 300;
const RETRY_SECONDS_MAX: i64 = 86_400;
/// Most accounts closed by one transaction: each is asked about once more before.
const CLOSED_PER_TRANSACTION_MAX: usize = 20;
/// Most accounts that wait to be closed; the next sweep finds the others.
const CANDIDATES_MAX: usize = 1_000;

/// What the step remembers.
struct Candidates {
    /// Accounts that may be closed.
    now: BTreeMap<AccountId, Closing>,
    /// When others may.
    later: BTreeMap<AccountId, Timestamp>,
    /// Those that could not be.
    failed: Backoff<AccountId>,
}

/// The step that closes escrow accounts.
pub(in crate::settlement) struct Close {
    ports: Arc<Ports>,
    channels: Arc<Channels>,
    candidates: Memory<Candidates>,
}

impl Close {
    pub(in crate::settlement) fn new(ports: Arc<Ports>, channels: Arc<Channels>) -> Self {
        let failed = Backoff::new(RETRY_SECONDS_MIN, RETRY_SECONDS_MAX);
        let candidates = Memory::new(Candidates { now: BTreeMap::new(), later: BTreeMap::new(), failed });
        Self { ports, channels, candidates }
    }

    /// Accounts could not be closed: they are left alone for a while.
    pub(in crate::settlement) fn failed(&self, accounts: &[AccountId]) {
        let now = self.ports.now();
        let mut candidates = self.candidates.lock();
        for account in accounts {
            candidates.failed.lengthen(*account, now);
        }
    }

    /// An account is merged: nothing of it need be remembered.
    pub(in crate::settlement) fn forget(&self, account: &AccountId) {
        let mut candidates = self.candidates.lock();
        candidates.failed.forget(account);
        candidates.later.remove(account);
    }

    /// An account stays open until then.
    pub(in crate::settlement) fn postpone(&self, account: AccountId, until: Timestamp) {
        self.candidates.lock().later.insert(account, until);
    }

    /// Those of these accounts whose reservation has ended or is refunded: since when, and whether it is at
    /// its end.
    async fn of_reservations_at_rest(
        &self,
        tx: &mut dyn Tx,
        accounts: &[AccountId],
    ) -> Result<Vec<(AccountId, Timestamp, bool)>, EngineError> {
        let mut at_rest = Vec::new();
        for (account, reservation) in tx.escrows_at_rest(accounts).await? {
            let reservation = self.ports.unless_unreadable(tx.reservation(reservation).await)?.flatten();
            let Some(reservation) = reservation else { continue };
            let Some(since) = reservation.state.at_rest_since() else { continue };
            at_rest.push((account, since, reservation.state.is_final()));
        }
        Ok(at_rest)
    }

    /// Remembers which accounts of a page may be closed: those that nothing happened to since all of it was
    /// explained, whose reservation ended long enough ago.
    pub(in crate::settlement) async fn note_closable(
        &self,
        page: &AccountPage,
        escrows: &[EscrowAccount],
        tip: Ledger,
        waits: &(dyn Fn(&Transfer) -> bool + Send + Sync),
    ) -> Result<(), EngineError> {
        let mut quiet: BTreeMap<AccountId, &AccountSnapshot> = BTreeMap::new();
        for snapshot in &page.accounts {
            let clean = escrows.iter().any(|escrow| {
                escrow.account == snapshot.account
                    && matches!(escrow.state, EscrowState::Assigned { .. } | EscrowState::Adopted)
                    && escrow.watch.dirty_since.is_none()
                    && snapshot.last_modified <= escrow.watch.explained
            });
            if clean {
                quiet.insert(snapshot.account, snapshot);
            }
        }
        {
            let (candidates, now) = (self.candidates.lock(), self.ports.now());
            quiet.retain(|account, _| {
                !candidates.now.contains_key(account)
                    && candidates.later.get(account).is_none_or(|from| tip.closed_at >= *from)
                    && !candidates.failed.rests(account, now)
            });
        }
        if quiet.is_empty() {
            return Ok(());
        }
        let accounts: Vec<AccountId> = quiet.keys().copied().collect();
        let mut tx = self.ports.read().await?;
        let adopted = escrows.iter().filter(|escrow| escrow.state == EscrowState::Adopted);
        let mut at_rest: Vec<(AccountId, Timestamp, bool)> =
            adopted.map(|escrow| (escrow.account, escrow.created_at, true)).collect();
        at_rest.extend(self.of_reservations_at_rest(&mut *tx, &accounts).await?);
        for (account, since, is_final) in at_rest {
            let Some(snapshot) = quiet.get(&account) else { continue };
            let Some(left) = self.ports.unless_unreadable(left_on(&mut *tx, account, waits).await)? else {
                continue;
            };
            let carried = match left {
                Left::Nothing if is_final => Vec::new(),
                Left::Waiting(tokens) => tokens,
                Left::Nothing | Left::More => continue,
            };
            let pause = if carried.is_empty() {
                self.ports.settings.quiet_period_seconds
            } else {
                self.ports.settings.carry_home_seconds.max(self.ports.settings.quiet_period_seconds)
            };
            let from = since.checked_add(SignedDuration::from_secs(pause)).unwrap_or(Timestamp::MAX);
            let mut candidates = self.candidates.lock();
            if from > tip.closed_at {
                // What waits may be sent any time, and the account is then closed sooner.
                if carried.is_empty() {
                    candidates.later.insert(account, from);
                }
            } else if candidates.now.len() < CANDIDATES_MAX {
                candidates.later.remove(&account);
                let closing = Closing { account, assets: trusted(snapshot), carried };
                candidates.now.insert(account, closing);
            }
        }
        Ok(())
    }

    /// What the next closing transaction closes, and the channel it goes on; `None` if there is nothing
    /// to close, or no channel.
    pub(in crate::settlement) async fn next_batch(
        &self,
    ) -> Result<Option<(Vec<Closing>, Channel)>, EngineError> {
        let mut batch: Vec<Closing> = Vec::new();
        let mut operations = 0;
        {
            let mut candidates = self.candidates.lock();
            while let Some((_, closing)) = candidates.now.first_key_value() {
                operations += closing.operations();
                if operations > TRANSACTION_OPERATIONS_MAX || batch.len() >= CLOSED_PER_TRANSACTION_MAX {
                    break;
                }
                batch.extend(candidates.now.pop_first().map(|(_, closing)| closing));
            }
        }
        self.keep_what_has_no_room(&mut batch).await?;
        let channel = self.channels.free_channel().await?;
        // Without a channel, the next sweep finds them again.
        Ok(channel.filter(|_| !batch.is_empty()).map(|channel| (batch, channel)))
    }

    /// Stores a transaction that closes these accounts.
    pub(in crate::settlement) async fn close(
        &self,
        batch: Vec<Closing>,
        channel: &Channel,
        tip: Ledger,
    ) -> Result<(), EngineError> {
        self.channels.take_turn();
        let plan = self.channels.plan(channel, tip, Memo::None, Body::CloseEscrows(batch.clone()))?;
        let signed = self.ports.network.build(&plan).await?;
        let refused: Vec<AccountId> = self
            .ports
            .transact(move |work| {
                let (plan, signed, batch) = (plan.clone(), signed.clone(), batch.clone());
                Box::pin(async move { store_closing(work, &batch, &plan, &signed).await })
            })
            .await?;
        self.failed(&refused);
        Ok(())
    }

    /// Leaves out accounts with tokens that the platform's account cannot take; they are tried again
    /// after a while.
    async fn keep_what_has_no_room(&self, batch: &mut Vec<Closing>) -> Result<(), EngineError> {
        if batch.iter().all(|closing| closing.carried.is_empty()) {
            return Ok(());
        }
        let platform = self.ports.network.account(self.ports.network.platform()).await?.account;
        let mut taken: BTreeMap<Asset, Stroops> = BTreeMap::new();
        let mut kept = Vec::new();
        for closing in std::mem::take(batch) {
            let mut sums = taken.clone();
            for (asset, amount) in &closing.carried {
                let sum = sums.entry(*asset).or_default();
                *sum = sum.checked_add(*amount)?;
            }
            let all: Vec<(Asset, Stroops)> = sums.iter().map(|(asset, sum)| (*asset, *sum)).collect();
            if closing.carried.is_empty() || platform.as_ref().is_some_and(|home| has_room(home, &all)) {
                taken = sums;
                batch.push(closing);
            } else {
                kept.push(closing.account);
            }
        }
        self.failed(&kept);
        Ok(())
    }
}

/// Stores the transaction, if every account of it may still be closed; else nothing: it is dropped unsent,
/// and those that may not be closed are told.
async fn store_closing(
    work: &mut UnitOfWork<'_>,
    batch: &[Closing],
    plan: &TransactionPlan,
    signed: &SignedTransaction,
) -> Result<Vec<AccountId>, EngineError> {
    let mut closable: Vec<EscrowAccount> = Vec::new();
    let mut refused = Vec::new();
    for closing in batch {
        match may_be_closed(work.tx(), closing).await? {
            Some(one) => closable.push(one),
            None => refused.push(closing.account),
        }
    }
    if !refused.is_empty() {
        return Ok(refused);
    }
    let id = work.new_submission_id()?;
    let accounts = batch
        .iter()
        .map(|closing| {
            let operations = u16::try_from(closing.operations()).unwrap_or(u16::MAX);
            ClosedAccount { account: closing.account, operations, carried: closing.carried.clone() }
        })
        .collect();
    work.store_submission(id, plan, signed, Purpose::CloseEscrows { accounts }).await?;
    for mut escrow in closable {
        let reservation = escrow.state.reservation();
        escrow.state = EscrowState::Closing { reservation, submission: id };
        work.update_escrow(&escrow).await?;
    }
    Ok(refused)
}

/// The account, if its reservation has ended or only has returns to make, or if it was adopted, and nothing
/// is left but what the closing carries home.
async fn may_be_closed(tx: &mut dyn Tx, closing: &Closing) -> Result<Option<EscrowAccount>, EngineError> {
    let account = closing.account;
    let Some(escrow) = tx.escrow(account).await? else { return Ok(None) };
    let (is_final, is_refunding) = match escrow.state {
        EscrowState::Adopted => (true, false),
        EscrowState::Assigned { reservation } => {
            let Some(reservation) = tx.reservation(reservation).await? else { return Ok(None) };
            (reservation.state.is_final(), matches!(reservation.state, State::Refunding { .. }))
        }
        EscrowState::Preparing { .. }
        | EscrowState::Ready
        | EscrowState::Abandoned
        | EscrowState::Closing { .. }
        | EscrowState::Merged { .. }
        | EscrowState::Closed { .. } => return Ok(None),
    };
    // A claimable balance can be made from here, and not from the platform's account.
    let waits = |transfer: &Transfer| transfer.delivery != Delivery::ClaimableBalance;
    let as_planned = match left_on(tx, account, &waits).await? {
        Left::Nothing => closing.carried.is_empty() && is_final,
        Left::Waiting(tokens) => tokens == closing.carried && (is_final || is_refunding),
        Left::More => false,
    };
    Ok((as_planned && escrow.watch.dirty_since.is_none()).then_some(escrow))
}
