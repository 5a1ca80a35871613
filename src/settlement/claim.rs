//! Claimable balances after they are made: claimed by their recipients, or taken back when nobody did for long enough.
//!
//! Their history alone tells how they ended. What is taken back stays owed: only the reserve comes home.

use super::close::platform;
use super::pauses::Pauses;
use super::settle::store_submission;
use super::{Engine, EngineError, Ids};
use crate::domain::asset::Asset;
use crate::domain::claimable::{Claimable, ClaimableState};
use crate::domain::escrow::ChannelRole;
use crate::domain::ids::ClaimableId;
use crate::domain::journal::{BookAccount, Cause, Postings};
use crate::domain::payment::Memo;
use crate::domain::transfer::Purpose;
use crate::ports::network::{Body, ClaimableEnd, Ledger};
use crate::ports::store::{LIST_ROWS_MAX, Tx, transact};

/// First pause before an unclaimed balance is looked at again, in seconds; it doubles up to the largest.
const CHECK_SECONDS_MIN: i64 = 60;
const CHECK_SECONDS_MAX: i64 = 86_400;
/// Most balances whose history is read in one tick.
const CHECKS_PER_TICK_MAX: usize = 5;
/// Most balances taken back by one transaction; each may need a trust line besides.
const TAKEN_BACK_PER_TRANSACTION_MAX: u32 = 40;

/// Which balances were looked at, and when they are again.
pub(super) struct Claims {
    after: Option<ClaimableId>,
    checks: Pauses<ClaimableId>,
}

impl Claims {
    pub const fn new() -> Self {
        Self { after: None, checks: Pauses::new(CHECK_SECONDS_MIN, CHECK_SECONDS_MAX) }
    }
}

impl Engine {
    /// Reads how some balances ended, and takes back what nobody claimed.
    pub(super) async fn follow_claimables(&self, tip: Ledger) -> Result<(), EngineError> {
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
        self.take_back(tip).await
    }

    async fn record_end(&self, claimable: Claimable, end: ClaimableEnd) -> Result<(), EngineError> {
        let (ids, id) = (Ids::of(self), claimable.id);
        transact(&self.store, move |tx| {
            let ids = ids.clone();
            Box::pin(async move { ended(tx, &ids, id, end).await })
        })
        .await?;
        self.memory().claims.checks.forget(&id);
        Ok(())
    }

    /// Stores a transaction that takes back what could have been claimed for long enough.
    async fn take_back(&self, tip: Ledger) -> Result<(), EngineError> {
        let mut tx = self.store.begin_read().await?;
        let due = tx.claimables_reclaimable(tip.closed_at, None, TAKEN_BACK_PER_TRANSACTION_MAX).await?;
        drop(tx);
        if due.is_empty() || self.claimables_rest() {
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
