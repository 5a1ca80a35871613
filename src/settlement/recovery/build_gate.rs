//! The first look after a start: how long nobody looked.
//!
//! A database that was restored from a backup does not know what was sent since. If the last ledger it knows
//! of is older than a transaction may live, nothing is built for one such lifetime of ledger time, and for as
//! long as an instance of Horizon may be behind: what was sent and is not stored has landed by then, and is
//! read from the histories, or never will. An outage that long is met by the same pause, and so is a database
//! that went back under a running process, or is on another server than the last engine's, or on another
//! timeline.
//!
//! Then one sweep *searches*: it reads the history of every account that holds something, whether or not the
//! journal explains what it holds. A payout that is not stored and a payment that was not read while
//! histories lagged may have left the balance as it was, and the account would be paid from again.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::domain::ids::LedgerSeq;
use crate::domain::ledger::INSTANCE_LAG_SECONDS_MAX;
use crate::ports::network::Ledger;
use crate::ports::store::{EngineStatus, ServerIdentity, StoreError, Tx};
use crate::settlement::books::work::Ports;
use crate::settlement::memory::Memory;
use crate::settlement::{EngineError, TickReport};

/// Whether transactions may be built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::settlement) enum GateState {
    /// It is not known how long nobody looked.
    Unknown,
    /// Not before the ledger's time has come to this.
    NotBefore(Timestamp),
    /// That time has come; not before a sweep has searched all accounts, at this ledger or a later one.
    AfterSweep(Timestamp, LedgerSeq),
    /// They may.
    Open,
}

impl GateState {
    /// Before which ledger time nothing is built, if that is so.
    pub(in crate::settlement) const fn not_before(self) -> Option<Timestamp> {
        match self {
            Self::NotBefore(time) | Self::AfterSweep(time, _) => Some(time),
            Self::Unknown | Self::Open => None,
        }
    }
}

/// What is remembered of it.
struct GateMemory {
    state: GateState,
    /// The latest ledger seen.
    tip: Option<Ledger>,
    /// The last ledger that was seen before this engine began, and the first that it saw.
    unseen: Option<(LedgerSeq, LedgerSeq)>,
    /// The database server.
    server: Option<ServerIdentity>,
}

/// What a look back found.
struct LookedBack {
    state: GateState,
    last_ledger: Option<LedgerSeq>,
    server: Option<ServerIdentity>,
}

/// The gate before everything that builds a transaction.
pub(in crate::settlement) struct BuildGate {
    ports: Arc<Ports>,
    known: Memory<GateMemory>,
}

impl BuildGate {
    pub(in crate::settlement) fn new(ports: Arc<Ports>) -> Self {
        let known = GateMemory { state: GateState::Unknown, tip: None, unseen: None, server: None };
        Self { ports, known: Memory::new(known) }
    }

    /// The latest ledger is this one.
    pub(in crate::settlement) fn see(&self, tip: Ledger) {
        self.known.lock().tip = Some(tip);
    }

    /// The latest ledger that was seen.
    pub(in crate::settlement) fn tip(&self) -> Option<Ledger> {
        self.known.lock().tip
    }

    /// Whether transactions may be built, as far as it is known.
    pub(in crate::settlement) fn state(&self) -> GateState {
        self.known.lock().state
    }

    /// The last ledger that was seen before this engine began, and the first that it saw; `None` if there was
    /// none before.
    pub(in crate::settlement) fn unseen(&self) -> Option<(LedgerSeq, LedgerSeq)> {
        self.known.lock().unseen
    }

    /// The database server that this engine works on.
    pub(in crate::settlement) fn server(&self) -> Option<ServerIdentity> {
        self.known.lock().server.clone()
    }

    /// Finds out how long nobody looked, at the first ledger that is seen: before anything is reported of it.
    pub(in crate::settlement) async fn look_back_once(&self, tip: Ledger) -> Result<(), EngineError> {
        let known = self.state();
        if known == GateState::Unknown {
            let state = self.look_back(tip).await?;
            self.known.lock().state = state;
        }
        Ok(())
    }

    /// True if the next sweep has to search: what was sent and is not stored is over, and stands in the
    /// histories.
    pub(in crate::settlement) fn waits_for_search(&self) -> bool {
        matches!(self.state(), GateState::AfterSweep(..))
    }

    /// True if transactions may be built at this ledger; the last whole sweep that searched did so at ledgers
    /// from `searched_since` on.
    pub(in crate::settlement) fn is_open(
        &self,
        tip: Ledger,
        searched_since: Option<LedgerSeq>,
        report: &mut TickReport,
    ) -> bool {
        let mut known = self.known.lock();
        match known.state {
            GateState::NotBefore(time) if tip.closed_at >= time => {
                known.state = GateState::AfterSweep(time, tip.sequence);
            }
            GateState::AfterSweep(_, ledger) if searched_since >= Some(ledger) => {
                tracing::info!("what was sent and is not stored is over; transactions are built again");
                known.state = GateState::Open;
            }
            GateState::Unknown | GateState::NotBefore(_) | GateState::AfterSweep(..) | GateState::Open => {}
        }
        report.builds_nothing_before = known.state.not_before();
        known.state == GateState::Open
    }

    /// Something proves that the database went back: whatever else is not stored may still be under way.
    pub(in crate::settlement) fn close(&self) {
        let mut known = self.known.lock();
        if known.state != GateState::Open {
            return;
        }
        let Some(tip) = known.tip else { return };
        known.state = GateState::NotBefore(over_at(tip.closed_at, self.lifetime()));
    }

    fn lifetime(&self) -> SignedDuration {
        SignedDuration::from_secs(self.ports.settings.transaction_lifetime_seconds)
    }

    async fn look_back(&self, tip: Ledger) -> Result<GateState, EngineError> {
        let went_back = self.ports.mark.looks_back_for();
        let lifetime = self.lifetime();
        let looked = self
            .ports
            .transact(move |work| {
                let went_back = went_back.clone();
                Box::pin(async move { look_back(work.tx(), tip, lifetime, went_back).await })
            })
            .await?;
        self.ports.mark.looked_back();
        let mut known = self.known.lock();
        known.unseen = looked.last_ledger.map(|last| (last, tip.sequence));
        known.server = looked.server;
        Ok(looked.state)
    }
}

/// When all is over that was built before now, where this is the latest ledger that is seen. The instance
/// that told may be behind, and whoever built last have seen a later ledger, from which a transaction's life
/// counts.
fn over_at(closed_at: Timestamp, lifetime: SignedDuration) -> Timestamp {
    let lag = SignedDuration::from_secs(INSTANCE_LAG_SECONDS_MAX);
    closed_at.checked_add(lifetime).and_then(|over| over.checked_add(lag)).unwrap_or(Timestamp::MAX)
}

/// Finds out what may be under way that is not stored, and stores with the server that nothing is built for a
/// while: whoever starts next on this server must not take it for the one that was reported to all the time.
async fn look_back(
    tx: &mut dyn Tx,
    tip: Ledger,
    lifetime: SignedDuration,
    went_back: Option<String>,
) -> Result<LookedBack, StoreError> {
    let server = tx.lease().await?.server;
    // One that never saw a ledger reports the first number there is.
    let last = tx.engine_status().await?.filter(|last| last.ledger > LedgerSeq(0));
    let last_ledger = last.as_ref().map(|last| last.ledger);
    // A database may have gone back to before the first report.
    let Some(last) = last.or(went_back.as_ref().map(|_| first_report(tip))) else {
        return Ok(LookedBack { state: GateState::Open, last_ledger, server });
    };
    let moved = match (&last.server, &server) {
        (Some(before), Some(now)) if before != now => Some(format!("it is on {now}, and was on {before}")),
        (Some(_) | None, Some(_) | None) => None,
    };
    let unseen = tip.closed_at.duration_since(last.ledger_closed_at);
    let nobody_looked = (unseen > lifetime).then(|| format!("nobody looked for {} s", unseen.as_secs()));
    let state = match (went_back.or(moved).or(nobody_looked), last.builds_nothing_before) {
        // Which accounts could not be looked at is known again after a sweep.
        (None, None) if last.left_alone.is_some() => GateState::AfterSweep(tip.closed_at, tip.sequence),
        (None, None) => GateState::Open,
        (None, Some(time)) => GateState::NotBefore(time),
        (Some(why), before) => {
            let not_before = over_at(tip.closed_at.max(last.ledger_closed_at), lifetime);
            tracing::warn!(
                why,
                last_ledger = %last.ledger,
                wait_seconds = not_before.duration_since(tip.closed_at).as_secs(),
                "what was sent may not be stored: nothing is built until what may be under way is over"
            );
            // Events that were read may not be stored either, and their numbers are given again.
            tx.renew_event_incarnation().await?;
            GateState::NotBefore(before.map_or(not_before, |before| before.max(not_before)))
        }
    };
    let builds_nothing_before = state.not_before();
    tx.report(&EngineStatus { builds_nothing_before, server: server.clone(), ..last }).await?;
    Ok(LookedBack { state, last_ledger, server })
}

/// What an engine reports that has seen this ledger and nothing else.
const fn first_report(tip: Ledger) -> EngineStatus {
    EngineStatus {
        ticked_at: tip.closed_at,
        ledger: tip.sequence,
        ledger_closed_at: tip.closed_at,
        swept_at: None,
        trouble: None,
        left_alone: None,
        stream_away_since: None,
        builds_nothing_before: None,
        stopped: None,
        server: None,
    }
}
