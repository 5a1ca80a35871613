//! Changes of who is paid whose time has come.

use std::sync::Arc;

use crate::access::Decider;
use crate::catalog::{ChangeError, put_in_force_if_due};
use crate::domain::audit::Actor;
use crate::domain::ids::ChangeId;
use crate::ports::network::Ledger;
use crate::ports::store::StoreError;
use crate::settlement::backoff::Backoff;
use crate::settlement::books::work::Ports;
use crate::settlement::memory::Memory;
use crate::settlement::{EngineError, TickReport};

/// Most changes that one tick puts in force; the rest is for the next.
const CHANGES_MAX: u32 = 50;
/// First pause before a change is tried again that could not be put in force, in seconds; it doubles up to
/// the largest.
const RETRY_SECONDS_MIN: i64 = 60;
const RETRY_SECONDS_MAX: i64 = 3_600;

/// The step that puts them in force.
pub(in crate::settlement) struct DueChanges {
    ports: Arc<Ports>,
    decider: Decider,
    failed: Memory<Backoff<ChangeId>>,
}

impl DueChanges {
    pub(in crate::settlement) fn new(ports: Arc<Ports>) -> Self {
        let decider = Decider::new(Actor::Engine, Arc::clone(&ports.clock), Arc::clone(&ports.entropy));
        Self { ports, decider, failed: Memory::new(Backoff::new(RETRY_SECONDS_MIN, RETRY_SECONDS_MAX)) }
    }

    /// A change is due when both our clock and the ledger's time say so: a clock that jumps ahead takes
    /// nobody the time to call it off.
    pub(in crate::settlement) async fn run(
        &self,
        tip: Ledger,
        report: &mut TickReport,
    ) -> Result<(), EngineError> {
        let now = self.ports.now();
        let due = self.ports.read().await?.due_payout_changes(now.min(tip.closed_at), CHANGES_MAX).await?;
        for change in self.ports.readable(due) {
            if self.failed.lock().rests(&change.id, now) {
                continue;
            }
            let done = self.put_in_force(change.id).await;
            if done.is_err() {
                self.failed.lock().lengthen(change.id, now);
            } else {
                self.failed.lock().forget(&change.id);
            }
            report.isolate(&format!("payout change {}", change.id), done)?;
        }
        Ok(())
    }

    async fn put_in_force(&self, id: ChangeId) -> Result<(), EngineError> {
        let decider = self.decider.clone();
        let done = self
            .ports
            .transact(move |work| {
                let decider = decider.clone();
                Box::pin(async move { put_in_force_if_due(work.tx(), &decider, id).await })
            })
            .await;
        match done {
            Ok(Some(change)) => {
                let (subject, state) = (change.subject(), change.state.name());
                tracing::info!(%id, %subject, state, "a payout change was due");
                Ok(())
            }
            // Somebody signed it or called it off meanwhile.
            Ok(None) => Ok(()),
            Err(ChangeError::Store(error)) => Err(error.into()),
            Err(error) => Err(StoreError::Refused { reason: error.to_string() }.into()),
        }
    }
}
