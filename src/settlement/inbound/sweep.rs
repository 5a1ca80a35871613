//! One look at every account of ours, by pages of the accounts that the platform's key signs for.
//!
//! Only accounts that changed cost more than their place on a page, unless the sweep searches after a
//! database went back. A sweep comes as far as the request budget lets it, and may take many ticks; the
//! engine hands each page to the steps that it concerns.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::domain::address::AccountId;
use crate::domain::ids::LedgerSeq;
use crate::domain::request_budget::{MonotonicTime, Pace, TokenBucket};
use crate::domain::reservation::Reservation;
use crate::ports::network::{AccountPage, Ledger, NetworkError};
use crate::ports::store::{LIST_ROWS_MAX, Pages};
use crate::settlement::EngineError;
use crate::settlement::books::work::Ports;
use crate::settlement::memory::Memory;

/// Most pages of one sweep: two million accounts.
const SWEEP_PAGES_MAX: u32 = 10_000;
/// Most pages of one tick: what is to be sent does not wait for more.
const SWEEP_PAGES_PER_TICK_MAX: u32 = 100;
/// How long one tick looks: settlements do not wait for the histories of very many accounts, which anybody
/// can make change.
pub(in crate::settlement) const LOOK_TIME_MAX: SignedDuration = SignedDuration::from_secs(10);
/// Pages of sweeps that may come at once where requests are limited; after them they come evenly.
const SWEEP_PAGES_AT_ONCE_MAX: u32 = 12;
const HOUR: Duration = Duration::from_secs(3_600);

/// A sweep under way: it may take several ticks.
#[derive(Debug, Clone, Copy)]
pub(in crate::settlement) struct Pass {
    /// The next page begins after it.
    after: Option<AccountId>,
    /// The oldest ledger of a page so far.
    pub(in crate::settlement) oldest: LedgerSeq,
    pages: u32,
    accounts: u64,
    /// Accounts met that are not explained.
    dirty: u32,
    /// The histories of all accounts that hold something are read, whatever explains it.
    pub(in crate::settlement) searches: bool,
}

impl Pass {
    const fn begin(searches: bool) -> Self {
        Self { after: None, oldest: LedgerSeq(u32::MAX), pages: 0, accounts: 0, dirty: 0, searches }
    }

    /// A page was looked at, and so many of its accounts are not explained.
    pub(in crate::settlement) fn add(&mut self, page: &AccountPage, dirty: u32) {
        self.after = page.next;
        self.oldest = self.oldest.min(page.ledger);
        self.pages += 1;
        self.accounts = self.accounts.saturating_add(u64::try_from(page.accounts.len()).unwrap_or(u64::MAX));
        self.dirty = self.dirty.saturating_add(dirty);
    }

    /// True once the last page was looked at.
    pub(in crate::settlement) const fn is_whole(&self) -> bool {
        self.after.is_none()
    }
}

/// What is remembered of sweeps.
#[derive(Default)]
struct SweepProgress {
    /// The sweep that the next tick goes on with.
    under_way: Option<Pass>,
    /// Accounts of the last whole sweep, and the oldest ledger of its pages.
    swept: Option<(u64, LedgerSeq)>,
    /// The oldest ledger of the last whole sweep that searched.
    searched: Option<LedgerSeq>,
    /// The last ledger whose sweep came to its end and left nothing unexplained.
    explained: Option<LedgerSeq>,
    swept_at: Option<Timestamp>,
    clock: MonotonicTime,
    allowance: TokenBucket,
}

/// The step that asks for pages of accounts.
pub(in crate::settlement) struct Sweep {
    ports: Arc<Ports>,
    progress: Memory<SweepProgress>,
}

impl Sweep {
    pub(in crate::settlement) fn new(ports: Arc<Ports>) -> Self {
        Self { ports, progress: Memory::default() }
    }

    /// How many accounts there are, as far as it is known.
    pub(in crate::settlement) fn accounts(&self) -> u64 {
        let progress = self.progress.lock();
        let under_way = progress.under_way.map_or(0, |pass| pass.accounts);
        progress.swept.map_or(0, |(accounts, _)| accounts).max(under_way)
    }

    /// Since which ledger all accounts have been looked at: what came before needs no stream.
    pub(in crate::settlement) fn looked_since(&self) -> Option<LedgerSeq> {
        let progress = self.progress.lock();
        let first_page = || progress.under_way.filter(|pass| pass.pages > 0).map(|pass| pass.oldest);
        progress.swept.map(|(_, oldest)| oldest).or_else(first_page)
    }

    /// The oldest ledger at which the last whole sweep looked that searched.
    pub(in crate::settlement) fn searched_since(&self) -> Option<LedgerSeq> {
        self.progress.lock().searched
    }

    /// When the last whole sweep ended.
    pub(in crate::settlement) fn swept_at(&self) -> Option<Timestamp> {
        self.progress.lock().swept_at
    }

    /// The sweep to go on with: once per ledger, as long as something may soon be explained, and as far
    /// as the request budget lets it; `None` if there is none now. One that `searches` begins anew.
    pub(in crate::settlement) fn begin(&self, tip: Ledger, pace: &Pace, searches: bool) -> Option<Pass> {
        let (done, under_way) = {
            let progress = self.progress.lock();
            let done = if searches { progress.searched } else { progress.explained };
            (done, progress.under_way.filter(|pass| pass.searches || !searches))
        };
        if under_way.is_none() && done.is_some_and(|done| done >= tip.sequence) {
            return None;
        }
        self.may_sweep_a_page(pace).then(|| under_way.unwrap_or(Pass::begin(searches)))
    }

    /// The next page; `None` if others need what is left of the budget: the sweep can wait, and they must not
    /// wait for it.
    pub(in crate::settlement) async fn next_page(
        &self,
        pass: &Pass,
    ) -> Result<Option<AccountPage>, EngineError> {
        match self.ports.network.watched_accounts(pass.after).await {
            Err(NetworkError::RateLimited { .. }) => Ok(None),
            page => Ok(Some(page?)),
        }
    }

    /// The sweep came to its end.
    pub(in crate::settlement) fn finish(&self, pass: Pass) {
        let now = self.ports.now();
        let mut progress = self.progress.lock();
        progress.under_way = None;
        progress.swept = Some((pass.accounts, pass.oldest));
        progress.swept_at = Some(now);
        if pass.searches {
            progress.searched = Some(pass.oldest);
        }
        progress.explained = (pass.dirty == 0).then_some(pass.oldest);
    }

    /// Keeps how far a sweep has come after the `pages` of this tick; true if it goes on at once.
    ///
    /// # Errors
    /// If it has more pages than a sweep may have.
    pub(in crate::settlement) fn goes_on(
        &self,
        pass: Pass,
        pages: u32,
        until: Timestamp,
        pace: &Pace,
    ) -> Result<bool, EngineError> {
        if pass.pages >= SWEEP_PAGES_MAX {
            let reason = format!("a sweep has more than {SWEEP_PAGES_MAX} pages");
            return Err(EngineError::Contradiction(reason));
        }
        self.progress.lock().under_way = Some(pass);
        let rests = pages >= SWEEP_PAGES_PER_TICK_MAX || self.ports.now() >= until;
        Ok(!rests && self.may_sweep_a_page(pace))
    }

    /// Takes one page from what may be swept; false if it has to wait.
    fn may_sweep_a_page(&self, pace: &Pace) -> bool {
        let per_hour = pace
            .pages_per_hour_max
            .and_then(|pages| NonZeroU32::new(u32::try_from(pages).unwrap_or(u32::MAX)));
        let Some(per_hour) = per_hour else { return true };
        let now = self.ports.now();
        let mut progress = self.progress.lock();
        let elapsed = progress.clock.to(now);
        let interval = HOUR / per_hour.get();
        progress.allowance.take(elapsed, interval, SWEEP_PAGES_AT_ONCE_MAX, 0).is_ok()
    }

    /// All reservations that still take payments although their deadline, or a request to cancel, has passed
    /// by the ledger's time.
    pub(in crate::settlement) async fn overdue(
        &self,
        ledger_time: Timestamp,
    ) -> Result<Vec<Reservation>, EngineError> {
        let mut tx = self.ports.read().await?;
        let (mut overdue, mut pages) = (Vec::new(), Pages::new());
        while let Some(after) = pages.after() {
            let page = tx.reservations_overdue(ledger_time, after, LIST_ROWS_MAX).await?;
            pages.turn(&page);
            overdue.extend(self.ports.readable(page));
        }
        Ok(overdue)
    }
}
