//! One look at every account of ours, by pages of the accounts that the platform's key signs for.
//!
//! Only accounts that changed cost more than their place on a page. An account is clean at a page's ledger
//! if nothing changed it after what ingested operations explain; only then may a deadline be decided.

use jiff::Timestamp;

use super::{Engine, EngineError, TickReport};
use crate::domain::escrow::{EscrowAccount, EscrowState};
use crate::domain::reservation::Reservation;
use crate::ports::network::{AccountPage, AccountSnapshot, Ledger};
use crate::ports::store::LIST_ROWS_MAX;

/// Most pages of one sweep: two million accounts.
const SWEEP_PAGES_MAX: u32 = 10_000;
/// After how long an unexplained change is an alarm, in seconds.
const DIRTY_ALARM_SECONDS: i64 = 300;

impl Engine {
    /// Sweeps once per ledger, and as long as something is not explained.
    pub(super) async fn sweep(&self, tip: Ledger, report: &mut TickReport) -> Result<(), EngineError> {
        if self.memory().swept.is_some_and(|swept| swept >= tip.sequence) {
            return Ok(());
        }
        let overdue = self.overdue(tip.closed_at).await?;
        let mut after = None;
        for _ in 0..SWEEP_PAGES_MAX {
            let page = self.network.watched_accounts(after).await?;
            after = page.next;
            self.look_at(&page, tip, &overdue, report).await?;
            if after.is_none() {
                let mut memory = self.memory();
                memory.swept_at = Some(self.clock.now());
                memory.swept = (report.dirty == 0).then_some(tip.sequence);
                return Ok(());
            }
        }
        Err(EngineError::Contradiction(format!("a sweep has more than {SWEEP_PAGES_MAX} pages")))
    }

    /// All reservations whose deadline has passed by the ledger's time and that still take payments.
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
        report: &mut TickReport,
    ) -> Result<(), EngineError> {
        let accounts: Vec<_> = page.accounts.iter().map(|snapshot| snapshot.account).collect();
        let escrows = self.store.begin_read().await?.escrows(&accounts).await?;
        for escrow in escrows {
            let Some(snapshot) = page.accounts.iter().find(|snapshot| snapshot.account == escrow.account)
            else {
                continue;
            };
            if matches!(escrow.state, EscrowState::Preparing { .. }) {
                continue;
            }
            let clean = self.clean_account(&escrow, snapshot, page, report).await?;
            if !clean {
                report.dirty += 1;
                continue;
            }
            let due = overdue.iter().find(|reservation| reservation.escrow == escrow.account);
            if let Some(reservation) = due.filter(|due| closed_after(page, tip, due.quote.deadline)) {
                self.expire(reservation.id, page.ledger, report).await?;
            }
        }
        Ok(())
    }

    /// Takes in what is new of an account; true if every balance of the snapshot is explained.
    async fn clean_account(
        &self,
        escrow: &EscrowAccount,
        snapshot: &AccountSnapshot,
        page: &AccountPage,
        report: &mut TickReport,
    ) -> Result<bool, EngineError> {
        let unchanged = snapshot.last_modified <= escrow.watch.explained;
        if unchanged && escrow.watch.dirty_since.is_none() {
            return Ok(true);
        }
        self.ingest(escrow.account, report).await?;
        let explained = self.explain(escrow.account, snapshot, page.ledger).await?;
        if let Some(since) = explained {
            let seconds = self.clock.now().duration_since(since).as_secs();
            if seconds >= DIRTY_ALARM_SECONDS {
                tracing::error!(account = %escrow.account, seconds, "balances are not explained by history");
            }
        }
        Ok(explained.is_none())
    }
}

/// True if the page's ledger is known to have closed after `time`.
///
/// A page from an instance ahead of the tip is later than the tip; one from an instance behind it is not
/// looked into further, the next sweep will tell.
fn closed_after(page: &AccountPage, tip: Ledger, time: Timestamp) -> bool {
    page.ledger >= tip.sequence && tip.closed_at > time
}
