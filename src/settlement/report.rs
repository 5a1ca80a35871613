//! What one tick did.

use jiff::Timestamp;

use super::EngineError;
use crate::domain::ids::LedgerSeq;
use crate::domain::request_budget::Pace;
use crate::ports::store::UnreadableRow;

/// Most troubles one tick reports.
const TROUBLES_MAX: usize = 10;

/// What one tick did, for logs and tests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TickReport {
    /// The latest ledger it saw.
    pub ledger: LedgerSeq,
    /// Payments taken in.
    pub payments: u32,
    /// Reservations that became funded.
    pub funded: u32,
    /// Reservations put into settlement transactions.
    pub settling: u32,
    /// Reservations that became settled.
    pub settled: u32,
    /// Reservations that ended because their deadline passed.
    pub expired: u32,
    /// Reservations that were held.
    pub held: u32,
    /// Payments that went back.
    pub returned: u32,
    /// Accounts that are closed, their whole history in the books.
    pub closed: u32,
    /// Fees that were raised.
    pub bumps: u32,
    /// Accounts whose changes are not explained yet.
    pub dirty: u32,
    /// Pages of a sweep that it looked at.
    pub pages: u32,
    /// Accounts whose histories it read because they were known to have changed.
    pub hints: u32,
    /// How the accounts are watched at present; `None` if it did not come so far.
    pub pace: Option<Pace>,
    /// Until what ledger time nothing is built, since nobody looked for longer than a transaction lives.
    pub builds_nothing_before: Option<Timestamp>,
    /// Since when the network's payment stream cannot be read, while it should be followed: the sweep finds
    /// payments meanwhile.
    pub stream_away_since: Option<Timestamp>,
    /// Things that could not be worked on, one by one; the others went on.
    pub troubles: Vec<String>,
    /// Rows that could not be read; the others went on.
    pub unreadable: Vec<UnreadableRow>,
}

impl TickReport {
    /// Notes that one thing could not be worked on, so that the others go on; passes on what ends the tick.
    pub(in crate::settlement) fn isolate(
        &mut self,
        what: &dyn std::fmt::Display,
        outcome: Result<(), EngineError>,
    ) -> Result<(), EngineError> {
        match outcome {
            Err(error) if !error.ends_the_tick() => {
                if error.is_resting() {
                    tracing::debug!(%what, %error, "left alone");
                } else {
                    tracing::error!(%what, %error, "left for the next tick");
                }
                self.trouble(format!("{what}: {error}"));
                self.unreadable.extend(error.unreadable_row());
                Ok(())
            }
            outcome => outcome,
        }
    }

    pub(in crate::settlement) fn trouble(&mut self, trouble: String) {
        if self.troubles.len() < TROUBLES_MAX {
            self.troubles.push(trouble);
        }
    }
}
