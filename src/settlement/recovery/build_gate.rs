//! The first look after a start: how long nobody looked.
//!
//! A database that was restored from a backup does not know what was sent since. If the last ledger it knows of is older than a
//! transaction may live, nothing is built for one such lifetime of ledger time: what was sent and is not stored has landed by
//! then, and is read from the histories, or never will. An outage that long is met by the same pause.

use jiff::{SignedDuration, Timestamp};

use crate::domain::ids::LedgerSeq;
use crate::ports::network::Ledger;
use crate::settlement::{Engine, EngineError, TickReport};

/// Whether transactions may be built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::settlement) enum Building {
    /// It is not known how long nobody looked.
    Unknown,
    /// Not before the ledger's time has come to this.
    NotBefore(Timestamp),
    /// That time has come; not before all accounts have been looked at once more, at this ledger or a later one.
    AfterSweep(Timestamp, LedgerSeq),
    /// They may.
    Allowed,
}

impl Building {
    /// Before which ledger time nothing is built, if that is so.
    pub(in crate::settlement) const fn not_before(self) -> Option<Timestamp> {
        match self {
            Self::NotBefore(time) | Self::AfterSweep(time, _) => Some(time),
            Self::Unknown | Self::Allowed => None,
        }
    }
}

impl Engine {
    /// Finds out how long nobody looked, at the first ledger that is seen: before anything is reported of it.
    pub(in crate::settlement) async fn look_back_once(&self, tip: Ledger) -> Result<(), EngineError> {
        let known = self.memory().building;
        if known == Building::Unknown {
            let building = self.look_back(tip).await?;
            self.memory().building = building;
        }
        Ok(())
    }

    /// True if transactions may be built at this ledger.
    pub(in crate::settlement) fn may_build(&self, tip: Ledger, report: &mut TickReport) -> bool {
        let mut memory = self.memory();
        match memory.building {
            Building::NotBefore(time) if tip.closed_at >= time => {
                memory.building = Building::AfterSweep(time, tip.sequence);
            }
            Building::AfterSweep(_, ledger) if memory.watching.swept_since() >= Some(ledger) => {
                tracing::info!("what was sent and is not stored is over; transactions are built again");
                memory.building = Building::Allowed;
            }
            Building::Unknown | Building::NotBefore(_) | Building::AfterSweep(..) | Building::Allowed => {}
        }
        report.builds_nothing_before = memory.building.not_before();
        memory.building == Building::Allowed
    }

    /// Something proves that the store was taken back: whatever else is not stored may still be under way.
    pub(in crate::settlement) fn distrust(&self) {
        let mut memory = self.memory();
        if memory.building != Building::Allowed {
            return;
        }
        let Some(tip) = memory.tip else { return };
        let lifetime = SignedDuration::from_secs(self.settings.transaction_lifetime_seconds);
        memory.building = Building::NotBefore(tip.closed_at.checked_add(lifetime).unwrap_or(tip.closed_at));
    }

    async fn look_back(&self, tip: Ledger) -> Result<Building, EngineError> {
        let last = self.store.begin_read().await?.engine_status().await?;
        // One that never saw a ledger reports the first number there is.
        let Some(last) = last.filter(|last| last.ledger > LedgerSeq(0)) else { return Ok(Building::Allowed) };
        self.memory().unseen = Some((last.ledger, tip.sequence));
        if let Some(time) = last.builds_nothing_before {
            return Ok(Building::NotBefore(time));
        }
        let lifetime = SignedDuration::from_secs(self.settings.transaction_lifetime_seconds);
        let unseen = tip.closed_at.duration_since(last.ledger_closed_at);
        if unseen <= lifetime {
            return Ok(Building::Allowed);
        }
        let not_before = tip.closed_at.checked_add(lifetime).unwrap_or(tip.closed_at);
        tracing::warn!(
            last_ledger = %last.ledger,
            unseen_seconds = unseen.as_secs(),
            wait_seconds = lifetime.as_secs(),
            "nobody looked for longer than a transaction lives: nothing is built until what may be under way is over"
        );
        Ok(Building::NotBefore(not_before))
    }
}
