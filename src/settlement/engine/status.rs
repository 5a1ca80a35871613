//! What is stored of the last tick: `/readyz`, the metrics and the next engine read it.

use jiff::Timestamp;

use super::tick::Engine;
use crate::domain::ids::LedgerSeq;
use crate::ports::network::Ledger;
use crate::ports::store::{EngineStatus, ServerIdentity, Stopped, StoreError, Tx};
use crate::settlement::recovery::build_gate::GateState;
use crate::settlement::{EngineError, TickReport};

/// Most rows that cannot be read of which a report tells; all are noted.
const ROWS_SAID_MAX: usize = 10;

/// What a tick came to.
#[derive(Clone)]
struct TickEnd {
    ticked_at: Timestamp,
    tip: Option<Ledger>,
    gate: GateState,
    swept_at: Option<Timestamp>,
    stream_away_since: Option<Timestamp>,
    /// What ended it early.
    trouble: Option<String>,
    /// What could not be worked on, one by one.
    left_alone: Option<String>,
    /// Whether the engine stopped and where; `None` if the tick did not come so far.
    stopped: Option<Option<Stopped>>,
    /// The database server that the engine works on, if it came so far.
    server: Option<ServerIdentity>,
}

impl Engine {
    /// Notes the rows that a tick could not read, for a person to see to.
    pub(super) async fn note_unreadable(&self, outcome: &mut Result<TickReport, EngineError>) {
        let mut rows = self.ports.unreadable.take();
        match outcome {
            Ok(report) => {
                rows.append(&mut report.unreadable);
                rows.sort();
                rows.dedup();
                report.unreadable.clone_from(&rows);
            }
            Err(error) => rows.extend(error.unreadable_row()),
        }
        if rows.is_empty() {
            return;
        }
        let now = self.ports.now();
        let noted: Result<(), StoreError> = self
            .ports
            .transact(move |work| {
                let rows = rows.clone();
                Box::pin(async move { work.note_unreadable(&rows, now).await })
            })
            .await;
        if let Err(error) = noted {
            tracing::warn!(%error, "rows that cannot be read were not noted");
        }
    }

    /// Stores what a tick came to.
    pub(super) async fn store_status(&self, outcome: &Result<TickReport, EngineError>) {
        let ticked_at = self.ports.now();
        let end = TickEnd {
            ticked_at,
            tip: self.gate.tip(),
            gate: self.gate.state(),
            swept_at: self.sweep.swept_at(),
            stream_away_since: self.hints.away_since(),
            trouble: outcome.as_ref().err().map(ToString::to_string),
            left_alone: match outcome {
                Ok(report) => said(report),
                Err(_) => None,
            },
            stopped: match outcome {
                Ok(_) => Some(None),
                Err(EngineError::ForeignOutgoing { account, operation, transaction }) => {
                    Some(Some(Stopped {
                        account: *account,
                        operation: *operation,
                        transaction: *transaction,
                        since: ticked_at,
                    }))
                }
                Err(_) => None,
            },
            server: self.gate.server(),
        };
        let stored: Result<(), StoreError> = self
            .ports
            .transact(move |work| {
                let end = end.clone();
                Box::pin(async move { store(work.tx(), end).await })
            })
            .await;
        if let Err(error) = stored {
            tracing::warn!(%error, "the engine's report was not stored");
        }
    }
}

/// What is left alone, in words.
fn said(report: &TickReport) -> Option<String> {
    let told = |row: &String| report.troubles.iter().any(|trouble| trouble.contains(row));
    let rows = report.unreadable.iter().map(ToString::to_string).filter(|row| !told(row));
    let said: Vec<String> = report.troubles.iter().cloned().chain(rows.take(ROWS_SAID_MAX)).collect();
    if said.is_empty() { None } else { Some(said.join("; ")) }
}

/// Stores the status, with what was known before where the tick did not come so far.
async fn store(tx: &mut dyn Tx, end: TickEnd) -> Result<(), StoreError> {
    // Before the first answer of the network since the start, what was known at the last stop stands.
    let last = tx.engine_status().await?;
    let before = last.as_ref().and_then(|last| last.stopped);
    let stopped = end.stopped.unwrap_or(before).map(|stopped| match before {
        Some(before) if before.operation == stopped.operation => before,
        Some(_) | None => stopped,
    });
    let known = end.tip.map(|tip| (tip.sequence, tip.closed_at));
    let (ledger, ledger_closed_at) = known
        .or(last.as_ref().map(|last| (last.ledger, last.ledger_closed_at)))
        .unwrap_or((LedgerSeq(0), Timestamp::UNIX_EPOCH));
    let builds_nothing_before = match end.gate {
        GateState::Unknown => last.as_ref().and_then(|last| last.builds_nothing_before),
        GateState::NotBefore(_) | GateState::AfterSweep(..) | GateState::Open => end.gate.not_before(),
    };
    let server = end.server.or(last.and_then(|last| last.server));
    let TickEnd { ticked_at, swept_at, trouble, left_alone, stream_away_since, .. } = end;
    tx.report(&EngineStatus {
        ticked_at,
        ledger,
        ledger_closed_at,
        swept_at,
        trouble,
        left_alone,
        stream_away_since,
        builds_nothing_before,
        stopped,
        server,
    })
    .await
}
