//! One look at every account of ours, by pages of the accounts that the platform's key signs for.
//!
//! Only accounts that changed cost more than their place on a page. An account is clean at a page's ledger
//! if nothing changed it after what ingested operations explain; only then may a deadline be decided. What stays
//! unexplained is looked at again and again, ever less often, and says so.

use jiff::{SignedDuration, Timestamp};

use crate::domain::dead_letter::UNEXPLAINED_AFTER;
use crate::domain::escrow::{EscrowAccount, EscrowState};
use crate::domain::ids::LedgerSeq;
use crate::domain::reservation::Reservation;
use crate::ports::network::{AccountPage, AccountSnapshot, Ledger, NetworkError};
use crate::ports::store::LIST_ROWS_MAX;
use crate::settlement::inbound::stream_hints::Sweep;
use crate::settlement::{Engine, EngineError, TickReport};

/// Most pages of one sweep: two million accounts.
const SWEEP_PAGES_MAX: u32 = 10_000;
/// Most pages of one tick: what is to be sent does not wait for more.
const SWEEP_PAGES_PER_TICK_MAX: u32 = 100;
/// How long one tick looks: settlements do not wait for the histories of very many accounts, which anybody can make change.
const LOOK_TIME_MAX: SignedDuration = SignedDuration::from_secs(10);
/// First pause before an unexplained account is looked at again, in seconds; it doubles up to the largest.
const RECHECK_SECONDS_MIN: i64 = 1;
const RECHECK_SECONDS_MAX: i64 = 600;

/// When an unexplained account is looked at again.
#[derive(Debug, Clone, Copy)]
pub(in crate::settlement) struct Recheck {
    /// True once its reservation's end is to be decided: from then on pauses are short again, at first.
    due: bool,
    /// What it looked like: a further change is looked at at once.
    last_modified: LedgerSeq,
    not_before: Timestamp,
    pause_seconds: i64,
}

/// What is known of an account as of one snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::settlement) enum Standing {
    /// Ingested operations explain every balance.
    Clean,
    /// They do not, since then; but they do for every asset that the account's reservation asks for, so that its
    /// deadline may be decided.
    DirtyElsewhere(Timestamp),
    /// They do not, since then.
    Dirty(Timestamp),
}

impl Engine {
    /// Looks where something is known to have happened, and sweeps: once per ledger, as long as something may soon be
    /// explained, and as far as the request budget lets it. A sweep that has to wait goes on with the next tick.
    pub(in crate::settlement) async fn sweep(
        &self,
        tip: Ledger,
        report: &mut TickReport,
    ) -> Result<(), EngineError> {
        let now = self.clock.now();
        let until = now.checked_add(LOOK_TIME_MAX).unwrap_or(now);
        self.look_where_told(until, report).await?;
        let pace = self.pace();
        self.say_pace(pace, report);
        let (swept, under_way) = {
            let memory = self.memory();
            (memory.swept, memory.watching.sweep)
        };
        if under_way.is_none() && swept.is_some_and(|swept| swept >= tip.sequence) {
            return Ok(());
        }
        let mut sweep = under_way.unwrap_or(Sweep::BEGIN);
        if !self.may_sweep_a_page(&pace) {
            return Ok(());
        }
        let overdue = self.overdue(tip.closed_at).await?;
        loop {
            let page = match self.network.watched_accounts(sweep.after).await {
                // Others need what is left of the budget. The sweep can wait, and they must not wait for it.
                Err(NetworkError::RateLimited { .. }) => return Ok(()),
                page => page?,
            };
            let dirty = report.dirty;
            self.look_at(&page, tip, &overdue, until, report).await?;
            sweep.after = page.next;
            sweep.add(page.ledger, page.accounts.len(), report.dirty - dirty);
            report.pages += 1;
            if sweep.after.is_none() {
                self.note_missing_channels(sweep.oldest).await?;
                let mut memory = self.memory();
                memory.watching.finish(sweep);
                memory.swept_at = Some(self.clock.now());
                memory.swept = (sweep.dirty == 0).then_some(sweep.oldest);
                return Ok(());
            }
            if sweep.pages >= SWEEP_PAGES_MAX {
                let reason = format!("a sweep has more than {SWEEP_PAGES_MAX} pages");
                return Err(EngineError::Contradiction(reason));
            }
            self.memory().watching.sweep = Some(sweep);
            let rest = report.pages >= SWEEP_PAGES_PER_TICK_MAX || self.clock.now() >= until;
            if rest || !self.may_sweep_a_page(&pace) {
                return Ok(());
            }
        }
    }

    /// All reservations that still take payments although their deadline, or a request to cancel, has passed by the ledger's
    /// time.
    async fn overdue(&self, ledger_time: Timestamp) -> Result<Vec<Reservation>, EngineError> {
        let mut tx = self.store.begin_read().await?;
        let mut overdue: Vec<Reservation> = Vec::new();
        loop {
            let after = overdue.last().map(|last| (last.quote.deadline, last.id));
            let page = tx.reservations_overdue(ledger_time, after, LIST_ROWS_MAX).await?;
            let last = page.len() < LIST_ROWS_MAX as usize;
            overdue.extend(page);
            if last {
                return Ok(overdue);
            }
        }
    }

    async fn look_at(
        &self,
        page: &AccountPage,
        tip: Ledger,
        overdue: &[Reservation],
        until: Timestamp,
        report: &mut TickReport,
    ) -> Result<(), EngineError> {
        let accounts: Vec<_> = page.accounts.iter().map(|snapshot| snapshot.account).collect();
        let mut escrows = self.store.begin_read().await?.escrows(&accounts).await?;
        if self.adopt(page, &escrows, tip).await? {
            escrows = self.store.begin_read().await?.escrows(&accounts).await?;
        }
        for escrow in &escrows {
            let Some(snapshot) = page.accounts.iter().find(|snapshot| snapshot.account == escrow.account)
            else {
                continue;
            };
            if matches!(escrow.state, EscrowState::Preparing { .. }) || escrow.state.is_merged() {
                continue;
            }
            if snapshot.last_modified > escrow.watch.explained && self.clock.now() >= until {
                self.memory().watching.look_later(escrow.account);
                report.dirty += 1;
                continue;
            }
            let due = overdue.iter().find(|reservation| reservation.escrow == escrow.account);
            let looked = self.look_at_one(escrow, snapshot, page, tip, due, report).await;
            report.isolate(&escrow.account, looked)?;
        }
        self.note_closable(page, &escrows, tip).await?;
        self.look_at_own(page, report).await
    }

    async fn look_at_one(
        &self,
        escrow: &EscrowAccount,
        snapshot: &AccountSnapshot,
        page: &AccountPage,
        tip: Ledger,
        due: Option<&Reservation>,
        report: &mut TickReport,
    ) -> Result<(), EngineError> {
        let unchanged = snapshot.last_modified <= escrow.watch.explained;
        let standing = if unchanged && escrow.watch.dirty_since.is_none() {
            Standing::Clean
        } else if self.rests(snapshot, due.is_some()) {
            return Ok(());
        } else {
            self.ingest(escrow.account, report).await?;
            let mut standing = self.explain(escrow.account, snapshot, page.ledger).await?;
            if standing != Standing::Clean && self.effects_may_tell(escrow.account, page.ledger).await? {
                self.take_in_effects(escrow.account, report).await?;
                standing = self.explain(escrow.account, snapshot, page.ledger).await?;
            }
            self.remember(snapshot, standing, due.is_some(), report);
            standing
        };
        match (standing, due) {
            (Standing::Clean | Standing::DirtyElsewhere(_), Some(reservation))
                if closed_after(page, tip, reservation.decided_after()) =>
            {
                // Histories may have been behind when the balances were explained: what came and was taken back by its issuer
                // leaves them as they were. Then this is not the time to decide.
                let known = report.payments;
                self.ingest(escrow.account, report).await?;
                if report.payments > known {
                    let standing = self.explain(escrow.account, snapshot, page.ledger).await?;
                    self.remember(snapshot, standing, true, report);
                    return Ok(());
                }
                if let Err(error) = self.look_for_waiting(reservation.escrow).await {
                    tracing::warn!(%error, account = %reservation.escrow, "claimable balances were not looked for");
                }
                self.expire(reservation.id, page.ledger, report).await
            }
            (Standing::Clean | Standing::DirtyElsewhere(_) | Standing::Dirty(_), _) => Ok(()),
        }
    }

    /// True while an unexplained account is left alone. One whose reservation's end has come to be decided (`due`) is looked at
    /// at once: a punctual customer waits for it.
    pub(in crate::settlement) fn rests(&self, snapshot: &AccountSnapshot, due: bool) -> bool {
        let now = self.clock.now();
        self.memory().dirty.get(&snapshot.account).is_some_and(|recheck| {
            recheck.last_modified == snapshot.last_modified && recheck.due == due && now < recheck.not_before
        })
    }

    pub(in crate::settlement) fn remember(
        &self,
        snapshot: &AccountSnapshot,
        standing: Standing,
        due: bool,
        report: &mut TickReport,
    ) {
        let now = self.clock.now();
        let mut memory = self.memory();
        let since = match standing {
            Standing::Clean => {
                memory.dirty.remove(&snapshot.account);
                memory.effects_seen.remove(&snapshot.account);
                return;
            }
            Standing::DirtyElsewhere(since) | Standing::Dirty(since) => since,
        };
        report.dirty += 1;
        let last = memory.dirty.get(&snapshot.account);
        let same =
            last.filter(|recheck| recheck.last_modified == snapshot.last_modified && recheck.due == due);
        let pause_seconds =
            same.map_or(RECHECK_SECONDS_MIN, |recheck| (recheck.pause_seconds * 2).min(RECHECK_SECONDS_MAX));
        let not_before = now.checked_add(SignedDuration::from_secs(pause_seconds)).unwrap_or(now);
        let last_modified = snapshot.last_modified;
        memory.dirty.insert(snapshot.account, Recheck { due, last_modified, not_before, pause_seconds });
        let age = now.duration_since(since);
        if age >= UNEXPLAINED_AFTER {
            let (account, seconds) = (snapshot.account, age.as_secs());
            tracing::error!(%account, seconds, "balances are not explained by history");
            report.trouble(format!("{account}: balances are not explained by history for {seconds} s"));
        }
    }
}

/// True if the page's ledger is known to have closed after `time`.
///
/// A page from an instance ahead of the tip is later than the tip; one from an instance behind it is not
/// looked into further, the next sweep will tell.
fn closed_after(page: &AccountPage, tip: Ledger, time: Timestamp) -> bool {
    page.ledger >= tip.sequence && tip.closed_at > time
}
