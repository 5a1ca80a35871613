//! Claimable balances after they are made: claimed by their recipients, or reclaimed when nobody did for
//! long enough.
//!
//! Their history alone tells how they ended. What is reclaimed stays owed: only the reserve comes home.
//! A payment of it to whom the balance was for is stored with the reclaim itself, once per balance, and
//! tried like a return until it can be received; it never becomes a claimable balance again.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use super::channels::Channels;
use crate::domain::asset::Asset;
use crate::domain::claimable::{Claimable, ClaimableState};
use crate::domain::ids::ClaimableId;
use crate::domain::payment::Memo;
use crate::domain::transfer::Purpose;
use crate::ports::network::{Body, ClaimableEnd, Ledger};
use crate::ports::store::{LIST_ROWS_MAX, StoreError};
use crate::settlement::backoff::Backoff;
use crate::settlement::books::accounts::platform;
use crate::settlement::books::entries::{claimable_claimed, claimable_clawed_back};
use crate::settlement::books::repayments::owe_repayment;
use crate::settlement::books::work::{Ports, UnitOfWork};
use crate::settlement::memory::Memory;
use crate::settlement::{EngineError, TickReport};

/// First pause before an unclaimed balance is looked at again, in seconds; it doubles up to the largest.
const CHECK_SECONDS_MIN: i64 = 60;
const CHECK_SECONDS_MAX: i64 = 86_400;
/// Most balances whose history is read in one tick.
const CHECKS_PER_TICK_MAX: usize = 5;
/// Most balances reclaimed by one transaction; each may need a trust line besides.
const RECLAIMED_PER_TRANSACTION_MAX: usize = 40;
/// Most pages of balances that may be reclaimed that one tick reads.
const RECLAIM_PAGES_PER_TICK_MAX: u32 = 20;
/// First pause before a balance is tried again that could not be reclaimed, in seconds; it doubles
/// up to the largest.
const RECLAIM_SECONDS_MIN: i64 = 600;
const RECLAIM_SECONDS_MAX: i64 = 86_400;

/// Which balances were looked at, and when they are again. A restart forgets it, which costs requests, and
/// a fee for each balance that still cannot be reclaimed.
struct Followed {
    after: Option<ClaimableId>,
    checks: Backoff<ClaimableId>,
    /// The last balance that was looked at for taking it back; the next tick goes on after it.
    reclaim_after: Option<(Timestamp, ClaimableId)>,
    /// Balances that could not be reclaimed.
    not_taken: Backoff<ClaimableId>,
    /// Balances that are reclaimed one by one: their last transaction failed, and perhaps for them.
    alone: BTreeSet<ClaimableId>,
    /// True once every balance that was reclaimed has a repayment; those of this program have from
    /// the beginning.
    all_repaid: bool,
}

impl Followed {
    pub const fn new() -> Self {
        Self {
            after: None,
            checks: Backoff::new(CHECK_SECONDS_MIN, CHECK_SECONDS_MAX),
            reclaim_after: None,
            not_taken: Backoff::new(RECLAIM_SECONDS_MIN, RECLAIM_SECONDS_MAX),
            alone: BTreeSet::new(),
            all_repaid: false,
        }
    }

    /// They have ended, or were reclaimed.
    pub fn forget(&mut self, ids: &[ClaimableId]) {
        for id in ids {
            self.checks.forget(id);
            self.not_taken.forget(id);
            self.alone.remove(id);
        }
    }

    /// They could not be reclaimed: they rest, longer each time, and then go alone. Perhaps somebody claimed
    /// them, so their histories are read with the next tick.
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

/// The step that follows claimable balances of ours to their end, and reclaims them.
pub(in crate::settlement) struct Reclaim {
    ports: Arc<Ports>,
    channels: Arc<Channels>,
    progress: Memory<Followed>,
}

impl Reclaim {
    pub(in crate::settlement) fn new(ports: Arc<Ports>, channels: Arc<Channels>) -> Self {
        Self { ports, channels, progress: Memory::new(Followed::new()) }
    }

    /// These were reclaimed.
    pub(in crate::settlement) fn reclaimed(&self, ids: &[ClaimableId]) {
        self.progress.lock().forget(ids);
    }

    /// These could not be reclaimed.
    pub(in crate::settlement) fn not_reclaimed(&self, ids: &[ClaimableId], now: Timestamp) {
        self.progress.lock().rest(ids, now);
    }

    /// One of these could not be reclaimed, and nobody knows which.
    pub(in crate::settlement) fn reclaim_alone(&self, ids: &[ClaimableId]) {
        self.progress.lock().part(ids);
    }

    /// Reads how some balances ended, and reclaims what nobody claimed.
    pub(in crate::settlement) async fn run(
        &self,
        tip: Ledger,
        report: &mut TickReport,
    ) -> Result<(), EngineError> {
        self.follow(report).await?;
        self.repay_what_was_reclaimed_before().await?;
        self.reclaim(tip).await
    }

    /// Reads how some balances ended. One whose history cannot be read holds up nothing else.
    async fn follow(&self, report: &mut TickReport) -> Result<(), EngineError> {
        let now = self.ports.now();
        let after = self.progress.lock().after;
        let page = self.ports.read().await?.claimables_open(after, LIST_ROWS_MAX).await?;
        let last_page = page.len() < LIST_ROWS_MAX as usize;
        let page_ends = page.last();
        let due: Vec<Claimable> = {
            let mut due = self.ports.readable(page);
            let progress = self.progress.lock();
            due.retain(|claimable| !progress.checks.rests(&claimable.id, now));
            due
        };
        let looked_at = due.len().min(CHECKS_PER_TICK_MAX);
        for claimable in due.iter().take(looked_at) {
            let followed = self.follow_one(claimable, now).await;
            report.isolate(&format!("claimable balance {}", claimable.id), followed)?;
        }
        {
            let mut claims = self.progress.lock();
            claims.after = match (looked_at == due.len(), last_page) {
                (true, true) => None,
                (true, false) => page_ends,
                (false, _) => due.get(looked_at.saturating_sub(1)).map(|one| one.id),
            };
        }
        Ok(())
    }

    async fn follow_one(&self, claimable: &Claimable, now: Timestamp) -> Result<(), EngineError> {
        match self.ports.network.claimable_end(claimable.id).await {
            Ok(Some(end)) => self.record_end(claimable.clone(), end).await,
            Ok(None) => {
                self.progress.lock().checks.lengthen(claimable.id, now);
                Ok(())
            }
            Err(error) => {
                self.progress.lock().checks.lengthen(claimable.id, now);
                Err(error.into())
            }
        }
    }

    /// Makes repayments owed of balances that an earlier version took back, which stored none.
    async fn repay_what_was_reclaimed_before(&self) -> Result<(), EngineError> {
        if self.progress.lock().all_repaid {
            return Ok(());
        }
        let all = self
            .ports
            .transact(move |work| {
                Box::pin(async move {
                    let platform = platform(work.tx()).await?;
                    let page = work.claimables_not_repaid(None, LIST_ROWS_MAX).await?;
                    let all = page.len() < LIST_ROWS_MAX as usize && page.unreadable().next().is_none();
                    for claimable in work.readable(page) {
                        owe_repayment(work, &claimable, platform).await?;
                    }
                    Ok::<_, EngineError>(all)
                })
            })
            .await?;
        self.progress.lock().all_repaid = all;
        Ok(())
    }

    async fn record_end(&self, claimable: Claimable, end: ClaimableEnd) -> Result<(), EngineError> {
        let id = claimable.id;
        self.ports.transact(move |work| Box::pin(async move { record_end(work, id, end).await })).await?;
        self.progress.lock().forget(&[id]);
        Ok(())
    }

    /// Stores a transaction that reclaims what could have been claimed for long enough.
    async fn reclaim(&self, tip: Ledger) -> Result<(), EngineError> {
        let due = self.due_to_reclaim(tip).await?;
        if due.is_empty() {
            return Ok(());
        }
        let Some(channel) = self.channels.free_channel().await? else {
            return Ok(());
        };
        let answer = self.ports.network.account(self.ports.network.platform()).await?;
        let Some(platform) = answer.account else {
            return Err(EngineError::NoPlatformAccount(self.ports.network.platform()));
        };
        let mut trust: Vec<Asset> = due.iter().map(|claimable| claimable.asset).collect();
        trust.sort();
        trust.dedup();
        trust.retain(|asset| {
            *asset != Asset::Native
                && asset.issuer() != Some(platform.account)
                && !platform.balances.iter().any(|balance| balance.asset == *asset)
        });
        self.channels.take_turn();
        let claimables: Vec<ClaimableId> = due.iter().map(|claimable| claimable.id).collect();
        let plan = self.channels.plan(
            &channel,
            tip,
            Memo::None,
            Body::Reclaim { trust, claimables: claimables.clone() },
        )?;
        let signed = self.ports.network.build(&plan).await?;
        self.ports
            .transact(move |work| {
                let (due, plan, signed, claimables) =
                    (due.clone(), plan.clone(), signed.clone(), claimables.clone());
                Box::pin(async move {
                    let id = work.new_submission_id()?;
                    let purpose = Purpose::Reclaim { claimables };
                    work.store_submission(id, &plan, &signed, purpose).await?;
                    for claimable in due {
                        work.update_claimable(&claimable, &claimable.clone().reclaiming(id)?).await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    /// Balances for one transaction that may be reclaimed and do not rest.
    async fn due_to_reclaim(&self, tip: Ledger) -> Result<Vec<Claimable>, StoreError> {
        let now = self.ports.now();
        let mut due: Vec<Claimable> = Vec::new();
        let mut after = self.progress.lock().reclaim_after;
        'pages: for _ in 0..RECLAIM_PAGES_PER_TICK_MAX {
            let mut tx = self.ports.read().await?;
            let page = tx.claimables_reclaimable(tip.closed_at, after, LIST_ROWS_MAX).await?;
            let (last, page_ends) = (page.len() < LIST_ROWS_MAX as usize, page.last());
            for claimable in self.ports.readable(page) {
                let (rests, alone) = {
                    let claims = self.progress.lock();
                    (claims.not_taken.rests(&claimable.id, now), claims.alone.contains(&claimable.id))
                };
                if rests || (alone && !due.is_empty()) {
                    continue;
                }
                after = Some((claimable.reclaim_from, claimable.id));
                due.push(claimable);
                if alone || due.len() == RECLAIMED_PER_TRANSACTION_MAX {
                    break 'pages;
                }
            }
            after = if last { None } else { page_ends };
            if last {
                break;
            }
        }
        self.progress.lock().reclaim_after = after;
        Ok(due)
    }
}

/// Records how a balance ended; what we take back ourselves is recorded with the outcome of that transaction.
async fn record_end(
    work: &mut UnitOfWork<'_>,
    id: ClaimableId,
    end: ClaimableEnd,
) -> Result<(), EngineError> {
    let Some(claimable) = work.claimable(id).await? else { return Ok(()) };
    match claimable.state {
        ClaimableState::Outstanding | ClaimableState::Reclaiming { .. } => {}
        ClaimableState::Claimed { .. }
        | ClaimableState::ClawedBack { .. }
        | ClaimableState::Reclaimed { .. } => {
            return Ok(());
        }
    }
    let (operation, at) = (end.operation, end.at);
    let (after, entry) = match end.claimed_by {
        Some(by) if by == platform(work.tx()).await? => return Ok(()),
        Some(_) => (claimable.clone().claimed(operation, at)?, claimable_claimed(&claimable, at)),
        None => (claimable.clone().clawed_back(operation, at)?, claimable_clawed_back(&claimable, at)),
    };
    work.update_claimable(&claimable, &after).await?;
    work.post(entry).await
}
