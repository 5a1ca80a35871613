//! A tick's look at the accounts: where something is known to have happened, and page by page of a sweep.

use jiff::Timestamp;

use super::tick::Engine;
use crate::domain::address::AccountId;
use crate::domain::escrow::EscrowState;
use crate::domain::reservation::Reservation;
use crate::ports::network::{AccountPage, Ledger};
use crate::settlement::inbound::escrow_accounts::Sight;
use crate::settlement::inbound::ingest::Read;
use crate::settlement::inbound::sweep::LOOK_TIME_MAX;
use crate::settlement::outbound::channels::Channels;
use crate::settlement::{EngineError, TickReport};

/// What the pages of a sweep are looked at with.
struct Round<'r> {
    /// The latest ledger that is known.
    tip: Ledger,
    /// Reservations whose end is to be decided.
    overdue: &'r [Reservation],
    /// Accounts whose turn comes after that are left for later.
    until: Timestamp,
    /// The histories of all accounts that hold something are read, whatever explains it.
    searches: bool,
}

impl Engine {
    /// Looks where something is known to have happened, and sweeps. A sweep that has to wait goes on with
    /// the next tick.
    pub(super) async fn look(&self, tip: Ledger, report: &mut TickReport) -> Result<(), EngineError> {
        let now = self.ports.now();
        let until = now.checked_add(LOOK_TIME_MAX).unwrap_or(now);
        self.hints.look_where_told(until, report).await?;
        let pace = self.hints.pace();
        self.hints.say_pace(pace, report);
        let searches = self.gate.waits_for_search();
        let Some(mut pass) = self.sweep.begin(tip, &pace, searches) else { return Ok(()) };
        let overdue = self.sweep.overdue(tip.closed_at).await?;
        loop {
            let Some(page) = self.sweep.next_page(&pass).await? else { return Ok(()) };
            let dirty = report.dirty;
            let round = Round { tip, overdue: &overdue, until, searches: pass.searches };
            self.look_at_page(&page, &round, report).await?;
            pass.add(&page, report.dirty - dirty);
            report.pages += 1;
            if pass.is_whole() {
                self.channels.sweep_ended(pass.oldest).await?;
                self.sweep.finish(pass);
                return Ok(());
            }
            if !self.sweep.goes_on(pass, report.pages, until, &pace)? {
                return Ok(());
            }
        }
    }

    /// Hands a page to the steps that it concerns.
    async fn look_at_page(
        &self,
        page: &AccountPage,
        round: &Round<'_>,
        report: &mut TickReport,
    ) -> Result<(), EngineError> {
        let &Round { tip, overdue, until, searches } = round;
        let accounts: Vec<_> = page.accounts.iter().map(|snapshot| snapshot.account).collect();
        let mut stored = self.ports.read().await?.escrows(&accounts).await?;
        if self.adopt.adopt(page, &stored, tip).await? {
            stored = self.ports.read().await?.escrows(&accounts).await?;
        }
        let keys: Vec<AccountId> = stored.keys().copied().collect();
        let escrows = self.ports.readable(stored);
        for account in keys {
            if !escrows.iter().any(|escrow| escrow.account == account) {
                self.ports.unknown.add(account);
            }
        }
        for escrow in &escrows {
            let snapshot = page.accounts.iter().find(|snapshot| snapshot.account == escrow.account);
            let Some(snapshot) = snapshot else { continue };
            if matches!(escrow.state, EscrowState::Preparing { .. }) || escrow.state.is_merged() {
                continue;
            }
            let was_known =
                snapshot.last_modified <= escrow.watch.explained && escrow.watch.dirty_since.is_none();
            let search = snapshot.holds_anything()
                && (searches || was_known && self.ports.unknown.has(&escrow.account));
            if self.ports.now() >= until && (search || snapshot.last_modified > escrow.watch.explained) {
                if search {
                    self.ports.unknown.add(escrow.account);
                }
                self.hints.look_later(escrow.account);
                report.dirty += 1;
                continue;
            }
            let due = overdue.iter().find(|reservation| reservation.escrow == escrow.account);
            let sight = Sight { snapshot, ledger: page.ledger, tip, search };
            let looked = self.escrows.look_at(escrow, &sight, due, report).await;
            match &looked {
                Ok(Read::ToItsEnd) if was_known => self.ports.unknown.remove(&escrow.account),
                Ok(Read::InPart) if search => self.ports.unknown.add(escrow.account),
                // A look that was left for later says nothing.
                Ok(Read::ToItsEnd | Read::InPart) => {}
                Err(_) => self.ports.unknown.add(escrow.account),
            }
            report.isolate(&escrow.account, looked.map(drop))?;
        }
        self.close.note_closable(page, &escrows, tip, &|transfer| self.refund.waits(transfer)).await?;
        self.look_at_system_accounts(page, searches, report).await
    }

    async fn look_at_system_accounts(
        &self,
        page: &AccountPage,
        searches: bool,
        report: &mut TickReport,
    ) -> Result<(), EngineError> {
        let channels = self.ports.readable(self.ports.read().await?.channels().await?);
        self.channels.see(&channels, page);
        let ahead = Channels::ahead(&channels, page);
        if !ahead.is_empty() {
            // Money that left a channel by a payment is no fee, and stops the engine.
            let mut read = Vec::new();
            for snapshot in ahead {
                match self.histories.ingest(snapshot.account, report).await {
                    Ok(Read::ToItsEnd) => read.push(snapshot),
                    Ok(Read::InPart) => {}
                    Err(error) => report.isolate(&format!("channel {}", snapshot.account), Err(error))?,
                }
            }
            self.channels.catch_up(read).await?;
        }
        self.system.look_at(page, &channels, searches, report).await
    }
}
