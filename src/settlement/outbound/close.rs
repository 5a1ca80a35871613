//! Escrow accounts that are no longer needed: their trust lines are removed and they are merged into the platform's account.
//!
//! A transaction of its own, never part of a settlement: a stranger's dust must not block one. Only accounts whose reservation has
//! ended, quietly for a while, that hold nothing but what is owed and cannot be sent (see `carry`). What comes at the very last is found in the
//! account's history up to the merge, and goes back from the platform's account; whoever pays later is refused by the network
//! itself.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::domain::address::AccountId;
use crate::domain::asset::Asset;
use crate::domain::escrow::{ChannelRole, EscrowAccount, EscrowState};
use crate::domain::journal::BookAccount;
use crate::domain::money::Stroops;
use crate::domain::payment::Memo;
use crate::domain::reservation::State;
use crate::domain::transfer::{ClosedAccount, Delivery, Purpose, Transfer};
use crate::ports::network::{
    AccountPage, AccountSnapshot, Body, Closing, Ledger, SignedTransaction, TRANSACTION_OPERATIONS_MAX,
    TransactionPlan,
};
use crate::ports::store::{LIST_ROWS_MAX, Tx, transact};
use crate::settlement::backoff::Pauses;
use crate::settlement::outbound::settle::store_submission;
use crate::settlement::outbound::sweep_to_platform::{Left, has_room, left_on};
use crate::settlement::{Engine, EngineError, Ids, TickReport};

/// First pause before an account is tried again that could not be closed, in seconds; it doubles up to the largest.
const RETRY_SECONDS_MIN: i64 = 300;
const RETRY_SECONDS_MAX: i64 = 86_400;
/// Most accounts closed by one transaction: each is asked about once more before.
const CLOSED_PER_TRANSACTION_MAX: usize = 20;
/// Most accounts that wait to be closed; the next sweep finds the others.
const CANDIDATES_MAX: usize = 1_000;

/// Accounts that may be closed.
pub(in crate::settlement) struct Candidates {
    now: BTreeMap<AccountId, Closing>,
    later: BTreeMap<AccountId, Timestamp>,
    failed: Pauses<AccountId>,
}

impl Candidates {
    pub const fn new() -> Self {
        Self {
            now: BTreeMap::new(),
            later: BTreeMap::new(),
            failed: Pauses::new(RETRY_SECONDS_MIN, RETRY_SECONDS_MAX),
        }
    }
}

/// The platform's account.
pub(in crate::settlement) async fn platform(tx: &mut dyn Tx) -> Result<AccountId, EngineError> {
    let platform = tx.channels().await?.into_iter().find(|channel| channel.role == ChannelRole::Platform);
    let platform =
        platform.ok_or_else(|| EngineError::Contradiction("no platform account is stored".to_owned()))?;
    Ok(platform.account)
}

pub(in crate::settlement) fn trusted(snapshot: &AccountSnapshot) -> Vec<Asset> {
    let balances = snapshot.balances.iter().map(|balance| balance.asset);
    balances.filter(|asset| *asset != Asset::Native).collect()
}

impl Engine {
    /// Remembers which accounts of a page may be closed: those that nothing happened to since all of it was explained, whose
    /// reservation ended long enough ago.
    pub(in crate::settlement) async fn note_closable(
        &self,
        page: &AccountPage,
        escrows: &[EscrowAccount],
        tip: Ledger,
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
            let (memory, now) = (self.memory(), self.clock.now());
            quiet.retain(|account, _| {
                !memory.closing.now.contains_key(account)
                    && memory.closing.later.get(account).is_none_or(|from| tip.closed_at >= *from)
                    && !memory.closing.failed.rests(account, now)
            });
        }
        if quiet.is_empty() {
            return Ok(());
        }
        let accounts: Vec<AccountId> = quiet.keys().copied().collect();
        let mut tx = self.store.begin_read().await?;
        let adopted = escrows.iter().filter(|escrow| escrow.state == EscrowState::Adopted);
        let mut at_rest: Vec<(AccountId, Timestamp, bool)> =
            adopted.map(|escrow| (escrow.account, escrow.created_at, true)).collect();
        for (account, reservation) in tx.escrows_at_rest(&accounts).await? {
            let Some(reservation) = tx.reservation(reservation).await? else { continue };
            let Some(since) = reservation.state.at_rest_since() else { continue };
            at_rest.push((account, since, reservation.state.is_final()));
        }
        for (account, since, is_final) in at_rest {
            let Some(snapshot) = quiet.get(&account) else { continue };
            let carried = match left_on(&mut *tx, account, &|transfer| self.waits(transfer)).await? {
                Left::Nothing if is_final => Vec::new(),
                Left::Waiting(tokens) => tokens,
                Left::Nothing | Left::More => continue,
            };
            let pause = if carried.is_empty() {
                self.settings.quiet_period_seconds
            } else {
                self.settings.carry_home_seconds.max(self.settings.quiet_period_seconds)
            };
            let from = since.checked_add(SignedDuration::from_secs(pause)).unwrap_or(Timestamp::MAX);
            let mut memory = self.memory();
            if from > tip.closed_at {
                // What waits may be sent any time, and the account is then closed sooner.
                if carried.is_empty() {
                    memory.closing.later.insert(account, from);
                }
            } else if memory.closing.now.len() < CANDIDATES_MAX {
                memory.closing.later.remove(&account);
                let closing = Closing { account, assets: trusted(snapshot), carried };
                memory.closing.now.insert(account, closing);
            }
        }
        Ok(())
    }

    /// True if a pending return cannot be sent: somebody must say where it belongs, or trying did not work.
    fn waits(&self, transfer: &Transfer) -> bool {
        match transfer.delivery {
            Delivery::Undecided => true,
            Delivery::Payment => self.memory().undelivered.rests(&transfer.route(), self.clock.now()),
            Delivery::ClaimableBalance => false,
        }
    }

    /// Stores a transaction that closes what may be closed, and reads closed accounts' histories to their ends.
    pub(in crate::settlement) async fn close(
        &self,
        tip: Ledger,
        report: &mut TickReport,
    ) -> Result<(), EngineError> {
        self.finish_merged(report).await?;
        let mut batch: Vec<Closing> = Vec::new();
        let mut operations = 0;
        {
            let mut memory = self.memory();
            while let Some((_, closing)) = memory.closing.now.first_key_value() {
                operations += closing.operations();
                if operations > TRANSACTION_OPERATIONS_MAX || batch.len() >= CLOSED_PER_TRANSACTION_MAX {
                    break;
                }
                batch.extend(memory.closing.now.pop_first().map(|(_, closing)| closing));
            }
        }
        self.keep_what_has_no_room(&mut batch).await?;
        let free = self.free_channels().await?;
        let channel = free.into_iter().find(|channel| channel.role == ChannelRole::Channel);
        let (Some(channel), false) = (channel, batch.is_empty()) else {
            // The next sweep finds them again.
            return Ok(());
        };
        let mut closable = Vec::new();
        for closing in batch {
            match self.stays_open_for(closing.account, tip).await? {
                Some(until) => drop(self.memory().closing.later.insert(closing.account, until)),
                None => closable.push(closing),
            }
        }
        let batch = closable;
        if batch.is_empty() {
            return Ok(());
        }
        self.memory().built += 1;
        let plan = self.transaction(&channel, tip, Memo::None, Body::CloseEscrows(batch.clone()))?;
        let signed = self.network.build(&plan).await?;
        let ids = Ids::of(self);
        let refused: Vec<AccountId> = transact(&self.store, move |tx| {
            let (ids, plan, signed, batch) = (ids.clone(), plan.clone(), signed.clone(), batch.clone());
            Box::pin(async move { store_closing(tx, &ids, &batch, &plan, &signed).await })
        })
        .await?;
        self.closing_failed(&refused);
        Ok(())
    }

    /// Leaves out accounts with tokens that the platform's account cannot take; they are tried again after a while.
    async fn keep_what_has_no_room(&self, batch: &mut Vec<Closing>) -> Result<(), EngineError> {
        if batch.iter().all(|closing| closing.carried.is_empty()) {
            return Ok(());
        }
        let platform = self.network.account(self.network.platform()).await?.account;
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
        self.closing_failed(&kept);
        Ok(())
    }

    /// Reads the histories of merged accounts up to their merges; those that are in the books to the last stroop are closed.
    async fn finish_merged(&self, report: &mut TickReport) -> Result<(), EngineError> {
        let merged = self.store.begin_read().await?.escrows_merged(LIST_ROWS_MAX).await?;
        for escrow in merged {
            let account = escrow.account;
            let finished = self.finish(account, report).await;
            report.isolate(&format!("merged account {account}"), finished)?;
        }
        Ok(())
    }

    async fn finish(&self, account: AccountId, report: &mut TickReport) -> Result<(), EngineError> {
        if self.memory().closing.failed.rests(&account, self.clock.now()) {
            return Ok(());
        }
        self.ingest(account, report).await?;
        if self.is_unexplained(account).await? {
            self.take_in_effects(account, report).await?;
        }
        let closed = transact(&self.store, move |tx| {
            Box::pin(async move {
                let Some(mut escrow) = tx.escrows(&[account]).await?.pop() else { return Ok(None) };
                let EscrowState::Merged { reservation, operation } = escrow.state else { return Ok(None) };
                if escrow.watch.cursor < operation {
                    return Ok(Some(false));
                }
                let left = tx.balances_of(BookAccount::Stellar(account)).await?;
                if let Some((asset, amount)) = left.first() {
                    return Err(EngineError::Contradiction(format!(
                        "account {account} was merged, but its history leaves {amount} stroops of {asset}"
                    )));
                }
                escrow.state = EscrowState::Closed { reservation, operation };
                escrow.watch.dirty_since = None;
                tx.update_escrow(&escrow).await?;
                Ok(Some(true))
            })
        })
        .await;
        let now = self.clock.now();
        let mut memory = self.memory();
        match &closed {
            Ok(Some(true)) => {
                memory.closing.failed.forget(&account);
                memory.closing.later.remove(&account);
                report.closed += 1;
            }
            Ok(None) => {}
            // History may lag for a moment; it is asked again with the next tick. What contradicts itself rests longer.
            Ok(Some(false)) => {}
            Err(_) => memory.closing.failed.lengthen(account, now),
        }
        closed.map(drop)
    }

    /// True if the books of an account that was merged do not come to nothing although its payments are read.
    async fn is_unexplained(&self, account: AccountId) -> Result<bool, EngineError> {
        let mut tx = self.store.begin_read().await?;
        let Some(escrow) = tx.escrows(&[account]).await?.pop() else { return Ok(false) };
        let EscrowState::Merged { operation, .. } = escrow.state else { return Ok(false) };
        let left = tx.balances_of(BookAccount::Stellar(account)).await?;
        Ok(escrow.watch.cursor >= operation && !left.is_empty())
    }

    /// Accounts could not be closed: they are left alone for a while.
    pub(in crate::settlement) fn closing_failed(&self, accounts: &[AccountId]) {
        let now = self.clock.now();
        let mut memory = self.memory();
        for account in accounts {
            memory.closing.failed.lengthen(*account, now);
        }
    }
}

/// Stores the transaction, if every account of it may still be closed; else nothing: it is dropped unsent, and those that may
/// not be closed are told.
async fn store_closing(
    tx: &mut dyn Tx,
    ids: &Ids,
    batch: &[Closing],
    plan: &TransactionPlan,
    signed: &SignedTransaction,
) -> Result<Vec<AccountId>, EngineError> {
    let mut closable: Vec<EscrowAccount> = Vec::new();
    let mut refused = Vec::new();
    for closing in batch {
        match may_be_closed(tx, closing).await? {
            Some(one) => closable.push(one),
            None => refused.push(closing.account),
        }
    }
    if !refused.is_empty() {
        return Ok(refused);
    }
    let id = ids.submission()?;
    let accounts = batch
        .iter()
        .map(|closing| {
            let operations = u16::try_from(closing.operations()).unwrap_or(u16::MAX);
            ClosedAccount { account: closing.account, operations, carried: closing.carried.clone() }
        })
        .collect();
    store_submission(tx, id, plan, signed, Purpose::CloseEscrows { accounts }, ids.now()).await?;
    for mut escrow in closable {
        let reservation = escrow.state.reservation();
        escrow.state = EscrowState::Closing { reservation, submission: id };
        tx.update_escrow(&escrow).await?;
    }
    Ok(refused)
}

/// The account, if its reservation has ended or only has returns to make, or if it was adopted, and nothing is left but what the
/// closing carries home.
async fn may_be_closed(tx: &mut dyn Tx, closing: &Closing) -> Result<Option<EscrowAccount>, EngineError> {
    let account = closing.account;
    let Some(escrow) = tx.escrows(&[account]).await?.pop() else { return Ok(None) };
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
