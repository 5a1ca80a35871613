//! Claimable balances after they are made: claimed by their recipients, or taken back when nobody did for long enough.
//!
//! Their history alone tells how they ended. What is taken back stays owed: only the reserve comes home. A payment of it to whom the
//! balance was for is stored with the take-back itself, once per balance, and tried like a return until it can be received; it never
//! becomes a claimable balance again.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::domain::address::{AccountId, Address};
use crate::domain::asset::Asset;
use crate::domain::claimable::{Claimable, ClaimableState};
use crate::domain::escrow::ChannelRole;
use crate::domain::ids::ClaimableId;
use crate::domain::journal::{BookAccount, Cause, Postings};
use crate::domain::payment::Memo;
use crate::domain::transfer::{Delivery, Purpose, Transfer, TransferKind, TransferState};
use crate::ports::network::{Body, ClaimableEnd, Ledger};
use crate::ports::store::{LIST_ROWS_MAX, StoreError, Tx, transact};
use crate::settlement::backoff::Pauses;
use crate::settlement::outbound::close::platform;
use crate::settlement::outbound::settle::store_submission;
use crate::settlement::{Engine, EngineError, Ids};

/// First pause before an unclaimed balance is looked at again, in seconds; it doubles up to the largest.
const CHECK_SECONDS_MIN: i64 = 60;
const CHECK_SECONDS_MAX: i64 = 86_400;
/// Most balances whose history is read in one tick.
const CHECKS_PER_TICK_MAX: usize = 5;
/// Most balances taken back by one transaction; each may need a trust line besides.
const TAKEN_BACK_PER_TRANSACTION_MAX: usize = 40;
/// Most pages of balances that may be taken back that one tick reads.
const TAKE_BACK_PAGES_PER_TICK_MAX: u32 = 20;
/// First pause before a balance is tried again that could not be taken back, in seconds; it doubles up to the largest.
const TAKE_BACK_SECONDS_MIN: i64 = 600;
const TAKE_BACK_SECONDS_MAX: i64 = 86_400;

/// Which balances were looked at, and when they are again. A restart forgets it, which costs requests, and a fee for each balance
/// that still cannot be taken back.
pub(in crate::settlement) struct Claims {
    after: Option<ClaimableId>,
    checks: Pauses<ClaimableId>,
    /// The last balance that was looked at for taking it back; the next tick goes on after it.
    take_back_after: Option<(Timestamp, ClaimableId)>,
    /// Balances that could not be taken back.
    not_taken: Pauses<ClaimableId>,
    /// Balances that are taken back one by one: their last transaction failed, and perhaps for them.
    alone: BTreeSet<ClaimableId>,
    /// True once every balance that was taken back has a repayment; those of this program have from the beginning.
    all_repaid: bool,
}

impl Claims {
    pub const fn new() -> Self {
        Self {
            after: None,
            checks: Pauses::new(CHECK_SECONDS_MIN, CHECK_SECONDS_MAX),
            take_back_after: None,
            not_taken: Pauses::new(TAKE_BACK_SECONDS_MIN, TAKE_BACK_SECONDS_MAX),
            alone: BTreeSet::new(),
            all_repaid: false,
        }
    }

    /// They have ended, or were taken back.
    pub fn forget(&mut self, ids: &[ClaimableId]) {
        for id in ids {
            self.checks.forget(id);
            self.not_taken.forget(id);
            self.alone.remove(id);
        }
    }

    /// They could not be taken back: they rest, longer each time, and then go alone. Perhaps somebody claimed them, so their
    /// histories are read with the next tick.
    pub fn rest(&mut self, ids: &[ClaimableId], now: Timestamp) {
        for id in ids {
            self.checks.forget(id);
            self.not_taken.lengthen(*id, now);
            self.alone.insert(*id);
        }
    }

    /// They failed together, and nobody knows for which: they go one by one.
    pub fn part(&mut self, ids: &[ClaimableId]) {
        self.alone.extend(ids);
    }
}

impl Engine {
    /// Reads how some balances ended, and takes back what nobody claimed.
    pub(in crate::settlement) async fn follow_claimables(&self, tip: Ledger) -> Result<(), EngineError> {
        let now = self.clock.now();
        let after = self.memory().claims.after;
        let page = self.store.begin_read().await?.claimables_open(after, LIST_ROWS_MAX).await?;
        let last_page = page.len() < LIST_ROWS_MAX as usize;
        let page_ends = page.last().map(|claimable| claimable.id);
        let due: Vec<Claimable> = {
            let memory = self.memory();
            let mut due: Vec<Claimable> = page;
            due.retain(|claimable| !memory.claims.checks.rests(&claimable.id, now));
            due
        };
        let looked_at = due.len().min(CHECKS_PER_TICK_MAX);
        for claimable in due.iter().take(looked_at) {
            let end = self.network.claimable_end(claimable.id).await?;
            match end {
                Some(end) => self.record_end(claimable.clone(), end).await?,
                None => self.memory().claims.checks.lengthen(claimable.id, now),
            }
        }
        {
            let claims = &mut self.memory().claims;
            claims.after = match (looked_at == due.len(), last_page) {
                (true, true) => None,
                (true, false) => page_ends,
                (false, _) => due.get(looked_at.saturating_sub(1)).map(|one| one.id),
            };
        }
        self.repay_what_was_taken_back_before().await?;
        self.take_back(tip).await
    }

    /// Makes repayments owed of balances that an earlier version took back, which stored none.
    async fn repay_what_was_taken_back_before(&self) -> Result<(), EngineError> {
        if self.memory().claims.all_repaid {
            return Ok(());
        }
        let ids = Ids::of(self);
        let all = transact(&self.store, move |tx| {
            let ids = ids.clone();
            Box::pin(async move {
                let platform = platform(tx).await?;
                let page = tx.claimables_not_repaid(None, LIST_ROWS_MAX).await?;
                let all = page.len() < LIST_ROWS_MAX as usize;
                for claimable in page {
                    owe_repayment(tx, &ids, &claimable, platform).await?;
                }
                Ok::<_, EngineError>(all)
            })
        })
        .await?;
        self.memory().claims.all_repaid = all;
        Ok(())
    }

    async fn record_end(&self, claimable: Claimable, end: ClaimableEnd) -> Result<(), EngineError> {
        let (ids, id) = (Ids::of(self), claimable.id);
        transact(&self.store, move |tx| {
            let ids = ids.clone();
            Box::pin(async move { ended(tx, &ids, id, end).await })
        })
        .await?;
        self.memory().claims.forget(&[id]);
        Ok(())
    }

    /// Stores a transaction that takes back what could have been claimed for long enough.
    async fn take_back(&self, tip: Ledger) -> Result<(), EngineError> {
        let due = self.due_to_take_back(tip).await?;
        if due.is_empty() {
            return Ok(());
        }
        let free = self.free_channels().await?;
        let Some(channel) = free.into_iter().find(|channel| channel.role == ChannelRole::Channel) else {
            return Ok(());
        };
        let answer = self.network.account(self.network.platform()).await?;
        let Some(platform) = answer.account else {
            return Err(EngineError::NoPlatformAccount(self.network.platform()));
        };
        let mut trust: Vec<Asset> = due.iter().map(|claimable| claimable.asset).collect();
        trust.sort();
        trust.dedup();
        trust.retain(|asset| {
            *asset != Asset::Native
                && asset.issuer() != Some(platform.account)
                && !platform.balances.iter().any(|balance| balance.asset == *asset)
        });
        self.memory().built += 1;
        let claimables: Vec<ClaimableId> = due.iter().map(|claimable| claimable.id).collect();
        let plan = self.transaction(
            &channel,
            tip,
            Memo::None,
            Body::TakeBack { trust, claimables: claimables.clone() },
        )?;
        let signed = self.network.build(&plan).await?;
        let ids = Ids::of(self);
        transact(&self.store, move |tx| {
            let (ids, due, plan, signed, claimables) =
                (ids.clone(), due.clone(), plan.clone(), signed.clone(), claimables.clone());
            Box::pin(async move {
                let id = ids.submission()?;
                let purpose = Purpose::TakeBack { claimables };
                store_submission(tx, id, &plan, &signed, purpose, ids.now()).await?;
                for claimable in due {
                    tx.update_claimable(&claimable, &claimable.clone().taking_back(id)?).await?;
                }
                Ok(())
            })
        })
        .await
    }
}

impl Engine {
    /// Balances for one transaction that may be taken back and do not rest.
    async fn due_to_take_back(&self, tip: Ledger) -> Result<Vec<Claimable>, StoreError> {
        let now = self.clock.now();
        let mut due: Vec<Claimable> = Vec::new();
        let mut after = self.memory().claims.take_back_after;
        'pages: for _ in 0..TAKE_BACK_PAGES_PER_TICK_MAX {
            let mut tx = self.store.begin_read().await?;
            let page = tx.claimables_reclaimable(tip.closed_at, after, LIST_ROWS_MAX).await?;
            let last = page.len() < LIST_ROWS_MAX as usize;
            for claimable in page {
                let (rests, alone) = {
                    let claims = &self.memory().claims;
                    (claims.not_taken.rests(&claimable.id, now), claims.alone.contains(&claimable.id))
                };
                if rests || (alone && !due.is_empty()) {
                    continue;
                }
                after = Some((claimable.reclaim_from, claimable.id));
                due.push(claimable);
                if alone || due.len() == TAKEN_BACK_PER_TRANSACTION_MAX {
                    break 'pages;
                }
            }
            if last {
                after = None;
                break;
            }
        }
        self.memory().claims.take_back_after = after;
        Ok(due)
    }
}

/// Makes the money of a balance that was taken back owed to whom it was for: all of it, from the platform's account, in the
/// transaction that records the take-back.
pub(in crate::settlement) async fn owe_repayment(
    tx: &mut dyn Tx,
    ids: &Ids,
    claimable: &Claimable,
    platform: AccountId,
) -> Result<(), EngineError> {
    let ClaimableState::TakenBack { submission, .. } = claimable.state else {
        let (id, state) = (claimable.id, claimable.state.name());
        return Err(EngineError::Contradiction(format!("claimable balance {id} is {state}, and not repaid")));
    };
    let by = tx.submission(submission).await?.ok_or_else(|| {
        EngineError::Contradiction(format!("transaction {submission} took a balance back and is not stored"))
    })?;
    let ordinal = match claimable.reservation {
        Some(reservation) => tx.next_ordinal(reservation).await?,
        None => 0,
    };
    let repayment = Transfer {
        id: ids.transfer()?,
        reservation: claimable.reservation,
        ordinal,
        kind: TransferKind::Repayment { claimable: claimable.id },
        from: platform,
        to: Address::Account(claimable.recipient),
        asset: claimable.asset,
        amount: claimable.amount,
        memo: Memo::Return(by.hash),
        delivery: Delivery::Payment,
        state: TransferState::Pending,
    };
    Ok(tx.insert_transfers(&[repayment]).await?)
}

/// Records how a balance ended; what we take back ourselves is recorded with the outcome of that transaction.
async fn ended(tx: &mut dyn Tx, ids: &Ids, id: ClaimableId, end: ClaimableEnd) -> Result<(), EngineError> {
    let Some(claimable) = tx.claimable(id).await? else { return Ok(()) };
    match claimable.state {
        ClaimableState::Outstanding | ClaimableState::TakingBack { .. } => {}
        ClaimableState::Claimed { .. }
        | ClaimableState::ClawedBack { .. }
        | ClaimableState::TakenBack { .. } => {
            return Ok(());
        }
    }
    let (operation, at, reservation) = (end.operation, end.at, claimable.reservation);
    let mut postings = Postings::new();
    let held = BookAccount::ClaimableBalances;
    let (after, cause) = match end.claimed_by {
        Some(by) if by == platform(tx).await? => return Ok(()),
        Some(_) => {
            postings.movement(claimable.asset, claimable.amount, BookAccount::Claimants, held);
            (claimable.clone().claimed(operation, at)?, Cause::Claimed(id))
        }
        None => {
            // The issuer took what was the recipient's, as it can from any account.
            postings.movement(claimable.asset, claimable.amount, BookAccount::Claimants, held);
            (claimable.clone().clawed_back(operation, at)?, Cause::ClaimableClawedBack(id))
        }
    };
    tx.update_claimable(&claimable, &after).await?;
    ids.post(tx, cause, reservation, at, postings).await
}
