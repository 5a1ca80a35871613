//! What one request sees: the ledger as of the last close, or as of some ledgers before, for an instance that
//! lags behind.

use std::convert::Infallible;
use std::ops::Deref;
use std::sync::{Arc, MutexGuard};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::horizon::fault_injection::Injected;
use crate::ledger::Ledger;
use crate::ledger::history::Told;
use crate::ledger::state::State;
use crate::ledger::view::Now;
use crate::state::Shared;

/// The sandbox, as one request meets it.
#[derive(Clone)]
pub struct App {
    shared: Arc<Shared>,
    /// The faults that are to happen to the request.
    pub injected: Injected,
}

impl Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.shared
    }
}

impl FromRequestParts<Arc<Shared>> for App {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Infallible> {
        let injected = parts.extensions.get().copied().unwrap_or_default();
        Ok(Self { shared: Arc::clone(shared), injected })
    }
}

impl App {
    /// The ledger, as the request sees it.
    pub fn ledger(&self) -> Snapshot<'_> {
        Snapshot { ledger: self.shared.ledger(), lag: self.injected.lag }
    }
}

/// The ledger as of one of its last closes.
pub struct Snapshot<'a> {
    ledger: MutexGuard<'a, Ledger>,
    lag: u32,
}

impl Snapshot<'_> {
    /// The ledger itself, for what does not age.
    pub fn core(&self) -> &Ledger {
        &self.ledger
    }

    /// What the ledger held.
    pub fn state(&self) -> &State {
        self.ledger.past(self.lag).1
    }

    /// The last closed ledger, and when it closed.
    pub fn latest(&self) -> Now {
        let history = self.history();
        history
            .latest()
            .map_or(self.ledger.latest(), |record| Now { ledger: record.sequence, time: record.closed_at })
    }

    /// Closed ledgers.
    pub fn history(&self) -> Told<'_> {
        self.ledger.history().until(self.ledger.past(self.lag).0)
    }
}
