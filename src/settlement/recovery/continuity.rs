//! Whether the network is still the one that the database is about, and not far behind what was seen of it.
//!
//! Every look at the latest ledger comes through here. What contradicts an earlier one ends the tick before
//! anything is taken in, built or told of it, and is stored, so that no process takes orders meanwhile; the
//! next ledger that fits ends it.

use std::sync::Arc;

use crate::domain::ledger::{Divergence, INSTANCE_LAG_LEDGERS_MAX, Ledger};
use crate::ports::network::NetworkError;
use crate::ports::store::StoreError;
use crate::settlement::EngineError;
use crate::settlement::books::work::Ports;
use crate::settlement::memory::Memory;

/// What is remembered between two looks.
#[derive(Debug, Clone, Copy)]
struct SeenLedgers {
    /// The ledger of the highest number.
    latest: Option<Ledger>,
    /// The one that is stored.
    stored: Option<Ledger>,
    /// True if the network was asked for `latest` since this engine began.
    recognised: bool,
    /// The name of the divergence that is stored.
    divergence: Option<&'static str>,
}

/// The step that asks for the latest ledger.
pub(in crate::settlement) struct Continuity {
    ports: Arc<Ports>,
    seen: Memory<Option<SeenLedgers>>,
}

impl Continuity {
    pub(in crate::settlement) const fn new(ports: Arc<Ports>) -> Self {
        Self { ports, seen: Memory::new(None) }
    }

    /// The network's latest ledger.
    ///
    /// # Errors
    /// [`EngineError::Diverged`] if it contradicts what was seen before.
    pub(in crate::settlement) async fn tip(&self) -> Result<Ledger, EngineError> {
        let tip = self.ports.network.tip().await?;
        let remembered = *self.seen.lock();
        let mut seen = match remembered {
            Some(seen) => seen,
            None => self.stored().await?,
        };
        if let Some(found) = self.contradiction(&seen, tip).await? {
            if seen.divergence != Some(found.name()) {
                tracing::error!(divergence = found.name(), "{found}; nothing is done until that is over");
                let noted: Result<(), StoreError> = self
                    .ports
                    .transact(move |work| Box::pin(async move { work.note_divergence(found).await }))
                    .await;
                noted?;
                seen.divergence = Some(found.name());
            }
            *self.seen.lock() = Some(seen);
            return Err(EngineError::Diverged(Box::new(found)));
        }
        seen.recognised = true;
        if seen.divergence.is_some() || is_far(seen.stored, tip) {
            let noted: Result<(), StoreError> =
                self.ports.transact(move |work| Box::pin(async move { work.note_ledger(tip).await })).await;
            noted?;
            (seen.stored, seen.divergence) = (later(seen.stored, tip), None);
        }
        seen.latest = later(seen.latest, tip);
        *self.seen.lock() = Some(seen);
        Ok(tip)
    }

    async fn stored(&self) -> Result<SeenLedgers, EngineError> {
        let facts = self.ports.read().await?.deployment().await?;
        let divergence = facts.divergence.map(|divergence| divergence.name());
        Ok(SeenLedgers { latest: facts.latest, stored: facts.latest, recognised: false, divergence })
    }

    /// The network is asked for a ledger that was seen only after nobody looked for a while: a network that
    /// was reset meanwhile may have come further than the old one was.
    async fn contradiction(
        &self,
        seen: &SeenLedgers,
        tip: Ledger,
    ) -> Result<Option<Divergence>, NetworkError> {
        let Some(latest) = seen.latest else { return Ok(None) };
        if seen.recognised && !is_far(seen.latest, tip) {
            return Ok(Divergence::between(latest, tip));
        }
        self.ports.network.divergence(latest, tip).await
    }
}

/// True if `tip` is further on than an instance lags, or there is nothing to compare it with.
fn is_far(from: Option<Ledger>, tip: Ledger) -> bool {
    from.is_none_or(|from| tip.sequence.0.saturating_sub(from.sequence.0) > INSTANCE_LAG_LEDGERS_MAX)
}

/// The one of the higher number.
fn later(one: Option<Ledger>, tip: Ledger) -> Option<Ledger> {
    Some(one.filter(|one| one.sequence >= tip.sequence).unwrap_or(tip))
}
