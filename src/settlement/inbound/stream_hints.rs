//! How the accounts are watched: how many pages of a sweep may be looked at now, and where the network's payment stream says
//! that something happened.
//!
//! A hint of the stream only says where to look: what came is read from the account's own history, as after a sweep, and an
//! account is clean by sweeps alone. A hint that is lost, or a stream that is away, costs time until the next sweep and
//! nothing else. Nothing here is stored.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::num::NonZeroU32;
use std::time::Duration;

use jiff::Timestamp;

use crate::domain::address::AccountId;
use crate::domain::escrow::EscrowState;
use crate::domain::ids::{LedgerSeq, OperationId};
use crate::domain::pace::{Allowance, Forward, Load, Pace, pace};
use crate::ports::network::{Feed, Heard, PAGE_RECORDS_MAX};
use crate::ports::store::StoreError;
use crate::settlement::{Engine, EngineError, TickReport};

/// Pages of sweeps that may come at once where requests are limited; after them they come evenly.
const SWEEP_PAGES_AT_ONCE_MAX: u32 = 12;
/// Accounts that the stream named and that were not looked up yet; when there are more, it is not read on.
const HEARD_ACCOUNTS_MAX: usize = 10_000;
/// Ticks in which a hint is looked for in a history that does not have it, before it is left to the sweep.
const HINT_TICKS_MAX: u8 = 12;
/// How many ledgers back the stream begins at most; what is older is found sooner by the sweep.
const FOLLOW_LEDGERS_BACK_MAX: u32 = 720;
/// The first pause after the stream broke, and the longest, in seconds.
const FOLLOW_PAUSE_SECONDS_MIN: u64 = 1;
const FOLLOW_PAUSE_SECONDS_MAX: u64 = 60;
const HOUR: Duration = Duration::from_secs(3_600);

/// A sweep under way: it may take several ticks.
#[derive(Debug, Clone, Copy)]
pub(in crate::settlement) struct Sweep {
    /// The next page begins after it.
    pub(in crate::settlement) after: Option<AccountId>,
    /// The oldest ledger of a page so far.
    pub(in crate::settlement) oldest: LedgerSeq,
    pub(in crate::settlement) pages: u32,
    accounts: u64,
    /// Accounts met that are not explained.
    pub(in crate::settlement) dirty: u32,
}

impl Sweep {
    pub(in crate::settlement) const BEGIN: Self =
        Self { after: None, oldest: LedgerSeq(u32::MAX), pages: 0, accounts: 0, dirty: 0 };

    pub(in crate::settlement) fn add(&mut self, ledger: LedgerSeq, accounts: usize, dirty: u32) {
        self.oldest = self.oldest.min(ledger);
        self.pages += 1;
        self.accounts = self.accounts.saturating_add(u64::try_from(accounts).unwrap_or(u64::MAX));
        self.dirty = self.dirty.saturating_add(dirty);
    }
}

/// An account of ours whose history has something new.
#[derive(Debug, Clone, Copy)]
struct Hint {
    /// It reaches at least to here.
    operation: OperationId,
    ticks: u8,
}

/// What is remembered of the watch between ticks.
#[derive(Default)]
pub(in crate::settlement) struct Watching {
    /// The sweep that the next tick goes on with.
    pub(in crate::settlement) sweep: Option<Sweep>,
    /// Accounts of the last whole sweep, and the oldest ledger of its pages.
    swept: Option<(u64, LedgerSeq)>,
    clock: Forward,
    allowance: Allowance,
    /// Accounts that the stream named, anybody's, and by which operation last.
    heard: BTreeMap<AccountId, OperationId>,
    hints: BTreeMap<AccountId, Hint>,
    /// True once the network was found to have no stream.
    no_stream: bool,
    /// Since when the stream cannot be read.
    deaf_since: Option<Timestamp>,
    said: Option<Pace>,
}

impl Watching {
    fn accounts(&self) -> u64 {
        let under_way = self.sweep.map_or(0, |sweep| sweep.accounts);
        self.swept.map_or(0, |(accounts, _)| accounts).max(under_way)
    }

    /// Since which ledger all accounts have been looked at: what came before needs no stream.
    fn looked_since(&self) -> Option<LedgerSeq> {
        let first_page = || self.sweep.filter(|sweep| sweep.pages > 0).map(|sweep| sweep.oldest);
        self.swept.map(|(_, oldest)| oldest).or_else(first_page)
    }

    /// The oldest ledger at which the last whole sweep looked.
    pub(in crate::settlement) fn swept_since(&self) -> Option<LedgerSeq> {
        self.swept.map(|(_, oldest)| oldest)
    }

    pub(in crate::settlement) fn finish(&mut self, sweep: Sweep) {
        self.sweep = None;
        self.swept = Some((sweep.accounts, sweep.oldest));
    }

    /// Since when the stream cannot be read, while it should be followed.
    pub(in crate::settlement) fn away_since(&self) -> Option<Timestamp> {
        self.deaf_since.filter(|_| self.said.is_some_and(|pace| pace.followed))
    }

    /// Notes an account of ours that is known to have changed and that there was no time for.
    pub(in crate::settlement) fn look_later(&mut self, account: AccountId) {
        self.hints.entry(account).or_insert(Hint { operation: OperationId(0), ticks: 0 });
    }
}

impl Engine {
    /// How the accounts are watched now, by what is known of their number and of what else is spent.
    pub(in crate::settlement) fn pace(&self) -> Pace {
        let spending = self.network.spending();
        let memory = self.memory();
        pace(&Load {
            accounts: memory.watching.accounts(),
            tick_millis: self.settings.tick_millis,
            requests_per_hour_max: spending.per_hour_max,
            spent_otherwise_per_hour: spending.otherwise_per_hour,
            stream: !memory.watching.no_stream,
            follow_accounts_min: self.settings.follow_accounts_min,
        })
    }

    /// Takes one page from what may be swept; false if it has to wait.
    pub(in crate::settlement) fn may_sweep_a_page(&self, pace: &Pace) -> bool {
        let per_hour = pace
            .pages_per_hour_max
            .and_then(|pages| NonZeroU32::new(u32::try_from(pages).unwrap_or(u32::MAX)));
        let Some(per_hour) = per_hour else { return true };
        let now = self.clock.now();
        let mut memory = self.memory();
        let elapsed = memory.watching.clock.to(now);
        let interval = HOUR / per_hour.get();
        memory.watching.allowance.take(elapsed, interval, SWEEP_PAGES_AT_ONCE_MAX, 0).is_ok()
    }

    /// Says at what pace the accounts are watched: in the report, in the metrics, and when it changes in the log.
    pub(in crate::settlement) fn say_pace(&self, pace: Pace, report: &mut TickReport) {
        let millis = |millis: u64| u32::try_from(millis).unwrap_or(u32::MAX);
        metrics::gauge!("farmgate_sweep_pages").set(millis(pace.pages));
        metrics::gauge!("farmgate_sweep_milliseconds").set(millis(pace.sweep_millis));
        metrics::gauge!("farmgate_payment_seen_milliseconds_max").set(millis(pace.seen_millis_max()));
        metrics::gauge!("farmgate_payment_stream_followed").set(u32::from(pace.followed));
        report.pace = Some(pace);
        let now = self.clock.now();
        let mut memory = self.memory();
        report.stream_away_since = memory.watching.deaf_since.filter(|_| pace.followed);
        let away = report.stream_away_since.map_or(0, |since| now.duration_since(since).as_secs());
        metrics::gauge!("farmgate_payment_stream_away_seconds").set(u32::try_from(away).unwrap_or(0));
        let manner = |pace: Pace| (pace.pages, pace.followed, pace.is_stretched());
        if memory.watching.said.map(manner) != Some(manner(pace)) {
            memory.watching.said = Some(pace);
            tracing::info!(
                pages = pace.pages,
                followed = pace.followed,
                stretched = pace.is_stretched(),
                sweep_milliseconds = pace.sweep_millis,
                payment_seen_milliseconds_max = pace.seen_millis_max(),
                requests_per_hour = pace.requests_per_hour,
                "pace of the watch"
            );
        }
    }

    /// Follows the network's payment stream while there are accounts enough for it; never ends by itself.
    ///
    /// It runs beside the ticks, which take up what it hears. Without it they find the same by sweeps.
    pub async fn follow(&self) -> Infallible {
        loop {
            if self.pace().followed {
                match self.network.feed(self.follow_from()) {
                    Some(mut feed) => self.listen(&mut *feed).await,
                    None => self.memory().watching.no_stream = true,
                }
            }
            self.clock.sleep(self.settings.tick()).await;
        }
    }

    /// From where on the stream is followed: since then the accounts have been looked at.
    fn follow_from(&self) -> Option<OperationId> {
        let memory = self.memory();
        let tip = memory.tip?.sequence;
        let looked_since = memory.watching.looked_since().unwrap_or(tip);
        let first = looked_since.0.max(tip.0.saturating_sub(FOLLOW_LEDGERS_BACK_MAX)).saturating_add(1);
        Some(OperationId::from_parts(LedgerSeq(first), 0, 0))
    }

    async fn listen(&self, feed: &mut dyn Feed) {
        tracing::info!("following the network's payments");
        let mut failures = 0_u32;
        while self.pace().followed {
            if self.memory().watching.heard.len() >= HEARD_ACCOUNTS_MAX {
                self.clock.sleep(self.settings.tick()).await;
                continue;
            }
            match feed.next().await {
                Ok(heard) => {
                    failures = 0;
                    self.hear(heard);
                }
                Err(error) => {
                    failures = failures.saturating_add(1);
                    let now = self.clock.now();
                    self.memory().watching.deaf_since.get_or_insert(now);
                    let pause = self.follow_pause(failures);
                    tracing::warn!(%error, ?pause, "the payment stream broke off");
                    self.clock.sleep(pause).await;
                }
            }
        }
        tracing::info!("the network's payments are no longer followed");
    }

    /// Doubles with every failure in a row, and a quarter of it is left to chance.
    fn follow_pause(&self, failures: u32) -> Duration {
        let seconds = FOLLOW_PAUSE_SECONDS_MIN << failures.saturating_sub(1).min(u64::BITS / 8);
        let pause = Duration::from_secs(seconds.min(FOLLOW_PAUSE_SECONDS_MAX));
        pause + pause / 4 * u32::from(self.entropy.u16()) / u32::from(u16::MAX)
    }

    fn hear(&self, heard: Option<Heard>) {
        let mut memory = self.memory();
        memory.watching.deaf_since = None;
        let Some(Heard { operation, accounts }) = heard else { return };
        for account in accounts {
            let last = memory.watching.heard.entry(account).or_insert(operation);
            *last = operation.max(*last);
        }
    }

    /// Reads the histories of accounts of ours that are known to have changed, until `until`.
    pub(in crate::settlement) async fn look_where_told(
        &self,
        until: Timestamp,
        report: &mut TickReport,
    ) -> Result<(), EngineError> {
        self.sort_out_heard().await?;
        let hints = self.memory().watching.hints.clone();
        for (account, hint) in hints {
            if self.clock.now() >= until {
                return Ok(());
            }
            report.hints += 1;
            let read = match self.read_up_to(account, hint.operation, report).await {
                Ok(read) => read,
                Err(error) => {
                    report.isolate(&account, Err(error))?;
                    true
                }
            };
            let mut memory = self.memory();
            if read || hint.ticks >= HINT_TICKS_MAX {
                memory.watching.hints.remove(&account);
            } else {
                memory.watching.hints.insert(account, Hint { ticks: hint.ticks + 1, ..hint });
            }
        }
        Ok(())
    }

    /// Takes in an account's history; true if it reached `operation`. An instance that is behind does not have it yet.
    async fn read_up_to(
        &self,
        account: AccountId,
        operation: OperationId,
        report: &mut TickReport,
    ) -> Result<bool, EngineError> {
        self.ingest(account, report).await?;
        let escrow = self.store.begin_read().await?.escrows(&[account]).await?.pop();
        Ok(escrow.is_none_or(|escrow| escrow.watch.cursor >= operation))
    }

    /// Keeps of what was heard the accounts that are ours.
    async fn sort_out_heard(&self) -> Result<(), StoreError> {
        let heard: Vec<(AccountId, OperationId)> =
            self.memory().watching.heard.iter().map(|(account, operation)| (*account, *operation)).collect();
        for some in heard.chunks(PAGE_RECORDS_MAX) {
            let accounts: Vec<AccountId> = some.iter().map(|(account, _)| *account).collect();
            let ours = self.store.begin_read().await?.escrows(&accounts).await?;
            let mut memory = self.memory();
            for (account, operation) in some {
                if memory.watching.heard.get(account) == Some(operation) {
                    memory.watching.heard.remove(account);
                }
                let changed = ours.iter().any(|escrow| {
                    escrow.account == *account && escrow.watch.cursor < *operation && is_watched(escrow.state)
                });
                if changed {
                    memory.watching.hints.insert(*account, Hint { operation: *operation, ticks: 0 });
                }
            }
        }
        Ok(())
    }
}

/// True if what happens to an account is ours to take in: not before it is made, and not once it is no more.
const fn is_watched(state: EscrowState) -> bool {
    match state {
        EscrowState::Ready
        | EscrowState::Assigned { .. }
        | EscrowState::Closing { .. }
        | EscrowState::Adopted => true,
        EscrowState::Preparing { .. }
        | EscrowState::Abandoned
        | EscrowState::Merged { .. }
        | EscrowState::Closed { .. } => false,
    }
}
