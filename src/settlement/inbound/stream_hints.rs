//! How the accounts are watched: how many pages of a sweep may be looked at now, and where the network's
//! payment stream says that something happened.
//!
//! A hint of the stream only says where to look: what came is read from the account's own history, as after
//! a sweep, and an account is clean by sweeps alone. A hint that is lost, or a stream that is away, costs
//! time until the next sweep and nothing else. Nothing here is stored.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::ingest::Histories;
use super::sweep::Sweep;
use crate::domain::address::AccountId;
use crate::domain::escrow::EscrowState;
use crate::domain::ids::{LedgerSeq, OperationId};
use crate::domain::request_budget::{Load, Pace, pace};
use crate::ports::network::{Feed, Heard as PaymentHint, Ledger, PAGE_RECORDS_MAX};
use crate::ports::store::StoreError;
use crate::settlement::books::work::Ports;
use crate::settlement::memory::Memory;
use crate::settlement::{EngineError, TickReport};

/// Accounts that the stream named and that were not looked up yet; when there are more, it is not read on.
const HEARD_ACCOUNTS_MAX: usize = 10_000;
/// Ticks in which a hint is looked for in a history that does not have it, before it is left to the sweep.
const HINT_TICKS_MAX: u8 = 12;
/// How many ledgers back the stream begins at most; what is older is found sooner by the sweep.
const FOLLOW_LEDGERS_BACK_MAX: u32 = 720;
/// The first pause after the stream broke, and the longest, in seconds.
const FOLLOW_PAUSE_SECONDS_MIN: u64 = 1;
const FOLLOW_PAUSE_SECONDS_MAX: u64 = 60;

/// An account of ours whose history has something new.
#[derive(Debug, Clone, Copy)]
struct Hint {
    /// It reaches at least to here.
    operation: OperationId,
    ticks: u8,
}

/// What is remembered of the stream.
#[derive(Default)]
struct Heard {
    /// The latest ledger that was seen.
    tip: Option<LedgerSeq>,
    /// Accounts that the stream named, anybody's, and by which operation last.
    accounts: BTreeMap<AccountId, OperationId>,
    hints: BTreeMap<AccountId, Hint>,
    /// True once the network was found to have no stream.
    no_stream: bool,
    /// Since when the stream cannot be read.
    away_since: Option<Timestamp>,
    /// The pace that was told last.
    told: Option<Pace>,
}

/// The step that follows the payment stream and looks where it points to.
pub(in crate::settlement) struct StreamHints {
    ports: Arc<Ports>,
    histories: Arc<Histories>,
    sweep: Arc<Sweep>,
    heard: Memory<Heard>,
}

impl StreamHints {
    pub(in crate::settlement) fn new(
        ports: Arc<Ports>,
        histories: Arc<Histories>,
        sweep: Arc<Sweep>,
    ) -> Self {
        Self { ports, histories, sweep, heard: Memory::default() }
    }

    /// The latest ledger is this one.
    pub(in crate::settlement) fn see(&self, tip: Ledger) {
        self.heard.lock().tip = Some(tip.sequence);
    }

    /// Since when the stream cannot be read, while it should be followed.
    pub(in crate::settlement) fn away_since(&self) -> Option<Timestamp> {
        let heard = self.heard.lock();
        heard.away_since.filter(|_| heard.told.is_some_and(|pace| pace.followed))
    }

    /// Notes an account of ours that is known to have changed and that there was no time for.
    pub(in crate::settlement) fn look_later(&self, account: AccountId) {
        let mut heard = self.heard.lock();
        heard.hints.entry(account).or_insert(Hint { operation: OperationId(0), ticks: 0 });
    }

    /// How the accounts are watched now, by what is known of their number and of what else is spent.
    pub(in crate::settlement) fn pace(&self) -> Pace {
        let spending = self.ports.network.spending();
        let accounts = self.sweep.accounts();
        pace(&Load {
            accounts,
            tick_millis: self.ports.settings.tick_millis,
            requests_per_hour_max: spending.per_hour_max,
            spent_otherwise_per_hour: spending.otherwise_per_hour,
            stream: !self.heard.lock().no_stream,
            follow_accounts_min: self.ports.settings.follow_accounts_min,
        })
    }

    /// Says at what pace the accounts are watched: in the report, in the metrics, and when
    /// it changes in the log.
    pub(in crate::settlement) fn say_pace(&self, pace: Pace, report: &mut TickReport) {
        let millis = |millis: u64| u32::try_from(millis).unwrap_or(u32::MAX);
        metrics::gauge!("farmgate_sweep_pages").set(millis(pace.pages));
        metrics::gauge!("farmgate_sweep_milliseconds").set(millis(pace.sweep_millis));
        metrics::gauge!("farmgate_payment_seen_milliseconds_max").set(millis(pace.seen_millis_max()));
        metrics::gauge!("farmgate_payment_stream_followed").set(u32::from(pace.followed));
        report.pace = Some(pace);
        let now = self.ports.now();
        let mut heard = self.heard.lock();
        report.stream_away_since = heard.away_since.filter(|_| pace.followed);
        let away = report.stream_away_since.map_or(0, |since| now.duration_since(since).as_secs());
        metrics::gauge!("farmgate_payment_stream_away_seconds").set(u32::try_from(away).unwrap_or(0));
        let manner = |pace: Pace| (pace.pages, pace.followed, pace.is_stretched());
        if heard.told.map(manner) != Some(manner(pace)) {
            heard.told = Some(pace);
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
    pub(in crate::settlement) async fn follow(&self) -> Infallible {
        loop {
            if self.pace().followed {
                match self.ports.network.feed(self.follow_from()) {
                    Some(mut feed) => self.listen(&mut *feed).await,
                    None => self.heard.lock().no_stream = true,
                }
            }
            self.ports.clock.sleep(self.ports.settings.tick()).await;
        }
    }

    /// From where on the stream is followed: since then the accounts have been looked at.
    fn follow_from(&self) -> Option<OperationId> {
        let tip = self.heard.lock().tip?;
        let looked_since = self.sweep.looked_since().unwrap_or(tip);
        let first = looked_since.0.max(tip.0.saturating_sub(FOLLOW_LEDGERS_BACK_MAX)).saturating_add(1);
        Some(OperationId::from_parts(LedgerSeq(first), 0, 0))
    }

    async fn listen(&self, feed: &mut dyn Feed) {
        tracing::info!("following the network's payments");
        let mut failures = 0_u32;
        while self.pace().followed {
            if self.heard.lock().accounts.len() >= HEARD_ACCOUNTS_MAX {
                self.ports.clock.sleep(self.ports.settings.tick()).await;
                continue;
            }
            match feed.next().await {
                Ok(heard) => {
                    failures = 0;
                    self.hear(heard);
                }
                Err(error) => {
                    failures = failures.saturating_add(1);
                    let now = self.ports.now();
                    self.heard.lock().away_since.get_or_insert(now);
                    let pause = self.follow_pause(failures);
                    tracing::warn!(%error, ?pause, "the payment stream broke off");
                    self.ports.clock.sleep(pause).await;
                }
            }
        }
        tracing::info!("the network's payments are no longer followed");
    }

    /// Doubles with every failure in a row, and a quarter of it is left to chance.
    fn follow_pause(&self, failures: u32) -> Duration {
        let seconds = FOLLOW_PAUSE_SECONDS_MIN << failures.saturating_sub(1).min(u64::BITS / 8);
        let pause = Duration::from_secs(seconds.min(FOLLOW_PAUSE_SECONDS_MAX));
        pause + pause / 4 * u32::from(self.ports.entropy.u16()) / u32::from(u16::MAX)
    }

    fn hear(&self, news: Option<PaymentHint>) {
        let mut heard = self.heard.lock();
        heard.away_since = None;
        let Some(PaymentHint { operation, accounts }) = news else { return };
        for account in accounts {
            let last = heard.accounts.entry(account).or_insert(operation);
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
        let hints = self.heard.lock().hints.clone();
        for (account, hint) in hints {
            if self.ports.now() >= until {
                return Ok(());
            }
            report.hints += 1;
            let read = match self.read_up_to(account, hint.operation, report).await {
                Ok(read) => read,
                Err(error) => {
                    self.ports.unknown.add(account);
                    report.isolate(&account, Err(error))?;
                    true
                }
            };
            let mut heard = self.heard.lock();
            if read || hint.ticks >= HINT_TICKS_MAX {
                heard.hints.remove(&account);
            } else {
                heard.hints.insert(account, Hint { ticks: hint.ticks + 1, ..hint });
            }
        }
        Ok(())
    }

    /// Takes in an account's history; true if it reached `operation`. An instance that is behind does not
    /// have it yet.
    async fn read_up_to(
        &self,
        account: AccountId,
        operation: OperationId,
        report: &mut TickReport,
    ) -> Result<bool, EngineError> {
        self.histories.ingest(account, report).await?;
        let escrow = self.ports.read().await?.escrow(account).await?;
        Ok(escrow.is_none_or(|escrow| escrow.watch.cursor >= operation))
    }

    /// Keeps of what was heard the accounts that are ours.
    async fn sort_out_heard(&self) -> Result<(), StoreError> {
        let named: Vec<(AccountId, OperationId)> =
            self.heard.lock().accounts.iter().map(|(account, operation)| (*account, *operation)).collect();
        for some in named.chunks(PAGE_RECORDS_MAX) {
            let accounts: Vec<AccountId> = some.iter().map(|(account, _)| *account).collect();
            let ours = self.ports.read().await?.escrows(&accounts).await?;
            let ours = self.ports.readable(ours);
            let mut heard = self.heard.lock();
            for (account, operation) in some {
                if heard.accounts.get(account) == Some(operation) {
                    heard.accounts.remove(account);
                }
                let changed = ours.iter().any(|escrow| {
                    escrow.account == *account && escrow.watch.cursor < *operation && is_watched(escrow.state)
                });
                if changed {
                    heard.hints.insert(*account, Hint { operation: *operation, ticks: 0 });
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
