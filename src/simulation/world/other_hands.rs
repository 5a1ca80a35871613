//! When other hands do something to the database of a run, and who has to see it.

use super::World;
use crate::domain::transfer::{Purpose, Submission};
use crate::ports::clock::Clock;
use crate::ports::store::{Store, StoreError};
use crate::simulation::trace::Wrong;

/// Within so many ledgers the process that saw what is gone has stored that it waits, also where it is frozen
/// for a while. It is kept alive until then: it alone knows.
const WITNESS_LEDGERS_MAX: u64 = 80;

impl World {
    /// Makes a row unreadable, or readable again.
    pub(super) fn spoil_or_mend(&mut self) -> Result<(), StoreError> {
        self.mend(self.ledger)?;
        let at_stake = self.has_witness();
        if let Some((row, ledgers)) = self.hands.spoil(self.ledger, at_stake)? {
            self.trace.fault("row_unreadable", &format!("{row} cannot be read, for {ledgers} ledgers"));
        }
        Ok(())
    }

    /// What could not be read can be read again, if its time is over by this ledger.
    pub(super) fn mend(&mut self, ledger: u64) -> Result<(), StoreError> {
        if let Some(row) = self.hands.mend(ledger)? {
            self.trace.note(&format!("{row} can be read again"));
        }
        Ok(())
    }

    /// True while only one process knows that the database went back: it must not die before it has said so.
    pub(super) const fn has_witness(&self) -> bool {
        self.witness_until.is_some()
    }

    /// Sometimes copies the database, which may go back to the copy after the next ledger: only the engine
    /// works on it meanwhile. One process must be there that sees it all.
    pub(super) fn copy_sometimes(&mut self) -> Result<bool, StoreError> {
        let may = !self.hands.has_spoiled() && !self.has_witness() && self.one_leads();
        let copied = self.hands.copy(may)?;
        if let ([process], true) = (&self.processes[..], copied) {
            process.faults.disarm();
        }
        Ok(copied)
    }

    /// True if there is one process, and it works under the lease that was taken last.
    fn one_leads(&self) -> bool {
        match &self.processes[..] {
            [process] => {
                let faults = &process.faults;
                self.wanted == 1
                    && !faults.is_dead()
                    && !faults.is_frozen(self.time.now())
                    && faults.token() == self.base.token()
                    && faults.token() > 0
            }
            _ => false,
        }
    }

    /// Brings the copy back, if what was sent since can be told from the ledger: payments of reservations.
    pub(super) async fn go_back_sometimes(&mut self) -> Result<(), StoreError> {
        if !self.one_leads() {
            return Ok(());
        }
        let lost = self.hands.would_lose()?;
        for submission in &lost {
            if !self.can_be_recovered(submission).await? {
                return Ok(());
            }
        }
        if !self.hands.go_back(!lost.is_empty(), self.stays_as_it_is())? {
            return Ok(());
        }
        let what = format!("the database goes back; {} transactions are not stored any more", lost.len());
        self.trace.fault("database_went_back", &what);
        // What was never sent cannot land, and nobody can notice that it is gone. An attempt is counted
        // before it is made, and not made if nobody is told that it is counted.
        if lost.iter().any(|submission| self.factory.probe.first_sent(submission.hash).is_some()) {
            self.trace.happened("transactions_lost_in_going_back", "they may have landed");
            self.witness_until = Some(self.ledger + WITNESS_LEDGERS_MAX);
            let status = Store::begin_read(&self.base).await?.engine_status().await?;
            self.said_before = status.and_then(|status| status.builds_nothing_before);
        }
        let token = Store::begin_read(&self.base).await?.lease().await?.token;
        self.base.went_back_to(token);
        Ok(())
    }

    /// The tables that do not go back with the others.
    #[cfg(not(feature = "simulated-bugs"))]
    const fn stays_as_it_is(&self) -> &'static [&'static str] {
        &[]
    }

    /// The tables that do not go back with the others: without the lease nobody sees that these did.
    #[cfg(feature = "simulated-bugs")]
    fn stays_as_it_is(&self) -> &'static [&'static str] {
        let unseen = self.factory.bug == Some(crate::simulation::faults::bugs::Bug::UnseenGoingBack);
        if unseen { &["engine_lease"] } else { &[] }
    }

    async fn can_be_recovered(&self, submission: &Submission) -> Result<bool, StoreError> {
        let Purpose::PayTransfers { transfers, claimables, .. } = &submission.purpose else {
            return Ok(false);
        };
        let paid = Store::begin_read(&self.base).await?.transfers(transfers).await?;
        Ok(claimables.is_empty() && paid.iter().all(|transfer| transfer.reservation.is_some()))
    }

    /// The witness need not live on once it has stored that it waits.
    pub(super) async fn note_what_was_said(&mut self) -> Result<(), StoreError> {
        let Some(until) = self.witness_until else { return Ok(()) };
        let status = Store::begin_read(&self.base).await?.engine_status().await?;
        let says = status.and_then(|status| status.builds_nothing_before);
        let said = says.is_some() && says > self.said_before;
        if said {
            self.trace.note("that the database went back is stored");
            self.witness_until = None;
        } else if self.ledger >= until {
            let what = "nobody stored that the database went back".to_owned();
            self.trace.wrong(Wrong::Broken, what);
            self.witness_until = None;
        }
        Ok(())
    }
}
